"""JSON edited in place: the rest of the file stays byte for byte, with comments and trailing commas.

No maintained library does this: those for JSON with comments drop them, and the one that keeps them (json-five)
installs itself under the import name of another library.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.cli.install.config_file import InvalidText, nested, newline_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_DECODER = json.JSONDecoder()
_REST_OF_LINE = re.compile(r"(?:[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/))*[ \t]*(?=[\r\n]|$)")
_INDENT = "  "


@dataclass(frozen=True)
class _Node:
    """A value and where it is in the text."""

    start: int
    end: int
    value: Any
    members: tuple[_Member, ...] = ()

    def index_of(self, key: str | int) -> int | None:
        """Which member a key means; of several with the same name the last one counts, as for every client."""
        if isinstance(key, int):
            return key if key < len(self.members) else None
        return next((index for index, member in reversed([*enumerate(self.members)]) if member.key == key), None)


@dataclass(frozen=True)
class _Member:
    """A member of an object, or an element of an array, which has no key."""

    key: str | None
    start: int
    node: _Node
    colon: int
    comma: int | None
    """Where the comma after it is, if there is one."""


def read_strict(text: str) -> Any:  # noqa: ANN401 - JSON is of any type
    """The data of a file for clients that take nothing but JSON; an empty file is an empty object.

    Raises:
        InvalidText: It is not JSON.
    """
    try:
        return json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise InvalidText(error.msg, line=error.lineno, column=error.colno) from error
    except RecursionError as error:
        raise InvalidText("nested too deeply", line=1, column=1) from error


def read(text: str) -> Any:  # noqa: ANN401 - JSON is of any type
    """The data of a file that may hold comments and trailing commas.

    Raises:
        InvalidText: It is not even that.
    """
    return _document(_begun(text)).value


def put(text: str, keys: Sequence[str | int], value: object) -> list[str]:
    """The text with a value at the end of a path of keys; an index right behind an array's end appends to it."""
    text = _begun(text)
    node = _document(text)
    for depth, key in enumerate(keys):
        if node.value is None:
            return [_replaced(text, node, nested(keys[depth:], value))]
        index = node.index_of(key)
        if index is None:
            return [_with_member(text, node, key, nested(keys[depth + 1 :], value))]
        node = node.members[index].node
    return [_replaced(text, node, value)]


def drop(text: str, keys: Sequence[str | int]) -> list[str]:
    """The text without what stands at the end of a path of keys, which must exist."""
    node = _document(text)
    index = 0
    for depth, key in enumerate(keys):
        node = node.members[index].node if depth else node
        index = node.index_of(key) or 0
    return [_without_member(text, node, index)]


def _begun(text: str) -> str:
    """The text with an object in it: a file may be empty, or hold nothing but comments."""
    return text if _skip_trivia(text, 0) < len(text) else f"{text}{{}}{newline_of(text)}"


@dataclass(frozen=True)
class _Style:
    """How a file is written, as far as its first lines show."""

    newline: str
    unit: str | None
    """By how much a level is indented; None when all stands on one line."""
    spaced: bool
    """Whether a blank follows each colon and comma."""

    @classmethod
    def of(cls, text: str) -> _Style:
        root = _document(text)
        first = root.members[0] if root.members else None
        flat = first is not None and "\n" not in text[root.start : root.end]
        indent = (_blanks_before(text, first.start) if first else None) or _INDENT
        return cls(newline_of(text), None if flat else indent, first is None or text[first.colon + 1].isspace())

    def render(self, value: object, indent: str | None) -> str:
        """A value whose first line begins where the caller is; `indent` None keeps it on one line."""
        if self.unit is None or indent is None:
            return json.dumps(value, ensure_ascii=False, separators=(", ", ": ") if self.spaced else (",", ":"))
        return json.dumps(value, ensure_ascii=False, indent=self.unit).replace("\n", f"{self.newline}{indent}")

    def member(self, key: str | int, value: object, indent: str | None) -> str:
        """A member of an object, or with an index for a key an element of an array."""
        name = "" if isinstance(key, int) else json.dumps(key, ensure_ascii=False) + (": " if self.spaced else ":")
        return name + self.render(value, indent)


def _blanks_before(text: str, at: int) -> str | None:
    """What indents something that begins its line; None when something else does."""
    blanks = text[text.rfind("\n", 0, at) + 1 : at]
    return None if blanks.strip(" \t") else blanks


def _blanks_of_line(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _replaced(text: str, node: _Node, value: object) -> str:
    flat = bool(node.members) and "\n" not in text[node.start : node.end]
    written = _Style.of(text).render(value, None if flat else _blanks_of_line(text, node.start))
    return text[: node.start] + written + text[node.end :]


def _with_member(text: str, node: _Node, key: str | int, value: object) -> str:
    style = _Style.of(text)
    if not node.members:
        return _with_first_member(text, node, key, value, style)
    last = node.members[-1]
    end = last.node.end if last.comma is None else last.comma + 1
    before = text[:end] if last.comma is not None else f"{text[:end]},"
    comma = "" if last.comma is None else ","
    if "\n" not in text[node.start : last.start]:
        return f"{before}{' ' if style.spaced else ''}{style.member(key, value, None)}{comma}{text[end:]}"
    indents = [_blanks_before(text, member.start) for member in node.members]
    indent = next((blanks for blanks in reversed(indents) if blanks is not None), _INDENT)
    line_end = _end_of_line(text, end)
    written = f"{style.newline}{indent}{style.member(key, value, indent)}{comma}"
    return f"{before}{text[end:line_end]}{written}{text[line_end:]}"


def _with_first_member(text: str, node: _Node, key: str | int, value: object, style: _Style) -> str:
    if style.unit is None:
        return f"{text[: node.end - 1]}{style.member(key, value, None)}{text[node.end - 1 :]}"
    outer = _blanks_of_line(text, node.start)
    indent = outer + style.unit
    before = f"{text[: node.start + 1]}{text[node.start + 1 : node.end - 1].rstrip()}{style.newline}{indent}"
    return f"{before}{style.member(key, value, indent)}{style.newline}{outer}{text[node.end - 1 :]}"


def _without_member(text: str, node: _Node, index: int) -> str:
    member = node.members[index]
    start, end = member.start, member.node.end if member.comma is None else member.comma + 1
    alone = _blanks_before(text, start) is not None
    if alone:
        start, end = _line_break_before(text, start), _end_of_line(text, end)
    if len(node.members) == 1:
        kept = text[node.start + 1 : start] + text[end : node.end - 1]
        return text[: node.start + 1] + (kept if kept.strip() else "") + text[node.end - 1 :]
    if index + 1 < len(node.members):
        return text[:start] + (text[end:] if alone else text[node.members[index + 1].start :])
    if member.comma is not None:
        return text[:start].rstrip(" ") + text[end:]
    # The last one goes, and with it the comma that led to it.
    comma = node.members[index - 1].comma or start
    return text[:comma] + (text[comma + 1 : start] if alone else "") + text[end:]


def _line_break_before(text: str, at: int) -> int:
    line_break = max(text.rfind("\n", 0, at), 0)
    return line_break - (text[line_break - 1 : line_break] == "\r")


def _end_of_line(text: str, at: int) -> int:
    """Where the line ends when nothing but a comment is left of it."""
    rest = _REST_OF_LINE.match(text, at)
    return rest.end() if rest else at


def _document(text: str) -> _Node:
    """The one value of a text, with the places of its parts; plain values are read by the standard library."""
    try:
        node = _node(text, _skip_trivia(text, 0))
    except RecursionError as error:
        raise _fault(text, 0, "nested too deeply") from error
    rest = _skip_trivia(text, node.end)
    if rest < len(text):
        raise _fault(text, rest, "expected the end of the file")
    return node


def _skip_trivia(text: str, at: int) -> int:
    """Where the blanks and comments end."""
    match = _TRIVIA.match(text, at)
    return match.end() if match else at


def _node(text: str, at: int) -> _Node:
    if text[at : at + 1] in {"{", "["}:
        return _container(text, at)
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _fault(text, error.pos, error.msg) from error
    return _Node(at, end, value)


def _container(text: str, at: int) -> _Node:
    is_object = text[at] == "{"
    closing = "}" if is_object else "]"
    members: list[_Member] = []
    here = _skip_trivia(text, at + 1)
    while text[here : here + 1] != closing:
        if members and members[-1].comma is None:
            raise _fault(text, here, f"expected a comma or {closing}")
        key, colon = _key(text, here) if is_object else (None, here)
        node = _node(text, _skip_trivia(text, colon + 1) if is_object else here)
        after = _skip_trivia(text, node.end)
        comma = after if text[after : after + 1] == "," else None
        members.append(_Member(key, here, node, colon, comma))
        here = after if comma is None else _skip_trivia(text, after + 1)
    values = [member.node.value for member in members]
    value = dict(zip((member.key for member in members), values, strict=True)) if is_object else values
    return _Node(at, here + 1, value, tuple(members))


def _key(text: str, at: int) -> tuple[str, int]:
    """A key, and where its colon is."""
    if text[at : at + 1] != '"':
        raise _fault(text, at, "expected a key in double quotes")
    node = _node(text, at)
    colon = _skip_trivia(text, node.end)
    if text[colon : colon + 1] != ":":
        raise _fault(text, colon, "expected a colon")
    return node.value, colon


def _fault(text: str, at: int, what: str) -> InvalidText:
    return InvalidText(what, line=text.count("\n", 0, at) + 1, column=at - text.rfind("\n", 0, at))
