"""The server that is checked, of this shell or of a client, and the entries in the clients' files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cli.doctor import Finding, fail, ok, warn
from atlascloud_video_mcp.cli.install import server_entry
from atlascloud_video_mcp.cli.install.clients import CLIENTS, client_named
from atlascloud_video_mcp.cli.install.config_file import CannotInstall, read_file
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.settings import VARIABLES, Settings, usable_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlascloud_video_mcp.cli.install.clients import Client
    from atlascloud_video_mcp.cli.install.platforms import Platform


@dataclass(frozen=True)
class CheckTarget:
    """How the server would be started, and how it would read its settings."""

    command: tuple[str, ...]
    settings: Settings
    """As the server reads them; an invalid one counts as not set."""
    fault: str
    """What is wrong with the settings; empty when nothing is."""
    environ: Mapping[str, str]
    """What a desktop program would start it with: the settings and hardly anything else."""

    @property
    def in_sandbox(self) -> bool:
        """Whether it would make sandbox clips."""
        return self.settings.sandbox or "--sandbox" in self.command


def find_target(platform: Platform, client_name: str | None, *, sandbox: bool = False) -> CheckTarget:
    """The server as this shell would start it, or as a client would.

    Raises:
        InvalidInput: There is no such client, or it has no entry of ours.
        CannotInstall: Its file cannot be read.
    """
    if client_name is None:
        command, environ = (*platform.own_command(), *(["--sandbox"] if sandbox else [])), platform.environ
    else:
        client = client_named(client_name)
        found = (server_entry.entries_in(client, read_file(place).text) for place in client.everywhere(platform))
        entry = next((entry for entries in found for entry in entries.values() if isinstance(entry, dict)), None)
        if entry is None:
            raise InvalidInput(f"{client.title} is not set up: run `atlascloud-video-mcp install {client.name}`.")
        command, environ = server_entry.command_of(entry), server_entry.variables_of(client, entry, platform.environ)
    ours = {name: environ[name] for name in VARIABLES if environ.get(name, "").strip()}
    settings, fault = usable_settings(ours)
    # Windows starts no process without this one.
    system = {name: value for name, value in platform.environ.items() if name.upper() == "SYSTEMROOT"}
    return CheckTarget(command, settings, fault, {**system, "PATH": "", **ours})


async def clients(platform: Platform) -> list[Finding]:
    """How the clients on this computer are set up."""
    here = [client for client in CLIENTS if client.is_installed(platform)]
    looks = [(client.title, look) for client in here for look in _looks(client, platform)]
    good = dict.fromkeys(title for title, look in looks if look is None)
    bad = [look for _, look in looks if look]
    if good:
        return [ok("clients", f"set up in {', '.join(good)}"), *bad]
    names = " or ".join(client.name for client in here) or "CLIENT"
    said = "none of the clients on this computer is set up" if here else "no supported client found on this computer"
    return bad or [warn("clients", said, f"Run `atlascloud-video-mcp install {names}`.")]


def _looks(client: Client, platform: Platform) -> Iterator[Finding | None]:
    """What is wrong with each entry of a client; None for one that is fine."""
    written = client.place(platform)
    for place in client.everywhere(platform):
        try:
            entries = server_entry.entries_in(client, read_file(place).text)
        except CannotInstall as error:
            if place == written:
                yield warn("clients", f"{client.title}: {error}", f"Fix {place}; `install` shows the entry to add.")
            continue
        for keys, entry in entries.items():
            if place != written or keys[: len(client.section)] != client.section:
                yield warn("clients", *server_entry.other_entry(client, platform, place, keys))
            yield _look(client, entry)


def _look(client: Client, entry: object) -> Finding | None:
    command = server_entry.command_of(entry) if isinstance(entry, dict) else ()
    again = f"Run `atlascloud-video-mcp install {client.name}` again."
    if not command:
        return fail("clients", f"{client.title}'s entry has no command", again)
    if not Path(command[0]).is_absolute():
        return warn("clients", f"{client.title} may not find {command[0]!r}, which has no full path", again)
    if not Path(command[0]).is_file():
        return fail("clients", f"{client.title} starts {command[0]}, which no longer exists", again)
    if isinstance(entry, dict) and server_entry.is_disabled(entry):
        return warn("clients", f"the server is disabled in {client.title}", f"Enable it in {client.title}.")
    return None
