"""Small facts of the network that more than one part of the program needs."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_LONGEST_WAIT = 86_400.0  # seconds


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host is this machine."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def retry_after(value: str) -> float | None:
    """Seconds to wait by a `Retry-After` header, which holds seconds or a date (RFC 9110, section 10.2.3).

    None where it is neither, or names more than a day, as no server does that means it.
    """
    if value.isdecimal():
        return _sensible(float(value))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # The parser gives a date of zone -0000 without any.
    return _sensible(max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()))


def _sensible(seconds: float) -> float | None:
    return seconds if seconds <= _LONGEST_WAIT else None


def sound(body: Any) -> Any:  # noqa: ANN401 - JSON is of any type
    """The same JSON without lone surrogates, which no answer of ours could carry."""
    return json.loads(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))


@dataclass(frozen=True)
class Document:
    """A document of the web as it came."""

    content: bytes
    validator: str | None
    """What the server calls this version of it, for asking whether there is a newer one; None when it says nothing."""


class Unreadable(Exception):
    """A document cannot be had; the message says why, in a few words that follow after "it"."""
