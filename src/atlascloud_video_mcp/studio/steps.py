"""What to tell of a job: how far it has come, in a line for a person, a share of the whole, and the result so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from atlascloud_video_mcp.bodies import animated_in, duration_of, prompt_of
from atlascloud_video_mcp.predictions import Prediction, Report, Status
from atlascloud_video_mcp.quoting import Quoted, printable
from atlascloud_video_mcp.studio.jobs import SAVING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlascloud_video_mcp.studio.jobs import Job, News


_LONGEST_MODEL = 120  # characters
_STILL_SAVING = "The clip is still being saved to disk; get_prediction tells when that is done."


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


def step(job: Job, news: News, *, sandbox: bool, warnings: Sequence[str] = ()) -> Step:
    """What a job's news are at this moment, for whoever waits for it."""
    if news.report is None:
        return Step(printable(news.doing), news.share, news.result)
    # A call whose time is up before the clip is on disk is told its URL all the same.
    notes = (*warnings, _STILL_SAVING) if news.doing == SAVING else warnings
    prediction = describe(job, news.report, sandbox=sandbox, notes=notes)
    age, expected, share = prediction.elapsed_seconds, job.durations.median, news.share
    match news.report.status:
        case Status.PROCESSING:
            share += (0.98 - share) * job.durations.done_by(age)
            doing = f'{news.doing}: {age:.0f} s of about {expected:.0f} s ("{news.report.word}")'
        case Status.COMPLETED:
            doing = f"{news.doing} after {age:.0f} s"
        case Status.FAILED:
            share, doing = min(share, 0.99), f"Failed after {age:.0f} s"
        case _:
            assert_never(news.report.status)
    return Step(printable(f"{doing}, prediction {prediction.prediction_id}"), share, prediction, news.preview)


def describe(job: Job, report: Report, *, sandbox: bool, notes: Sequence[str] = ()) -> Prediction:
    """A prediction as we tell of it, from what the API says and what a job knows beside that."""
    running, failed = report.status is Status.PROCESSING, report.status is Status.FAILED
    facts = job.facts
    created = report.created_at or facts.submitted_at
    cost = report.cost(facts.quote)
    error, model, prompt = report.error, facts.request.get("model"), prompt_of(facts.request)
    return Prediction(
        prediction_id=report.prediction_id,
        status=report.status.value,
        provider_status=report.word,
        elapsed_seconds=round(job.age, 1),
        reused=job.reused,
        sandbox=sandbox,
        outputs=report.outputs,
        video_url=report.outputs[0] if report.status is Status.COMPLETED else None,
        expires_at=None if failed else report.expires_at(facts.submitted_at),
        error=Quoted(error) if error else None,
        may_be_charged=report.clip_missing,
        expected_seconds=round(job.durations.median, 1) if running else None,
        predict_time_seconds=report.predict_time_seconds,
        cost_usd=None if cost is None else float(cost),
        model=Quoted(model, _LONGEST_MODEL) if isinstance(model, str) else report.model,
        prompt=Quoted(prompt) if prompt else None,
        duration=duration_of(facts.request),
        image_url=animated_in(facts.request),
        created_at=created,
        completed_at=report.completed_at,
        saved_path=facts.saved_path,
        notes=(*facts.notes, *filter(None, [facts.doubt]), *notes) or None,
    )
