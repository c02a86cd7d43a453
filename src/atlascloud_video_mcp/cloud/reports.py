"""What the API says of a prediction: a report, and a row of the account's history."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from atlascloud_video_mcp.cloud.body_fields import without_links_to_this_machine
from atlascloud_video_mcp.cloud.wire import dollars, links, moment, number, reason
from atlascloud_video_mcp.network import opened
from atlascloud_video_mcp.text import Link, PredictionId, Quoted

KEPT_FOR = timedelta(days=14)
"""How long the API keeps a clip, counted from submission (Atlas Cloud docs, data retention)."""
NOT_YET_KNOWN = timedelta(seconds=30)
"""How long after submission the API may not know its own new id."""
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
        outputs = links(found)
        if not wire.get("local", True):
            outputs = tuple(link for link in outputs if link.startswith("https:"))
        said = reason(found, wire.get("envelope", ""))
        return found | {"id": next((each for each in ids if each), None), "outputs": outputs, "error": said}

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


_ROW_IDS = ("ID", "id", "prediction_id")


def _body(value: object) -> dict[str, Any]:
    """An object comes as itself or as JSON text; anything else is as good as an empty one."""
    found = opened(value)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _asked(value: object, info: ValidationInfo) -> dict[str, Any]:
    body, wire = _body(value), info.context or {}
    return body if wire.get("local", True) else without_links_to_this_machine(body)


Body = Annotated[dict[str, Any], BeforeValidator(_body)]


class HistoryRow(BaseModel):
    """One row of the account's history, read as leniently as a report, with the same validation context.

    Source: npm atlascloud-mcp 1.7.0, type HistoryItem (times are unix seconds as text), and the shapes that the
    vendor's other tools accept.
    """

    model_config = ConfigDict(frozen=True)

    prediction_id: Identifier = Field(validation_alias="id")
    created_at: Moment = Field(None, validation_alias=AliasChoices("createdAt", "created_at"))
    body: Annotated[dict[str, Any], BeforeValidator(_asked)] = Field(
        default_factory=dict, validation_alias=AliasChoices("requestBody", "request_body")
    )
    model: ModelName = None
    word: Annotated[str | None, BeforeValidator(_text)] = Field(None, validation_alias="status")
    result: Body = Field(default_factory=dict)
    """What a look at the prediction would give; a row need not have it."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, row: object) -> object:
        if not isinstance(row, dict):
            return row
        ids = (PredictionId.of(row.get(name)) for name in _ROW_IDS)
        times = (row.get(name) for name in ("createdAt", "created_at"))
        own = next((each for each in times if moment(each)), None)
        return row | {
            "id": next((each for each in ids if each), None),
            "createdAt": own or _body(row.get("result")).get("created_at"),
        }

    def report(self, wire: dict[str, Any]) -> Report | None:
        """What it says of the prediction; None when that is nothing, or that it is done but not with what.

        Args:
            wire: The validation context of a report.
        """
        created = self.created_at.isoformat() if self.created_at else None
        row = {"status": self.word, "model": self.model, "created_at": created}
        told = {name: value for name, value in self.result.items() if value is not None}
        report = Report.model_validate({**row, **told, "id": self.prediction_id}, context=wire)
        return None if report.word == NO_WORD or report.names_no_clip else report
