"""`models`: what there is to choose from."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import anyio

from atlascloud_video_mcp.commands import screen
from atlascloud_video_mcp.commands.options import Exit
from atlascloud_video_mcp.telling import as_data, as_lines
from atlascloud_video_mcp.wiring import studio_opener

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncGenerator, Callable

    from atlascloud_video_mcp.catalogue import Listing
    from atlascloud_video_mcp.settings import Settings
    from atlascloud_video_mcp.studio import Step, Studio

    Question = Callable[[Studio], AsyncGenerator[Step, None]]

_LONGEST = 500  # characters of a description


def models(options: argparse.Namespace, settings: Settings) -> Exit:
    """Find image-to-video models."""
    return anyio.run(_models, options, settings)


async def _models(options: argparse.Namespace, settings: Settings) -> Exit:
    listing = cast("Listing", await _answer(options, settings, lambda studio: studio.list_models(options.query)))
    notes = (*listing.notes, f"The default model is {listing.default}.")
    known = [(offer, listing.models.get(offer.id)) for offer in listing.offers]
    if options.json:
        found = [as_data(offer, model, longest=_LONGEST) for offer, model in known]
        screen.result_json({"models": found, "notes": list(notes)})
    else:
        for offer, model in known:
            for line in as_lines(offer, model, longest=_LONGEST):
                screen.result(line)
    for note in notes:
        screen.say(note)
    return Exit.DONE if listing.offers else Exit.FAILED


async def _answer(options: argparse.Namespace, settings: Settings, ask: Question) -> object:
    """The result of a call that asks one thing."""
    open_studio = studio_opener(settings, sandbox=settings.sandbox, speed=options.speed)
    async with open_studio() as studio, aclosing(ask(studio)) as steps:
        return [step.result async for step in steps][-1]
