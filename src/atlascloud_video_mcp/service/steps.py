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


def describe(
    job: Job, report: Report, *, sandbox: bool, own: Sequence[str] = (), notes: Sequence[str] = ()
) -> Prediction:
    """A prediction as we tell of it, from what the API says and what a job knows beside that."""
    running, failed = report.status is Status.PROCESSING, report.status is Status.FAILED
    facts = job.facts
    created = report.created_at or facts.submitted_at
    cost = report.cost(facts.quote)
    error, model, prompt = report.error, facts.request.get("model"), prompt_of(facts.request)
    look_again = running and job.ended_at is None
    return Prediction(
        prediction_id=report.prediction_id,
        status=report.status.value,
        provider_status=report.word,
        elapsed_seconds=round(job.age, 1),
        reused=job.reused,
        sandbox=sandbox,
        outputs=report.outputs,
        video_url=report.outputs[0] if report.status is Status.COMPLETED else None,
        expires_at=None if failed or sandbox else report.expires_at(facts.submitted_at),
        error=Quoted(error) if error else None,
        may_be_charged=report.clip_missing,
        expected_seconds=round(job.durations.median, 1) if running else None,
        fraction=round(job.durations.fraction(job.age), 4) if running else None,
        look_again_in=job.durations.pause(job.age, shortest=_LOOK_AT_MOST_EVERY) if look_again else None,
        predict_time_seconds=report.predict_time_seconds,
        cost_usd=None if cost is None else float(cost),
        model=Quoted(model, _LONGEST_MODEL) if isinstance(model, str) else report.model,
        prompt=Quoted(prompt) if prompt else None,
        duration=duration_of(facts.request),
        image_url=animated_in(facts.request),
        created_at=created,
        completed_at=report.completed_at,
        saved_path=facts.saved_path,
        take=facts.take,
        notes=(*own, *facts.notes, *filter(None, [facts.doubt]), *notes) or None,
    )
