"""A command's way through the studio: begin, show, wait on through trouble, save; or ask and be answered."""

from __future__ import annotations

import math
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import anyio

from atlascloud_video_mcp.app import service_opener
from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.service.results import Prediction

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from atlascloud_video_mcp.cli.console import Show
    from atlascloud_video_mcp.service.results import SavedVideo
    from atlascloud_video_mcp.service.service import VideoService
    from atlascloud_video_mcp.service.steps import Step
    from atlascloud_video_mcp.settings import Settings


@dataclass
class CommandRun:
    """What a command wants of the studio, and what is known by now."""

    begin: Callable[[VideoService, float], AsyncGenerator[Step, None]]
    """Gives the steps, for a deadline on the clock of `anyio.current_time`."""
    wait: float
    """Seconds."""
    save_to: str | None = None
    """Where the clip is to be saved in the end."""
    saves_itself: bool = False
    """Whether the steps do so."""
    known: Prediction | None = None

    async def carry_out(
        self, open_service: Callable[[], AbstractAsyncContextManager[VideoService]], show: Show
    ) -> Prediction:
        """Go through the steps until the clip is there and saved, the time is up, or it failed; trouble is sat out.

        Raises:
            AtlasError: There is no prediction, or it could not be looked at to the end.
        """
        async with open_service() as service:
            deadline = anyio.current_time() + self.wait
            steps = self.begin(service, deadline)
            clip = await self._follow(steps, show)
            if clip.video_url and not clip.saved_path:
                # It may be on its way to the disk, and nobody but this process would bring it there.
                clip = await self._follow(service.get_prediction(clip.prediction_id, deadline=math.inf), show)
            return await self._save(service, clip)

    async def _follow(self, steps: AsyncGenerator[Step, None], show: Show) -> Prediction:
        joined = self.known is not None and self.known.reused
        async with aclosing(steps):
            async for step in steps:
                show(step.message, step.share)
                if isinstance(step.result, Prediction):
                    # A wait that is taken up again is no longer the call that joined.
                    self.known = step.result.model_copy(update={"reused": step.result.reused or joined})
        return cast("Prediction", self.known)  # the last step of these calls always holds one

    async def _save(self, service: VideoService, clip: Prediction) -> Prediction:
        """Keep the clip, where that is still to be done; what goes wrong becomes a note, for the clip is there."""
        # What was joined is saved where the earlier call wanted it.
        done = self.saves_itself and clip.saved_path and not clip.reused
        if self.save_to is None or clip.video_url is None or done:
            return clip
        try:
            async with aclosing(service.save_video(clip.prediction_id, self.save_to)) as steps:
                saved = cast("SavedVideo", [step.result async for step in steps][-1])
        except AtlasError as error:
            notes = tuple(dict.fromkeys((*(clip.notes or ()), str(error))))
            return clip.model_copy(update={"saved_path": None, "notes": notes})
        return clip.model_copy(update={"saved_path": saved.saved_path})


async def answer(
    options: argparse.Namespace, settings: Settings, ask: Callable[[VideoService], AsyncGenerator[Step, None]]
) -> object:
    """The result of a call that is over soon."""
    open_service = service_opener(settings, sandbox=settings.sandbox, speed=options.speed)
    async with open_service() as service, aclosing(ask(service)) as steps:
        return [step.result async for step in steps][-1]
