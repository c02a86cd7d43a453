"""A client's file: read as it is, replaced as a whole or not at all, never without a copy of what was there."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from atlascloud_video_mcp.installing.problems import CannotInstall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_MARK = b"\xef\xbb\xbf"  # what some Windows editors begin a UTF-8 file with
_OWNER_ONLY = 0o600


@dataclass(frozen=True)
class File:
    """What a file held when it was read."""

    path: Path
    held: bytes | None
    """None: there was no file."""
    text: str


def read_file(path: Path) -> File:
    """Read a file; one that is not there is empty.

    Raises:
        CannotInstall: It cannot be read, or is not UTF-8.
    """
    held = _held(path)
    try:
        return File(path, held, (held or b"").removeprefix(_MARK).decode())
    except UnicodeDecodeError as error:
        raise CannotInstall(f"{path} is not UTF-8 text") from error


def write_file(file: File, text: str, *, now: datetime) -> Path | None:
    """Put a text in the place of what the file held; returns where that was copied to.

    The file keeps its mode, and stays where a symbolic link to it leads. A new one is for its owner's eyes only, since
    it may hold a key.

    Raises:
        CannotInstall: It cannot be written, or was changed since it was read; it is as it was.
    """
    content = text.encode()
    if file.held and file.held.startswith(_MARK):
        content = _MARK + content
    with _explained(file.path):
        target = file.path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = _OWNER_ONLY if file.held is None else stat.S_IMODE(target.stat().st_mode)
        backup = None if file.held is None else _backed_up(file.path, file.held, mode, now)
        with _new_file_for(target) as temporary:
            _fill(temporary, content, mode)
            _require_unchanged(file)
            temporary.replace(target)
    return backup


def open_to_others(path: Path) -> bool:
    """Whether other users of this computer can read a file."""
    return os.name == "posix" and bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _held(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotInstall(f"{path} cannot be read: {error.strerror}") from error


def _backed_up(path: Path, held: bytes, mode: int, now: datetime) -> Path:
    """A copy beside the file, under a name that is free."""
    stem = f"{path.name}.bak-{now:%Y%m%d-%H%M%S}"
    for number in count(1):
        backup = path.with_name(stem if number == 1 else f"{stem}-{number}")
        with suppress(FileExistsError):
            handle = os.open(backup, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
            with os.fdopen(handle, "wb") as stream:
                stream.write(held)
            return backup
    raise AssertionError("unreachable")  # pragma: no cover - counting has no end


@contextmanager
def _new_file_for(target: Path) -> Iterator[Path]:
    """An empty file beside the target, which is gone in the end unless it has taken the target's place."""
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


def _require_unchanged(file: File) -> None:
    if _held(file.path) != file.held:
        raise CannotInstall(f"{file.path} was changed by another program just now, and left like that. Run this again.")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotInstall(f"{path} cannot be written: {error.strerror}") from error
