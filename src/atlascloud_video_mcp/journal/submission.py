"""What the journal remembers of one request, and how that is written in a row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.cloud.reports import KEPT_FOR, Report, Status
from atlascloud_video_mcp.journal.budget import from_millionths, to_millionths
from atlascloud_video_mcp.journal.schema import Damaged

if TYPE_CHECKING:
    import sqlite3


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
class Entry:
    """One request, from the intent to the saved clip; times are in UTC."""

    intent_id: str
    key: str
    """What makes requests identical; empty for a prediction that was not asked for through this journal."""
    stage: Stage
    mine: bool
    """Written by this Journal object."""
    owner_alive: bool
    """Whether the process that wrote it still runs."""
    request: dict[str, Any]
    """The body as sent; empty before SENDING."""
    notes: tuple[str, ...]
    created_at: datetime
    """When it was intended."""
    submitted_at: datetime | None
    """When it was submitted, or about to be: from SENDING on."""
    prediction_id: str | None
    report: Report | None
    """The last that the API gave."""
    save_to: str | None
    saved_path: str | None
    account: str = ""
    """Who pays for it; empty where that is not known."""
    quote: Decimal | None = None
    """What the API said beforehand that it would cost, in US dollars."""
    take: int = 1
    """Which take of the request it is."""
    picture: str | None = None
    """The name of the picture that was uploaded, which is the clip's too."""

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
    def is_open(self) -> bool:
        """Whether an identical request is given it: it runs, may run, or its clip still exists."""
        if self.stage is not Stage.SUBMITTED:
            return self.stage in {Stage.INTENDED, Stage.SENDING, Stage.UNKNOWN}
        if self.submitted_at and self.submitted_at < datetime.now(UTC) - KEPT_FOR:
            return False  # the API has deleted the clip by now
        return self.is_unfinished or (self.report is not None and self.report.status is Status.COMPLETED)

    @property
    def is_unfinished(self) -> bool:
        """Whether it was not seen to end; what is done without a clip may still name it."""
        return self.report is None or self.report.status is Status.PROCESSING or self.report.clip_missing


@dataclass(frozen=True)
class Claim:
    """Who may send a request: us when `won`, or else `entry` is an earlier one to join, wait for or resolve."""

    won: bool
    entry: Entry


def as_text(moment: datetime) -> str:
    """A time so that texts compare as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def to_row(entry: Entry, owner: str) -> dict[str, object]:
    """What free text may be in is written as ASCII JSON: SQLite takes no lone surrogates, and file names hold them."""
    return {
        "intent_id": entry.intent_id,
        "key": entry.key,
        "owner": owner,
        "stage": entry.stage,
        "request": json.dumps(entry.request),
        "notes": json.dumps(entry.notes),
        "created_at": as_text(entry.created_at),
        "submitted_at": as_text(entry.submitted_at) if entry.submitted_at else None,
        "prediction_id": entry.prediction_id,
        "report": json.dumps(entry.report.model_dump(mode="json", by_alias=False)) if entry.report else None,
        "save_to": json.dumps(entry.save_to),
        "saved_path": json.dumps(entry.saved_path),
        "account": entry.account,
        "quote": None if entry.quote is None else to_millionths(entry.quote),
        "take": entry.take,
        "picture": json.dumps(entry.picture),
        "spent": to_millionths(entry.spent),
    }


def from_row(row: sqlite3.Row, *, mine: bool, owner_alive: bool) -> Entry:
    """The entry in a row.

    Raises:
        Damaged: the row holds what nobody wrote.
    """
    try:
        return Entry(
            intent_id=row["intent_id"],
            key=row["key"],
            stage=Stage(row["stage"]),
            mine=mine,
            owner_alive=owner_alive,
            request=json.loads(row["request"]),
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
        )
    except (ValueError, TypeError) as error:
        raise Damaged("an entry cannot be read") from error
