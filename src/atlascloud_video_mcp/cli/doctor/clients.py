"""The entries in the clients' files: whether there are any, and whether they start something that exists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cli.doctor.findings import Finding, fail, ok, warn
from atlascloud_video_mcp.cli.install.clients import CLIENTS
from atlascloud_video_mcp.cli.install.edits import entries_in, is_off, other_entry, words_of
from atlascloud_video_mcp.cli.install.files import read_file
from atlascloud_video_mcp.cli.install.problems import CannotInstall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlascloud_video_mcp.cli.install.clients import Client
    from atlascloud_video_mcp.cli.install.machine import Machine


async def clients(machine: Machine) -> Sequence[Finding]:
    """How the clients on this machine are set up."""
    here = [client for client in CLIENTS if client.is_there(machine)]
    looks = [(client.title, look) for client in here for look in _looks(client, machine)]
    good = dict.fromkeys(title for title, look in looks if look is None)
    bad = [look for _, look in looks if look]
    if good:
        return [ok("clients", f"set up in {', '.join(good)}"), *bad]
    names = " or ".join(client.name for client in here) or "CLIENT"
    said = "no client on this machine is set up" if here else "no client that is known here is on this machine"
    return bad or [warn("clients", said, f"`atlascloud-video-mcp install {names}` does it.")]


def _looks(client: Client, machine: Machine) -> Iterator[Finding | None]:
    """What there is to say of each entry of a client; None of one that is well."""
    written = client.place(machine)
    for place in client.everywhere(machine):
        try:
            entries = entries_in(client, read_file(place).text)
        except CannotInstall as error:
            if place == written:
                yield warn(
                    "clients", f"{client.title}: {error}", "Mend that file; `install` shows what belongs into it."
                )
            continue
        for keys, entry in entries.items():
            if place != written or keys[: len(client.section)] != client.section:
                yield warn("clients", *other_entry(client, machine, place, keys))
            yield _look(client, entry)


def _look(client: Client, entry: object) -> Finding | None:
    """What is wrong with an entry."""
    words = words_of(entry) if isinstance(entry, dict) else ()
    again = f"Run `atlascloud-video-mcp install {client.name}` again."
    if not words:
        return fail("clients", f"{client.title}'s entry names no command", again)
    if not Path(words[0]).is_absolute():
        said = f"{client.title} is to start {words[0]!r} without its path, and may not find it"
        return warn("clients", said, again)
    if not Path(words[0]).is_file():
        return fail("clients", f"{client.title} is to start {words[0]}, which is not there any more", again)
    if isinstance(entry, dict) and is_off(entry):
        return warn("clients", f"{client.title} was told not to start it", f"Switch it on in {client.title}.")
    return None
