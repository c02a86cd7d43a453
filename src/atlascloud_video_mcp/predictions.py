"""A prediction: what the API reports of one, and what we tell of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from atlascloud_video_mcp.money import dollars
from atlascloud_video_mcp.quoting import Link, PredictionId, Quoted
from atlascloud_video_mcp.wire import links, moment, number, reason

KEPT_FOR = timedelta(days=14)
"""How long the API keeps a clip, counted from submission (Atlas Cloud docs, data retention)."""
CLIP_AWAITED_FOR = timedelta(seconds=60)
"""How long a prediction that is done, by its word, counts as running although it names no clip."""


class Status(StrEnum):
    """Where a prediction stands; a closed set, whatever words the API uses."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


NO_WORD = "unknown"
"""What stands for the API's word where it gave none."""
_IDS = ("id", "prediction_id", "request_id", "predictionId", "task_id", "taskId")
_OURS = frozenset({"no_clip_since", "clip_missing"})
_LONGEST_WORD, _LONGEST_MODEL = 40, 120  # characters
_LASTING = ("model", "created_at", "completed_at", "predict_time_seconds", "cost_usd", "no_clip_since")
_DONE_WORDS = frozenset(
    {"completed", "complete", "succeeded", "succeed", "success", "successful", "done", "finished", "finish"}
)
_FAILED_WORDS = frozenset(
    {"failed", "fail", "failure", "error", "errored", "timeout", "timed_out", "time_out", "canceled", "cancelled"}
    | {"expired", "rejected", "refused", "denied", "blocked", "aborted", "terminated", "not_found", "moderated"}
    | {"notfound", "timedout", "killed", "interrupted", "crashed", "invalid", "unsuccessful", "filtered", "flagged"}
)


@lru_cache(maxsize=100)
def _state_of(word: str) -> Status:
    """One of our three for the API's word, which may be longer than what decides: `TASK_STATUS_SUCCEED`."""
    said = re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", "_", word).strip("_").lower()
    last = said.rpartition("_")[2]
    if said in _FAILED_WORDS or last in _FAILED_WORDS:
        return Status.FAILED
    is_done = said in _DONE_WORDS or (last in _DONE_WORDS and not said.startswith("not_"))
    return Status.COMPLETED if is_done else Status.PROCESSING


def _word(value: object) -> Quoted:
    return Quoted(value, _LONGEST_WORD) if isinstance(value, str) and value.strip() else Quoted(NO_WORD)


def _model(value: object) -> Quoted | None:
    return Quoted(value, _LONGEST_MODEL) if isinstance(value, str) and value.strip() else None


def _flagged(value: object) -> bool:
    return any(value) if isinstance(value, list) else value is True


Identifier = Annotated[PredictionId, BeforeValidator(PredictionId.of)]
Moment = Annotated[datetime | None, BeforeValidator(moment)]
ModelName = Annotated[Quoted | None, BeforeValidator(_model)]


class Report(BaseModel):
    """One answer of the API about a prediction, read leniently: a field of an unexpected type counts as absent.

    Whoever reads one from the wire gives as validation context a dict with `envelope`, what the API says around it,
    and `local`, whether the API is on this machine and links to it are good.

    Source: Atlas Cloud docs, predictions and how-it-works pages, and the shapes that the vendor's own tools accept.
    """

    model_config = ConfigDict(frozen=True)

    prediction_id: Identifier = Field(validation_alias="id")
    word: Annotated[Quoted, BeforeValidator(_word)] = Field(Quoted(NO_WORD), validation_alias="status")
    outputs: tuple[Link, ...] = ()
    reason: Quoted | None = Field(None, validation_alias="error")
    model: ModelName = None
    created_at: Moment = None
    completed_at: Moment = None
    predict_time_seconds: Annotated[float | None, BeforeValidator(number)] = Field(
        None, validation_alias=AliasPath("metrics", "predict_time")
    )
    cost_usd: Annotated[Decimal | None, BeforeValidator(dollars)] = Field(None, validation_alias="price")
    flagged: Annotated[bool, BeforeValidator(_flagged)] = Field(default=False, validation_alias="has_nsfw_contents")
    """Whether moderation found something in it."""
    no_clip_since: Moment = None
    """When it was first seen to be done without naming a clip; it may name one since."""
    clip_missing: bool = False
    """Whether that has been so for too long."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, payload: dict[str, object], info: ValidationInfo) -> dict[str, object]:
        wire = info.context or {}
        found = {name: value for name, value in payload.items() if value is not None and not (wire and name in _OURS)}
        ids = (PredictionId.of(found.get(name)) for name in _IDS)
        read: dict[str, object] = {"id": next((each for each in ids if each), None), "outputs": links(found)}
        read["error"] = reason(found, wire.get("envelope", ""))
        if not wire.get("local", True):
            read["outputs"] = tuple(link for link in links(found) if link.startswith("https:"))
        return found | read

    @property
    def status(self) -> Status:
        """The API's word in our three; one that we do not know counts as running."""
        if self.clip_missing:
            return Status.FAILED
        return Status.PROCESSING if self.names_no_clip else _state_of(self.word)

    @property
    def names_no_clip(self) -> bool:
        """Whether it is done, by its word, and not with what."""
        return not self.outputs and _state_of(self.word) is Status.COMPLETED

    @property
    def error(self) -> str | None:
        """Why there is no clip; present exactly when failed."""
        if self.status is not Status.FAILED:
            return None
        if self.clip_missing:
            said = [self.flagged and "has_nsfw_contents is true", self.reason and f"it says: {self.reason}"]
            more = "".join(f"; {each}" for each in said if each)
            return f"The API says {self.word} but names no clip{more}. It may be charged, and can be looked at again."
        return self.reason or f"The API gives no reason, only the status {self.word}."

    def cost(self, quote: Decimal | None) -> Decimal | None:
        """What it costs in US dollars: what the API reports, else its quote; None when neither is known, or it failed.

        A price of zero for one that still runs, or that was quoted above zero, says that it is not billed yet. One
        that is done and names no clip may have been charged.
        """
        if self.status is Status.FAILED and not self.clip_missing:
            return None
        return self.cost_usd if self._price_is_final(quote) else quote

    def _price_is_final(self, quote: Decimal | None) -> bool:
        return self.cost_usd is not None and (self.cost_usd > 0 or (self.status is Status.COMPLETED and not quote))

    def expires_at(self, submitted_at: datetime | None) -> datetime | None:
        """When its clip will be gone: 14 days after submission, or when its link ends where that is earlier."""
        begun = self.created_at or submitted_at
        signed = (link.ends_at(self.completed_at or begun) for link in self.outputs)
        return min(filter(None, [begun and begun + KEPT_FOR, *signed]), default=None)

    def may_change(self, quote: Decimal | None, submitted_at: datetime | None, now: datetime) -> bool:
        """Whether another look can tell more: it runs, named no clip or no final price, or its link has ended."""
        if self.status is not Status.COMPLETED:
            return self.status is Status.PROCESSING or self.clip_missing
        ends = self.expires_at(submitted_at)
        return not self._price_is_final(quote) or (ends is not None and ends <= now)

    def after(self, earlier: Report | None, now: datetime) -> Self:
        """The same, with what is still true of an `earlier` report and this one leaves out."""
        # A price of zero is one that was not known yet.
        missing = [name for name in _LASTING if getattr(self, name) is None]
        lasting: dict[str, Any] = {name: getattr(earlier, name, None) or None for name in missing}
        if self.names_no_clip:
            since = self.no_clip_since or lasting["no_clip_since"] or now
            lasting |= {"no_clip_since": since, "clip_missing": now - since >= CLIP_AWAITED_FOR}
        return self.model_copy(update=lasting)


class Upload(BaseModel):
    """A picture that was put where the models can read it."""

    model_config = ConfigDict(frozen=True)

    url: Link
    filename: Quoted
    content_type: str
    size_bytes: int
    width: int
    height: int
    notes: tuple[str, ...]
    """What was changed before the upload, and why."""


class SavedVideo(BaseModel):
    """A finished clip that is on disk."""

    model_config = ConfigDict(frozen=True)

    saved_path: str
    size_bytes: int
    video_url: Link


class Outcome(BaseModel):
    """What a request for a clip led to, or would lead to. None means unknown or not applicable."""

    model_config = ConfigDict(frozen=True)

    prediction_id: PredictionId | None = None
    status: Literal["processing", "completed", "failed", "dry_run"]
    provider_status: Quoted | None = None
    """The API's own word."""
    elapsed_seconds: float | None = None
    """From submission to the end, or to now."""
    reused: bool | None = None
    """An identical earlier request was joined, nothing new was paid."""
    take: int | None = None
    """Which take of its request it is."""
    sandbox: bool
    """Made by the built-in emulator, not by Atlas Cloud."""
    outputs: tuple[Link, ...] | None = None
    video_url: Link | None = None
    expires_at: datetime | None = None
    """When the API will have deleted the clip."""
    saved_path: str | None = None
    saving: bool | None = None
    """True while the clip is being put on disk."""
    error: Quoted | None = None
    expected_seconds: float | None = None
    """How long such a clip usually takes; while processing."""
    predict_time_seconds: float | None = None
    cost_usd: float | None = None
    model: Quoted | None = None
    prompt: Quoted | None = None
    duration: int | None = None
    """Seconds of video, as asked for."""
    image_url: Link | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    notes: tuple[str, ...] | None = None
    next_step: str | None = None
    """What to call next, in words a model can follow."""


class Prediction(Outcome):
    """A prediction as we tell of it: the object of every tool's answer."""

    prediction_id: PredictionId
    status: Literal["processing", "completed", "failed"]
    provider_status: Quoted
    elapsed_seconds: float
    reused: bool
    outputs: tuple[Link, ...]
    # What is told depends on these, which are not told themselves.
    may_be_charged: SkipJsonSchema[bool] = Field(default=False, exclude=True)
    """It counts as failed, but only since it names no clip."""
    fraction: SkipJsonSchema[float | None] = Field(default=None, exclude=True)
    """How much of the work is probably done, below 1; while processing."""
    look_again_in: SkipJsonSchema[float | None] = Field(default=None, exclude=True)
    """Seconds until another look can tell more; None where none can."""

    @property
    def so_far(self) -> str:
        """How long it has been at work, in words for a person; while processing."""
        age, expected = self.elapsed_seconds, self.expected_seconds or 0
        if age <= expected:
            return f"{age:.0f} s of about {expected:.0f} s"
        return f"{age:.0f} s, longer than usual ({expected:.0f} s)"


class DryRun(Outcome):
    """What a request would be and cost. Its schema fits predictions, too."""

    request: dict[str, Any] | None = None
    """The body that would be sent."""


class PredictionList(BaseModel):
    """What was made, the newest first."""

    model_config = ConfigDict(frozen=True)

    predictions: tuple[Prediction, ...]
    notes: tuple[str, ...]


class Balance(BaseModel):
    """The money of an account, in US dollars. None means that there is no budget, or nothing to note."""

    model_config = ConfigDict(frozen=True)

    available_usd: float
    spent_24h_usd: float
    """By the journal."""
    budget_usd: float | None = None
    notes: tuple[str, ...] | None = None
