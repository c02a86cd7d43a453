"""What is read within one transaction, and what is noted about a submission, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from atlascloud_video_mcp.journal.budget import since
from atlascloud_video_mcp.journal.submission import Stage, Submission, as_text, from_row, to_row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from decimal import Decimal

    from atlascloud_video_mcp.journal.people import Person

NOBODYS_KEY = ""
BY_INTENT = "SELECT * FROM entries WHERE intent_id = ?"
BY_PREDICTION = "SELECT * FROM entries WHERE prediction_id = ? ORDER BY seq DESC"
_OF_ACCOUNT = """
    SELECT * FROM entries WHERE COALESCE(submitted_at, created_at) > ? AND account IN (?, '')
    AND (key <> '' OR account <> '')
"""
ASKED_BY = " AND intent_id IN (SELECT intent_id FROM askers WHERE person = ?)"
_MADE = """
    SELECT * FROM entries WHERE stage = 'submitted' AND (? IS NULL OR account IN (?, '')){whose}
    ORDER BY COALESCE(submitted_at, created_at) DESC LIMIT ?
"""
_INSERT = """
    INSERT INTO entries (
        intent_id, key, take, owner, stage, request, body, notes, created_at, submitted_at, prediction_id,
        report, save_to, saved_path, account, quote, spent, picture, person
    ) VALUES (
        :intent_id, :key, :take, :owner, :stage, :request, :body, :notes, :created_at, :submitted_at, :prediction_id,
        :report, :save_to, :saved_path, :account, :quote, :spent, :picture, :person
    ) ON CONFLICT DO NOTHING
"""
_UPDATE = """
    UPDATE entries SET stage = :stage, request = :request, body = :body, notes = :notes,
        submitted_at = :submitted_at, prediction_id = :prediction_id, report = :report, save_to = :save_to,
        saved_path = :saved_path, account = :account, quote = :quote, spent = :spent, picture = :picture
    WHERE intent_id = :intent_id
"""
_UPLOADED = """
    INSERT INTO uploads VALUES (?, ?, ?, ?)
    ON CONFLICT (host, digest) DO UPDATE SET url = excluded.url, uploaded_at = excluded.uploaded_at
"""
_COUNTED_ELSEWHERE = "SELECT 1 FROM entries WHERE prediction_id = ? AND intent_id <> ? AND spent <> 0"


class Cursor(Protocol):
    """What a statement gave; values are found in a row by position and by name."""

    @property
    def rowcount(self) -> int: ...  # noqa: D102 - as in DB-API 2.0
    def fetchone(self) -> Any: ...  # noqa: ANN401, D102
    def fetchall(self) -> list[Any]: ...  # noqa: D102
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """Of either store, within a transaction; statements are in SQLite's spelling."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor: ...  # noqa: ANN401, D102 - as in sqlite3


class Owners(Protocol):
    """The processes that own rows, as one transaction sees them."""

    fence: str
    """What a statement about one's own rows adds, so that it has no effect once one is taken for dead."""

    def hold(self) -> None:
        """Be seen to be alive from now on."""

    def is_alive(self, name: str) -> bool:
        """Whether the process that took this name still runs."""


class Rows:
    """The rows of the journal as one transaction sees them; `written` is what it leaves behind, None for the removed.

    `owners` None is a journal in memory, where nobody else is.
    """

    def __init__(self, db: Connection, me: str, owners: Owners | None) -> None:
        self._db = db
        self._me = me
        self._owners = owners
        self._alive = {me: True}
        self.written: dict[str, Submission | None] = {}

    def origin(self) -> bytes:
        """What tells this file from another that took its place."""
        return bytes(self._db.execute("SELECT id FROM origin").fetchone()[0])

    def begun_anew(self) -> datetime | None:
        """When it was begun in the place of one that was damaged or deleted, if that was in the last 24 hours."""
        (at,) = self._db.execute("SELECT MAX(at) FROM begun_anew WHERE at > ?", (as_text(since()),)).fetchone()
        return datetime.fromisoformat(at) if at else None

    def submission(self, intent_id: str) -> Submission | None:
        """The submission of an intent."""
        return next(iter(self._select(BY_INTENT, intent_id)), None)

    def submission_of(self, prediction_id: str) -> Submission | None:
        """The newest submission of a prediction."""
        return next(iter(self._select(BY_PREDICTION, prediction_id)), None)

    def made(
        self, account: str | None, ids: Collection[str], most: int, person: Person | None = None
    ) -> list[Submission]:
        """The newest predictions of an account, or of all for None, and those with these ids; each of them once.

        For a person only those that the person asked for.
        """
        values = (account, account, *((person.name,) if person else ()), most)
        newest = self._select(_MADE.format(whose=ASKED_BY if person else ""), *values)
        known = {each.prediction_id: each for each in reversed(newest)}
        if person:
            return list(known.values())
        others = (self.submission_of(each) for each in ids if each not in known)
        return [*known.values(), *(each for each in others if each)]

    def orphans(self, account: str) -> list[str]:
        """The ids of an account's unfinished predictions of the last 24 hours whose processes have ended."""
        submissions = self._select(_OF_ACCOUNT, as_text(since()), account)
        left = (each for each in submissions if each.is_unfinished and not each.owner_alive)
        return [each.prediction_id for each in left if each.prediction_id]

    def uncounted(self, prediction_ids: Collection[str]) -> set[str]:
        """Those of the ids that are not counted in the budget."""
        one = "SELECT 1 FROM entries WHERE prediction_id = ? AND (key <> '' OR account <> '')"
        return {each for each in prediction_ids if not self._db.execute(one, (each,)).fetchone()}

    def knows(self, prediction_ids: Collection[str]) -> set[str]:
        """Those of the ids that are in the journal."""
        one = "SELECT 1 FROM entries WHERE prediction_id = ?"
        return {each for each in prediction_ids if self._db.execute(one, (each,)).fetchone()}

    def upload(self, digest: str, *, within: timedelta, host: str) -> str | None:
        """Where bytes with this digest were put of late; `host` is the API's base URL."""
        select = "SELECT url FROM uploads WHERE host = ? AND digest = ? AND uploaded_at > ?"
        row = self._db.execute(select, (host, digest, as_text(datetime.now(UTC) - within))).fetchone()
        return str(row["url"]) if row else None

    def durations(self, model: str, duration: int | None, most: int = 50) -> list[float]:
        """How many seconds generations of this kind took, newest first; `duration` is as in the request."""
        select = (
            "SELECT seconds FROM durations WHERE model = ? AND COALESCE(duration, -1) = ? ORDER BY seq DESC LIMIT ?"
        )
        kind = (model, -1 if duration is None else duration)
        return [row["seconds"] for row in self._db.execute(select, (*kind, most))]

    def begin_anew(self) -> None:
        """Write down that this file was begun in the place of another, whose submissions are missing here."""
        self._db.execute("INSERT INTO begun_anew VALUES (?)", (as_text(datetime.now(UTC)),))

    def set_quote(self, intent_id: str, price: Decimal) -> None:
        """What the API says that a request costs, in US dollars."""
        for each in self._select(BY_INTENT, intent_id):
            self._change(each, quote=price)

    def set_save_to(self, prediction_id: str, save_to: str) -> None:
        """Where the clip is to be saved once it is finished."""
        for each in self._about(prediction_id):
            self._change(each, save_to=save_to)

    def set_saved_path(self, prediction_id: str, path: str) -> None:
        """Where the clip was saved."""
        for each in self._about(prediction_id):
            self._change(each, saved_path=path)

    def set_account(self, prediction_id: str, account: str) -> None:
        """An account can read a prediction, so that it is its own, whatever key it had when it paid."""
        for each in self._about(prediction_id):
            self._change(each, account=account)

    def add_upload(self, digest: str, url: str, *, host: str) -> None:
        """Bytes with this digest were put at `url` just now; `host` is the API's base URL."""
        now = as_text(datetime.now(UTC))
        self._db.execute(_UPLOADED, (host, digest, url, now))

    def _hold(self) -> None:
        """Be alive from the moment on in which something is ours."""
        if self._owners:
            self._owners.hold()

    def _select(self, select: str, *values: object) -> list[Submission]:
        return [self._read(row) for row in self._db.execute(select, values).fetchall()]

    def _read(self, row: Any) -> Submission:  # noqa: ANN401 - as of a Cursor
        owner = row["owner"]
        if owner not in self._alive:
            self._alive[owner] = bool(self._owners and self._owners.is_alive(owner))
        return from_row(row, owner_alive=self._alive[owner])

    def _about(self, prediction_id: str, submitted_at: datetime | None = None) -> list[Submission]:
        return self._select(BY_PREDICTION, prediction_id) or [
            self._insert(
                Submission(
                    key=NOBODYS_KEY, stage=Stage.SUBMITTED, prediction_id=prediction_id, submitted_at=submitted_at
                )
            )
        ]

    def _insert(self, submission: Submission) -> Submission:
        begun = replace(submission, intent_id=uuid4().hex)
        self._write(_INSERT, begun)
        self.written[begun.intent_id] = begun
        return begun

    def _change(self, submission: Submission, **changes: Any) -> Submission:  # noqa: ANN401 - its fields, checked by it
        changed = replace(submission, **changes)
        self._write(_UPDATE, changed)
        self.written[changed.intent_id] = changed
        return changed

    def put_back(self, submission: Submission) -> None:
        """Write down what was written down elsewhere; what was heard of its end since stays."""
        here = self.submission(submission.intent_id)
        if here and here.report and not here.is_unfinished:
            submission = replace(submission, report=here.report)
        self._write(_UPDATE if here else _INSERT, submission)
        self.written[submission.intent_id] = submission

    def _write(self, statement: str, submission: Submission) -> None:
        """Several submissions may be about one prediction, which was paid once."""
        row = to_row(submission, self._me)
        counted = (submission.prediction_id, submission.intent_id)
        if submission.prediction_id and self._db.execute(_COUNTED_ELSEWHERE, counted).fetchone():
            row["spent"] = 0
        self._db.execute(statement, row)
