"""How a call follows the watch of a prediction, whatever it wants of it."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from atlascloud_video_mcp.media.clips import CannotPreview, CannotSave
from atlascloud_video_mcp.service.background import Phase, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlascloud_video_mcp.media.clips import ClipSaver
    from atlascloud_video_mcp.service.background import ProgressSink
    from atlascloud_video_mcp.service.results import Prediction
    from atlascloud_video_mcp.service.watch import Watch

_PREVIEW_LATER = "The preview comes with the finished clip."
_NO_TIME_FOR_PREVIEW = "There was no time left for the preview: call again."


async def followed(
    watch: Watch, deadline: float, progress: ProgressSink, told: Callable[[], Prediction], polls: int
) -> Prediction:
    """A prediction as it stands at its end, or at the deadline."""
    async with aclosing(watch.until(deadline, polls=polls)) as steps:
        async for step in steps:
            progress(replace(step, prediction=told) if step.prediction else step)
    return told()


async def with_preview(
    watch: Watch, deadline: float, progress: ProgressSink, polls: int, saver: ClipSaver
) -> Prediction:
    """The same, and frames of the clip where it is finished; or a note why there are none."""

    def told() -> Prediction:
        prediction = watch.prediction()
        note = {"processing": _PREVIEW_LATER, "completed": _NO_TIME_FOR_PREVIEW}.get(prediction.status)
        return _noting(prediction, note) if note else prediction

    def show(step: Progress) -> None:
        if step.prediction and step.prediction().video_url:
            step = replace(step, phase=Phase.TAKING_FRAMES, fraction=0.99)
        progress(step)

    if not (await followed(watch, deadline, show, told, polls)).video_url:
        return told()
    prediction, frames = watch.prediction(), None
    try:
        frames = await saver.preview(str(prediction.video_url))
    except (CannotPreview, CannotSave) as error:
        prediction = _noting(prediction, f"There is no preview. {error}")
    progress(Progress(Phase.FINISHED, 1.0, prediction.prediction_id, prediction=lambda: prediction))
    return prediction.model_copy(update={"preview": frames})


def _noting(prediction: Prediction, note: str) -> Prediction:
    return prediction.model_copy(update={"notes": (*(prediction.notes or ()), note)})
