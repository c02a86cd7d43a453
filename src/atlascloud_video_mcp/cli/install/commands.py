"""`install` and `uninstall`: what they change, and what they say about it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cli.install import edits
from atlascloud_video_mcp.cli.install.clients import CLIENTS, client_called
from atlascloud_video_mcp.cli.install.command import own_command
from atlascloud_video_mcp.cli.install.files import copies_of, open_to_others, read_file, write_file
from atlascloud_video_mcp.cli.install.machine import Machine
from atlascloud_video_mcp.cli.install.person import Terminal, chosen_key, shown_key
from atlascloud_video_mcp.cli.install.problems import CannotInstall
from atlascloud_video_mcp.errors import AtlasError, InvalidInput
from atlascloud_video_mcp.settings import KEY_VARIABLE, KEYS_PAGE, VARIABLES, read_settings, without_secrets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from atlascloud_video_mcp.cli.install.clients import Client


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> None:
    """Carry out the command that was typed, on this machine and for the person at the terminal.

    Raises:
        InvalidInput: What was typed makes no sense.
        CannotInstall: The client's file was left as it was.
    """
    command = install if options.command == "install" else uninstall
    command(options, Machine.this_one(environ), Terminal(), now=datetime.now().astimezone())


def install(options: argparse.Namespace, machine: Machine, person: Terminal, *, now: datetime) -> None:
    """Write the server into the settings of clients, or show what would be written; raises what `run` does."""
    _each(options, machine, person, lambda client: _install(client, options, machine, person, now=now))


def uninstall(options: argparse.Namespace, machine: Machine, person: Terminal, *, now: datetime) -> None:
    """Take the server out of the settings of clients; raises what `run` does."""
    _each(options, machine, person, lambda client: _uninstall(client, options, machine, person, now=now))


def _each(options: argparse.Namespace, machine: Machine, person: Terminal, do: Callable[[Client], None]) -> None:
    """Do it for each client that was named, and tell of those that cannot be done when the others are done."""
    if not options.clients:
        person.told(_overview(machine))
    if options.file and len(options.clients) > 1:
        raise InvalidInput("--file is the file of one client: name just that.")
    faults: list[AtlasError] = []
    for name in options.clients:
        try:
            client = client_called(name)
            if client.formerly and client.formerly in name.lower():
                person.warned(f"{client.formerly.title()} is called {client.title} now, and is set up as that.")
            do(client)
        except AtlasError as error:
            faults.append(error)
            if isinstance(error.__cause__, KeyboardInterrupt):
                break
    if len(faults) > 1:
        raise CannotInstall(" ".join(map(str, faults)))
    for fault in faults:
        raise fault


def _install(client: Client, options: argparse.Namespace, machine: Machine, person: Terminal, *, now: datetime) -> None:
    """Write it into one client's file."""
    settings = _settings(options.env)
    command = own_command(machine)
    if command.warning:
        person.warned(command.warning)
    words = [*command.words, *(["--sandbox"] if options.sandbox else [])]
    example = edits.with_server(client, "", words, settings, shown_key(options, client))
    path = _place(options, client, machine)
    if options.print:
        person.warned(f"This belongs into {path}:")
        person.told(example.rstrip())
        return
    _require(client, machine, options, path)
    with _shown_instead(path, example, person):
        file = read_file(path)
        there = edits.entry_in(client, file.text)
        key = chosen_key(options, client, machine.environ, person, has_one=edits.has_key(client, there))
        text = edits.with_server(client, file.text, words, settings, key)
        private = edits.holds_key(client, text)
        if text == file.text and not (private and open_to_others(path)):
            person.told(f"{client.title} is set up like this already: {path}")
        else:
            backup = write_file(file, text, now=now, private=private)
            person.told(f"{'Added' if there is None else 'Renewed'} {edits.NAME} in {client.title}: {path}")
            if backup:
                person.told(f"What was there before: {backup}")
    _advise(client, text, key, person, in_sandbox=options.sandbox)
    _name_others(client, machine, path, person)
    person.told(client.next_step)


def _uninstall(
    client: Client, options: argparse.Namespace, machine: Machine, person: Terminal, *, now: datetime
) -> None:
    """Take it out of all files of one client, but for that of a project, which is only named."""
    asked = _place(options, client, machine)
    paths = [asked] if options.file else dict.fromkeys((asked, *(file for file in client.files(machine))))
    done = False
    for path in paths:
        file = read_file(path)
        try:
            there = edits.entries_in(client, file.text)
            text = edits.without_server(client, file.text)
        except CannotInstall as error:
            raise CannotInstall(f"{path} was left as it was: {error}. Take {edits.NAME} out by hand.") from error
        if there:
            backup = write_file(file, text, now=now)
            person.told(f"Took {edits.NAME} out of {client.title}: {path}")
            person.told(f"What was there before: {backup}")
            done = True
        _look_after_copies(client, path, person, purge=options.purge)
    if not done:
        person.told(f"{edits.NAME} is not in {asked}: there is nothing to do.")
    if not options.file:
        _name_others(client, machine, asked, person)
    if done:
        person.told(client.next_step)


def _look_after_copies(client: Client, path: Path, person: Terminal, *, purge: bool) -> None:
    for copy in copies_of(path):
        if not edits.holds_key(client, copy.read_text(encoding="utf-8", errors="replace")):
            continue
        if purge:
            copy.unlink()
            person.told(f"Deleted a copy that held the key: {copy}")
        else:
            person.warned(f"This copy holds the key: {copy}. `uninstall {client.name} --purge` deletes it.")


def _name_others(client: Client, machine: Machine, path: Path, person: Terminal) -> None:
    """Tell of the entries that are in other places, and of what is not started."""
    for place in client.everywhere(machine):
        try:
            found = edits.entries_in(client, read_file(place).text)
        except CannotInstall:
            continue  # it is another file than the one that was asked for
        for number, (keys, there) in enumerate(found.items()):
            if place == path and not number and isinstance(there, dict) and edits.is_off(there):
                person.warned(f"{client.title} was told not to start it: switch it on there, or in {place}.")
            if place != path or keys[: len(client.section)] != client.section:
                person.warned(": ".join(edits.other_entry(client, machine, place, keys)))


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
            raise InvalidInput(
                f"--env takes NAME=VALUE, where NAME is one of {', '.join(known)}, and not {without_secrets(name)!r}."
            )
    read_settings(settings)
    return settings


def _place(options: argparse.Namespace, client: Client, machine: Machine) -> Path:
    if not options.file:
        return client.files(machine)[0] if options.force else client.place(machine)
    given: Path = options.file
    try:
        return Path.cwd() / given.expanduser()
    except (OSError, RuntimeError) as error:  # the folder we are in is gone, or there is no such user
        raise InvalidInput(f"--file takes the path of a file, and {str(given)!r} leads nowhere.") from error


def _require(client: Client, machine: Machine, options: argparse.Namespace, path: Path) -> None:
    if options.file or options.force or client.is_there(machine):
        return
    signs = " or ".join(machine.shown(sign) for sign in client.signs_on(machine))
    raise CannotInstall(
        f"{client.title} does not seem to be on this machine: there is no {signs}. Start it once, then run this "
        f"again. --force writes {path} all the same, --print shows what would be in it."
    )


@contextmanager
def _shown_instead(path: Path, example: str, person: Terminal) -> Iterator[None]:
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


def _advise(client: Client, text: str, key: edits.Key | None, person: Terminal, *, in_sandbox: bool) -> None:
    if in_sandbox:
        person.told("It makes sandbox clips, without cost. For real ones run this again without --sandbox.")
    elif not edits.has_key(client, edits.entry_in(client, text)):
        person.warned(f"No API key is set yet: get one at {KEYS_PAGE}, then run this again in a terminal.")
    if key and key.variable:
        person.told(f"{client.title} has to be started where {key.variable} is set, since it takes the key from there.")
    if key and key.asked:
        person.told(f"{client.title} asks for the key when it starts the server, and keeps it safe.")
        person.warned(
            f"{client.title}'s agents pass over a server that asks, without a word. `install copilot-cli` sets it up "
            "for them, and for Copilot CLI."
        )
