"""A prediction is watched to its end, written down and saved, whether or not anybody waits for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import AtlasError, InvalidInput, PredictionNotFound, RateLimited, ServiceUnavailable
from atlascloud_video_mcp.media.clips import CannotSave, clip_name
from atlascloud_video_mcp.service.jobs import News
from atlascloud_video_mcp.text import Link

if TYPE_CHECKING:
    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.reports import Report
    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.media.clips import ClipSaver, SavedClip
    from atlascloud_video_mcp.service.jobs import Job

_NOT_YET_KNOWN = 30.0  # seconds after submission in which the API may not know its own new id
_LONGEST_PAUSE_IN_TROUBLE = 60.0  # seconds
_LONGEST_PAUSE_NAMED = 600.0  # seconds; what is longer is told to whoever waits, and no reason to look away so long
_GONE = "The API no longer has this prediction; this is what the journal remembers of it."


class Watching:
    """Looks at predictions, at the pace that suits their age.

    Args:
        cloud: The open API client.
        journal: Where each change is written down.
        saver: Where clips are fetched and stored.
        download_dir: Where every finished clip is saved without being asked.
        poll_interval: Shortest pause between two looks at one prediction, seconds.
        heartbeat: Shortest pause after a look that failed, seconds.
    """

    def __init__(
        self,
        cloud: Cloud,
        journal: Journal,
        saver: ClipSaver,
        *,
        download_dir: str | None,
        poll_interval: float,
        heartbeat: float,
    ) -> None:
        self._cloud = cloud
        self._journal = journal
        self._saver = saver
        self._download_dir = download_dir
        self._poll_interval = poll_interval
        self._heartbeat = heartbeat

    async def recall(self, job: Job, *, prediction_id: str) -> None:
        """Tell of a prediction what the journal knows, and watch it to its end where it has not ended."""
        job.tell(News(f"Looking at prediction {prediction_id}", 0.01))
        entry = await self._journal.prediction(prediction_id)
        if entry and not job.submission.submitted_at:
            job.submission = entry
        remembered = entry.report if entry else None
        if remembered:
            if remembered.status is not Status.PROCESSING and not remembered.clip_missing:
                await self.finish(job, await self._as_it_is_now(job, remembered))
                return
            job.tell(News("Rendering", 0.05, remembered))
        try:
            await self.watch(job, prediction_id=prediction_id)
        except PredictionNotFound:
            if remembered is None:
                raise
            _note(job, _GONE)
            job.tell(News("Gone", 0.05, remembered))

    async def watch(self, job: Job, *, prediction_id: str) -> None:
        """Look at a prediction until it is finished."""
        begun, trouble = anyio.current_time(), 0.0
        while True:
            pause = 0.0
            job.asked += 1
            try:
                report = (await self._look(job, prediction_id)).after(job.report, datetime.now(UTC))
            except PredictionNotFound:
                raise
            except AtlasError as error:
                # Whatever it is, it is about this look: what was paid for is watched as long as the process lives.
                job.looks += 1
                job.complain(_about(prediction_id, error))
                trouble = min(2 * trouble or self._heartbeat, _LONGEST_PAUSE_IN_TROUBLE)
                named = error.retry_after if isinstance(error, (ServiceUnavailable, RateLimited)) else None
                pause = max(trouble, min(named or 0, _LONGEST_PAUSE_NAMED))
            else:
                trouble = 0.0
                if report.status is not Status.PROCESSING:
                    await self.finish(job, report)
                    return
                news = job.log[-1]
                if report != job.report:
                    await self._journal.set_report(prediction_id, report)
                    news = News("Rendering", 0.05, report)
                # Not before it is written down: whose time is up would be told what was known before this look.
                job.looks += 1
                job.tell(news)
            # The age may be unknown, or wrong by the clocks; the watch itself is at least as old as this.
            age = max(job.age, anyio.current_time() - begun)
            await job.pause(max(pause, job.durations.pause(age, shortest=self._poll_interval)))

    async def finish(self, job: Job, report: Report) -> None:
        """Write down how a prediction ended, save its clip where that is wanted, and tell of it."""
        await self._journal.set_report(report.prediction_id, report)
        job.tell(News("Finished", 1.0, await self.save(job, report)))

    async def save(self, job: Job, report: Report) -> Report:
        """Save the clip of a completed prediction where that is wanted and not done; what goes wrong becomes a note.

        Returns the prediction as it is known then.
        """
        target = job.submission.save_to or self._download_dir
        if report.status is not Status.COMPLETED or target is None or job.submission.saved_path:
            return report
        job.looks += 1
        job.tell(News("Saving the clip", 0.99, report, saving=True))
        try:
            report, saved = await self.fetch(job, report, target)
        except (CannotSave, InvalidInput) as error:
            _note(job, str(error))
        else:
            job.learn(saved_path=str(saved.path))
            await self._journal.set_saved_path(report.prediction_id, str(saved.path))
        return report

    async def fetch(self, job: Job, report: Report, target: str) -> tuple[Report, SavedClip]:
        """Put the clip of a completed prediction on disk; a link that has ended is renewed by the API, once.

        Raises:
            CannotSave: It is not on disk.
        """
        name = clip_name(job.submission.picture or Link.of(job.submission.request.image), report.prediction_id)
        try:
            return report, await self._saver.save(report.outputs[0], target, name=name)
        except CannotSave as error:
            if not error.link_ended:
                raise
            job.refused_link = report.outputs[0]
            renewed = await self._renewed(report)
            if isinstance(renewed, AtlasError) or renewed.outputs[0] == report.outputs[0]:
                raise error.adding("Atlas Cloud was asked for a newer link, and gave none.") from error
        return renewed, await self._saver.save(renewed.outputs[0], target, name=name)

    async def _as_it_is_now(self, job: Job, known: Report) -> Report:
        """A prediction that has ended, asked for again where something can have changed; else, or in vain, as known."""
        if job.refused_link not in known.outputs and not known.may_change(
            job.submission.quote, job.submission.submitted_at, datetime.now(UTC)
        ):
            return known
        job.tell(News("Looking again", 0.05, known))
        job.asked += 1
        renewed = await self._renewed(known)
        if isinstance(renewed, PredictionNotFound):
            _note(job, _GONE)
        elif isinstance(renewed, AtlasError):
            _note(job, f"This is what the journal remembers: it could not be looked at again. {renewed}")
        return known if isinstance(renewed, AtlasError) else renewed

    async def _renewed(self, known: Report) -> Report | AtlasError:
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

    async def _look(self, job: Job, prediction_id: str) -> Report:
        try:
            return await self._cloud.prediction(prediction_id)
        except PredictionNotFound:
            if job.submission.submitted_at and job.report and job.age <= _NOT_YET_KNOWN:
                return job.report
            raise


def _note(job: Job, note: str) -> None:
    job.learn(notes=tuple(dict.fromkeys((*job.submission.notes, note))))


def _about(prediction_id: str, error: AtlasError) -> AtlasError:
    """The same error, about a look and with the id that stays good."""
    return error.adding(
        f"Only the look at prediction {prediction_id} failed: the prediction stays valid; do not submit again."
    )
