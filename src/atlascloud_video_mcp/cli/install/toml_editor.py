"""TOML edited in place: tables are added and cut as lines where that does, and by tomlkit where it does not."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from atlascloud_video_mcp.cli.install.config_file import InvalidText, nested, newline_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def read(text: str) -> dict[str, Any]:
    """The data of a file.

    Raises:
        InvalidText: It is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        fault = str(error)[: place.start()] if place else str(error)
        end = (text.count("\n") + 1, len(text) - text.rfind("\n"))
        line, column = (place[1], place[2]) if place and place[1] else end
        raise InvalidText(fault, line=int(line), column=int(column)) from error
    except RecursionError as error:
        raise InvalidText("nested too deeply", line=1, column=1) from error


def put(text: str, keys: Sequence[str], value: Mapping[str, Any]) -> Iterator[str]:
    """Texts that may have a table at the end of a path of keys, the most faithful first."""
    if _reached(read(text), keys) is None:
        newline = newline_of(text)
        block = tomlkit.dumps(nested(keys, value)).replace("\n", newline)  # type: ignore[arg-type] # a mapping by now
        ended = text if not text or text.endswith("\n") else f"{text}{newline}"
        yield f"{ended}{newline if text.strip() else ''}{block}"
    yield from _by_tomlkit(text, partial(_renew, keys=keys, value=value))


def drop(text: str, keys: Sequence[str]) -> Iterator[str]:
    """Texts that may be without the table at the end of a path of keys, the most faithful first."""
    yield _without_lines(text, keys)
    yield from _by_tomlkit(text, lambda document: _reached(document, keys[:-1]).pop(keys[-1]))


def _by_tomlkit(text: str, change: Callable[[Any], object]) -> Iterator[str]:
    try:
        document = tomlkit.parse(text)
        change(document)
        changed = tomlkit.dumps(document)
    except (TOMLKitError, TypeError, ValueError, LookupError, AttributeError):
        return  # some ways to write a table are more than tomlkit can change
    yield changed


def _reached(data: Any, keys: Sequence[str]) -> Any:  # noqa: ANN401 - data is of any type
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def _renew(table: Any, keys: Sequence[str], value: object) -> None:  # noqa: ANN401 - a table of any kind
    """Set what stands at the end of a path, touching only what differs, so that comments and order stay."""
    key, rest = keys[0], keys[1:]
    if rest:
        _renew(table.setdefault(key, {}), rest, value)
        return
    old = table.get(key)
    if isinstance(old, MutableMapping) and isinstance(value, Mapping):
        for gone in [name for name in old if name not in value]:
            del old[gone]
        for name, item in value.items():
            _renew(old, (name,), item)
    elif old != value:
        table[key] = value


def _without_lines(text: str, keys: Sequence[str]) -> str:
    """Cut the tables by their headers, each with one blank line before it; comments after it belong to what follows."""
    lines = text.splitlines(keepends=True)
    headers = [number for number, line in enumerate(lines) if line.lstrip().startswith("[") and _header(line)]
    for number, following in reversed([*zip(headers, [*headers[1:], len(lines)], strict=False)]):
        if _reached(_header(lines[number]), keys) is None:
            continue
        end = min(following, len(lines))
        while lines[end - 1].strip() == "" or lines[end - 1].lstrip().startswith("#"):
            end -= 1
        start = number - 1 if number and not lines[number - 1].strip() else number
        del lines[start:end]
    return "".join(lines)


def _header(line: str) -> dict[str, Any]:
    """The table that a line opens; nothing where a bracket goes on with an array instead."""
    try:
        return tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return {}
