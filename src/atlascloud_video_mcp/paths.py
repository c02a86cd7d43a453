"""A path as people, models and hosts write it, read as a full path of this machine."""

from __future__ import annotations

import os
import re
import shlex
import stat
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING
from unicodedata import category
from urllib.parse import unquote, unquote_to_bytes

from atlascloud_video_mcp.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

_WINDOWS = os.name == "nt"
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two letters or more: one is a drive
_SINGLE, _DOUBLE = "\u2018\u2019", "\u201c\u201d"
_QUOTES = {"''", '""', "``", "<>", "«»", _SINGLE, _DOUBLE, 2 * _SINGLE[1], 2 * _DOUBLE[1], "\u201e" + _DOUBLE[0]}
_OPENING = re.escape("".join(pair[0] for pair in _QUOTES))
# How a full path or an address begins.
_BEGINNING = r"(?:[/~]|[A-Za-z]:[\\/]|\\\\|(?:file|data|https?):)"
_MENTION = re.compile(rf"(?:@|[{_OPENING}]+)(?=[{_OPENING}]*{_BEGINNING})", re.IGNORECASE)
# [words](target), ![words](<target> "title"): CommonMark 0.31, sections 6.3 and 6.4.
_MARKDOWN = re.compile(r"""!?\[[^\]]*\]\(\s*(<[^>]*>|.*?)(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)""", re.DOTALL)
_MORE_THAN_A_PATH = re.compile(r"""[\s"'`<>=:,(\[](?:/[^\s/]|~/|[A-Za-z]:[\\/]|\\\\|(?:file|data|https?):)""")
_ESCAPED = re.compile(r"\\([^A-Za-z0-9\\/])")  # as shells do it
_AFTER_A_PATH = ".,;:!?)]}" + "".join(pair[1] for pair in _QUOTES)
_LONGEST = 300  # characters of a path in a message
_UNTIL_THEN = "Until then nothing is submitted."

# Source: Microsoft, "Naming Files, Paths, and Namespaces"; the superscript digits count as digits there.
_RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}
    | {device + digit for device in ("COM", "LPT") for digit in "0123456789\u00b9\u00b2\u00b3"}
)
_FORBIDDEN = re.compile(r'[<>"|?*\x00-\x1f]')


def unquoted(text: str) -> str:
    """A path without what hosts and people put around it.

    That is blanks, a byte order mark and other invisible characters, quotation marks, backticks, angle brackets, a `@`,
    and the Markdown of a link or a picture.
    """
    while True:
        bare = _stripped(text)
        if len(bare) > 1 and bare[0] + bare[-1] in _QUOTES:
            bare = bare[1:-1]
        elif found := _MARKDOWN.fullmatch(bare):
            bare = found[1]
        elif found := _MENTION.match(bare):
            bare = bare[found.end() :]
        if bare == text:
            return text
        text = bare


def _stripped(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_invisible(text[start]):
        start += 1
    while start < end and _is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_invisible(letter: str) -> bool:
    return letter.isspace() or category(letter) == "Cf"


def scheme_of(text: str) -> str | None:
    """The scheme of an address, in lower case; None for a path, with or without a drive."""
    scheme = _SCHEME.match(text)
    return scheme[1].lower() if scheme else None


def unescaped(text: str) -> str:
    """A path without a shell's backslashes before blanks and brackets; unchanged where they separate names."""
    return text if _WINDOWS else _ESCAPED.sub(r"\1", text)


def spellings(text: str) -> list[str]:
    """What an unquoted path may mean, likeliest first: itself, or what a shell, a link or a sentence was made of."""
    decoded = unquote(text, errors="surrogateescape") if scheme_of(text) is None else text
    return list(dict.fromkeys([text, unescaped(text), decoded, text.rstrip(_AFTER_A_PATH)]))


def full_path(text: str) -> Path:
    """Read an unquoted path or `file:` URI; `~` stands for the home directory.

    Raises:
        InvalidInput: It is relative, on another machine, or a name with a special meaning on Windows.
    """
    if scheme_of(text) == "file":
        text = _path_of_file_uri(text)
    if "\0" in text:
        raise InvalidInput("The path contains a NUL character, which file names cannot: give the full path.")
    if _WINDOWS and (fault := windows_fault(text)):
        raise InvalidInput(f"{shown(text)} {fault}: give a full path on a drive of this machine.")
    if not _WINDOWS and _WINDOWS_PATH.match(text):
        raise InvalidInput(
            f"{shown(text)} is a Windows path, but this server does not run on Windows: give the path as it is seen "
            "where the server runs (under WSL, C:\\ is /mnt/c/)."
        )
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidInput(f"The home directory in {shown(text)} is not known: give the full path.") from error
    if path.is_absolute():
        return path
    if _MORE_THAN_A_PATH.search(text):
        raise InvalidInput(f"{shown(text)} holds more than a path: give the full path and nothing else.")
    raise InvalidInput(
        f"{shown(text)} is a relative path, and hosts start this server in any directory: give the full path."
    )


def windows_fault(text: str) -> str | None:
    """Why Windows would take a path for something other than a file on a drive, or None.

    It judges the text alone: looking at a path on another machine means to log in there, with a hash of the password.
    """
    path = PureWindowsPath(text)
    if text.replace("/", "\\").startswith(("\\\\", "\\??\\")):
        return "names another machine or a device"
    for name in path.parts[1:] if path.anchor else path.parts:
        if ":" in name:
            return "names a stream inside a file, by its colon"
        if _FORBIDDEN.search(name):
            return "holds a character that no file name can"
        if name.partition(".")[0].rstrip(" ").upper() in _RESERVED:
            return f"holds a name that Windows keeps for a device ({shown(name)})"
        if name != ".." and name != name.rstrip(". "):
            return "holds a name that ends in a dot or a blank, which Windows drops"
    return None


def _path_of_file_uri(uri: str) -> str:
    """The path in a `file:` URI (RFC 8089), also in invalid forms that people write: `file://C:/`, `file://~/`.

    `?` and `#` are part of the name: people paste names into URIs, and a file has no query or fragment.

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
    """A path for a message: on one line, of limited length, and printable on every output."""
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
    """Let a directory pass that nobody else can have written to, and in which none of these names is a link or foreign.

    Raises:
        NotPrivate: Somebody else might say there what was paid; it names the command that mends it.
        OSError: The directory cannot be looked at.
    """
    found = directory.stat()
    here = shlex.quote(str(directory))
    all_of_it = {directory: found}
    for path in (directory / name for name in names):
        with suppress(FileNotFoundError):
            all_of_it[path] = path.lstat()
    for path, status in all_of_it.items():
        if stat.S_ISLNK(status.st_mode):
            raise NotPrivate(
                f"In the state directory, {shown(path)} is a symbolic link, which is not followed. Remove it with: "
                f"rm {shown(shlex.quote(str(path)))} {_UNTIL_THEN}"
            )
        if not _WINDOWS and status.st_uid != os.geteuid():
            what = "" if path == directory else f" holds {shown(path.name)}, which"
            raise NotPrivate(
                f"The state directory {shown(directory)}{what} belongs to another user. Make it yours with: "
                f'sudo chown -R "$(id -un)" {shown(here)} (or set ATLASCLOUD_STATE_DIR to a directory of your own). '
                f"{_UNTIL_THEN}"
            )
    if not _WINDOWS and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotPrivate(
            f"Others can write to the state directory {shown(directory)}. Fix it with: chmod go-w {shown(here)} "
            f"{_UNTIL_THEN}"
        )
