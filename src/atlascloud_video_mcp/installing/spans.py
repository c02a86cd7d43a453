"""Where the values of a JSON text stand, comments and trailing commas allowed.

The values themselves are read by the standard library.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from atlascloud_video_mcp.installing.problems import Unreadable

_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Node:
    """A value and where it stands."""

    start: int
    end: int
    value: Any
    members: tuple[Member, ...] = ()

    def index_of(self, key: str | int) -> int | None:
        """Which member a key means; of several with the same name the last one counts, as for every client."""
        if isinstance(key, int):
            return key if key < len(self.members) else None
        return next((index for index, member in reversed([*enumerate(self.members)]) if member.key == key), None)


@dataclass(frozen=True)
class Member:
    """A member of an object, or an element of an array, which has no key."""

    key: str | None
    start: int
    node: Node
    colon: int
    comma: int | None
    """Where the comma after it stands, if there is one."""


def document(text: str) -> Node:
    """The one value of a text.

    Raises:
        Unreadable: There is none, or more.
    """
    try:
        node = _node(text, skip_trivia(text, 0))
    except RecursionError as error:
        raise _fault(text, 0, "nested too deep") from error
    rest = skip_trivia(text, node.end)
    if rest < len(text):
        raise _fault(text, rest, "the end of the file was expected")
    return node


def skip_trivia(text: str, at: int) -> int:
    """Where the next thing begins that is no blank and no comment."""
    match = _TRIVIA.match(text, at)
    return match.end() if match else at


def _node(text: str, at: int) -> Node:
    if text[at : at + 1] in {"{", "["}:
        return _container(text, at)
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _fault(text, error.pos, error.msg) from error
    return Node(at, end, value)


def _container(text: str, at: int) -> Node:
    is_object = text[at] == "{"
    closing = "}" if is_object else "]"
    members: list[Member] = []
    here = skip_trivia(text, at + 1)
    while text[here : here + 1] != closing:
        if members and members[-1].comma is None:
            raise _fault(text, here, f"a comma or {closing} was expected")
        key, colon = _key(text, here) if is_object else (None, here)
        node = _node(text, skip_trivia(text, colon + 1) if is_object else here)
        after = skip_trivia(text, node.end)
        comma = after if text[after : after + 1] == "," else None
        members.append(Member(key, here, node, colon, comma))
        here = after if comma is None else skip_trivia(text, after + 1)
    values = [member.node.value for member in members]
    value = dict(zip((member.key for member in members), values, strict=True)) if is_object else values
    return Node(at, here + 1, value, tuple(members))


def _key(text: str, at: int) -> tuple[str, int]:
    """A key, and where its colon stands."""
    if text[at : at + 1] != '"':
        raise _fault(text, at, "a key in double quotes was expected")
    node = _node(text, at)
    colon = skip_trivia(text, node.end)
    if text[colon : colon + 1] != ":":
        raise _fault(text, colon, "a colon was expected")
    return node.value, colon


def _fault(text: str, at: int, what: str) -> Unreadable:
    return Unreadable(what, line=text.count("\n", 0, at) + 1, column=at - text.rfind("\n", 0, at))
