"""A row of the account's history: what was asked for, and what became of it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from atlascloud_video_mcp.network import sound
from atlascloud_video_mcp.predictions import NO_WORD, Identifier, Moment, Report, Text


def _body(value: object) -> dict[str, Any]:
    """An object comes as itself or as JSON text; anything else is as good as an empty one."""
    if isinstance(value, str):
        try:
            value = sound(json.loads(value))
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


Body = Annotated[dict[str, Any], BeforeValidator(_body)]


class Record(BaseModel):
    """One row, read as leniently as a report.

    Source: npm atlascloud-mcp 1.7.0, type HistoryItem, and the shapes that the vendor's other tools accept.
    """

    model_config = ConfigDict(frozen=True)

    prediction_id: Identifier = Field(validation_alias=AliasChoices("ID", "id", "prediction_id"))
    created_at: Moment = Field(None, validation_alias=AliasChoices("createdAt", "created_at"))
    request: Body = Field(default_factory=dict, validation_alias=AliasChoices("requestBody", "request_body"))
    model: Text = None
    word: Text = Field(None, validation_alias="status")
    result: Body = Field(default_factory=dict)
    """What a look at the prediction would give; a row need not have it."""

    @property
    def report(self) -> Report | None:
        """What it says of the prediction; None when that is nothing, or that it is done but not with what."""
        created = self.created_at.isoformat() if self.created_at else None
        row = {"status": self.word, "model": self.model, "created_at": created}
        told = {name: value for name, value in self.result.items() if value is not None}
        report = Report.model_validate({**row, **told, "id": self.prediction_id})
        return None if report.word == NO_WORD or report.names_no_clip else report
