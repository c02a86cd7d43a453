"""Finished clips on their way to the disk, and frames of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import AtlasError, InvalidInput
from atlascloud_video_mcp.media.clips import CannotPreview, CannotSave, clip_name
from atlascloud_video_mcp.service.background import BackgroundTask
from atlascloud_video_mcp.service.progress import Phase, Progress
from atlascloud_video_mcp.service.results import SavedVideo
from atlascloud_video_mcp.text import Link

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.reports import Report
    from atlascloud_video_mcp.journal import Journal, Submission
    from atlascloud_video_mcp.media.clips import ClipSaver, SavedClip
    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.results import Prediction
    from atlascloud_video_mcp.service.watch import Watch


_PREVIEW_LATER = "The preview comes with the finished clip."
_NO_TIME_FOR_PREVIEW = "There was no time left for the preview: call again."


class Downloads:
    """Fetches clips of completed predictions.

    Args:
        cloud: The open API client, which is asked for a newer link where one has ended.
        journal: Where it is written down what was saved.
        saver: Where clips are fetched and stored.
        tasks: Where downloads go on without the calls that began them.
    """

    def __init__(self, cloud: Cloud, journal: Journal, saver: ClipSaver, tasks: TaskGroup) -> None:
        self._cloud = cloud
        self._journal = journal
        self._saver = saver
        self._tasks = tasks
        self._under_way: dict[tuple[str, str], BackgroundTask[SavedVideo]] = {}

    async def save_finished(self, watch: Watch, target: str, progress: ProgressSink) -> SavedVideo:
        """Look at a prediction, and put its clip on disk.

        Raises:
            InvalidInput: There is no clip yet.
        """
        progress(Progress(Phase.LOOKING_FOR_CLIP, 0.01))
        report = await watch.look()
        if report.status is not Status.COMPLETED:
            raise InvalidInput(
                f"There is no clip to save: the prediction is {report.status.value}. Next: "
                f"get_prediction with prediction_id {report.prediction_id}."
            )
        return await self.save(watch, report, target).result(progress)

    def save(self, watch: Watch, report: Report, target: str) -> BackgroundTask[SavedVideo]:
        """Put the clip of a completed prediction on disk; who asks for the same meanwhile shares the task.

        It ends with InvalidInput where the target cannot be one, and with CannotSave where the clip is not on disk.
        """
        which = report.prediction_id, target
        if which not in self._under_way:
            work = partial(self._save, watch=watch, report=report, target=target)
            self._under_way[which] = BackgroundTask(self._tasks, work, committed=True)
        return self._under_way[which]

    async def _save(self, task: BackgroundTask[SavedVideo], *, watch: Watch, report: Report, target: str) -> SavedVideo:
        task.report(Progress(Phase.SAVING_CLIP, 0.1, report.prediction_id))
        try:
            renewed, saved = await self._fetch(watch.submission, report, target)
        except CannotSave as error:
            if error.link_ended:
                watch.refused_link = report.outputs[0]
            raise
        finally:
            del self._under_way[report.prediction_id, target]
        watch.set_saved(target, renewed, str(saved.path))
        task.report(Progress(Phase.CLIP_SAVED, 0.99, saved.path.name))
        return SavedVideo(saved_path=str(saved.path), size_bytes=saved.size_bytes, video_url=renewed.outputs[0])

    async def _fetch(self, submission: Submission, report: Report, target: str) -> tuple[Report, SavedClip]:
        """Put a clip on disk; a link that has ended is renewed by the API, once. The report may be newer then."""
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

    async def with_preview(self, watch: Watch, deadline: float, progress: ProgressSink, *, polls: int) -> Prediction:
        """A prediction at its end, or at the deadline, with frames of its clip or a note why there are none."""

        def told() -> Prediction:
            prediction = watch.prediction()
            note = {"processing": _PREVIEW_LATER, "completed": _NO_TIME_FOR_PREVIEW}.get(prediction.status)
            return _noting(prediction, note) if note else prediction

        def show(step: Progress) -> None:
            if step.prediction and step.prediction().video_url:
                step = replace(step, phase=Phase.TAKING_FRAMES, fraction=0.99)
            progress(step)

        if not (await watch.follow(deadline, show, told, polls=polls)).video_url:
            return told()
        prediction, frames = watch.prediction(), None
        try:
            frames = await self._saver.preview(str(prediction.video_url))
        except (CannotPreview, CannotSave) as error:
            prediction = _noting(prediction, f"There is no preview. {error}")
        progress(Progress(Phase.FINISHED, 1.0, prediction.prediction_id, prediction=lambda: prediction))
        return prediction.model_copy(update={"preview": frames})


def _noting(prediction: Prediction, note: str) -> Prediction:
    return prediction.model_copy(update={"notes": (*(prediction.notes or ()), note)})
