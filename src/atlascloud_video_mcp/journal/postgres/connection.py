"""A connection that takes the journal's own spelling of SQL, and never waits for ever."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager, suppress
from functools import lru_cache
from threading import Timer
from typing import TYPE_CHECKING, Any

import psycopg

from atlascloud_video_mcp.journal.postgres.tables import LOCK, fault_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from types import TracebackType
    from typing import Self

PATIENCE = 5.0
"""Seconds that the database may take for a connection, or for a transaction."""
_BEGIN = (
    "BEGIN; SET LOCAL synchronous_commit = {}; SELECT pg_advisory_xact_lock({}); SELECT version FROM schema_version"
)
# A process that was stopped within a transaction must not keep all others from theirs.
_OPTIONS = f"-c idle_in_transaction_session_timeout=2s -c statement_timeout={PATIENCE:.0f}s"


class OtherVersion(Exception):
    """The database's tables are not those of this program; the message says what to do."""


class Row(tuple[Any, ...]):
    """A row whose values are found by position and by name, as SQLite's are."""

    __slots__ = ()
    names: dict[str, int]

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as of a tuple
        return super().__getitem__(self.names[key] if isinstance(key, str) else key)


def _row_factory(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    return _row_of(tuple(column.name for column in cursor.description or ()))


@lru_cache
def _row_of(names: tuple[str, ...]) -> type[Row]:
    return type("Row", (Row,), {"__slots__": (), "names": {name: number for number, name in enumerate(names)}})


class PostgresConnection:
    """What `journal.transaction` needs of a connection."""

    def __init__(self, raw: psycopg.Connection[Row]) -> None:
        self.raw = raw

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def execute(self, sql: str, parameters: Any = ()) -> psycopg.Cursor[Row]:  # noqa: ANN401 - by position or by name
        """Run a statement."""
        return self.raw.execute(spelled(sql).encode(), parameters or None)

    def close(self) -> None:
        """End the session."""
        with suppress(psycopg.Error):
            self.raw.close()

    @contextmanager
    def transaction(self, *, lasting: bool) -> Generator[None]:
        """All or nothing, and alone: from its first line to its last no other process writes.

        A `lasting` one outlasts a power cut once it is over.

        Raises:
            OtherVersion: The tables are not those of this program; nothing was changed.
            psycopg.Error: It failed, or took longer than it may.
        """
        with self.cut_off_in_time():
            try:
                self._begin("on" if lasting else "off")
                yield
                self.raw.execute("COMMIT")
            except BaseException:
                with suppress(psycopg.Error):
                    self.raw.rollback()
                raise

    def _begin(self, synchronous_commit: str) -> None:
        try:
            cursor = self.raw.execute(_BEGIN.format(synchronous_commit, LOCK).encode())
        except psycopg.errors.UndefinedTable as error:
            raise OtherVersion(fault_of(None)) from error
        while cursor.nextset():
            pass
        row = cursor.fetchone()
        if fault := fault_of(row["version"] if row else None):
            raise OtherVersion(fault)

    @contextmanager
    def cut_off_in_time(self) -> Generator[None]:
        """End the session where the server hangs: what waits for it fails then."""
        timer = Timer(PATIENCE + 1, _shut, (self.raw.fileno(),))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def connect(url: str) -> PostgresConnection:
    """A session; each statement outside of a transaction is one of its own.

    Raises:
        psycopg.Error: There is none to be had.
    """
    raw = psycopg.connect(
        url,
        autocommit=True,
        cursor_factory=psycopg.ClientCursor,
        row_factory=_row_factory,
        connect_timeout=int(PATIENCE),
        options=_OPTIONS,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=2,
        tcp_user_timeout=int(PATIENCE * 1000),
        application_name="atlascloud-video-mcp",
    )
    return PostgresConnection(raw)


@lru_cache
def spelled(sql: str) -> str:
    """A statement of the journal as PostgreSQL takes it: other marks for values, and no advice on indexes."""
    sql = re.sub(r"INDEXED BY \w+", "", sql)
    sql = re.sub(r"(?<!:):([a-z_]+)", r"%(\1)s", sql)
    return sql.replace("?", "%s")


def _shut(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=socket.dup(descriptor)) as other:
        other.shutdown(socket.SHUT_RDWR)
