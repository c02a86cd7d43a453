"""The journal for one thread at a time: in its file as long as that can be had, and else in memory."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from atlascloud_video_mcp.journal.files import OWNERS, identity, may_hold_something, open_file, require_safe
from atlascloud_video_mcp.journal.process_locks import ProcessLocks
from atlascloud_video_mcp.journal.schema import NewerJournal, OutOfReach, connect, is_damage, transaction
from atlascloud_video_mcp.journal.transaction import Transaction
from atlascloud_video_mcp.paths import NotPrivate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atlascloud_video_mcp.journal.submission import Submission

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_FAILURES = (sqlite3.Error, OSError, NewerJournal, NotPrivate)


class Database:
    """Runs work on the journal in transactions, whatever becomes of the file; `directory` None keeps all in memory."""

    def __init__(self, directory: Path | None) -> None:
        self._me = uuid4().hex
        self._path = directory / "journal.sqlite3" if directory else None
        self._owners = ProcessLocks(directory / OWNERS, self._me) if directory else None
        # A task that asyncio cancels leaves its thread at work while the next one starts.
        self._alone = Lock()
        self._db: sqlite3.Connection | None = None
        self._identity: tuple[tuple[int, int] | None, ...] = ()
        self._origin: bytes | None = None
        self._written: dict[str, Submission] = {}
        self._told: tuple[str, ...] = ()
        self._logged: set[str] = set()
        self._trouble: Exception | None = None
        """Why the file is done without at present."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the caller about what is amiss."""
        return (*self._told, *([_as_warning(self._trouble)] if self._trouble else ()))

    def run(self, work: Callable[[Transaction], _T], *, lasting: bool, pays: bool = False, keep: bool = False) -> _T:  # noqa: ARG002 - nothing is ever let go here
        """Do the work in one transaction, `lasting` or not; it is done anew elsewhere when the file fails it.

        Before what `pays`, a file that was done without is tried again, and its place looked at.
        """
        with self._alone:
            if pays:
                self._look_to_the_file()
            for recover in (self._mend, self._retreat):
                try:
                    return self._attempt(work, lasting=lasting)
                except _FAILURES as error:
                    recover(error)
            return self._attempt(work, lasting=lasting)

    def close(self) -> None:
        """Let go of the file and of the submissions that are still open."""
        with self._alone, suppress(*_FAILURES):
            self._disconnect()
            if self._owners:
                self._owners.release()

    def _attempt(self, work: Callable[[Transaction], _T], *, lasting: bool) -> _T:
        db = self._db
        # Another process that set a damaged file aside, or a person who deleted it, leaves us writing to no avail.
        if db is None or (self._file and identity(self._file) != self._identity):
            db = self._connect(thorough=False)
        statements = self._transaction(db)
        with transaction(db, lasting=lasting):
            result = work(statements)
        self._remember(statements)
        return result

    @property
    def _file(self) -> Path | None:
        return None if self._trouble else self._path

    def _transaction(self, db: sqlite3.Connection) -> Transaction:
        # in memory there is nobody else
        return Transaction(db, self._me, self._owners if self._file else None, self._trouble)

    def _remember(self, transaction: Transaction) -> None:
        for intent_id, submission in transaction.written.items():
            self._written.pop(intent_id, None)
            if submission:
                self._written[intent_id] = submission

    def _look_to_the_file(self) -> None:
        try:
            if self._trouble:
                self._trouble = None
                self._connect(thorough=False)
            elif self._path and self._db:
                require_safe(self._path)
        except FileNotFoundError:
            return  # it is begun anew
        except _FAILURES as error:
            self._retreat(error)

    def _connect(self, *, thorough: bool) -> sqlite3.Connection:
        self._disconnect()
        aside = None
        if self._file:
            db, aside = open_file(self._file, thorough=thorough)
            self._identity = identity(self._file)
        else:
            db = connect(":memory:")
        self._db = db
        with transaction(db):
            statements = self._transaction(db)
            if self._file and self._is_anew(statements.origin(), aside):
                statements.begin_anew()
            statements.restore(self._written.values())
        return db

    def _is_anew(self, origin: bytes, aside: Path | None) -> bool:
        """Whether a file took the place of one that was lost; says so."""
        before, self._origin = self._origin, origin
        if aside:
            self._tell(f"The journal {self._path} was damaged and set aside as {aside.name}; a new one was begun.")
        elif before not in {None, origin}:
            self._tell(f"The journal {self._path} was deleted or replaced while it was in use.")
        return aside is not None or before not in {None, origin}

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
        if self._path and not isinstance(error, (NewerJournal, NotPrivate)) and may_hold_something(self._path):
            error = OutOfReach(
                f"The journal {self._path} is there and cannot be used ({error}): it may hold any request, so until "
                "that is fixed nothing is submitted, and this process forgets what it did when it ends."
            )
        self._log_once(_as_warning(error))
        self._trouble = error
        self._disconnect()

    def _tell(self, sentence: str) -> None:
        self._log_once(sentence)
        self._told = tuple(dict.fromkeys((*self._told, sentence)))

    def _log_once(self, sentence: str) -> None:
        if sentence not in self._logged:
            self._logged.add(sentence)
            _log.warning("%s", sentence)


def _as_warning(error: Exception) -> str:
    if isinstance(error, (NewerJournal, NotPrivate, OutOfReach)):
        return str(error)
    return f"The journal cannot be written ({error}): this process forgets what it did when it ends."
