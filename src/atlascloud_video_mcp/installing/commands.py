"""`install` and `uninstall`: what they change, and what they say about it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.installing.clients import CLIENTS, client_called
from atlascloud_video_mcp.installing.command import own_command
from atlascloud_video_mcp.installing.edits import entry_in, with_server, without_server
from atlascloud_video_mcp.installing.entry import NAME, AskedKey, NamedKey, WrittenKey, has_key
from atlascloud_video_mcp.installing.files import open_to_others, read_file, write_file
from atlascloud_video_mcp.installing.keys import chosen_key, shown_key
from atlascloud_video_mcp.installing.machine import Machine
from atlascloud_video_mcp.installing.person import Terminal
from atlascloud_video_mcp.installing.problems import CannotInstall
from atlascloud_video_mcp.settings import KEY_VARIABLE, KEYS_PAGE, VARIABLES, read_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from atlascloud_video_mcp.installing.clients import Client
    from atlascloud_video_mcp.installing.entry import Key
    from atlascloud_video_mcp.installing.person import Person


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> None:
    """Carry out the command that was typed, on this machine and for the person at the terminal.

    Raises:
        InvalidInput: What was typed makes no sense.
        CannotInstall: The client's file was left as it was.
    """
    command = install if options.command == "install" else uninstall
    command(options, Machine.this_one(environ), Terminal(), now=datetime.now().astimezone())


def install(options: argparse.Namespace, machine: Machine, person: Person, *, now: datetime) -> None:
    """Write the server into a client's settings, or show what would be written.

    Raises:
        InvalidInput: There is no such client, or what it is to be told makes no sense.
        CannotInstall: Its file was left as it was.
    """
    if options.client is None:
        person.told(_overview(machine))
        return
    client = client_called(options.client)
    settings = _settings(options.env)
    command = own_command(machine)
    if command.warning:
        person.warned(command.warning)
    words = [*command.words, *(["--sandbox"] if options.sandbox else [])]
    example = with_server(client, "", words, settings, shown_key(options, client))
    path = _place(options, client, machine)
    if options.print:
        person.warned(f"This belongs into {path}:")
        person.told(example.rstrip())
        return
    _require(client, machine, options, path)
    file = read_file(path)
    with _shown_instead(path, example, person):
        there = entry_in(client, file.text)
        key = chosen_key(options, client, machine.environ, person, has_one=has_key(client, there))
        text = with_server(client, file.text, words, settings, key)
    if text == file.text:
        person.told(f"{client.title} is set up like this already: {path}")
    else:
        backup = write_file(file, text, now=now)
        person.told(f"{'Added' if there is None else 'Renewed'} {NAME} in {client.title}: {path}")
        if backup:
            person.told(f"What was there before: {backup}")
    _advise(client, path, text, key, person, in_sandbox=options.sandbox)


def uninstall(options: argparse.Namespace, machine: Machine, person: Person, *, now: datetime) -> None:
    """Take the server out of a client's settings.

    Raises:
        InvalidInput: There is no such client.
        CannotInstall: Its file was left as it was.
    """
    if options.client is None:
        person.told(_overview(machine))
        return
    client = client_called(options.client)
    path = _place(options, client, machine)
    file = read_file(path)
    try:
        there = entry_in(client, file.text)
        text = file.text if there is None else without_server(client, file.text)
    except CannotInstall as error:
        raise CannotInstall(f"{path} was left as it was: {error}. Take {NAME} out by hand.") from error
    if there is None:
        person.told(f"{NAME} is not in {path}: there is nothing to do.")
        return
    backup = write_file(file, text, now=now)
    person.told(f"Took {NAME} out of {client.title}: {path}")
    person.told(f"What was there before: {backup}")
    if has_key(client, there):
        person.warned("That copy may hold the key: delete it when it is not needed any more.")
    person.told(client.next_step)


def _overview(machine: Machine) -> str:
    width = max(len(client.name) for client in CLIENTS)
    lines = (
        f"{'*' if client.is_there(machine) else ' '} {client.name:{width}}  {machine.shown(client.place(machine))}"
        for client in CLIENTS
    )
    return "\n".join(("atlascloud-video-mcp install CLIENT, where CLIENT is one of (* found on this machine):", *lines))


def _settings(pairs: Sequence[str]) -> dict[str, str]:
    """The settings given as NAME=VALUE.

    Raises:
        InvalidInput: There is no such setting, or it is the key, which others would see on the command line.
        SettingsError: One does not take that value.
    """
    known = [name for name in VARIABLES if name != KEY_VARIABLE]
    settings = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
    for name in settings:
        if name not in known:
            raise InvalidInput(f"--env takes NAME=VALUE, where NAME is one of {', '.join(known)}, and not {name!r}.")
    read_settings(settings)
    return settings


def _place(options: argparse.Namespace, client: Client, machine: Machine) -> Path:
    return Path.cwd() / options.file.expanduser() if options.file else client.place(machine)


def _require(client: Client, machine: Machine, options: argparse.Namespace, path: Path) -> None:
    if options.file or options.force or client.is_there(machine):
        return
    signs = " or ".join(machine.shown(sign) for sign in client.signs(machine))
    raise CannotInstall(
        f"{client.title} does not seem to be on this machine: there is no {signs}. Start it once, then run this "
        f"again. --force writes {path} all the same, --print shows what would be in it."
    )


@contextmanager
def _shown_instead(path: Path, example: str, person: Person) -> Iterator[None]:
    """Show the entry to whoever has to write it by hand."""
    try:
        yield
    except CannotInstall as error:
        person.told(example.rstrip())
        raise CannotInstall(
            f"{path} was left as it was: {error}. Mend that and run this again, or write the entry above into it."
        ) from error
    except KeyboardInterrupt as error:
        raise CannotInstall(f"Stopped: {path} was left as it was.") from error


def _advise(client: Client, path: Path, text: str, key: Key | None, person: Person, *, in_sandbox: bool) -> None:
    if in_sandbox:
        person.told("It makes sandbox clips, without cost. For real ones run this again without --sandbox.")
    elif not has_key(client, entry_in(client, text)):
        person.warned(f"No API key is set yet: get one at {KEYS_PAGE}, then run this again in a terminal.")
    match key:
        case NamedKey(name):
            person.told(f"{client.title} has to be started where {name} is set, since it takes the key from there.")
        case AskedKey():
            person.told(f"{client.title} asks for the key when it starts the server, and keeps it safe.")
        case WrittenKey() if open_to_others(path):
            person.warned(f"Other users of this computer can read the key in {path}: `chmod 600` it.")
        case _:
            pass
    person.told(client.next_step)
