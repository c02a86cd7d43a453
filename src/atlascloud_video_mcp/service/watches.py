"""The watches of a process, and those that it takes over from processes that are gone."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio
import anyio.from_thread
import anyio.lowlevel

from atlascloud_video_mcp.errors import AtlasError, JournalUnusable
from atlascloud_video_mcp.journal import Submission
from atlascloud_video_mcp.service.progress import Phase
from atlascloud_video_mcp.service.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.service.downloads import Downloads
    from atlascloud_video_mcp.service.pacing import Durations

_KEPT = 500  # watches that are over, whose predictions are asked for again
_ADOPT_EVERY = 4.0  # seconds
_ADOPTED_AT_ONCE = 100


@dataclass(frozen=True)
class WatchRegistry:
    """The watches of this process, found by the prediction's id; pauses are in seconds."""

    cloud: Cloud
    journal: Journal
    """Where each change is written down."""
    downloads: Downloads
    tasks: TaskGroup
    """Where the watches run; whoever owns it ends them."""
    durations: Durations
    """How long generations take, before any were seen."""
    download_dir: str | None
    """Where every finished clip is saved without being asked."""
    poll_interval: float
    """Shortest between two polls of one prediction."""
    retry_pause: float
    """Shortest after a poll that failed."""
    local_files: bool = True
    """Whether clips are on disk where callers are; else none is saved, wherever another process was to save it."""
    _watches: dict[str, Watch] = field(default_factory=dict)

    def seen_here(self, submission: Submission) -> Submission:
        """What is known of a submission, as far as it means something to callers of this process."""
        return submission if self.local_files else submission.without_places

    def new(self, submission: Submission, durations: Durations, doubts: Sequence[str]) -> Watch:
        """The watch of what is about to be submitted; `start` begins it."""
        return Watch(self, submission, durations, doubts)

    def start(self, watch: Watch, phase: Phase = Phase.SUBMITTED) -> None:
        """Begin to watch."""
        over = [prediction_id for prediction_id, each in self._watches.items() if each.is_over]
        for prediction_id in over[:-_KEPT]:
            del self._watches[prediction_id]
        self._watches[str(watch.submission.prediction_id)] = watch
        watch.start(phase)

    async def forget(self, prediction_id: str) -> None:
        """Leave out an id that the API does not know."""
        self._watches.pop(prediction_id, None)
        if self.journal.is_shared:
            with suppress(JournalUnusable):
                await self.journal.end_watch(prediction_id)

    async def adopt_orphans(self) -> None:
        """Watch what processes left that have ended, and look at once at what another one writes about."""
        token, left = anyio.lowlevel.current_token(), anyio.Event()

        def hear(prediction_id: str) -> None:
            if prediction_id in self._watches:
                self._watches[prediction_id].poll_now()
            elif not prediction_id:
                left.set()

        self.journal.heard = lambda prediction_id: anyio.from_thread.run_sync(hear, prediction_id, token=token)
        while True:
            orphans: list[str] = []
            with suppress(AtlasError):
                orphans = await self.journal.adopt(self.cloud.account, _ADOPTED_AT_ONCE)
            for prediction_id in orphans:
                self.watch(prediction_id).poll_now()
            if len(orphans) == _ADOPTED_AT_ONCE:
                continue  # there may be more
            with anyio.move_on_after(_ADOPT_EVERY):
                await left.wait()
            left = anyio.Event()

    def watch(self, prediction_id: str, known: Submission | None = None) -> Watch:
        """The watch of a prediction; a new one where there is none, or where that can tell more.

        Args:
            prediction_id: The API's id.
            known: What the journal has of it, where that was read.
        """
        old = self._watches.get(prediction_id)
        if old and not old.may_tell_more:
            return old
        # Where a watch failed, what it knew of the submission stays known.
        submission = old.submission if old else known or Submission()
        watch = self.new(replace(submission, prediction_id=prediction_id), self.durations, old.doubts if old else ())
        watch.refused_link = old.refused_link if old else None
        self.start(watch, Phase.FOUND if known else Phase.LOOKING)
        return watch
