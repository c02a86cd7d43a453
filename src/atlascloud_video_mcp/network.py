"""Small facts of the network that more than one part of the program needs."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_THIS_MACHINE = "127.0.0.1"
_NAMES_OF_THIS_MACHINE = frozenset({"localhost", "::1", _THIS_MACHINE})


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host is this machine."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def canonical(address: str) -> str:
    """An address in the one spelling that stands for all that mean the same place, with a slash at its end."""
    url = urlsplit(address)
    host = (url.hostname or "").rstrip(".")
    host = _THIS_MACHINE if host in _NAMES_OF_THIS_MACHINE else host
    port = "" if url.port in {None, _PORTS.get(url.scheme)} else f":{url.port}"
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}{port}{url.path.rstrip('/')}/"


def retry_after(value: str) -> float | None:
    """Seconds to wait by a `Retry-After` header, which holds seconds or a date (RFC 9110, section 10.2.3)."""
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # The parser gives a date of zone -0000 without any.
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


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
