"""Whose server is looked at: the one of this shell, or the one a client would start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cli.install.clients import client_called
from atlascloud_video_mcp.cli.install.command import own_command
from atlascloud_video_mcp.cli.install.edits import entries_in, words_of
from atlascloud_video_mcp.cli.install.files import read_file
from atlascloud_video_mcp.errors import InvalidInput, SettingsError
from atlascloud_video_mcp.settings import VARIABLES, Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from atlascloud_video_mcp.cli.install.clients import Client
    from atlascloud_video_mcp.cli.install.machine import Machine


@dataclass(frozen=True)
class Situation:
    """How the server would be started, and what it would understand of its settings."""

    words: tuple[str, ...]
    settings: Settings
    """As understood; a setting that makes no sense counts as not set."""
    fault: str | None
    """What is wrong with the settings."""

    bare_environ: Mapping[str, str]
    """What a desktop program would start it with: the settings and hardly anything else."""

    @property
    def in_sandbox(self) -> bool:
        """Whether it would make sandbox clips."""
        return self.settings.sandbox or "--sandbox" in self.words


def situation(machine: Machine, client_name: str | None, *, sandbox: bool = False) -> Situation:
    """The situation of this shell, or of a client.

    Raises:
        InvalidInput: There is no such client, or it has no entry of ours.
        CannotInstall: Its file cannot be read.
    """
    if client_name is None:
        words, environ = (*own_command(machine).words, *(["--sandbox"] if sandbox else [])), machine.environ
    else:
        client = client_called(client_name)
        found = (entries_in(client, read_file(place).text) for place in client.everywhere(machine))
        entry = next((entry for entries in found for entry in entries.values() if isinstance(entry, dict)), None)
        if entry is None:
            raise InvalidInput(f"{client.title} is not set up: run `atlascloud-video-mcp install {client.name}`.")
        words, environ = words_of(entry), _environ_of(client, entry, machine)
    ours = {name: environ[name] for name in VARIABLES if environ.get(name, "").strip()}
    settings, fault = _understood(ours)
    # Windows starts no process without this one.
    system = {name: value for name, value in machine.environ.items() if name.upper() == "SYSTEMROOT"}
    return Situation(words, settings, fault, {**system, "PATH": "", **ours})


def _environ_of(client: Client, entry: Mapping[str, Any], machine: Machine) -> dict[str, str]:
    """The variables an entry gives to the server, as far as they can be known without the client."""
    given = entry.get(client.env)
    values = {name: str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    for name, value in values.items():
        if named := client.named_in(value):
            values[name] = machine.environ.get(named, "")
        elif client.asks and value.startswith("${input:"):
            values[name] = ""
    handed_on = entry.get(client.hands_on)
    names = handed_on if isinstance(handed_on, list) else []
    return {name: machine.environ.get(name, "") for name in names} | values


def _understood(environ: Mapping[str, str]) -> tuple[Settings, str | None]:
    try:
        return read_settings(environ), None
    except SettingsError as error:
        fault = str(error)
    usable: dict[str, str] = {}
    for name, value in environ.items():
        try:
            read_settings(usable | {name: value})
        except SettingsError:
            continue
        usable[name] = value
    return read_settings(usable), fault
