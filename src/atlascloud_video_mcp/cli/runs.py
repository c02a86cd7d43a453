"""A command's way through the service: ask, show how far it has come, wait for the clip, save it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import anyio

from atlascloud_video_mcp.app import service_opener
from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.server.reporter import Reporter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.results import Prediction
    from atlascloud_video_mcp.service.service import VideoService
    from atlascloud_video_mcp.settings import Settings

_T = TypeVar("_T")


@dataclass
class CommandRun:
    """What a command wants of the service, and what is known by now."""

    ask: Callable[[VideoService, float, ProgressSink], Awaitable[Prediction]]
    """Asks for the prediction, with a deadline for the clip on the clock of `anyio.current_time`."""
    wait: float
    """Seconds."""
    save_to: str | None = None
    """Where the clip is to be saved in the end, where `ask` does not see to it."""
    reporter: Reporter = field(default_factory=Reporter)

    @property
    def known(self) -> Prediction | None:
        """The prediction as far as it is known by now."""
        last = self.reporter.last
        return last.prediction() if last and last.prediction else None

    async def carry_out(self, open_service: Callable[[], AbstractAsyncContextManager[VideoService]]) -> Prediction:
        """Wait until the clip is there and saved, the time is up, or it failed; trouble is sat out.

        Raises:
            AtlasError: There is no prediction, or it could not be looked at to the end.
        """
        async with open_service() as service:
            deadline = anyio.current_time() + self.wait
            clip = await self.reporter.run(lambda progress: self.ask(service, deadline, progress))
            if clip.saving:  # nobody but this process would bring it to the disk
                reused, prediction_id = clip.reused, clip.prediction_id
                clip = await self.reporter.run(
                    lambda progress: service.get_prediction(prediction_id, clip_deadline=math.inf, progress=progress)
                )
                clip = clip.model_copy(update={"reused": reused})
            return await self._save(service, clip)

    async def _save(self, service: VideoService, clip: Prediction) -> Prediction:
        """Keep the clip, where that is still to be done; what goes wrong becomes a note, for the clip is there."""
        if self.save_to is None or clip.video_url is None:
            return clip
        try:
            saved = await service.save_video(clip.prediction_id, self.save_to)
        except AtlasError as error:
            notes = tuple(dict.fromkeys((*(clip.notes or ()), str(error))))
            return clip.model_copy(update={"saved_path": None, "notes": notes})
        return clip.model_copy(update={"saved_path": saved.saved_path})


async def answer(options: argparse.Namespace, settings: Settings, ask: Callable[[VideoService], Awaitable[_T]]) -> _T:
    """The result of a call that is over soon."""
    async with service_opener(settings, sandbox=settings.sandbox, speed=options.speed)() as service:
        return await ask(service)
