"""`animate` and `get`: a clip from a picture, and the way back to one that is unfinished."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.app import exit_without_waiting, service_opener
from atlascloud_video_mcp.cli import console
from atlascloud_video_mcp.cli.messages import interrupted, show_dry_run, show_prediction
from atlascloud_video_mcp.cli.progress_bar import progress
from atlascloud_video_mcp.cli.runs import CommandRun, answer
from atlascloud_video_mcp.errors import Exit, SettingsError
from atlascloud_video_mcp.journal import VideoRequest

if TYPE_CHECKING:
    import argparse

    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.results import Prediction
    from atlascloud_video_mcp.service.service import VideoService
    from atlascloud_video_mcp.settings import Settings

_ADDRESSES = ("https:", "http:", "data:", "file:")


def animate(options: argparse.Namespace, settings: Settings) -> Exit:
    """Make a clip from a picture.

    Raises:
        AtlasError: It was refused, or failed before there was a prediction.
    """
    if settings.sandbox and options.no_wait:
        raise SettingsError("--no-wait does not work in the sandbox, which stops with the command: leave it out")
    from atlascloud_video_mcp.media.pictures import Fit  # noqa: PLC0415 - with Pillow

    # The sandbox's clips end with the command: unless they are saved there is nothing to see.
    here = "." if settings.sandbox and not settings.download_dir else None
    save_to = _from_here(options.save_to or here)

    request = VideoRequest(
        image=_from_here(options.picture) or "",
        prompt=options.prompt,
        duration=options.duration,
        model=options.model,
        enable_prompt_expansion=options.enable_prompt_expansion,
        parameters=dict(options.parameter) if options.parameter else None,
        fit=Fit(options.fit) if options.fit else None,
        save_to=save_to,
        take=options.take,
    )
    if options.dry_run:
        return anyio.run(_rehearse, options, settings, request)
    ask = partial(_animated, request=request)
    wait = 0.0 if options.no_wait else options.timeout
    return _run(CommandRun(ask, wait=wait), options, settings, save=bool(save_to or settings.download_dir))


async def _animated(
    service: VideoService, clip_deadline: float, progress: ProgressSink, *, request: VideoRequest
) -> Prediction:
    return await service.animate_image(request, clip_deadline=clip_deadline, progress=progress)


async def _rehearse(options: argparse.Namespace, settings: Settings, request: VideoRequest) -> Exit:
    """Show what would be sent, at what price."""
    show_dry_run(await answer(options, settings, lambda service: service.dry_run(request)), as_json=options.json)
    return Exit.DONE


def get(options: argparse.Namespace, settings: Settings) -> Exit:
    """Look at a prediction, or wait for it.

    Raises:
        AtlasError: There is no such prediction, or it could not be looked at.
    """

    async def look(service: VideoService, clip_deadline: float, progress: ProgressSink) -> Prediction:
        return await service.get_prediction(options.prediction_id, clip_deadline=clip_deadline, progress=progress)

    save_to = _from_here(options.save_to)
    run = CommandRun(look, wait=options.timeout if options.wait else 0.0, save_to=save_to)
    return _run(run, options, settings, save=bool(save_to))


def _run(run: CommandRun, options: argparse.Namespace, settings: Settings, *, save: bool) -> Exit:
    try:
        return anyio.run(partial(_carried_out, run, options, settings, save=save))
    except KeyboardInterrupt:  # pragma: no cover - coverage loses sight of a loop that is interrupted; it is tested
        console.say(interrupted(run.known, lasts=not settings.sandbox))
        exit_without_waiting(Exit.INTERRUPTED)
        return Exit.INTERRUPTED


async def _carried_out(run: CommandRun, options: argparse.Namespace, settings: Settings, *, save: bool) -> Exit:
    submit_only = getattr(options, "no_wait", False)
    with progress(shown=submit_only or run.wait > 0) as run.reporter:
        prediction = await run.carry_out(service_opener(settings, sandbox=settings.sandbox, speed=options.speed))
    return show_prediction(
        prediction, lasts=not settings.sandbox, as_json=options.json, submit_only=submit_only, save=save
    )


def _from_here(text: str | None) -> str | None:
    """A path as seen from the current directory, made absolute; addresses and ~ stay as they are."""
    if not text or text.startswith("~") or text.lower().startswith(_ADDRESSES):
        return text
    # An ending separator says that a directory is meant.
    return f"{Path.cwd() / text}{os.sep if text.endswith(('/', os.sep)) else ''}"
