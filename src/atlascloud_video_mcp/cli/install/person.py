"""The person who runs a command: what they are asked, told and warned of, and where they say the key comes from."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from pydantic import SecretStr

from atlascloud_video_mcp.cli.install.edits import Key
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.settings import KEY_VARIABLE, KEYS_PAGE, bare, read_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from atlascloud_video_mcp.cli.install.clients import Client

_UNQUOTED = "The quotation marks and blanks around the key were taken off."
_PLACEHOLDER = SecretStr("your-api-key-here")


class Terminal:
    """Whoever is at the terminal: questions and warnings go to stderr, so that what stdout gets can be kept."""

    key: Key | None = None
    """The key that they gave, once they did."""

    def can_answer(self) -> bool:
        """Whether anybody sits there to be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def asked(self, question: str, *, hidden: bool = False) -> str:
        """An answer on one line; a hidden one is not echoed."""
        if hidden:
            return getpass.getpass(question).strip()
        print(question, end="", file=sys.stderr, flush=True)  # noqa: T201 - this is how a command asks
        return sys.stdin.readline().strip()

    def told(self, text: str) -> None:
        """Hear what was asked for, or done."""
        print(text)  # noqa: T201 - this is how a command reports

    def warned(self, sentence: str) -> None:
        """Hear what to look out for."""
        print(sentence, file=sys.stderr)  # noqa: T201 - this is how a command warns


def shown_key(options: argparse.Namespace, client: Client) -> Key | None:
    """What stands for the key in an entry that is only shown."""
    decided = _decided(options)
    if decided or options.sandbox:
        return decided
    return Key(asked=True) if client.asks and not options.copy_key else Key(_PLACEHOLDER)


def chosen_key(
    options: argparse.Namespace, client: Client, environ: Mapping[str, str], person: Terminal, *, has_one: bool
) -> Key | None:
    """Where the key comes from; None leaves that as it is. What was said for a client before holds on.

    Raises:
        InvalidInput: There is no key to copy.
        SettingsError: What was typed in can be no key.
    """
    decided = _decided(options)
    if decided or options.sandbox:
        return decided
    held = environ.get(KEY_VARIABLE, "")
    if options.copy_key:
        if not bare(held):
            raise InvalidInput(f"There is no {KEY_VARIABLE} in this environment to copy. Nothing was changed.")
        return _written(held, person)
    if client.asks:
        return None if has_one else Key(asked=True)
    if person.key:
        return person.key
    if not person.can_answer():
        return None
    if bare(held) and person.asked(f"Write down the key that {KEY_VARIABLE} holds? [Y/n] ").lower() in {"", "y", "yes"}:
        return _written(held, person)
    without = "keep the one that is there" if has_one else "do without for now"
    typed = person.asked(f"API key from {KEYS_PAGE} (it is not shown; empty: {without}): ", hidden=True)
    return _written(typed, person) if bare(typed) else None


def _decided(options: argparse.Namespace) -> Key | None:
    if options.no_key:
        return Key()
    return Key(variable=options.key_env) if options.key_env else None


def _written(text: str, person: Terminal) -> Key:
    if text != bare(text):
        person.warned(_UNQUOTED)
    person.key = Key(read_settings({KEY_VARIABLE: text}).api_key or SecretStr(text))
    return person.key
