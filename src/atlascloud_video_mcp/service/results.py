"""What a call gives: the objects that tools answer with and commands print."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from atlascloud_video_mcp.text import Link, PredictionId, Quoted


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


class UploadTicket(BaseModel):
    """What lets a person upload one picture from elsewhere."""

    model_config = ConfigDict(frozen=True)

    ticket: str
    expires_at: datetime


class ReceivedPicture(BaseModel):
    """A picture that a person uploaded with a ticket."""

    model_config = ConfigDict(frozen=True)

    image: str
    """What animate_image takes for it."""
    content_type: str
    size_bytes: int
    width: int
    height: int
    notes: tuple[str, ...]
    """What was changed before it was passed on, and why."""
    expires_at: datetime
    """Until when it can be animated without another upload."""


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
    preview: SkipJsonSchema[bytes | None] = Field(default=None, exclude=True)
    """Frames of the finished clip, a JPEG, where they were asked for."""

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
