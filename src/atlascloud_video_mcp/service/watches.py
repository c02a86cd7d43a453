"""The watches of this process, found by the prediction's id."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import PredictionNotFound
from atlascloud_video_mcp.journal import Submission
from atlascloud_video_mcp.service.background import Phase
from atlascloud_video_mcp.service.watch import Shared, Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.service.downloads import Downloads
    from atlascloud_video_mcp.service.pacing import Durations


class WatchRegistry:
    """The watches of this process, found by the prediction's id.

    Args:
        cloud: The open API client.
        journal: Where each change is written down.
        downloads: What puts clips on disk.
        tasks: Where the watches run; whoever owns it ends them.
        durations: How long generations take, before any were seen.
        download_dir: Where every finished clip is saved without being asked.
        poll_interval: Shortest pause between two polls of one prediction, seconds.
        retry_pause: Shortest pause after a poll that failed, seconds.
    """

    def __init__(
        self,
        cloud: Cloud,
        journal: Journal,
        downloads: Downloads,
        tasks: TaskGroup,
        durations: Durations,
        *,
        download_dir: str | None,
        poll_interval: float,
        retry_pause: float,
    ) -> None:
        self._shared = Shared(cloud, journal, downloads, tasks, download_dir, poll_interval, retry_pause)
        self._durations = durations
        self._watches: dict[str, Watch] = {}

    def new(self, submission: Submission, durations: Durations, doubts: Sequence[str]) -> Watch:
        """The watch of what is about to be submitted; `start` begins it."""
        return Watch(self._shared, submission, durations, doubts)

    def start(self, watch: Watch, phase: Phase = Phase.SUBMITTED) -> None:
        """Begin to watch."""
        self._watches[str(watch.submission.prediction_id)] = watch
        watch.start(phase)

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
        kept = old if old and not isinstance(old.failure, PredictionNotFound) else None
        submission = kept.submission if kept else known or Submission()
        watch = self.new(replace(submission, prediction_id=prediction_id), self._durations, kept.doubts if kept else ())
        watch.refused_link = kept.refused_link if kept else None
        self.start(watch, Phase.FOUND if known else Phase.LOOKING)
        return watch
