"""The journal in a PostgreSQL database: what costs money waits for it, and what was paid outlasts its absence."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import psycopg

from atlascloud_video_mcp.errors import JournalUnusable
from atlascloud_video_mcp.journal import schema as sqlite
from atlascloud_video_mcp.journal.postgres.connection import OtherVersion, connect
from atlascloud_video_mcp.journal.postgres.leases import Leases, Pulse
from atlascloud_video_mcp.journal.postgres.tables import told
from atlascloud_video_mcp.journal.submission import Stage
from atlascloud_video_mcp.journal.transaction import Transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from atlascloud_video_mcp.journal.postgres.connection import PostgresConnection
    from atlascloud_video_mcp.journal.submission import Submission

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_FAILURES = (psycopg.Error, OtherVersion)
_ON_ITS_WAY = frozenset({Stage.INTENDED, Stage.SENDING, Stage.UNKNOWN})
_NEXT = "try again in a few seconds."
_PAUSE = 1.0
"""Seconds for which a database that failed is left alone: who waits behind a call that it let hang is told at once."""
_LOST_SESSION = 1.0
"""A failure within so many seconds may be that of a session that had ended meanwhile: a new one is tried."""


class PostgresStore:
    """Runs work on a team's journal in transactions.

    Args:
        url: The database.
        heard: Told of what other processes write; see Pulse.
        lease: For how long this process counts as alive after each of its beats, seconds.
    """

    def __init__(self, url: str, heard: Callable[[str], None], lease: float) -> None:
        self._url = url
        self._heard = heard
        self._lease = lease
        self._me = uuid4().hex
        self._alone = Lock()
        self._db: PostgresConnection | None = None
        self._pulse: Pulse | None = None
        self._left_alone_until = 0.0
        self._fault = ""
        self._open: dict[str, Submission] = {}
        """What this process wrote that has not ended, as it was last written."""
        self._owed: set[str] = set()
        """What of it the database does not have yet."""
        self._memory: sqlite3.Connection | None = None
        """Takes its place while it is away."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the caller about what is amiss."""
        return (self._fault,) if self._fault else ()

    def run(self, work: Callable[[Transaction], _T], *, lasting: bool, pays: bool = False, keep: bool = False) -> _T:
        """Do the work in one transaction, `lasting` or not.

        Raises:
            JournalUnusable: The database cannot be used, and the work is not to be kept.
        """
        with self._alone:
            try:
                return self._in_database(work, lasting=lasting)
            except JournalUnusable as error:
                if keep:
                    return self._in_memory(work)
                if pays:
                    raise JournalUnusable(f"Nothing was sent or paid. {error}") from error
                raise

    def close(self) -> None:
        """Give the lease back, so that others go on at once."""
        with self._alone:
            if self._pulse:
                self._pulse.end()
                with suppress(JournalUnusable):
                    self._in_database(lambda _: None, lasting=True)  # what is owed
                with suppress(*_FAILURES):
                    Leases(self._db or self._connect(), self._me, self._lease).leave()
            self._disconnect()
            self._forget_memory()

    def _in_database(self, work: Callable[[Transaction], _T], *, lasting: bool) -> _T:
        begun = monotonic()
        if begun < self._left_alone_until:
            raise JournalUnusable(self._fault)
        attempted: dict[str, Submission] = {}
        again = True
        while True:
            try:
                result = self._attempt(work, attempted, lasting=lasting)
            except _FAILURES as error:
                self._disconnect()
                if again and isinstance(error, psycopg.Error) and monotonic() - begun < _LOST_SESSION:
                    again = False
                    continue
                self._leave_alone(error, attempted)
                raise JournalUnusable(self._fault) from error
            self._fault = ""
            return result

    def _attempt(self, work: Callable[[Transaction], _T], attempted: dict[str, Submission], *, lasting: bool) -> _T:
        db = self._db or self._connect()
        with db.transaction(lasting=lasting):
            leases = Leases(db, self._me, self._lease)
            owed = [self._open[intent_id] for intent_id in self._owed]
            restoring = Transaction(db, self._me, leases)
            restoring.restore(owed)
            statements = Transaction(db, self._me, leases, attempted=tuple(attempted))
            try:
                result = work(statements)
            finally:
                written = {intent_id: each for intent_id, each in statements.written.items() if each}
                attempted.update(written)
            for each in (*restoring.written.values(), *written.values()):
                if each and each.prediction_id:
                    statements.keep_watched(each)
                    leases.tell(each.prediction_id)
        self._owed.clear()
        self._forget_memory()
        self._note({each.intent_id: each for each in owed} | restoring.written | statements.written)
        return result

    def _in_memory(self, work: Callable[[Transaction], _T]) -> _T:
        if self._memory is None:
            self._memory = sqlite.connect(":memory:")
            with sqlite.transaction(self._memory):
                for each in self._open.values():
                    Transaction(self._memory, self._me, None).put_back(each)
        with sqlite.transaction(self._memory, lasting=False):
            statements = Transaction(self._memory, self._me, None)
            result = work(statements)
        self._owed |= {intent_id for intent_id, each in statements.written.items() if each}
        self._note(statements.written)
        return result

    def _note(self, written: Mapping[str, Submission | None]) -> None:
        """Remember what has not ended, or is owed."""
        for intent_id, each in written.items():
            self._open.pop(intent_id, None)
            if each is None:
                self._owed.discard(intent_id)
            elif intent_id in self._owed or each.stage in _ON_ITS_WAY or (each.is_unfinished and each.is_open):
                self._open[intent_id] = each

    def _leave_alone(self, error: Exception, attempted: Mapping[str, Submission]) -> None:
        reason = told(error) if isinstance(error, psycopg.Error) else str(error)
        fault = (
            reason if isinstance(error, OtherVersion) else f"The journal's database cannot be used ({reason}): {_NEXT}"
        )
        if fault != self._fault:
            _log.warning("%s", fault)
        self._fault = fault
        self._left_alone_until = monotonic() + _PAUSE
        # What was claimed may stand there or not; nobody is going to send it.
        for intent_id, each in attempted.items():
            if each.stage is Stage.INTENDED and intent_id not in self._open:
                self._open[intent_id] = replace(each, stage=Stage.ABANDONED)
                self._owed.add(intent_id)

    def _connect(self) -> PostgresConnection:
        self._db = connect(self._url)
        if self._pulse is None:
            self._pulse = Pulse(self._url, self._me, self._lease, self._heard)
        return self._db

    def _disconnect(self) -> None:
        if self._db:
            self._db.close()
            self._db = None

    def _forget_memory(self) -> None:
        if self._memory:
            self._memory.close()
            self._memory = None
