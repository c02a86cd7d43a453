"""Our server in the text of a client's file: found, put in, taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.installing.entry import ASKED, INPUT, NAME, AskedKey, entry, renewed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlascloud_video_mcp.installing.clients import Client
    from atlascloud_video_mcp.installing.entry import Key

_INPUTS = "inputs"


def entry_in(client: Client, text: str) -> Any:  # noqa: ANN401 - a person may have written anything there
    """What the file has under our name; None when there is nothing.

    Raises:
        Unreadable: The file is not what the client takes.
    """
    data: Any = client.format.read(text)
    for key in (*client.section, NAME):
        data = data.get(key) if isinstance(data, dict) else None
    return data


def with_server(client: Client, text: str, command: Sequence[str], settings: Mapping[str, str], key: Key | None) -> str:
    """The text with our server as it is to be started.

    Raises:
        InvalidInput: The client cannot take the key from where it was to come.
        CannotInstall: The text cannot be changed without changing something else.
    """
    old = entry_in(client, text)
    wanted = renewed(client, old, entry(client, command, settings, key), key)
    if wanted != old:
        text = client.format.with_value(text, (*client.section, NAME), wanted)
    if isinstance(key, AskedKey):
        index, there = _input_in(client, text)
        if there != INPUT:
            text = client.format.with_value(text, (_INPUTS, index), INPUT)
    return text


def without_server(client: Client, text: str) -> str:
    """The text without our server, which must be there, and without what only that needed.

    Raises:
        CannotInstall: The text cannot be changed without changing something else.
    """
    text = client.format.without(text, (*client.section, NAME))
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
