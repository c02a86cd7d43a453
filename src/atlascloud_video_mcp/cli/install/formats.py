"""JSON, TOML and YAML with one promise: an edit changes nothing but what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from atlascloud_video_mcp.cli.install import json_editor, toml_editor, yaml_editor
from atlascloud_video_mcp.cli.install.config_file import CannotInstall, InvalidText

Keys = Sequence[str | int]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Format:
    """How text is read, and how values come and go: in attempts, the most faithful first."""

    name: str
    parse: Callable[[str], Any]
    put: Callable[[str, Any, Any], Iterable[str]]
    drop: Callable[[str, Any], Iterable[str]]

    def read(self, text: str) -> dict[str, Any]:
        """The data of a text; an empty one is an empty object."""
        data = self.parse(text)
        if not isinstance(data, dict):
            raise InvalidText("expected an object with names and values", line=1, column=1)
        return data

    def with_value(self, text: str, keys: Keys, value: object) -> str:
        """The text with a value at the end of a path of keys; an index behind an array's end appends.

        Raises:
            CannotInstall: It cannot be done without changing something else.
        """
        before = self.read(text)
        wanted = _planted(before, keys, value)
        attempts = self.put(text, keys, value)
        return self._first(attempts, lambda data: data == wanted and _others(data, keys) == _others(before, keys))

    def without(self, text: str, keys: Keys) -> str:
        """The text without what stands at the end of a path of keys, which must be there; raises as `with_value`."""
        before = self.read(text)
        wanted = _pruned(_uprooted(before, keys), keys)
        return self._first(self.drop(text, keys), lambda data: _pruned(data, keys) == wanted)

    def _first(self, attempts: Iterable[str], is_good: Callable[[dict[str, Any]], bool]) -> str:
        for attempt in attempts:
            try:
                if is_good(self.read(attempt)):
                    return attempt
            except InvalidText:
                continue
        raise CannotInstall(f"its {self.name} cannot be edited without changing something else in it")


def _planted(data: Any, keys: Keys, value: object) -> Any:  # noqa: ANN401 - data is of any type
    """The data with a value at the end of a path; nothing that was handed in is changed."""
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if isinstance(key, int):
        items = list(_of(list, data, key))
        items[key : key + 1] = [_planted(items[key] if key < len(items) else None, rest, value)]
        return items
    members = _of(dict, data, key)
    return {**members, key: _planted(members.get(key), rest, value)}


def _of(kind: type[_T], data: Any, key: str | int) -> _T:  # noqa: ANN401 - data is of any type
    if data is None:
        return kind()
    if not isinstance(data, kind):
        raise CannotInstall(f"expected {'an array' if kind is list else 'an object'} around {key!r}")
    return data


def _uprooted(data: Any, keys: Keys) -> Any:  # noqa: ANN401 - data is of any type
    """The data without what stands at the end of a path."""
    key, rest = keys[0], keys[1:]
    if isinstance(key, int):
        return [*data[:key], *([_uprooted(data[key], rest)] if rest else []), *data[key + 1 :]]
    if rest:
        return {**data, key: _uprooted(data[key], rest)}
    return {name: item for name, item in data.items() if name != key}


def _pruned(data: Any, keys: Keys) -> Any:  # noqa: ANN401 - data is of any type
    """The data without the section if that is empty: to a client an empty one and none are the same."""
    section = keys[0]
    return data if data.get(section) else {name: item for name, item in data.items() if name != section}


def _others(data: Any, keys: Keys) -> list[list[str]]:  # noqa: ANN401 - data is of any type
    """The names beside the path at each level, in their order."""
    orders = []
    for key in keys:
        members = data if isinstance(data, Mapping) else {}
        orders.append([name for name in members if name != key])
        data = members.get(key)
    return orders


JSON = Format("JSON", json_editor.read_strict, json_editor.put, json_editor.drop)
JSONC = Format("JSON with comments", json_editor.read, json_editor.put, json_editor.drop)
TOML = Format("TOML", toml_editor.read, toml_editor.put, toml_editor.drop)
YAML = Format("YAML", yaml_editor.read, yaml_editor.put, yaml_editor.drop)
