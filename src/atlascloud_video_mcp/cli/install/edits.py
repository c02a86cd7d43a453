"""Our server in the text of a client's file: found, put in, taken out, in the client's own shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.cli.install.problems import CannotInstall
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.settings import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic import SecretStr

    from atlascloud_video_mcp.cli.install.clients import Client
    from atlascloud_video_mcp.cli.install.machine import Machine

NAME = "atlascloud-video"
"""The server's name in every client."""
INPUT = {
    "type": "promptString",
    "id": "atlascloud-api-key",
    "description": "Atlas Cloud API key",
    "password": True,
}
"""How VS Code is told to ask for the key and to keep it."""
_INPUTS = "inputs"
ASKED = f"${{input:{INPUT['id']}}}"


@dataclass(frozen=True)
class Key:
    """Where the key comes from; from nowhere, if nothing is said."""

    written: SecretStr | None = None
    """The key itself, in the client's file."""
    variable: str = ""
    """A variable of the client's environment that holds it."""
    asked: bool = False
    """Whether the client asks for it when it first starts the server."""


def entry(client: Client, command: Sequence[str], settings: Mapping[str, str], key: Key | None) -> dict[str, Any]:
    """The entry for a client that has none yet; `key` None says nothing about the key.

    Raises:
        InvalidInput: The client cannot take the key from that variable.
    """
    variables = dict(settings)
    handed_on: dict[str, list[str]] = {}
    if key and key.written:
        variables[KEY_VARIABLE] = key.written.get_secret_value()
    elif key and key.asked:
        variables[KEY_VARIABLE] = ASKED
    elif key and key.variable and client.reference:
        variables[KEY_VARIABLE] = client.reference.replace("NAME", key.variable)
    elif key and key.variable:
        handed_on = _handed_on(client, key.variable)
    environment = {client.env: variables} if variables else {}
    return {**client.launch(command), **handed_on, **environment, **client.limits}


def _handed_on(client: Client, name: str) -> dict[str, list[str]]:
    if client.hands_on and name == KEY_VARIABLE:
        return {client.hands_on: [name]}
    how = f"only by its own name: --key-env {KEY_VARIABLE}" if client.hands_on else "not at all: leave --key-env out"
    raise InvalidInput(
        f"{client.title} can be told to take the key from its own environment {how}. Nothing was changed."
    )


def renewed(client: Client, old: object, new: Mapping[str, Any], key: Key | None) -> dict[str, Any]:
    """The entry that is there, made to start this installation; what a person added to it stays.

    Without a word about the key the one that is there stays too.
    """
    if not isinstance(old, dict):
        return dict(new)
    kept = _without_key(client, old) if key else dict(old)
    for name, value in new.items():
        if name in (client.env, client.hands_on):
            there = kept.get(name)
            kept[name] = _joined(there, value)
        elif name in client.limits:
            kept.setdefault(name, value)
        else:
            kept[name] = value
    return kept


def _joined(old: object, new: Any) -> Any:  # noqa: ANN401 - a list or a mapping of the client's own
    if isinstance(new, dict):
        return {**old, **new} if isinstance(old, dict) else new
    return [*old, *(item for item in new if item not in old)] if isinstance(old, list) else new


def _without_key(client: Client, old: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(old)
    if isinstance(variables := kept.get(client.env), dict):
        kept[client.env] = {name: value for name, value in variables.items() if name != KEY_VARIABLE}
    if isinstance(names := kept.get(client.hands_on), list):
        kept[client.hands_on] = [name for name in names if name != KEY_VARIABLE]
    return kept


def has_key(client: Client, there: object) -> bool:
    """Whether an entry says where the key comes from."""
    if not isinstance(there, dict):
        return False
    return KEY_VARIABLE in (there.get(client.env) or ()) or KEY_VARIABLE in (there.get(client.hands_on) or ())


def has_written_key(client: Client, there: object) -> bool:
    """Whether an entry holds the key itself, rather than the name of a place where it is."""
    variables = there.get(client.env) if isinstance(there, dict) else None
    value = variables.get(KEY_VARIABLE) if isinstance(variables, dict) else None
    return bool(value) and value != ASKED and client.named_in(value) is None


def is_off(there: Mapping[str, Any]) -> bool:
    """Whether the client was told not to start an entry."""
    return there.get("disabled") is True or there.get("enabled") is False


def words_of(there: Mapping[str, Any]) -> tuple[str, ...]:
    """The words that an entry starts; none when it names no command."""
    command = there.get("cmd", there.get("command"))
    words = command if isinstance(command, list) else [command] if command else []
    arguments = there.get("args")
    return tuple(map(str, [*words, *(arguments if isinstance(arguments, list) else ())]))


def entries_in(client: Client, text: str) -> dict[tuple[str, ...], Any]:
    """All that the file has under our name, by the keys that lead there; the one that we write comes first."""
    data = client.format.read(text)
    sections = (_section(client, data), client.section, *client.further)
    paths = (keys for section in sections for keys in _spelt_out(data, (*section, NAME)))
    return {keys: found for keys in paths if (found := _at(data, keys)) is not None}


def entry_in(client: Client, text: str) -> Any:  # noqa: ANN401 - a person may have written anything there
    """What the file has under our name where we write; None when there is nothing."""
    data = client.format.read(text)
    return _at(data, (*_section(client, data), NAME))


def other_entry(client: Client, machine: Machine, path: Path, keys: Sequence[str]) -> tuple[str, str]:
    """What there is to say of an entry that is not where we write: where it is, and how to be rid of it."""
    stars = [section.index("*") for section in client.further if "*" in section and len(section) < len(keys)]
    scope = "".join(f" for {keys[star]}, which wins there over that for all projects" for star in stars)
    file = "" if path in client.files(machine) else f" --file {path}"
    said = f"{client.title} has another entry in {machine.shown(path)}{scope}"
    return said, f"`atlascloud-video-mcp uninstall {client.name}{file}` takes it out."


def holds_key(client: Client, text: str) -> bool:
    """Whether a file holds the key itself; of one that cannot be read it is believed when it names the key."""
    try:
        return any(has_written_key(client, there) for there in entries_in(client, text).values())
    except CannotInstall:
        return KEY_VARIABLE in text


def _section(client: Client, data: object) -> Sequence[str]:
    """Where the file has its servers: one of the further sections where that is there already."""
    found = (section for section in client.further if isinstance(_at(data, section), dict))
    return next(found, client.section)


def _spelt_out(data: object, keys: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
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


def with_server(client: Client, text: str, command: Sequence[str], settings: Mapping[str, str], key: Key | None) -> str:
    """The text with our server as it is to be started.

    Raises:
        InvalidInput: The client cannot take the key from where it was to come.
        CannotInstall: The text cannot be changed without changing something else.
    """
    data = client.format.read(text)
    keys = (*_section(client, data), NAME)
    old = _at(data, keys)
    wanted = renewed(client, old, entry(client, command, settings, key), key)
    if wanted != old:
        text = client.format.with_value(text, keys, wanted)
    if key and key.asked:
        index, there = _input_in(client, text)
        if there != INPUT:
            text = client.format.with_value(text, (_INPUTS, index), INPUT)
    return text


def without_server(client: Client, text: str) -> str:
    """The text without our server, wherever it is in there, and without what only that needed."""
    for keys in entries_in(client, text):
        text = client.format.without(text, keys)
    if client.asks:
        index, there = _input_in(client, text)
        if there and ASKED not in text:
            text = client.format.without(text, (_INPUTS, index))
    return text


def _input_in(client: Client, text: str) -> tuple[int, Any]:
    """Where our question stands among the inputs, or where it would."""
    inputs = client.format.read(text).get(_INPUTS)
    items = inputs if isinstance(inputs, list) else []
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("id") == INPUT["id"]:
            return index, item
    return len(items), None
