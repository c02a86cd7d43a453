"""A prediction: what the API reports of one, and what we tell of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from atlascloud_video_mcp.money import dollars

KEPT_FOR = timedelta(days=14)
"""How long the API keeps a clip, counted from submission (Atlas Cloud docs, data retention)."""


class Status(StrEnum):
    """Where a prediction stands; a closed set, whatever words the API uses."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


_MOST_OUTPUTS = 20  # a model makes one, some a few
_DONE_WORDS = frozenset({"completed", "succeeded", "success"})
_FAILED_WORDS = frozenset({"failed", "error", "timeout", "canceled", "cancelled"})


def _links(value: object) -> tuple[str, ...]:
    """Outputs come as a list or alone, as strings or as objects with one of three keys."""
    items = value if isinstance(value, list) else [value]
    links = (_link(item) for item in items)
    return tuple(link for link in links if link)[:_MOST_OUTPUTS]


def _link(item: object) -> str | None:
    if isinstance(item, dict):
        item = next((item[key] for key in ("url", "download_url", "video_url") if item.get(key)), None)
    return item if isinstance(item, str) and re.fullmatch(r"https?://[!-~]{1,2000}", item) else None


def _sentence(value: object) -> str | None:
    """An error comes as a string or as an object with the text in one of several keys."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("message", "msg", "detail", "error", "code") if value.get(key)), None)
    return str(value) if value else None


def _number(value: object) -> float | None:
    """Amounts come as numbers or as text; anything else is as good as absent."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < float("inf") else None


def _moment(value: object) -> datetime | None:
    """Times come as RFC 3339 text or as seconds since 1970; a time without a zone is taken as UTC.

    A time so late that no expiry can be reckoned from it is none.
    """
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value, UTC)
        else:
            return None
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        moment + KEPT_FOR
    except (ValueError, OverflowError, OSError):
        return None
    return moment


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


NO_WORD = "unknown"
"""What stands for the API's word where it gave none."""


def _word(value: object) -> str:
    return value if isinstance(value, str) and value else NO_WORD


def _identifier(value: object) -> object:
    """An id comes as text or as a number; what cannot be shown on one line is no part of it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return "".join(filter(str.isprintable, value)) if isinstance(value, str) else value


Identifier = Annotated[str, BeforeValidator(_identifier), Field(min_length=1)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Text = Annotated[str | None, BeforeValidator(_text)]


class Report(BaseModel):
    """One answer of the API about a prediction, read leniently: a field of an unexpected type counts as absent.

    Source: Atlas Cloud docs, predictions and how-it-works pages, and the shapes that the vendor's own tools accept.
    """

    model_config = ConfigDict(frozen=True)

    prediction_id: Identifier = Field(
        validation_alias=AliasChoices("id", "prediction_id", "request_id", "predictionId")
    )
    word: Annotated[str, BeforeValidator(_word)] = Field(NO_WORD, validation_alias="status")
    outputs: Annotated[tuple[str, ...], BeforeValidator(_links)] = Field(
        (), validation_alias=AliasChoices("outputs", "output")
    )
    reason: Annotated[str | None, BeforeValidator(_sentence)] = Field(None, validation_alias="error")
    model: Text = None
    created_at: Moment = None
    completed_at: Moment = None
    predict_time_seconds: Annotated[float | None, BeforeValidator(_number)] = Field(
        None, validation_alias=AliasPath("metrics", "predict_time")
    )
    cost_usd: Annotated[Decimal | None, BeforeValidator(dollars)] = Field(None, validation_alias="price")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, payload: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in payload.items() if value is not None}

    @property
    def status(self) -> Status:
        """The API's word in our three; a word we do not know counts as running, completed without a clip as failed."""
        if self.word.lower() in _FAILED_WORDS or self.names_no_clip:
            return Status.FAILED
        return Status.COMPLETED if self.word.lower() in _DONE_WORDS else Status.PROCESSING

    @property
    def names_no_clip(self) -> bool:
        """Whether it is done, by its word, and not with what."""
        return self.word.lower() in _DONE_WORDS and not self.outputs

    @property
    def error(self) -> str | None:
        """Why there is no clip; present exactly when failed."""
        if self.status is not Status.FAILED:
            return None
        if self.names_no_clip:
            return "The API says the generation is completed but names no clip."
        return self.reason or f"The API gives no reason, only the status {self.word}."

    def cost(self, quote: Decimal | None) -> Decimal | None:
        """What it costs in US dollars: what the API reports, else its quote; None when neither is known, or it failed.

        A price of zero for one that still runs says that it is not billed yet.
        """
        if self.status is Status.FAILED:
            return None
        if self.cost_usd is None or (self.status is Status.PROCESSING and not self.cost_usd):
            return quote
        return self.cost_usd


class Upload(BaseModel):
    """A picture that was put where the models can read it."""

    model_config = ConfigDict(frozen=True)

    url: str
    filename: str
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
    video_url: str


class Outcome(BaseModel):
    """What a request for a clip led to, or would lead to. None means unknown or not applicable."""

    model_config = ConfigDict(frozen=True)

    prediction_id: str | None = None
    status: Literal["processing", "completed", "failed", "dry_run"]
    provider_status: str
    """The API's own word."""
    elapsed_seconds: float
    """From submission to the end, or to now."""
    reused: bool
    """An identical earlier request was joined, nothing new was paid."""
    take: int | None = None
    """Which take of its request it is."""
    sandbox: bool
    """Made by the built-in emulator, not by Atlas Cloud."""
    outputs: tuple[str, ...]
    video_url: str | None = None
    expires_at: datetime | None = None
    """When the API will have deleted the clip."""
    saved_path: str | None = None
    error: str | None = None
    expected_seconds: float | None = None
    """How long such a clip usually takes; while processing."""
    predict_time_seconds: float | None = None
    cost_usd: float | None = None
    model: str | None = None
    prompt: str | None = None
    duration: int | None = None
    """Seconds of video, as asked for."""
    image_url: str | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    notes: tuple[str, ...] | None = None
    next_step: str | None = None
    """What to call next, in words a model can follow."""


class Prediction(Outcome):
    """A prediction as we tell of it: the object of every tool's answer."""

    prediction_id: str
    status: Literal["processing", "completed", "failed"]


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
