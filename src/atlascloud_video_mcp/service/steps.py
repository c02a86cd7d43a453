"""What to tell of a job: how far it has come, in a line for a person, a share of the whole, and the result so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from atlascloud_video_mcp.cloud.body_fields import animated_in, duration_of, prompt_of
from atlascloud_video_mcp.cloud.reports import NO_WORD, Report, Status
from atlascloud_video_mcp.service.results import Prediction
from atlascloud_video_mcp.text import Quoted, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlascloud_video_mcp.service.jobs import Job, News


_LONGEST_MODEL = 120  # characters
_LOOK_AT_MOST_EVERY = 2.0  # seconds, for whoever looks on; the watch itself looks more often near the end
_UNTIL_SAVED = 3.0  # seconds


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
    prediction = describe(job, news.report, sandbox=sandbox, own=own, notes=warnings)
    if news.saving:
        # A call whose time is up before the clip is on disk is told its URL all the same.
        prediction = prediction.model_copy(update={"saving": True, "look_again_in": _UNTIL_SAVED})
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
