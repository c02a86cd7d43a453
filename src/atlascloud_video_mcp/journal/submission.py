"""What the journal remembers of one request, and how that is written in a row."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from atlascloud_video_mcp.cloud.body_fields import animated_in, duration_of, picture_of, prompt_of
from atlascloud_video_mcp.cloud.reports import KEPT_FOR, Report, Status
from atlascloud_video_mcp.journal.budget import from_millionths, to_millionths
from atlascloud_video_mcp.journal.schema import Damaged
from atlascloud_video_mcp.text import Link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlascloud_video_mcp.cloud.reports import HistoryRow
    from atlascloud_video_mcp.journal.people import Person
    from atlascloud_video_mcp.media.pictures import Fit


class Stage(StrEnum):
    """How far a request came."""

    INTENDED = "intended"
    """Written before the upload: nothing can have left."""
    SENDING = "sending"
    """Written just before the paid request, with its body."""
    UNKNOWN = "unknown"
    """The answer was lost: it may have been paid for."""
    SUBMITTED = "submitted"
    """The prediction's id is known."""
    REFUSED = "refused"
    """The API said no: nothing was paid."""
    ABANDONED = "abandoned"
    """Given up before anything left."""


@dataclass(frozen=True)
class VideoRequest:
    """What a call asks for; what it leaves open is left to the model."""

    image: str = ""
    """A local picture or a web address. What is kept and told of it is the address that was sent."""
    prompt: str | None = None
    """The motion to add."""
    duration: int | None = None
    """Seconds of video."""
    model: str | None = None
    """None: the one of the settings."""
    enable_prompt_expansion: bool | None = None
    """Whether the model may rewrite the prompt."""
    parameters: Mapping[str, object] | None = None
    """Further ones, by the model's own names. They are not kept: the body has them as they were sent."""
    unlisted: Mapping[str, object] | None = None
    """What came beside all that is taken: a parameter in the wrong place, or something of the host's own."""
    take: int = 1
    """Which take of this very request."""
    fit: Fit | None = None
    """What to do with a picture of a shape that the model does not take."""
    save_to: str | None = None
    """The file or directory for the finished clip."""
    person: Person | None = None
    """Who asks, where several people share the account."""

    def for_model(self, model_id: str) -> VideoRequest:
        """The same as it is told and kept: for a model, of whose parameters only the prompt and the duration are named.

        Those may stand among the parameters, by the model's own names. All others stand in the body.
        """
        named = read_backwards(self.parameters or {})
        seconds = named.duration if self.duration is None else self.duration
        told = replace(self, model=model_id, prompt=self.prompt or named.prompt, duration=seconds)
        return replace(told, parameters=None, unlisted=None)


def read_backwards(body: Mapping[str, Any], image: str | None = None) -> VideoRequest:
    """What was asked for, by a body of which nothing else is known; `image` is the picture where that is known.

    It is for rows of the account's history, for journals of version 1.0.0, and for parameters by a model's own names.
    """
    model = body.get("model")
    return VideoRequest(
        image=image or animated_in(body) or "",
        prompt=prompt_of(body),
        duration=duration_of(body),
        model=model if isinstance(model, str) else None,
    )


@dataclass(frozen=True)
class Submission:
    """What is known of one request beside the API's answers, from the intent to the saved clip; times are in UTC."""

    request: VideoRequest = field(default_factory=VideoRequest)
    """What was asked for."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """What was sent; in the journal it is empty before SENDING."""
    intent_id: str = ""
    key: str = ""
    """What makes requests identical; empty for a prediction that was not asked for through this journal."""
    stage: Stage = Stage.INTENDED
    owner_alive: bool = True
    """Whether the process that wrote it still runs."""
    notes: tuple[str, ...] = ()
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When it was intended."""
    submitted_at: datetime | None = None
    """When it was submitted, or about to be: from SENDING on."""
    prediction_id: str | None = None
    report: Report | None = None
    """The last that the API gave."""
    save_to: str | None = None
    """Where the clip is to be saved."""
    saved_path: str | None = None
    """Where it was saved."""
    account: str = ""
    """Who pays for it; empty where that is not known."""
    quote: Decimal | None = None
    """What the API said beforehand that it would cost, in US dollars."""
    take: int = 1
    """Which take of the request it is."""
    picture: str | None = None
    """The name of the picture that was uploaded, which is the clip's too."""
    person: str = ""
    """Whose budget pays for it, where several people share the account."""

    def age(self, report: Report | None, now: datetime) -> float:
        """Seconds from submission until the end that the report names, or `now`; 0 when neither knows the beginning."""
        created, completed = (report.created_at, report.completed_at) if report else (None, None)
        if created and completed:
            return max(0.0, (completed - created).total_seconds())
        begun = self.submitted_at or created
        return max(0.0, (now - begun).total_seconds()) if begun else 0.0

    @property
    def at(self) -> datetime:
        """When it was submitted, or else intended."""
        return self.submitted_at or self.created_at

    @property
    def spent(self) -> Decimal:
        """What it counts in the books, in US dollars: also while it runs or may run, until it is known to be free."""
        nobodys = not (self.key or self.account)
        if nobodys or self.stage in {Stage.REFUSED, Stage.ABANDONED}:
            return Decimal(0)
        return (self.report.cost(self.quote) if self.report else self.quote) or Decimal(0)

    @property
    def lacks_a_price(self) -> bool:
        """Whether it counts in the books, and nobody knows with how much."""
        failed = self.report is not None and self.report.status is Status.FAILED and not self.report.clip_missing
        return self.quote is None and not failed and (self.report is None or self.report.cost(None) is None)

    @property
    def without_places(self) -> Self:
        """The same, told to who is on another machine: where the clip is on a disk means nothing there."""
        return replace(self, save_to=None, saved_path=None)

    @property
    def is_open(self) -> bool:
        """Whether an identical request is given it: it runs, may run, or its clip still exists."""
        if self.stage is not Stage.SUBMITTED:
            return self.stage in {Stage.INTENDED, Stage.SENDING, Stage.UNKNOWN}
        if self.submitted_at and self.submitted_at < datetime.now(UTC) - KEPT_FOR:
            return False  # the API has deleted the clip by now
        return self.is_unfinished or (self.report is not None and self.report.status is Status.COMPLETED)

    @property
    def is_running(self) -> bool:
        """Whether it was not seen to end."""
        return self.report is None or self.report.status is Status.PROCESSING

    @property
    def is_unfinished(self) -> bool:
        """Whether it was not seen to end, or with no clip: it may still name that."""
        return self.is_running or (self.report is not None and self.report.clip_missing)


@dataclass(frozen=True)
class Claim:
    """Who may send a request: us when `won`, or else `submission` is an earlier one to join, wait for or resolve."""

    won: bool
    submission: Submission


def from_history(row: HistoryRow, report: Report | None) -> Submission:
    """A row of the account's history, and what it says of the prediction; it need not be of a request of ours."""
    request = read_backwards(row.body, picture_of(row.body))
    return Submission(
        request=request if request.model else replace(request, model=row.model),
        body=row.body,
        stage=Stage.SUBMITTED,
        submitted_at=row.created_at,
        prediction_id=row.prediction_id,
        report=report,
    )


def as_text(moment: datetime) -> str:
    """A time so that texts compare as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _kept(request: VideoRequest) -> dict[str, object]:
    """What is told of a request: of the picture no more than its address, and nothing that the body has as well."""
    told = {"prompt": request.prompt, "duration": request.duration, "model": request.model}
    return {"image": Link.of(request.image) or "", **told}


def _asked(row: Mapping[str, Any], body: Mapping[str, Any]) -> VideoRequest:
    kept = json.loads(row["request"])
    request = read_backwards(body) if kept is None else VideoRequest(**kept)
    return replace(request, take=row["take"], save_to=json.loads(row["save_to"]))


def to_row(submission: Submission, owner: str) -> dict[str, object]:
    """What free text may be in is written as ASCII JSON: SQLite takes no lone surrogates, and file names hold them."""
    return {
        "intent_id": submission.intent_id,
        "key": submission.key,
        "owner": owner,
        "stage": submission.stage,
        "body": json.dumps(submission.body),
        "request": json.dumps(_kept(submission.request)),
        "notes": json.dumps(submission.notes),
        "created_at": as_text(submission.created_at),
        "submitted_at": as_text(submission.submitted_at) if submission.submitted_at else None,
        "prediction_id": submission.prediction_id,
        "report": json.dumps(submission.report.model_dump(mode="json", by_alias=False)) if submission.report else None,
        "save_to": json.dumps(submission.save_to),
        "saved_path": json.dumps(submission.saved_path),
        "account": submission.account,
        "quote": None if submission.quote is None else to_millionths(submission.quote),
        "take": submission.take,
        "picture": json.dumps(submission.picture),
        "spent": to_millionths(submission.spent),
        "person": submission.person,
    }


def from_row(row: Mapping[str, Any], *, owner_alive: bool) -> Submission:
    """The submission in a row.

    Raises:
        Damaged: the row holds what nobody wrote.
    """
    try:
        body = json.loads(row["body"])
        return Submission(
            intent_id=row["intent_id"],
            key=row["key"],
            stage=Stage(row["stage"]),
            owner_alive=owner_alive,
            request=_asked(row, body),
            body=body,
            notes=tuple(json.loads(row["notes"])),
            created_at=datetime.fromisoformat(row["created_at"]),
            submitted_at=datetime.fromisoformat(row["submitted_at"]) if row["submitted_at"] else None,
            prediction_id=row["prediction_id"],
            report=Report.model_validate_json(row["report"], by_alias=False, by_name=True) if row["report"] else None,
            save_to=json.loads(row["save_to"]),
            saved_path=json.loads(row["saved_path"]),
            account=row["account"],
            quote=None if row["quote"] is None else from_millionths(row["quote"]),
            take=row["take"],
            picture=json.loads(row["picture"]),
            person=row["person"],
        )
    except (ValueError, TypeError) as error:
        raise Damaged("a submission cannot be read") from error
