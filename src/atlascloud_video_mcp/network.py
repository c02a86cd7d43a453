"""Addresses, headers and JSON, as more than one part of the program reads them."""

from __future__ import annotations

import ipaddress
import json
import socket
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_PRIVATE_NAMES = frozenset(
    [
        "localhost",
        "localdomain",
        "local",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
        "private",
        "test",
        "invalid",
        "onion",
    ]
)
_6TO4 = ipaddress.IPv6Network("2002::/16")
_6TO4_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_LONGEST_WAIT = 86_400.0  # seconds


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host is this machine."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address_in(host: str) -> str | None:
    """The IP address that a URL's host spells, in any notation that systems accept; None for a name."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(host))
    with suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host))
    return None


def is_public(address: str) -> bool:
    """Whether an IP address is public, and not one of this machine or a private network.

    Source: IANA's special-purpose address registries, as `ipaddress` has them, and RFC 6052 for NAT64.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or (ipaddress.IPv4Address(ip.packed[12:]) if ip in _NAT64 else None)
        if inner is None:
            return ip.is_global and ip in _GLOBAL_UNICAST and ip not in _6TO4
        ip = inner
    return ip.is_global and not ip.is_multicast and ip not in _6TO4_RELAYS


def retry_after(value: str) -> float | None:
    """Seconds to wait by a `Retry-After` header, which holds seconds or a date (RFC 9110, section 10.2.3).

    None if it is neither, or more than a day, which no server means.
    """
    if not value:
        return None
    if value.isdecimal():
        return _sensible(float(value))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # The parser returns a date of zone -0000 without any zone.
    return _sensible(max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()))


def _sensible(seconds: float) -> float | None:
    return seconds if seconds <= _LONGEST_WAIT else None


def is_public_host(host: str) -> bool:
    """Whether a URL's host is public, as far as its spelling tells: a public address, or a name that may lead to one.

    Source: RFC 6761, RFC 6762, RFC 8375 and ICANN's reservation of 2024 for the names that never do.
    """
    host = host.lower().removesuffix(".")
    if address := _address_in(host):
        return is_public(address)
    name, _, last = host.rpartition(".")
    return bool(name) and last not in _PRIVATE_NAMES and not last.isdecimal() and not host.endswith(".home.arpa")


def read_json(text: str) -> Any:  # noqa: ANN401 - JSON is of any type
    """The value of JSON, whose strings may hold line breaks; without lone surrogates, which our answers cannot carry.

    Raises:
        ValueError: It is no JSON.
    """
    found = json.loads(text, strict=False)
    if "\\u" not in text:  # nothing else spells a surrogate
        return found
    return json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))


def opened(value: object) -> object:
    """The value itself, or what it holds if it is JSON text."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "[", '"'}:
        try:
            return read_json(value)
        except (ValueError, RecursionError):
            return value
    return value
