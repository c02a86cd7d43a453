"""What to tell of a job: how far it has come, in a line for a person, a share of the whole, and the result so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from atlascloud_video_mcp.predictions import KEPT_FOR, Prediction, Report, Status, Upload

if TYPE_CHECKING:
    from atlascloud_video_mcp.pacing import Durations
    from atlascloud_video_mcp.studio.jobs import Job, News


@dataclass(frozen=True)
class Step:
    """How far a call has come."""

    message: str
    """One line for a person."""
    share: float
    """From 0 to 1, which it reaches only with the clip. An estimate that may repeat itself but does not fall."""
    result: Prediction | Upload | None = None
    """What there is to hand over by now."""


def step(job: Job, news: News, *, durations: Durations, sandbox: bool) -> Step:
    """What a job's news are at this moment, for whoever waits for it."""
    if news.report is None:
        return Step(news.doing, news.share, news.upload)
    prediction = _describe(job, news.report, durations=durations, sandbox=sandbox)
    age, expected, share = prediction.elapsed_seconds, durations.median, news.share
    match news.report.status:
        case Status.PROCESSING:
            share += (0.98 - share) * durations.done_by(age)
            doing = f"{news.doing}: {age:.0f} s of about {expected:.0f} s ({news.report.word})"
        case Status.COMPLETED:
            share, doing = 1.0, f"Finished after {age:.0f} s"
        case Status.FAILED:
            doing = f"Failed after {age:.0f} s"
        case _:
            assert_never(news.report.status)
    return Step(f"{doing}, prediction {prediction.prediction_id}", share, prediction)


def _describe(job: Job, report: Report, *, durations: Durations, sandbox: bool) -> Prediction:
    running, failed = report.status is Status.PROCESSING, report.status is Status.FAILED
    created = report.created_at or job.submitted_at
    return Prediction(
        prediction_id=report.prediction_id,
        status=report.status.value,
        provider_status=report.word,
        elapsed_seconds=round(job.age, 1),
        reused=False,
        sandbox=sandbox,
        outputs=report.outputs,
        video_url=report.outputs[0] if report.status is Status.COMPLETED else None,
        expires_at=created + KEPT_FOR if created and not failed else None,
        error=report.error,
        expected_seconds=round(durations.median, 1) if running else None,
        predict_time_seconds=report.predict_time_seconds,
        cost_usd=None if failed else report.cost_usd,
        model=job.request.get("model") or report.model,
        prompt=job.request.get("prompt"),
        duration=job.request.get("duration"),
        image_url=job.request.get("image"),
        created_at=created,
        completed_at=report.completed_at,
        notes=job.notes or None,
    )
