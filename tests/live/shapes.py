"""The shape of an answer: which fields it has, and what each is; and how two shapes differ, in lines."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Shape = dict[str, set[str]]
"""For each path (`data.items[].createdAt`) what was found there."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def shape_of(value: object, path: str = "") -> Shape:
    """The paths in a JSON value, those inside JSON text among them."""
    found: Shape = {}
    for where, kind in _leaves(value, path):
        found.setdefault(where or "the answer", set()).add(kind)
    return found


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    yield path, _kind(value)
    inner = _inside(value)
    if isinstance(inner, dict):
        for name, each in inner.items():
            yield from _leaves(each, f"{path}.{name}".lstrip("."))
    if isinstance(inner, list):
        for each in inner:
            yield from _leaves(each, f"{path}[]")


def _inside(value: object) -> object:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case dict():
            return "an object"
        case list():
            return "a list"
        case str() if not isinstance(_inside(value), str):
            return "JSON in text"
        case str() if value.startswith(("https://", "http://")):
            return "a link"
        case str() if _TIME.fullmatch(value):
            return "a time in text"
        case str() if _NUMBER.fullmatch(value):
            return "a number in text"
        case _:
            return "text"


def union(shapes: Iterable[Shape]) -> Shape:
    """What any of them has."""
    found: Shape = {}
    for shape in shapes:
        for path, kinds in shape.items():
            found.setdefault(path, set()).update(kinds)
    return found


def differences(label: str, found: Shape, expected: Shape, known: Shape) -> Iterator[str]:
    """A line for each field that is new, is something else, or is missing.

    Args:
        label: What was answered.
        found: The shape that came.
        expected: That of the same answer as the sandbox gives it.
        known: All that any such answer may have, by the public facts.
    """
    believed = union([expected, known])
    for path, kinds in sorted(found.items()):
        if path not in believed:
            yield f"{label}: {path} is new ({_words(kinds)})"
        elif strange := kinds - believed[path]:
            yield f"{label}: {path} is {_words(strange)}, and was taken for {_words(believed[path])}"
    for path in sorted(expected.keys() - found.keys()):
        if _parent(path) in found:
            yield f"{label}: {path} is missing ({_words(expected[path])})"


def _parent(path: str) -> str:
    above = path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]
    return above or "the answer"


def _words(kinds: Iterable[str]) -> str:
    return " or ".join(sorted(kinds))


def redacted(value: Any, secrets: Mapping[str, str], *, amounts: bool = False) -> Any:  # noqa: ANN401 - JSON
    """The same JSON without the secrets, the account's identifiers and the links' signatures; with its shape.

    Args:
        value: The JSON.
        secrets: What must not stand anywhere, and what stands there instead.
        amounts: Whether figures are the account's own, and told as zeros.
    """
    if isinstance(value, dict):
        return {
            _clean(name, secrets): _hidden(each) if _ACCOUNT.search(name) else redacted(each, secrets, amounts=amounts)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [redacted(each, secrets, amounts=amounts) for each in value]
    if isinstance(value, str):
        if (inner := _inside(value)) is not value and not isinstance(inner, str):
            return json.dumps(redacted(inner, secrets, amounts=amounts))
        value = _clean(value, secrets)
        return re.sub(r"\d", "0", value) if amounts else value
    return 0 if amounts and isinstance(value, int | float) and not isinstance(value, bool) else value


# Of a name written in any fashion: userId, user_id, sessionID, api_key.
_ACCOUNT = re.compile(
    r"^(user|account|owner|org|organi[sz]ation|team|tenant|customer|workspace|member|session|api_?key|token|email|phone)"
    r"(_?(id|ID|Id|uuid|name|Name|key|Key|hash))?$|(?i:e-?mail|api_?key|secret)",
)
_QUERY = re.compile(r"(https?://[^\s\"'?#]*)\?[^\s\"'<>]*")


def _hidden(value: object) -> object:
    """Something of the same kind."""
    match value:
        case str():
            return "***"
        case dict() | list():
            return type(value)()
        case bool() | None:
            return value
        case _:
            return 0


def _clean(text: str, secrets: Mapping[str, str]) -> str:
    for secret, instead in secrets.items():
        text = text.replace(secret, instead)
    return _QUERY.sub(r"\1?***", text)
