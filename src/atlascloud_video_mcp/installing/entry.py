"""An entry for our server in a client's own shape, and what becomes of one that is there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.settings import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from atlascloud_video_mcp.installing.clients import Client

NAME = "atlascloud-video"
"""The server's name in every client."""
INPUT = {
    "type": "promptString",
    "id": "atlascloud-api-key",
    "description": "Atlas Cloud API key",
    "password": True,
}
"""How VS Code is told to ask for the key and to keep it."""
ASKED = f"${{input:{INPUT['id']}}}"


@dataclass(frozen=True)
class WrittenKey:
    """The key itself, in the client's file."""

    secret: SecretStr


@dataclass(frozen=True)
class NamedKey:
    """A variable of the client's environment that holds the key."""

    variable: str


@dataclass(frozen=True)
class AskedKey:
    """The client asks for the key when it first starts the server."""


@dataclass(frozen=True)
class NoKey:
    """No key, and none that was there before."""


Key = WrittenKey | NamedKey | AskedKey | NoKey


def entry(client: Client, command: Sequence[str], settings: Mapping[str, str], key: Key | None) -> dict[str, Any]:
    """The entry for a client that has none yet.

    Args:
        client: Whose shape it takes.
        command: The words that start the server.
        settings: Variables for the server's environment.
        key: Where the key comes from; None when nothing is said about it.

    Raises:
        InvalidInput: The client cannot take the key from that variable.
    """
    variables = dict(settings)
    handed_on: dict[str, list[str]] = {}
    match key:
        case WrittenKey(secret):
            variables[KEY_VARIABLE] = secret.get_secret_value()
        case AskedKey():
            variables[KEY_VARIABLE] = ASKED
        case NamedKey(name) if client.reference:
            variables[KEY_VARIABLE] = client.reference.replace("NAME", name)
        case NamedKey(name):
            handed_on = _handed_on(client, name)
        case _:
            pass
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


def words_of(there: Mapping[str, Any]) -> tuple[str, ...]:
    """The words that an entry starts; none when it names no command."""
    command = there.get("cmd", there.get("command"))
    words = command if isinstance(command, list) else [command] if command else []
    arguments = there.get("args")
    return tuple(map(str, [*words, *(arguments if isinstance(arguments, list) else ())]))
