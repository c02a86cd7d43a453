"""A client's file: read as it is, replaced as a whole or not at all, never without a copy of what was there."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import AtlasError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

_UTF_8_MARK = b"\xef\xbb\xbf"  # what some Windows editors begin a UTF-8 file with
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_OWNER_ONLY = 0o600
_COPY = re.compile(r"\.bak-(\d{8}-\d{6})(?:-(\d+))?$")
_MOST_COPIES = 3


class CannotInstall(AtlasError):
    """A client's file cannot be changed without harm: it was not touched, and a person has to look."""


class InvalidText(CannotInstall):
    """A file that is not what its client takes; `line` and `column` count from 1."""

    def __init__(self, fault: str, *, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {fault}")


def newline_of(text: str) -> str:
    """How the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"


def nested(keys: Sequence[str | int], value: object) -> object:
    """A value at the end of a path of keys, in objects of its own, or arrays where a key is an index."""
    for key in reversed(keys):
        value = [value] if isinstance(key, int) else {key: value}
    return value


@dataclass(frozen=True)
class ConfigFile:
    """A file as it was read."""

    path: Path
    held: bytes | None
    """None: there was no file."""
    text: str


def read_file(path: Path) -> ConfigFile:
    """Read a file; one that is not there is empty.

    Raises:
        CannotInstall: It cannot be read, is no regular file, or is not UTF-8.
    """
    held = _held(path)
    try:
        return ConfigFile(path, held, (held or b"").removeprefix(_UTF_8_MARK).decode())
    except UnicodeDecodeError as error:
        kind = "UTF-16" if held and held.startswith(_UTF_16_MARKS) else "not UTF-8"
        raise CannotInstall(f"{path} is {kind} text: save it as UTF-8") from error


def write_file(file: ConfigFile, text: str, *, now: datetime, private: bool = False) -> Path | None:
    """Replace what the file held; returns the path of the copy that was made of it.

    The file keeps its owner and its mode, and stays where a symbolic link to it leads. A new one belongs to the owner
    of its directory. A new one, every copy, and what is private can be read by their owner only.

    Raises:
        CannotInstall: It cannot be written, or has changed since it was read; it is left as it was.
    """
    content = text.encode()
    if file.held and file.held.startswith(_UTF_8_MARK):
        content = _UTF_8_MARK + content
    with _explained(file.path):
        target = file.path.resolve()
        _make_directory(target.parent)
        before = (target.parent if file.held is None else target).stat()
        mode = _OWNER_ONLY if private or file.held is None else stat.S_IMODE(before.st_mode)
        backup = None if file.held is None else _backed_up(file.path, file.held, before, now)
        with _new_file_for(target) as temporary:
            _own(temporary, before)
            _fill(temporary, content, mode)
            _require_unchanged(file)
            temporary.replace(target)
        _tidy(file.path)
    return backup


def open_to_others(path: Path) -> bool:
    """Whether other users of this computer can read a file."""
    return os.name == "posix" and bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def copies_of(path: Path) -> list[Path]:
    """The backup copies of a file, oldest first."""
    found = path.parent.glob(f"{escape(path.name)}.bak-*")
    return sorted((copy for copy in found if _COPY.search(copy.name)), key=_made)


def _made(copy: Path) -> tuple[str, int]:
    """When a copy was made, and its number within that second."""
    _, stamp, number, *_ = _COPY.split(copy.name)
    return stamp, int(number or 1)


def _tidy(path: Path) -> None:
    """Keep the newest copies, for their owner only."""
    copies = copies_of(path)
    for old in copies[:-_MOST_COPIES]:
        old.unlink(missing_ok=True)
    for copy in copies[-_MOST_COPIES:]:
        copy.chmod(_OWNER_ONLY)


def _held(path: Path) -> bytes | None:
    try:
        # A pipe would be waited for, and a device would be replaced by a file.
        if path.exists() and not path.is_file():
            raise CannotInstall(f"{path} cannot be read: it is not a regular file")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotInstall(f"{path} cannot be read: {error.strerror}") from error


def _make_directory(directory: Path) -> None:
    """Create a directory and its parents, each for the owner of the one it is in."""
    if not directory.exists():
        _make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        _own(directory, directory.parent.stat())


def _own(path: Path, like: os.stat_result) -> None:
    """Give a file or directory to the owner of another; only root can."""
    with suppress(PermissionError, AttributeError):  # Windows has no owners of this kind
        os.chown(path, like.st_uid, like.st_gid)


def _backed_up(path: Path, held: bytes, like: os.stat_result, now: datetime) -> Path:
    """A copy beside the file; of several in one second each gets a higher number."""
    stem = f"{path.name}.bak-{now:%Y%m%d-%H%M%S}"
    used = [number for stamp, number in map(_made, copies_of(path)) if stem.endswith(stamp)]
    backup = path.with_name(f"{stem}-{max(used) + 1}" if used else stem)
    with _new_file_for(backup) as temporary:
        _own(temporary, like)
        _fill(temporary, held, _OWNER_ONLY)
        temporary.replace(backup)
    return backup


@contextmanager
def _new_file_for(target: Path) -> Iterator[Path]:
    """An empty file beside the target, which is deleted in the end unless it has replaced the target."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _fill(path: Path, content: bytes, mode: int) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    path.chmod(mode)


def _require_unchanged(file: ConfigFile) -> None:
    if _held(file.path) != file.held:
        raise CannotInstall(f"{file.path} was just changed by another program and was left as it is. Run this again.")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotInstall(f"{path} cannot be written: {error.strerror}") from error
