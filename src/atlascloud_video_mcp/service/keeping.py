"""A finished clip is kept on disk because somebody asks for it; who asks for the same meanwhile is told of the same."""

from __future__ import annotations

import math
from contextlib import aclosing
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.service.jobs import News
from atlascloud_video_mcp.service.results import SavedVideo

if TYPE_CHECKING:
    from atlascloud_video_mcp.cloud.reports import Report
    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.service.jobs import Job
    from atlascloud_video_mcp.service.watching import Watching


class Keeping:
    """Saves clips.

    Args:
        watching: What fetches clips, and knows where they are.
        journal: Where it is written down what was saved.
    """

    def __init__(self, watching: Watching, journal: Journal) -> None:
        self._watching = watching
        self._journal = journal
        self._under_way: dict[tuple[str, str], Job] = {}

    async def keep(self, job: Job, *, prediction_id: str, of: Job, looks: int, target: str) -> None:
        """Save the clip of a prediction that another job watches; the result is a SavedVideo.

        Raises:
            InvalidInput: There is no clip yet.
            CannotSave: The clip could not be fetched or written.
            AtlasError: The prediction could not be looked at.
        """
        job.tell(News("Looking at the prediction", 0.01))
        async with aclosing(of.follow(deadline=0, heartbeat=math.inf, looks=looks)) as log:
            report = [news.report async for news in log][-1]
        if report is None or report.status is not Status.COMPLETED:
            raise InvalidInput(
                f"There is no clip to save: the prediction is {report.status.value if report else 'unknown'}. Next: "
                f"get_prediction with prediction_id {prediction_id}."
            )
        if other := self._under_way.get((report.prediction_id, target)):
            async with aclosing(other.follow(deadline=math.inf, heartbeat=math.inf)) as log:
                async for news in log:
                    job.tell(news)
            return
        job.committed, self._under_way[report.prediction_id, target] = True, job
        try:
            await self._save(job, report, of, target)
        finally:
            del self._under_way[report.prediction_id, target]

    async def _save(self, job: Job, report: Report, of: Job, target: str) -> None:
        job.tell(News(f"Saving the clip of prediction {report.prediction_id}", 0.1))
        report, saved = await self._watching.fetch(of, report, target)
        of.learn(saved_path=str(saved.path))
        await self._journal.set_saved_path(report.prediction_id, str(saved.path))
        video = SavedVideo(saved_path=str(saved.path), size_bytes=saved.size_bytes, video_url=report.outputs[0])
        job.tell(News(f"Saved {saved.path.name}", 0.99, result=video))
