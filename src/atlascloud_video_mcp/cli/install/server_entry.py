"""Our server in the text of a client's file: found, put in, taken out, in the client's own shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.cli.install.config_file import CannotInstall
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.settings import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic import SecretStr

    from atlascloud_video_mcp.cli.install.clients import Client
    from atlascloud_video_mcp.cli.install.platforms import Platform

NAME = "atlascloud-video"
"""The server's name in every client."""
_INPUTS = "inputs"
_INPUT = {"type": "promptString", "id": "atlascloud-api-key", "description": "Atlas Cloud API key", "password": True}
"""How VS Code is told to ask for the key and to keep it."""
_ASKED = f"${{input:{_INPUT['id']}}}"


@dataclass(frozen=True)
class Key:
    """Where the key comes from; from nowhere, if nothing is set."""

    written: SecretStr | None = None
    """The key itself, in the client's file."""
    variable: str = ""
    """A variable of the client's environment that holds it."""
    asked: bool = False
    """Whether the client asks for it when it first starts the server."""


def with_server(client: Client, text: str, command: Sequence[str], settings: Mapping[str, str], key: Key | None) -> str:
    """The text with our server as it is to be started; `key` None leaves the key as it is.

    Raises:
        InvalidInput: The client cannot take the key from there.
        CannotInstall: The text cannot be changed without changing something else.
    """
    data = client.format.read(text)
    keys = (*_section(client, data), NAME)
    old = _at(data, keys)
    wanted = _updated(client, old, _new_entry(client, command, settings, key), key)
    if wanted != old:
        text = client.format.with_value(text, keys, wanted)
    if key and key.asked:
        index, found = _input_in(client, text)
        if found != _INPUT:
            text = client.format.with_value(text, (_INPUTS, index), _INPUT)
    return text


def without_server(client: Client, text: str) -> str:
    """The text without our server, wherever it is in there, and without what only that needed."""
    for keys in entries_in(client, text):
        text = client.format.without(text, keys)
    if client.asks_for_key:
        index, found = _input_in(client, text)
        if found and _ASKED not in text:
            text = client.format.without(text, (_INPUTS, index))
    return text


def _new_entry(client: Client, command: Sequence[str], settings: Mapping[str, str], key: Key | None) -> dict[str, Any]:
    """The entry for a client that has none yet."""
    variables = dict(settings)
    forwarded: dict[str, list[str]] = {}
    if key and key.written:
        variables[KEY_VARIABLE] = key.written.get_secret_value()
    elif key and key.asked:
        variables[KEY_VARIABLE] = _ASKED
    elif key and key.variable and client.reference:
        variables[KEY_VARIABLE] = client.reference.replace("NAME", key.variable)
    elif key and key.variable and client.forwarded and key.variable == KEY_VARIABLE:
        forwarded = {client.forwarded: [KEY_VARIABLE]}
    elif key and key.variable:
        rule = f"only takes --key-env {KEY_VARIABLE}" if client.forwarded else "does not support --key-env"
        raise InvalidInput(f"{client.title} {rule}, and not --key-env {key.variable}. Nothing was changed.")
    environment = {client.env: variables} if variables else {}
    return {**client.launch(command), **forwarded, **environment, **client.limits}


def _updated(client: Client, old: object, new: Mapping[str, Any], key: Key | None) -> dict[str, Any]:
    """The entry that is there, made to start this installation; what a person added to it stays."""
    if not isinstance(old, dict):
        return dict(new)
    kept = _without_key(client, old) if key else dict(old)
    for name, value in new.items():
        there = kept.get(name)
        if name == client.env and isinstance(there, dict):
            kept[name] = there | value
        elif name == client.forwarded and isinstance(there, list):
            kept[name] = [*there, *value]  # the key was taken out above
        elif name not in client.limits or name not in kept:
            kept[name] = value
    return kept


def _without_key(client: Client, old: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(old)
    if isinstance(variables := kept.get(client.env), dict):
        kept[client.env] = {name: value for name, value in variables.items() if name != KEY_VARIABLE}
    if isinstance(names := kept.get(client.forwarded), list):
        kept[client.forwarded] = [name for name in names if name != KEY_VARIABLE]
    return kept


def has_key(client: Client, entry: object) -> bool:
    """Whether an entry says where the key comes from."""
    if not isinstance(entry, dict):
        return False
    return KEY_VARIABLE in (entry.get(client.env) or ()) or KEY_VARIABLE in (entry.get(client.forwarded) or ())


def holds_key(client: Client, text: str) -> bool:
    """Whether a file holds the key itself; one that cannot be read is assumed to if it names the key."""
    try:
        entries = entries_in(client, text).values()
    except CannotInstall:
        return KEY_VARIABLE in text
    variables = [entry.get(client.env) for entry in entries if isinstance(entry, dict)]
    values = [each.get(KEY_VARIABLE) for each in variables if isinstance(each, dict)]
    return any(value and value != _ASKED and client.named_in(value) is None for value in values)


def is_disabled(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is switched off in the client."""
    return entry.get("disabled") is True or entry.get("enabled") is False


def command_of(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The command that an entry starts, with its arguments; empty when it names none."""
    command = entry.get("cmd", entry.get("command"))
    words = command if isinstance(command, list) else [command] if command else []
    arguments = entry.get("args")
    return tuple(map(str, [*words, *(arguments if isinstance(arguments, list) else ())]))


def variables_of(client: Client, entry: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that an entry gives to the server, as far as they can be known without the client."""
    given = entry.get(client.env)
    values = {name: str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    for name, value in values.items():
        if named := client.named_in(value):
            values[name] = environ.get(named, "")
        elif client.asks_for_key and value.startswith("${input:"):
            values[name] = ""
    forwarded = entry.get(client.forwarded)
    names = forwarded if isinstance(forwarded, list) else []
    return {name: environ.get(name, "") for name in names} | values


def entries_in(client: Client, text: str) -> dict[tuple[str, ...], Any]:
    """All that the file has under our name, by the keys that lead there; the one that we write comes first."""
    data = client.format.read(text)
    sections = (_section(client, data), client.section, *client.further)
    paths = (keys for section in sections for keys in _expanded(data, (*section, NAME)))
    return {keys: found for keys in paths if (found := _at(data, keys)) is not None}


def entry_in(client: Client, text: str) -> Any:  # noqa: ANN401 - a person may have written anything there
    """What the file has under our name where we write; None when there is nothing."""
    data = client.format.read(text)
    return _at(data, (*_section(client, data), NAME))


def other_entry(client: Client, platform: Platform, path: Path, keys: Sequence[str]) -> tuple[str, str]:
    """What to say of an entry that is not where we write: where it is, and how to remove it."""
    stars = [section.index("*") for section in client.further if "*" in section and len(section) < len(keys)]
    scope = "".join(f" for {keys[star]}, where it overrides the one for all projects" for star in stars)
    file = "" if path in client.files(platform) else f" --file {path}"
    said = f"{client.title} has another entry in {platform.shown(path)}{scope}"
    return said, f"`atlascloud-video-mcp uninstall {client.name}{file}` removes it."


def _section(client: Client, data: object) -> Sequence[str]:
    """Where the file has its servers: one of the further sections if that exists already."""
    found = (section for section in client.further if isinstance(_at(data, section), dict))
    return next(found, client.section)


def _expanded(data: object, keys: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths of keys that a path with a `*` in it stands for."""
    if "*" not in keys:
        yield keys
        return
    star = keys.index("*")
    below = _at(data, keys[:star])
    for key in below if isinstance(below, dict) else ():
        yield (*keys[:star], key, *keys[star + 1 :])


def _at(data: Any, keys: Sequence[str]) -> Any:  # noqa: ANN401 - data is of any type
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _input_in(client: Client, text: str) -> tuple[int, Any]:
    """Where our question is among the inputs, or where it would be."""
    inputs = client.format.read(text).get(_INPUTS)
    items = inputs if isinstance(inputs, list) else []
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("id") == _INPUT["id"]:
            return index, item
    return len(items), None
