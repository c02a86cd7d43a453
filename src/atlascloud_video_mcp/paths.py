"""A path as people, models and hosts write it, read as a full path of this machine."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from atlascloud_video_mcp.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

_WINDOWS = os.name == "nt"
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two letters or more: one is a drive
_SINGLE, _DOUBLE = "\u2018\u2019", "\u201c\u201d"
_QUOTES = {"''", '""', "``", "<>", "«»", _SINGLE, _DOUBLE, 2 * _SINGLE[1], 2 * _DOUBLE[1], "\u201e" + _DOUBLE[0]}
_LONGEST = 300  # characters of a path in a message
_UNTIL_THEN = "Until then nothing is submitted."


def unquoted(text: str) -> str:
    """The same without the blanks, quotation marks, backticks and angle brackets around it."""
    text = text.strip()
    while len(text) > 1 and text[0] + text[-1] in _QUOTES:
        text = text[1:-1].strip()
    return text


def scheme_of(text: str) -> str | None:
    """The scheme of an address, in small letters; None for a path, with a drive or without."""
    scheme = _SCHEME.match(text)
    return scheme[1].lower() if scheme else None


def full_path(text: str) -> Path:
    """Read an unquoted path or `file:` URI; `~` stands for the home directory.

    Raises:
        InvalidInput: It is relative, or of another machine.
    """
    if scheme_of(text) == "file":
        text = path_of_file_uri(text)
    if "\0" in text:
        raise InvalidInput("The path holds a NUL character, which no file name can: give the full path.")
    if not _WINDOWS and _WINDOWS_PATH.match(text):
        raise InvalidInput(
            f"{shown(text)} is a Windows path, but this server does not run on Windows: give the path as it is seen "
            "where the server runs (under WSL, C:\\ is /mnt/c/)."
        )
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidInput(f"The home directory in {shown(text)} is not known: give the full path.") from error
    if not path.is_absolute():
        raise InvalidInput(
            f"{shown(text)} is a relative path, and hosts start this server in any directory: give the full path."
        )
    return path


def path_of_file_uri(uri: str) -> str:
    """The path in a `file:` URI (RFC 8089), also in the forms that are none but are written: `file://C:/`, `file://~/`.

    `?` and `#` stand for themselves, since people paste names into URIs and a file has neither query nor fragment.

    Raises:
        InvalidInput: It names another host, or does not decode.
    """
    path = uri.partition(":")[2]
    if path.startswith("//") and not _DRIVE.match(path[2:]) and not path.startswith("//~"):
        host, _, path = path[2:].partition("/")
        if host.lower() not in {"", "localhost"}:
            raise InvalidInput(
                f"{shown(uri)} names a file on the host '{shown(host)}'; only files of this machine are taken: give a "
                "full path here."
            )
    try:
        decoded = os.fsdecode(unquote_to_bytes(path))
    except UnicodeError as error:
        raise InvalidInput(f"{shown(uri)} does not decode to a path: give the full path instead.") from error
    bare = decoded.lstrip("/")
    return unquoted(bare if _DRIVE.match(bare) or bare.startswith("~") else f"/{bare}")


def shown(path: object) -> str:
    """Give a path as it can stand in a message: on one line, bounded, and in characters that every output can take."""
    text = str(path).encode(errors="backslashreplace").decode()
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return printable if len(printable) <= _LONGEST else f"{printable[: _LONGEST // 2]}...{printable[-_LONGEST // 3 :]}"


class NotPrivate(Exception):
    """Others may have written what stands in a directory; the message names the command that mends that."""


def make_private(directory: Path) -> None:
    """Make a directory and what is missing above it, each for its owner's eyes only, whatever the umask allows.

    Raises:
        OSError: It cannot be made.
    """
    for each in (*reversed(directory.parents), directory):
        if not each.is_dir():
            each.mkdir(mode=0o700, exist_ok=True)


def require_private(directory: Path, names: Iterable[str]) -> None:
    """Let a directory pass that nobody else can have written to, and in which none of these names is a link.

    Raises:
        NotPrivate: Somebody else might say there what was paid; it names the command that mends it.
        OSError: The directory cannot be looked at.
    """
    found = directory.stat()
    here = shlex.quote(str(directory))
    if not _WINDOWS and found.st_uid != os.geteuid():
        raise NotPrivate(
            f"The state directory {shown(directory)} belongs to another user. Make it yours with: "
            f'sudo chown -R "$(id -un)" {shown(here)} (or set ATLASCLOUD_STATE_DIR to a directory of your own). '
            f"{_UNTIL_THEN}"
        )
    if not _WINDOWS and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotPrivate(
            f"Others can write to the state directory {shown(directory)}. Mend that with: chmod go-w {shown(here)} "
            f"{_UNTIL_THEN}"
        )
    for link in (directory / name for name in names):
        if link.is_symlink():
            raise NotPrivate(
                f"In the state directory, {shown(link)} is a symbolic link, which is not followed. Remove it with: "
                f"rm {shown(shlex.quote(str(link)))} {_UNTIL_THEN}"
            )
