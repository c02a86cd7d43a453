"""The journal for one thread at a time: in its file as long as that can be had, and else in memory."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from atlascloud_video_mcp.journal.files import identity, open_file
from atlascloud_video_mcp.journal.ledger import Ledger
from atlascloud_video_mcp.journal.owners import Owners
from atlascloud_video_mcp.journal.schema import NewerJournal, connect, is_damage, transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atlascloud_video_mcp.journal.entries import Entry

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_FAILURES = (sqlite3.Error, OSError, NewerJournal)


class Store:
    """Runs work on the journal in transactions, whatever becomes of the file; `directory` None keeps all in memory.

    `warnings` are sentences for the caller about what is amiss.
    """

    def __init__(self, directory: Path | None) -> None:
        self.warnings: tuple[str, ...] = ()
        self._me = uuid4().hex
        self._path = directory / "journal.sqlite3" if directory else None
        self._owners = Owners(directory / "owners", self._me) if directory else None
        # A task that asyncio cancels leaves its thread at work while the next one starts.
        self._alone = Lock()
        self._db: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._written: dict[str, Entry] = {}

    def run(self, work: Callable[[Ledger], _T], *, lasting: bool) -> _T:
        """Do the work in one transaction, `lasting` or not; it is done anew elsewhere when the file fails it."""
        with self._alone:
            for recover in (self._mend, self._retreat):
                try:
                    return self._attempt(work, lasting=lasting)
                except _FAILURES as error:
                    recover(error)
            return self._attempt(work, lasting=lasting)

    def close(self) -> None:
        """Let go of the file and of the entries that are still open."""
        with self._alone, suppress(*_FAILURES):
            self._disconnect()
            if self._owners:
                self._owners.release()

    def _attempt(self, work: Callable[[Ledger], _T], *, lasting: bool) -> _T:
        db = self._db
        # Another process that set a damaged file aside, or a person who deleted it, leaves us writing to no avail.
        if db is None or (self._path and identity(self._path) != self._identity):
            db = self._connect(thorough=False)
        ledger = self._ledger(db)
        with transaction(db, lasting=lasting):
            result = work(ledger)
        self._remember(ledger)
        return result

    def _ledger(self, db: sqlite3.Connection) -> Ledger:
        # in memory there is nobody else
        return Ledger(db, self._me, self._owners if self._path else None)

    def _remember(self, ledger: Ledger) -> None:
        for intent_id, entry in ledger.written.items():
            self._written.pop(intent_id, None)
            if entry:
                self._written[intent_id] = entry

    def _connect(self, *, thorough: bool) -> sqlite3.Connection:
        self._disconnect()
        if self._path:
            db, aside = open_file(self._path, thorough=thorough)
            self._identity = identity(self._path)
            if aside:
                self._warn(f"The journal {self._path} was damaged and set aside as {aside.name}; a new one was begun.")
        else:
            db = connect(":memory:")
        self._db = db
        with transaction(db):
            self._ledger(db).restore(self._written.values())
        return db

    def _disconnect(self) -> None:
        if self._db:
            self._db.close()
            self._db = None

    def _mend(self, error: Exception) -> None:
        if not is_damage(error):
            self._retreat(error)
            return
        try:
            self._connect(thorough=True)
        except _FAILURES as worse:
            self._retreat(worse)

    def _retreat(self, error: Exception) -> None:
        self._warn(f"The journal cannot be written ({error}): this process forgets what it did when it ends.")
        self._disconnect()
        self._path = None

    def _warn(self, sentence: str) -> None:
        _log.warning("%s", sentence)
        self.warnings = (*self.warnings, sentence)
