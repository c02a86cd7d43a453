"""What to tell of a job: how far it has come, in a line for a person, a share of the whole, and the result so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from atlascloud_video_mcp.cloud.reports import NO_WORD, Status
from atlascloud_video_mcp.service import render
from atlascloud_video_mcp.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlascloud_video_mcp.service.jobs import Job, News


@dataclass(frozen=True)
class Step:
    """How far a call has come."""

    message: str
    """One line for a person."""
    share: float
    """From 0 to 1, which it reaches only with the clip. An estimate that may repeat itself but does not fall."""
    result: object = None
    """What there is to hand over by now."""
    preview: bytes | None = None
    """Frames of the finished clip, a JPEG, where they were asked for."""


def step(job: Job, news: News, *, sandbox: bool, own: Sequence[str] = (), warnings: Sequence[str] = ()) -> Step:
    """What a job's news are at this moment, for whoever waits for it; `own` are notes for the call that began it."""
    if news.report is None:
        return Step(printable(news.doing), news.share, news.result)
    prediction = render.prediction(
        job.submission,
        news.report,
        job.ended_at or datetime.now(UTC),
        durations=job.durations,
        sandbox=sandbox,
        reused=job.reused,
        watched=job.ended_at is None,
        saving=news.saving,
        notes=own,
        further_notes=(*filter(None, [job.doubt]), *warnings),
    )
    age, share = prediction.elapsed_seconds, news.share
    match news.report.status:
        case Status.PROCESSING:
            share = max(share, job.durations.fraction(age))
            says = f', API: "{news.report.word}"' if news.report.word != NO_WORD else ""
            doing = f"{news.doing}: {prediction.so_far}{says}"
        case Status.COMPLETED:
            doing = f"{news.doing} after {age:.0f} s"
        case Status.FAILED:
            share, doing = min(share, 0.99), f"Failed after {age:.0f} s"
        case _:
            assert_never(news.report.status)
    return Step(printable(f"{doing}, prediction {prediction.prediction_id}"), share, prediction, news.preview)
