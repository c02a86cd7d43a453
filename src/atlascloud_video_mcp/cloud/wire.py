"""How values in the API's answers are read: leniently, into types that hold nothing unsafe.

Source: Atlas Cloud docs, predictions, errors and how-it-works pages, and the shapes that the vendor's own tools accept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from atlascloud_video_mcp.network import opened
from atlascloud_video_mcp.text import Link, Quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

_MILLIONTH = Decimal("0.000001")
_MOST_DOLLARS = Decimal(1_000_000_000)  # more is no price and no balance; the journal can count this much exactly
_MOST_OUTPUTS = 20  # a model makes one, some a few
_DEEPEST = 5  # levels of lists and objects around a link or a reason
_LONGEST_REASON = 200  # characters
_LONGEST_CODE = 60  # characters, with what we say of it
_OUTPUTS = ("outputs", "output", "video_url", "video_urls", "video", "videos", "files", "output_url", "result")
_URLS = (
    *("url", "download_url", "video_url", "uri", "href", "link", "src", "urls", "video_urls"),
    *("video", "videos", "file", "files", "output", "outputs", "result", "data", "content"),
)
_REASONS = (
    *("error", "errors", "error_message", "error_msg", "reason", "failure_reason", "fail_reason", "failure"),
    *("message", "msg", "title", "detail", "status_message", "status_msg"),
)
_INSIDE_REASONS = (
    *("message", "msg", "error_message", "error_msg", "reason", "detail", "details", "description", "text"),
    *("error", "errors", "title", "type", "code"),
)
_NO_REASONS = frozenset({"", "0", "success", "succeeded", "successful", "ok", "completed", "none", "null"})
_MODERATION = "1039"
_UNIX_TIME = re.compile(r"\d{9,20}(\.\d{1,9})?", re.ASCII)
_LATE = 100_000_000_000  # seconds until the year 5138: a larger number is in milliseconds, or smaller units
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def links(payload: dict[str, object]) -> tuple[Link, ...]:
    """The links to the outputs, alone or in lists, as strings, objects or JSON text."""
    for name in _OUTPUTS:
        if payload.get(name) and (found := tuple(dict.fromkeys(_links(payload[name], _DEEPEST)))[:_MOST_OUTPUTS]):
            return found
    return ()


def _links(value: object, levels: int) -> Iterator[Link]:
    value = opened(value)
    if isinstance(value, list) and levels:
        for each in value:
            yield from _links(each, levels - 1)
    elif isinstance(value, dict) and levels:
        inside = (list(_links(value.get(name), levels - 1)) for name in _URLS)
        yield from next((found for found in inside if found), [])
    elif link := Link.of(value):
        yield link


def reason(payload: dict[str, object], envelope: str = "") -> Quoted | None:
    """Why there is no clip, from the payload, else from its `envelope`."""
    given = (payload[name] for name in _REASONS if payload.get(name))
    words = next((found for each in given if (found := _sentence(each, _DEEPEST))), None)
    told = Quoted(words or _sentence(envelope, 1) or "", _LONGEST_REASON)
    code = _sentence(payload.get("error_code"), 1)
    if code == _MODERATION and "moderat" not in told.lower():
        code = f"{_MODERATION}: refused by moderation"
    elif told or code is None:
        return told or None
    return Quoted(f"{told} (error code {code})" if told else f"error code {code}", _LONGEST_REASON + _LONGEST_CODE)


def _sentence(value: object, levels: int) -> str | None:
    value = opened(value)
    if isinstance(value, list) and levels:
        return next((found for each in value if (found := _sentence(each, levels - 1))), None)
    if isinstance(value, dict) and levels:
        return next((found for name in _INSIDE_REASONS if (found := _sentence(value.get(name), levels - 1))), None)
    if isinstance(value, int) and not isinstance(value, bool) and value:
        return str(value)
    return value if isinstance(value, str) and value.strip().lower() not in _NO_REASONS else None


def number(value: object) -> float | None:
    """A number, which may come as text; anything else counts as absent."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return amount if 0 <= amount < float("inf") else None


def moment(value: object) -> datetime | None:
    """A time: RFC 3339 text, or seconds or milliseconds since 1970, which may be text; UTC if there is no zone.

    A time before 2000 or after 9000 counts as absent.
    """
    try:
        if isinstance(value, str) and not _UNIX_TIME.fullmatch(value.strip()):
            found = datetime.fromisoformat(value.strip())
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            seconds = float(value)
            while _LATE < seconds < _LATE**2:
                seconds /= 1000
            found = datetime.fromtimestamp(seconds, UTC)
        else:
            return None
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if _EARLIEST <= found <= _LATEST else None


@dataclass(frozen=True)
class Quote:
    """What a request would cost, by the API, before it is made."""

    price: Decimal | None
    """US dollars; None if the price is not known."""
    reason: str = ""
    """Why the price is not known, as a sentence."""
    estimated: bool = False
    """Whether the API calls it an estimate."""


def dollars(value: object, *, debt: bool = False) -> Decimal | None:
    """An amount of US dollars, rounded up to the millionth: a number, its text, or `{value, currency}` with either.

    Args:
        value: What the API gave.
        debt: Whether a negative amount is allowed.

    Returns:
        None for an unusable amount: not a number, infinite, negative, in another currency.
    """
    if isinstance(value, dict):
        currency = value.get("currency")
        in_dollars = currency is None or str(currency).strip().lower() in {"", "usd"}
        return dollars(value.get("value"), debt=debt) if in_dollars else None
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        # the shortest text of a float is what was written; its binary value is not
        amount = Decimal(str(value) if isinstance(value, float) else value)
    except ArithmeticError:
        return None
    if not amount.is_finite() or not (-_MOST_DOLLARS if debt else 0) <= amount <= _MOST_DOLLARS:
        return None
    return amount.quantize(_MILLIONTH, ROUND_CEILING)
