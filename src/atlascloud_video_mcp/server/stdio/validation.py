"""Which messages are plain enough to be answered without the SDK; all others are left to it.

Sources: JSON-RPC 2.0, and the schemas of MCP from 2024-11-05 to 2026-07-28.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

VERSION = "io.modelcontextprotocol/protocolVersion"
CLIENT = "io.modelcontextprotocol/clientInfo"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
_RESERVED = "io.modelcontextprotocol/"
_LARGEST_ID = 2**53


def message(line: str) -> Mapping[str, Any] | None:
    """The request or notification in a line, its `params` an object; None for anything else.

    What this takes and the SDK would not, or the other way round, would be answered wrongly: it takes less.
    """
    if "\\ud" in line.lower():
        return None  # may be half a character, which the SDK's parser refuses
    try:
        read = json.loads(line, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    if not (isinstance(read, dict) and set(read) <= {"jsonrpc", "id", "method", "params"}):
        return None
    params = read.setdefault("params", {})
    sound = read.get("jsonrpc") == "2.0" and isinstance(read.get("method"), str) and isinstance(params, dict)
    return read if sound and ("id" not in read or _is_id(read["id"])) else None


def _refused(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity are no JSON


def _is_id(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < _LARGEST_ID
    return isinstance(value, str)


def params(given: Mapping[str, Any], *beside: str) -> bool:
    """Whether there are only these parameters, and `_meta` with nothing that means anything to a list."""
    return set(given) <= {"_meta", *beside} and _meta(given.get("_meta", {}))


def _meta(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    reserved = {key for key in value if key.startswith(_RESERVED)}
    return (
        reserved <= {VERSION, CLIENT, CAPABILITIES}
        and _is_id(value.get("progressToken", 0))
        and client(value.get(CLIENT, {"name": "", "version": ""}))
        and capabilities(value.get(CAPABILITIES, {}))
    )


def client(value: object) -> bool:
    """Whether it is what a client says of itself."""
    return (
        isinstance(value, dict)
        and {"name", "version"} <= set(value)
        and _texts(value, "name", "version", "title", "description", "websiteUrl")
        and _each(value.get("icons", []), _is_icon)
    )


def _is_icon(value: object) -> bool:
    return (
        isinstance(value, dict)
        and "src" in value
        and _texts(value, "src", "mimeType")
        and value.get("theme", "light") in ("light", "dark")
        and _each(value.get("sizes", []), lambda size: isinstance(size, str))
    )


def _texts(value: Mapping[str, object], *names: str) -> bool:
    return all(isinstance(value.get(name, ""), str) for name in names)


def _each(values: object, holds: Any) -> bool:  # noqa: ANN401 - a function of one argument
    return isinstance(values, list) and all(map(holds, values))


def capabilities(value: object) -> bool:
    """Whether it is what a client can do, in the forms that every version knows."""
    if not isinstance(value, dict):
        return False
    roots = value.get("roots", {})
    return (
        isinstance(roots, dict)
        and all(isinstance(flag, bool) for flag in roots.values())
        and all(_is_nested(value.get(name, {})) for name in ("sampling", "elicitation", "tasks"))
        and all(_holds_objects(value.get(name, {})) for name in ("experimental", "extensions"))
    )


def _is_nested(value: object) -> bool:
    """Whether it is an object that holds nothing but such objects."""
    return isinstance(value, dict) and all(map(_is_nested, value.values()))


def _holds_objects(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, dict) for each in value.values())


def subscription(value: object, flags: Iterable[str], addresses: str) -> bool:
    """Whether it is a filter of `subscriptions/listen` with these flags and this list of URIs, and nothing more."""
    return (
        isinstance(value, dict)
        and set(value) <= {*flags, addresses}
        and all(isinstance(value.get(flag, True), bool) for flag in flags)
        and _each(value.get(addresses, []), lambda uri: isinstance(uri, str))
    )
