"""A row of the account's history: what was asked for, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from atlascloud_video_mcp.bodies import without_links_to_this_machine
from atlascloud_video_mcp.predictions import NO_WORD, Identifier, ModelName, Moment, Report
from atlascloud_video_mcp.quoting import PredictionId
from atlascloud_video_mcp.wire import moment, opened

_IDS = ("ID", "id", "prediction_id")


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


class Record(BaseModel):
    """One row, read as leniently as a report, with the same validation context.

    Source: npm atlascloud-mcp 1.7.0, type HistoryItem (times are unix seconds as text), and the shapes that the
    vendor's other tools accept.
    """

    model_config = ConfigDict(frozen=True)

    prediction_id: Identifier = Field(validation_alias="id")
    created_at: Moment = Field(None, validation_alias=AliasChoices("createdAt", "created_at"))
    request: Annotated[dict[str, Any], BeforeValidator(_asked)] = Field(
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
        ids = (PredictionId.of(row.get(name)) for name in _IDS)
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
