"""`install` and `uninstall`: what they change, what they ask, and what they report."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from atlascloud_video_mcp.cli.console import Console
from atlascloud_video_mcp.cli.install import server_entry
from atlascloud_video_mcp.cli.install.clients import CLIENTS, client_named
from atlascloud_video_mcp.cli.install.config_file import CannotInstall, copies_of, open_to_others, read_file, write_file
from atlascloud_video_mcp.cli.install.platforms import Platform
from atlascloud_video_mcp.cli.install.server_entry import NAME, Key
from atlascloud_video_mcp.errors import AtlasError, InvalidInput
from atlascloud_video_mcp.settings import KEY_VARIABLE, KEYS_PAGE, VARIABLES, bare, read_settings, without_secrets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from atlascloud_video_mcp.cli.install.clients import Client

_PLACEHOLDER = SecretStr("your-api-key-here")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> None:
    """Run the command that was typed, on this computer and for whoever is at the terminal.

    Raises:
        InvalidInput: An invalid argument.
        CannotInstall: The client's file was left as it was.
    """
    Installer(options, Platform.current(environ), Console(), datetime.now().astimezone()).run()


@dataclass
class Installer:
    """One command as it was typed, for all the clients that it names."""

    options: argparse.Namespace
    platform: Platform
    console: Console
    now: datetime
    key: Key | None = None
    """The key that was given for a client before."""

    def run(self) -> None:
        """Do it for each client; errors are raised when all are done, as `run` says."""
        if not self.options.clients:
            self.console.result(_overview(self.platform))
        if self.options.file and len(self.options.clients) > 1:
            raise InvalidInput("--file takes the file of one client: name one only.")
        errors: list[AtlasError] = []
        for name in self.options.clients:
            try:
                self._run_for(name)
            except AtlasError as error:
                errors.append(error)
                if isinstance(error.__cause__, KeyboardInterrupt):
                    break
        if len(errors) > 1:
            raise CannotInstall(" ".join(map(str, errors)))
        for only in errors:
            raise only

    def _run_for(self, name: str) -> None:
        client = client_named(name)
        if client.former_name and client.former_name in name.lower():
            self.console.warn(f"{client.former_name.title()} is called {client.title} now, and is set up as that.")
        if self.options.command == "install":
            self._install(client)
        else:
            self._uninstall(client)

    def _install(self, client: Client) -> None:
        """Write the entry into the client's file, or print it."""
        options, console = self.options, self.console
        settings = _settings(options.env)
        if warning := self.platform.location_warning():
            console.warn(warning)
        command = [*self.platform.own_command(), *(["--sandbox"] if options.sandbox else [])]
        example = server_entry.with_server(client, "", command, settings, self._shown_key(client)).rstrip()
        path = self._path(client)
        if options.print:
            console.warn(f"Add this to {path}:")
            console.result(example)
            return
        self._require(client, path)
        with self._example_on_failure(path, example):
            file = read_file(path)
            there = server_entry.entry_in(client, file.text)
            key = self._chosen_key(client, has_one=server_entry.has_key(client, there))
            text = server_entry.with_server(client, file.text, command, settings, key)
            private = server_entry.holds_key(client, text)
            if text == file.text and not (private and open_to_others(path)):
                console.result(f"{client.title} is already set up: {path}")
            else:
                backup = write_file(file, text, now=self.now, private=private)
                verb, preposition = ("Added", "to") if there is None else ("Updated", "in")
                console.result(f"{verb} {NAME} {preposition} {client.title}: {path}")
                if backup:
                    console.result(f"Backup of the previous file: {backup}")
        self._advise(client, text, key)
        self._name_others(client, path)
        console.result(client.next_step)

    def _uninstall(self, client: Client) -> None:
        """Take the entry out of all files of the client; that of a project is only named."""
        default = self._path(client)
        paths = [default] if self.options.file else dict.fromkeys((default, *client.files(self.platform)))
        done = False
        for path in paths:
            file = read_file(path)
            try:
                there = server_entry.entries_in(client, file.text)
                text = server_entry.without_server(client, file.text)
            except CannotInstall as error:
                raise CannotInstall(f"{path} was not changed: {error}. Remove {NAME} from it by hand.") from error
            if there:
                backup = write_file(file, text, now=self.now)
                self.console.result(f"Removed {NAME} from {client.title}: {path}")
                self.console.result(f"Backup of the previous file: {backup}")
                done = True
            self._check_copies(client, path)
        if not done:
            self.console.result(f"{NAME} is not in {default}: nothing to do.")
        if not self.options.file:
            self._name_others(client, default)
        if done:
            self.console.result(client.next_step)

    def _check_copies(self, client: Client, path: Path) -> None:
        for copy in copies_of(path):
            if not server_entry.holds_key(client, copy.read_text(encoding="utf-8", errors="replace")):
                continue
            if self.options.purge:
                copy.unlink()
                self.console.result(f"Deleted a backup that contained the key: {copy}")
            else:
                purge = f"`uninstall {client.name} --purge` deletes it"
                self.console.warn(f"This backup contains the key: {copy}. {purge}.")

    def _name_others(self, client: Client, path: Path) -> None:
        """Warn of entries in other places, and of one that is switched off."""
        for place in client.everywhere(self.platform):
            try:
                found = server_entry.entries_in(client, read_file(place).text)
            except CannotInstall:
                continue  # it is another file than the one that was asked for
            for number, (keys, there) in enumerate(found.items()):
                if place == path and not number and isinstance(there, dict) and server_entry.is_disabled(there):
                    self.console.warn(f"The server is disabled in {client.title}: enable it there, or in {place}.")
                if place != path or keys[: len(client.section)] != client.section:
                    self.console.warn(": ".join(server_entry.other_entry(client, self.platform, place, keys)))

    def _path(self, client: Client) -> Path:
        given: Path | None = self.options.file
        if not given:
            return client.files(self.platform)[0] if self.options.force else client.place(self.platform)
        try:
            return Path.cwd() / given.expanduser()
        except (OSError, RuntimeError) as error:  # the current directory is gone, or there is no such user
            raise InvalidInput(f"--file takes the path of a file, and {str(given)!r} leads nowhere.") from error

    def _require(self, client: Client, path: Path) -> None:
        if self.options.file or self.options.force or client.is_installed(self.platform):
            return
        markers = " or ".join(self.platform.shown(marker) for marker in client.markers_on(self.platform))
        raise CannotInstall(
            f"{client.title} does not seem to be installed: there is no {markers}. Start it once, then run this "
            f"again. Or use --force to write {path} anyway, or --print to see the entry."
        )

    @contextmanager
    def _example_on_failure(self, path: Path, example: str) -> Iterator[None]:
        """Print the entry for whoever has to write it by hand."""
        try:
            yield
        except CannotInstall as error:
            self.console.result(example)
            raise CannotInstall(
                f"{path} was not changed: {error}. Fix that and run this again, or add the entry above by hand."
            ) from error
        except KeyboardInterrupt as error:
            raise CannotInstall(f"Stopped: {path} was not changed.") from error

    def _advise(self, client: Client, text: str, key: Key | None) -> None:
        if self.options.sandbox:
            self.console.result("It makes free sandbox clips. For real ones run this again without --sandbox.")
        elif not server_entry.has_key(client, server_entry.entry_in(client, text)):
            self.console.warn(f"No API key is set yet: get one at {KEYS_PAGE}, then run this again in a terminal.")
        if key and key.variable:
            self.console.result(f"{client.title} reads the key from {key.variable}: start it where that is set.")
        if key and key.asked:
            self.console.result(f"{client.title} asks for the key when it starts the server, and stores it securely.")
            self.console.warn(
                f"{client.title}'s agents silently skip a server that asks for input. `install copilot-cli` sets it up "
                "for them, and for Copilot CLI."
            )

    def _shown_key(self, client: Client) -> Key | None:
        """What stands for the key in an entry that is only shown."""
        decided = self._decided_key()
        if decided or self.options.sandbox:
            return decided
        return Key(asked=True) if client.asks_for_key and not self.options.copy_key else Key(_PLACEHOLDER)

    def _chosen_key(self, client: Client, *, has_one: bool) -> Key | None:
        """Where the key comes from; None leaves that as it is.

        Raises:
            InvalidInput: There is no key to copy.
            SettingsError: What was typed cannot be a key.
        """
        decided = self._decided_key()
        if decided or self.options.sandbox:
            return decided
        held = self.platform.environ.get(KEY_VARIABLE, "")
        if self.options.copy_key:
            if not bare(held):
                raise InvalidInput(f"{KEY_VARIABLE} is not set, so there is no key to copy. Nothing was changed.")
            return self._written_key(held)
        if client.asks_for_key:
            return None if has_one else Key(asked=True)
        if self.key or not self.console.can_ask():
            return self.key
        question = f"Save the key from {KEY_VARIABLE} in the client's settings? [Y/n] "
        if bare(held) and self.console.ask(question).lower() in {"", "y", "yes"}:
            return self._written_key(held)
        without = "keep the current one" if has_one else "skip for now"
        typed = self.console.ask(f"API key from {KEYS_PAGE} (input is hidden; Enter to {without}): ", hidden=True)
        return self._written_key(typed) if bare(typed) else None

    def _decided_key(self) -> Key | None:
        if self.options.no_key:
            return Key()
        return Key(variable=self.options.key_env) if self.options.key_env else None

    def _written_key(self, text: str) -> Key:
        if text != bare(text):
            self.console.warn("Removed quotation marks or spaces around the key.")
        self.key = Key(read_settings({KEY_VARIABLE: text}).api_key or SecretStr(text))
        return self.key


def _overview(platform: Platform) -> str:
    width = max(len(client.name) for client in CLIENTS)
    lines = (
        f"{'*' if client.is_installed(platform) else ' '} {client.name:{width}}  "
        f"{platform.shown(client.place(platform))}"
        for client in CLIENTS
    )
    return "\n".join(
        ("atlascloud-video-mcp install CLIENT, where CLIENT is one of (* found on this computer):", *lines)
    )


def _settings(pairs: Sequence[str]) -> dict[str, str]:
    """The settings given as NAME=VALUE.

    Raises:
        InvalidInput: There is no such setting, or it is secret, and others would see it on the command line.
        SettingsError: One does not take that value.
    """
    known = [name for name, variable in VARIABLES.items() if not variable.secret]
    settings = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
    for name in settings:
        if name not in known:
            raise InvalidInput(
                f"--env takes NAME=VALUE, where NAME is one of {', '.join(known)}, and not {without_secrets(name)!r}."
            )
    read_settings(settings)
    return settings
