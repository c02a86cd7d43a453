"""Which row of the account's history is a submission whose answer was lost.

Whether the API keeps a request as it was sent is not known: it may fill in defaults, write numbers as text, or move the
picture. What is surely ours is joined; what may be is named, and left to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.journal import Submission, VideoRequest, from_history

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from atlascloud_video_mcp.cloud.api import Cloud

# How much older than its submission a row may seem: by its clock, and by seconds that were cut.
_CLOCKS_DIFFER_BY = timedelta(seconds=60)


@dataclass(frozen=True)
class Matches:
    """What a search found."""

    ours: Submission | None = None
    """The row that is surely ours, the first after the submission."""
    probable: str | None = None
    """The one prediction that may be ours, where none is surely."""


async def read_history(cloud: Cloud, page: int) -> list[Submission]:
    """A page of the account's history, the newest row first; what it says of a prediction may be nothing.

    Raises:
        AtlasError: It cannot be read.
    """
    return [from_history(row, cloud.report_in(row)) for row in await cloud.history(page)]


def may_be(row: Submission, request: VideoRequest, *, since: datetime) -> bool:
    """Whether a row may be a submission of this request: of its model and prompt, with a time, and not before it."""
    young = row.submitted_at is not None and row.submitted_at >= since - _CLOCKS_DIFFER_BY
    return young and row.request.model == request.model and row.request.prompt == request.prompt


def matches(rows: Sequence[Submission], body: Mapping[str, Any], defaults: Mapping[str, object]) -> Matches:
    """Look for a submission among rows that may be it and belong to no other.

    Args:
        rows: Of the account's history, the newest first.
        body: What was sent.
        defaults: What the model takes, by name, and what each is when it is left out.
    """
    ours = next((row for row in reversed(rows) if _is_ours(row, body, defaults)), None)
    return Matches(ours, rows[0].prediction_id if ours is None and len(rows) == 1 else None)


def _is_ours(row: Submission, body: Mapping[str, Any], defaults: Mapping[str, object]) -> bool:
    """Whether a row holds our request; what the model knows no parameter for was added on the way."""
    there = {"model": row.request.model} | {name: value for name, value in row.body.items() if value is not None}
    names = body.keys() | (defaults.keys() & there.keys())
    return all(_same(there.get(name, defaults.get(name)), body.get(name, defaults.get(name))) for name in names)


def _same(one: object, other: object) -> bool:
    """Whether two values are the same, one of them perhaps written as text."""
    if isinstance(one, str) == isinstance(other, str):
        return one == other
    return _as_text(one) == _as_text(other)


def _as_text(value: object) -> str:
    text = str(value).strip().lower()
    try:
        return str(float(text))
    except ValueError:
        return text
