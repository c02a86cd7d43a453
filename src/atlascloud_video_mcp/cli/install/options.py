"""What `install` and `uninstall` take on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    """Make the two commands known to the parser."""
    install = commands.add_parser("install", help="set this server up in a client; without a name: list the clients")
    _add_place(install)
    install.add_argument("--print", action="store_true", help="show the entry, and write nothing")
    install.add_argument(
        "--sandbox", action="store_true", default=argparse.SUPPRESS, help="for a try-out: no key, no network, no cost"
    )
    install.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="a setting for the server; may be repeated"
    )
    key = install.add_mutually_exclusive_group()
    key.add_argument("--key-env", metavar="NAME", help="let the client take the key from this variable")
    key.add_argument("--copy-key", action="store_true", help="write down the key that ATLASCLOUD_API_KEY holds now")
    key.add_argument("--no-key", action="store_true", help="leave the key out, and take one out that is there")

    uninstall = commands.add_parser("uninstall", help="take this server out of a client again")
    _add_place(uninstall)
    uninstall.add_argument("--purge", action="store_true", help="delete the copies that hold the key, too")


def _add_place(command: argparse.ArgumentParser) -> None:
    command.add_argument("clients", nargs="*", metavar="CLIENT", help="for instance claude-desktop, cursor or vscode")
    command.add_argument("--file", type=Path, help="the client's settings file, when it is not where it usually is")
    command.add_argument("--force", action="store_true", help="go on although the client does not seem to be there")
