"""`list`, `models`, `balance`: what was made, what there is to choose from, what is left to pay with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.cli import console
from atlascloud_video_mcp.cli.runs import answer
from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import Exit
from atlascloud_video_mcp.service.render import as_data, as_lines, balance_lines
from atlascloud_video_mcp.text import in_dollars

if TYPE_CHECKING:
    import argparse

    from atlascloud_video_mcp.service.results import Prediction
    from atlascloud_video_mcp.settings import Settings

_LONGEST = 500  # characters of a description


def models(options: argparse.Namespace, settings: Settings) -> Exit:
    """Find image-to-video models."""
    return anyio.run(_models, options, settings)


async def _models(options: argparse.Namespace, settings: Settings) -> Exit:
    listing = await answer(options, settings, lambda service: service.list_models(options.query))
    notes = (*listing.notes, f"The default model is {listing.default}.")
    known = [(offer, listing.models.get(offer.id)) for offer in listing.entries]
    if options.json:
        found = [as_data(offer, model, longest=_LONGEST) for offer, model in known]
        console.result_json({"models": found, "notes": list(notes)})
    else:
        for offer, model in known:
            for line in as_lines(offer, model, longest=_LONGEST):
                console.result(line)
    for note in notes:
        console.say(note)
    return Exit.DONE if listing.entries else Exit.FAILED


def predictions(options: argparse.Namespace, settings: Settings) -> Exit:
    """Show what was made, the newest first."""
    return anyio.run(_predictions, options, settings)


async def _predictions(options: argparse.Namespace, settings: Settings) -> Exit:
    status = Status(options.status) if options.status else None
    listed = await answer(
        options, settings, lambda service: service.list_predictions(limit=options.limit, status=status)
    )
    if options.json:
        console.result_json(listed.model_dump(mode="json", exclude_none=True))
    else:
        for prediction in listed.predictions:
            console.result(_row(prediction))
    for note in listed.notes:
        console.say(note)
    return Exit.DONE


def _row(prediction: Prediction) -> str:
    """A prediction on one line; what is not known is a dash, so that a script can tell the columns apart."""
    cost = "-" if prediction.cost_usd is None else in_dollars(prediction.cost_usd)
    made = f"{prediction.created_at:%Y-%m-%dT%H:%M:%SZ}" if prediction.created_at else "-"
    clip = prediction.saved_path or prediction.video_url or "-"
    return f"{prediction.prediction_id}  {prediction.status:10}  {made:20}  {cost:6}  {clip}"


def balance(options: argparse.Namespace, settings: Settings) -> Exit:
    """Show the money.

    Raises:
        AtlasError: The account could not be asked.
    """
    return anyio.run(_balance, options, settings)


async def _balance(options: argparse.Namespace, settings: Settings) -> Exit:
    money = await answer(options, settings, lambda service: service.get_balance())
    if options.json:
        console.result_json(money.model_dump(mode="json", exclude_none=True))
    else:
        for line in balance_lines(money):
            console.result(line)
    return Exit.DONE
