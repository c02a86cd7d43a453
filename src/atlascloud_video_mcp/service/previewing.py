"""A prediction is followed to its end, and three frames of its clip are handed over with it."""

from __future__ import annotations

import math
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.media.clips import CannotPreview, CannotSave

if TYPE_CHECKING:
    from atlascloud_video_mcp.media.clips import ClipSaver
    from atlascloud_video_mcp.service.jobs import Job

_LATER = "The preview comes with the finished clip."
_NO_TIME = "There was no time left for the preview: call again."


class Previewing:
    """Follows jobs of others, and looks at what they made.

    Args:
        saver: Where clips are fetched.
    """

    def __init__(self, saver: ClipSaver) -> None:
        self._saver = saver

    async def show(self, job: Job, *, of: Job, looks: int, deadline: float) -> None:
        """Tell what another job tells; the end of it only with the frames, or with a note why there are none."""
        finished = None
        async with aclosing(of.follow(deadline=deadline, heartbeat=math.inf, looks=looks)) as log:
            async for news in log:
                job.durations, job.looks, job.stands = of.durations, of.looks, of.stands
                running = news.report is None or news.report.status is Status.PROCESSING
                job.submission, job.doubt = of.submission, of.doubt
                if running:
                    job.learn(notes=(*of.submission.notes, _LATER))
                finished = news if news.report and news.report.status is Status.COMPLETED else None
                job.tell(replace(news, doing="Taking frames of the clip", share=0.99) if finished else news)
        if finished and finished.report:
            job.learn(notes=(*of.submission.notes, _NO_TIME))
            preview, notes = None, of.submission.notes
            try:
                preview = await self._saver.preview(finished.report.outputs[0])
            except (CannotPreview, CannotSave) as error:
                notes = (*notes, f"There is no preview. {error}")
            job.submission = replace(of.submission, notes=notes)
            job.tell(replace(finished, preview=preview))
