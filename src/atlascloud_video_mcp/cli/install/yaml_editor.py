"""YAML edited in place: ruamel.yaml says where things stand, and what is not ours stays byte for byte."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from atlascloud_video_mcp.cli.install.config_file import InvalidText, nested, newline_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_INDENT = 2
_UNBROKEN = 1_000_000  # characters: no line of ours is folded


def read(text: str) -> Any:  # noqa: ANN401 - YAML is of any type
    """The data of a file; an empty one is an empty mapping.

    Raises:
        InvalidText: It is not YAML, or several documents.
    """
    try:
        data = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = (error.problem or "not YAML").split(" with value")[0]  # it may be a secret
        raise InvalidText(problem, line=line, column=column) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise InvalidText(f"not YAML ({type(error).__name__})", line=1, column=1) from error
    return {} if data is None else data


def put(text: str, keys: Sequence[str], value: object) -> list[str]:
    """The text with a value at the end of a path of keys, if that can be done."""
    node: Any = YAML(typ="safe", pure=True).compose(text)
    if node is None or _is_empty(node):
        return [_with_block(_bare(text, node) if node else text, None, 0, nested(keys, value))]
    start = end = column = 0
    for depth, key in enumerate(keys):
        if node.flow_style:
            return _with_flow(text, node, keys[depth:], value)
        pair = _pairs(node).get(key)
        if pair is None:
            return [_with_block(text, _end(text, node), node.start_mark.column, nested(keys[depth:], value))]
        name, node = pair
        start, end, column = _line(text, name.start_mark.index), _end(text, node, name), name.start_mark.column
        if _is_empty(node):
            bare = _bare(text, node)
            below = _next_line(bare, name.end_mark.index)
            return [_with_block(bare, below, column + _INDENT, nested(keys[depth + 1 :], value))]
    return [_with_block(text[:start] + text[end:], start, column, {keys[-1]: value})]


def drop(text: str, keys: Sequence[str]) -> list[str]:
    """The text without what stands at the end of a path of keys, which must exist, if that can be done."""
    node: Any = YAML(typ="safe", pure=True).compose(text)
    colon = 0
    for depth, key in enumerate(keys[:-1]):
        if node.flow_style:
            return _with_flow(text, node, keys[depth:], None)
        name, node = _pairs(node)[key]
        colon = text.index(":", name.end_mark.index) + 1
    if node.flow_style:
        return _with_flow(text, node, keys[-1:], None)
    name, ours = _pairs(node)[keys[-1]]
    start, end = _line(text, name.start_mark.index), _end(text, ours, name)
    # A mapping without a member would be null, which a client need not take for an empty one.
    empty = " {}" if len(node.value) == 1 else ""
    return [f"{text[:colon]}{empty}{text[colon:start]}{text[end:]}"]


def _pairs(mapping: MappingNode) -> dict[str, tuple[Node, Any]]:
    return {name.value: (name, node) for name, node in mapping.value}


def _is_empty(node: Node) -> bool:
    """Whether there is nothing yet: null in any of its spellings, or `{}`."""
    if isinstance(node, ScalarNode):
        return bool(node.tag == "tag:yaml.org,2002:null")
    return isinstance(node, MappingNode) and not node.value


def _bare(text: str, node: Node) -> str:
    """The text without an empty value's spelling."""
    start, end = node.start_mark.index, node.end_mark.index
    return text if start == end else text[:start].rstrip(" ") + text[end:]


def _line(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _next_line(text: str, at: int) -> int:
    return text.find("\n", at) + 1 or len(text)


def _end(text: str, node: Any, name: Node | None = None) -> int:  # noqa: ANN401 - a node of any kind
    """Where the line behind a node's last begins; the parser puts an empty node far behind its name."""
    at: int = node.end_mark.index
    if isinstance(node, ScalarNode):
        if node.start_mark.index == at:
            return _next_line(text, name.end_mark.index) if name else _line(text, at)
        if node.style in {"|", ">"} and not text[_line(text, at) : at].strip():
            return _line(text, at)
    elif not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1], last[0]) if isinstance(node, MappingNode) else _end(text, last)
    return _next_line(text, at)


def _with_block(text: str, at: int | None, column: int, wanted: object) -> str:
    """The text with a block of lines before an offset, which begins a line, or at its end."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = _UNBROKEN
    yaml.dump(wanted, stream)
    newline = newline_of(text)
    block = "".join(f"{' ' * column}{line}{newline}" for line in stream.getvalue().splitlines())
    before, after = (text, "") if at is None else (text[:at], text[at:])
    return before + ("" if not before or before.endswith("\n") else newline) + block + after


def _with_flow(text: str, mapping: MappingNode, keys: Sequence[str], value: object) -> list[str]:
    """The text with a flow mapping written anew, as JSON, which is YAML too; None takes the value out."""
    start, end = mapping.start_mark.index, mapping.end_mark.index
    data = read(text[start:end])
    inner = data
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    try:
        return [text[:start] + json.dumps(data, ensure_ascii=False) + text[end:]]
    except TypeError:  # JSON has no dates
        return []
