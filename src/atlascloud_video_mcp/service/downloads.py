"""Finished clips on their way to the disk, and frames of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.media.clips import CannotSave, clip_name
from atlascloud_video_mcp.text import Link

if TYPE_CHECKING:
    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.reports import Report
    from atlascloud_video_mcp.journal import Journal, Submission
    from atlascloud_video_mcp.media.clips import ClipSaver, SavedClip


class Downloads:
    """Fetches clips of completed predictions.

    Args:
        cloud: The open API client, which is asked for a newer link where one has ended.
        journal: Where it is written down what was saved.
        saver: Where clips are fetched and stored.
    """

    def __init__(self, cloud: Cloud, journal: Journal, saver: ClipSaver) -> None:
        self._cloud = cloud
        self._journal = journal
        self._saver = saver

    async def save(self, submission: Submission, report: Report, target: str) -> tuple[Report, SavedClip]:
        """Put a clip on disk; a link that has ended is renewed by the API, once. The report may be newer then.

        Raises:
            InvalidInput: The target cannot be one.
            CannotSave: It is not on disk.
        """
        name = clip_name(submission.picture or Link.of(submission.request.image), report.prediction_id)
        try:
            saved = await self._saver.save(report.outputs[0], target, name=name)
        except CannotSave as error:
            if not error.link_ended:
                raise
            renewed = await self.renewed(report)
            if isinstance(renewed, AtlasError) or renewed.outputs[0] == report.outputs[0]:
                raise error.adding("Atlas Cloud was asked for a newer link, and gave none.") from error
            report = renewed
            saved = await self._saver.save(report.outputs[0], target, name=name)
        await self._journal.set_saved_path(report.prediction_id, str(saved.path))
        return report, saved

    async def renewed(self, known: Report) -> Report | AtlasError:
        """A completed prediction as the API tells of it now, written down; or why it cannot be asked."""
        try:
            report = await self._cloud.prediction(known.prediction_id)
        except AtlasError as error:
            return error
        if report.status is not Status.COMPLETED:
            return known
        report = report.after(known, datetime.now(UTC))
        await self._journal.set_report(known.prediction_id, report)
        return report
