"""The journal's file: made for its owner's eyes only, and set aside when it is damaged."""

from __future__ import annotations

import errno
import sqlite3
import stat
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock

from atlascloud_video_mcp.journal.schema import check, connect, is_damage
from atlascloud_video_mcp.paths import make_private, require_private

if TYPE_CHECKING:
    from pathlib import Path

OWNERS = "owners"
"""The directory beside the journal in which each process that writes to it holds a lock."""
_OPENING_SECONDS = 10
_COMPANIONS = ("-wal", "-shm", "")
"""What SQLite adds to the name of a database, and the database itself last: without it nobody reads the others."""


def open_file(path: Path, *, thorough: bool) -> tuple[sqlite3.Connection, Path | None]:
    """A connection, and where the damaged file went that was in the way.

    One process opens at a time, so that none meets a file half made or half set aside.

    Raises:
        NewerJournal, NotPrivate, sqlite3.Error, OSError: it cannot be used; nothing was changed.
    """
    make_private(path.parent)
    require_safe(path)
    with FileLock(path.with_suffix(".lock"), timeout=_OPENING_SECONDS, mode=0o600, poll_interval=0.01):
        try:
            return _connect(path, thorough=thorough), None
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
        aside = _set_aside(path)
        return _connect(path, thorough=False), aside


def require_safe(path: Path) -> None:
    """Let a journal pass that nobody else can have put there.

    Raises:
        NotPrivate: It lies where others can write, or is a link, or one of the files beside it is.
        OSError: It cannot be looked at.
    """
    beside = (path.name + companion for companion in _COMPANIONS)
    require_private(path.parent, (*beside, path.with_suffix(".lock").name, OWNERS))


def may_hold_something(path: Path) -> bool:
    """Whether there is a journal, or may be one: only of an empty place it is sure that nothing stands there."""
    try:
        found = path.stat()
    except OSError as error:
        return error.errno not in {errno.ENOENT, errno.ENOTDIR}
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def identity(path: Path) -> tuple[tuple[int, int] | None, ...]:
    """Tells an open journal from another that took its name, or its log's; None stands for what is not there."""
    return tuple(_inode(path.with_name(path.name + companion)) for companion in ("", "-wal"))


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connect(path: Path, *, thorough: bool) -> sqlite3.Connection:
    # Made by us, since SQLite would let others read it. Never opened by us when it is there: closing a file drops the
    # locks that another connection of this process holds on it.
    with suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)
    db = connect(path)
    try:
        if thorough:
            check(db)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    for companion in _COMPANIONS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + companion).rename(aside.with_name(aside.name + companion))
    return aside
