"""The entries in the clients' files: whether there are any, and whether they start something that exists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from atlascloud_video_mcp.doctor.findings import Finding, fail, ok, warn
from atlascloud_video_mcp.installing.clients import CLIENTS
from atlascloud_video_mcp.installing.edits import entry_in
from atlascloud_video_mcp.installing.entry import words_of
from atlascloud_video_mcp.installing.files import read_file
from atlascloud_video_mcp.installing.problems import CannotInstall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlascloud_video_mcp.installing.clients import Client
    from atlascloud_video_mcp.installing.machine import Machine


async def clients(machine: Machine) -> Sequence[Finding]:
    """How the clients on this machine are set up."""
    here = [client for client in CLIENTS if client.is_there(machine)]
    looks = [(client.title, _look(client, machine)) for client in here]
    good = [title for title, look in looks if look is True]
    bad = [look for _, look in looks if isinstance(look, Finding)]
    if good:
        return [ok("clients", f"set up in {', '.join(good)}"), *bad]
    names = " or ".join(client.name for client in here) or "CLIENT"
    said = "no client on this machine is set up" if here else "no client that is known here is on this machine"
    return bad or [warn("clients", said, f"`atlascloud-video-mcp install {names}` does it.")]


def _look(client: Client, machine: Machine) -> Finding | bool:
    """Whether there is an entry, or what is wrong with it."""
    try:
        entry = entry_in(client, read_file(client.place(machine)).text)
    except CannotInstall as error:
        return warn("clients", f"{client.title}: {error}", "Mend that file; `install` shows what belongs into it.")
    if entry is None:
        return False
    words = words_of(entry) if isinstance(entry, dict) else ()
    again = f"Run `atlascloud-video-mcp install {client.name}` again."
    if not words:
        return fail("clients", f"{client.title}'s entry names no command", again)
    if not Path(words[0]).is_absolute():
        said = f"{client.title} is to start {words[0]!r} without its path, and may not find it"
        return warn("clients", said, again)
    if not Path(words[0]).exists():
        return fail("clients", f"{client.title} is to start {words[0]}, which is not there any more", again)
    return True
