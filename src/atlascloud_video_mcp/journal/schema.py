"""The tables of the journal, how they came to be, and what can be wrong with a file that should hold them."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_MORE_SPENT = """
    INSERT OR IGNORE INTO spending VALUES (SUBSTR(COALESCE(NEW.submitted_at, NEW.created_at), 1, 15), 0);
    UPDATE spending SET amount = amount + NEW.spent
    WHERE span = SUBSTR(COALESCE(NEW.submitted_at, NEW.created_at), 1, 15);
"""
_LESS_SPENT = """
    UPDATE spending SET amount = amount - OLD.spent
    WHERE span = SUBSTR(COALESCE(OLD.submitted_at, OLD.created_at), 1, 15);
"""
# The file's user_version is the number of steps it has seen. A step that was released is never changed.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE entries (
            seq INTEGER PRIMARY KEY,
            intent_id TEXT NOT NULL UNIQUE,
            key TEXT NOT NULL,
            owner TEXT NOT NULL,
            stage TEXT NOT NULL,
            request TEXT NOT NULL,
            notes TEXT NOT NULL,
            created_at TEXT NOT NULL,
            submitted_at TEXT,
            prediction_id TEXT,
            report TEXT,
            delivered INTEGER NOT NULL,
            save_to TEXT NOT NULL,
            saved_path TEXT NOT NULL
        )
        """,
        "CREATE INDEX entries_by_key ON entries (key)",
        "CREATE INDEX entries_by_prediction ON entries (prediction_id)",
        """
        CREATE TABLE uploads (
            host TEXT NOT NULL,
            digest TEXT NOT NULL,
            url TEXT NOT NULL,
            uploaded_at TEXT NOT NULL,
            PRIMARY KEY (host, digest)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE durations (
            seq INTEGER PRIMARY KEY,
            model TEXT NOT NULL,
            duration INTEGER,
            seconds REAL NOT NULL
        )
        """,
        "CREATE INDEX durations_by_kind ON durations (model, duration)",
    ),
    (
        "ALTER TABLE entries ADD COLUMN account TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE entries ADD COLUMN quote INTEGER",  # millionths of a US dollar
        "CREATE INDEX entries_by_time ON entries (COALESCE(submitted_at, created_at))",
    ),
    (
        """
        CREATE TABLE entries_with_takes (
            seq INTEGER PRIMARY KEY,
            intent_id TEXT NOT NULL UNIQUE,
            key TEXT NOT NULL,
            take INTEGER NOT NULL,
            owner TEXT NOT NULL,
            stage TEXT NOT NULL,
            request TEXT NOT NULL,
            body TEXT NOT NULL,
            notes TEXT NOT NULL,
            created_at TEXT NOT NULL,
            submitted_at TEXT,
            prediction_id TEXT,
            report TEXT,
            save_to TEXT NOT NULL,
            saved_path TEXT NOT NULL,
            account TEXT NOT NULL,
            quote INTEGER,
            spent INTEGER NOT NULL,
            picture TEXT NOT NULL,
            person TEXT NOT NULL
        )
        """,
        # What version 1.0.0 kept is the body. What counts in a budget, in millionths of a US dollar, is reckoned from
        # each report as that version did.
        """
        INSERT INTO entries_with_takes
        SELECT seq, intent_id, key, 1, owner, stage, 'null', request, notes, created_at, submitted_at, prediction_id,
            report, save_to, saved_path, account, quote,
            CASE
                WHEN key = '' OR stage IN ('refused', 'abandoned') THEN 0
                WHEN word IN ('failed', 'error', 'timeout', 'canceled', 'cancelled') THEN 0
                WHEN word IN ('completed', 'succeeded', 'success') AND outputs = 0 THEN 0
                WHEN cost IS NULL OR (cost = 0 AND word NOT IN ('completed', 'succeeded', 'success'))
                THEN COALESCE(quote, 0)
                ELSE CAST(ROUND(cost * 1000000) AS INTEGER)
            END,
            'null',
            ''
        FROM (
            SELECT *, LOWER(COALESCE(json_extract(report, '$.word'), '')) AS word,
                COALESCE(json_array_length(report, '$.outputs'), 0) AS outputs,
                CAST(json_extract(report, '$.cost_usd') AS REAL) AS cost
            FROM entries
        )
        """,
        "DROP TABLE entries",
        "ALTER TABLE entries_with_takes RENAME TO entries",
        "CREATE INDEX entries_by_key ON entries (key, take)",
        "CREATE INDEX entries_by_prediction ON entries (prediction_id)",
        "CREATE INDEX entries_by_time ON entries (COALESCE(submitted_at, created_at))",
        "CREATE INDEX entries_intended ON entries (owner) WHERE stage = 'intended'",
        "CREATE INDEX entries_without_a_price ON entries (created_at) WHERE quote IS NULL AND spent = 0 AND key <> ''",
        # What was spent in each ten minutes, "2026-01-01T00:0": a day has 144 of them, however many submissions it has.
        "CREATE TABLE spending (span TEXT PRIMARY KEY, amount INTEGER NOT NULL) WITHOUT ROWID",
        """
        INSERT INTO spending
        SELECT SUBSTR(COALESCE(submitted_at, created_at), 1, 15), SUM(spent) FROM entries WHERE spent <> 0 GROUP BY 1
        """,
        f"""
        CREATE TRIGGER spending_begun AFTER INSERT ON entries WHEN NEW.spent <> 0
        BEGIN {_MORE_SPENT} END
        """,
        f"""
        CREATE TRIGGER spending_changed AFTER UPDATE OF spent, submitted_at, created_at ON entries
        WHEN NEW.spent IS NOT OLD.spent OR NEW.submitted_at IS NOT OLD.submitted_at
            OR NEW.created_at IS NOT OLD.created_at
        BEGIN {_LESS_SPENT} {_MORE_SPENT} END
        """,
        f"CREATE TRIGGER spending_gone AFTER DELETE ON entries WHEN OLD.spent <> 0 BEGIN {_LESS_SPENT} END",
        # Tells this file from another that took its place.
        "CREATE TABLE origin (id BLOB NOT NULL)",
        "INSERT INTO origin VALUES (randomblob(16))",
        # When this file was begun in the place of one that was damaged or deleted.
        "CREATE TABLE begun_anew (at TEXT NOT NULL)",
    ),
)

BUSY_SECONDS = 10.0
"""How long others may keep the file to themselves before we do without it."""
_ONE_TRY = 0.005
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE = 0xFF


class NewerJournal(Exception):
    """The file was written by a version of this program that knows more steps."""


class OutOfReach(Exception):
    """The file cannot be used at present, and may hold whatever is asked for."""


class Damaged(sqlite3.DatabaseError):
    """The file opens, and holds what nobody wrote."""


def is_damage(error: Exception) -> bool:
    """Whether the file itself is broken, rather than out of reach."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    return isinstance(error, Damaged) or code in _DAMAGED


def connect(place: Path | str) -> sqlite3.Connection:
    """An open database with all tables; any thread may use it, one at a time.

    Raises:
        NewerJournal: nothing was changed.
        sqlite3.Error: it cannot be opened or read.
    """
    # isolation_level None: sqlite3 begins no transactions behind our back
    db = sqlite3.connect(place, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.row_factory = sqlite3.Row
        _prepare(db)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection) -> None:
    _require_known(db)
    # Where write-ahead logging cannot be had (a network file system), the mode stays, with an error or without.
    with suppress(sqlite3.OperationalError):
        db.execute("PRAGMA journal_mode = WAL")
    with transaction(db):
        for number, step in enumerate(STEPS[_version(db) :], _version(db) + 1):
            for statement in step:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")


def _require_known(db: sqlite3.Connection) -> None:
    if _version(db) > len(STEPS):
        raise NewerJournal(
            f"The journal was written by a newer version of this program (it is of version {_version(db)}, this "
            f"installation knows version {len(STEPS)}). Update this installation: until then nothing is submitted."
        )


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def check(db: sqlite3.Connection) -> None:
    """Read the whole file.

    Raises:
        sqlite3.DatabaseError: it is damaged.
    """
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise Damaged(verdict)


@contextmanager
def transaction(db: sqlite3.Connection, *, lasting: bool = True) -> Generator[None]:
    """All or nothing, and alone: from its first line to its last no other process writes.

    A `lasting` one outlasts a power cut once it is over; any other does so from the next lasting one on.

    Raises:
        NewerJournal: a newer version of this program has changed the file meanwhile.
    """
    # NORMAL loses no more than the last of them, and only where write-ahead logging is on damages nothing.
    relaxed = not lasting and db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    db.execute(f"PRAGMA synchronous = {'NORMAL' if relaxed else 'FULL'}")
    _begin(db)
    try:
        _require_known(db)
        yield
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def _begin(db: sqlite3.Connection) -> None:
    """SQLite itself asks ever more rarely, so that busier processes starve one that waits; we ask at a steady pace."""
    deadline = monotonic() + BUSY_SECONDS
    _wait_at_most(db, _ONE_TRY)
    while not db.in_transaction:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
    _wait_at_most(db, BUSY_SECONDS)


def _wait_at_most(db: sqlite3.Connection, seconds: float) -> None:
    db.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
