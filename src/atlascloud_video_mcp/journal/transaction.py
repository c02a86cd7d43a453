"""What is read and written within one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from atlascloud_video_mcp.cloud.body_fields import duration_of
from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import JournalUnusable
from atlascloud_video_mcp.journal.budget import (
    HistoryNeeded,
    PriceNeeded,
    PricesNeeded,
    Spending,
    SpendingRequest,
    from_millionths,
    since,
)
from atlascloud_video_mcp.journal.schema import NewerJournal, OutOfReach
from atlascloud_video_mcp.journal.submission import Claim, Entry, Stage, as_text, from_row, to_row
from atlascloud_video_mcp.paths import NotPrivate

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping, Sequence
    from decimal import Decimal

    from atlascloud_video_mcp.cloud.reports import Report
    from atlascloud_video_mcp.journal.process_locks import ProcessLocks

_NOBODYS_KEY = ""
_TEN_MINUTES = len("2026-01-01T00:0")
_BY_INTENT = "SELECT * FROM entries WHERE intent_id = ?"
_BY_KEY = "SELECT * FROM entries WHERE key = ? AND take = ? ORDER BY seq DESC"
_BY_PREDICTION = "SELECT * FROM entries WHERE prediction_id = ? ORDER BY seq DESC"
_OTHERS_INTENDED = "SELECT * FROM entries WHERE stage = 'intended' AND owner <> ?"
_OF_ACCOUNT = """
    SELECT * FROM entries WHERE COALESCE(submitted_at, created_at) > ? AND account IN (?, '')
    AND (key <> '' OR account <> '')
"""
_SPENT = """
    SELECT COALESCE(submitted_at, created_at) AS at, spent FROM entries
    WHERE COALESCE(submitted_at, created_at) > ? AND spent <> 0 ORDER BY at
"""
# Ten minutes each by their sums, those that it begins in by their entries; ':' comes after all digits.
_SUM = """
    SELECT COALESCE((SELECT SUM(amount) FROM spending WHERE span > :span), 0)
    + COALESCE((
        SELECT SUM(spent) FROM entries
        WHERE COALESCE(submitted_at, created_at) > :begin AND COALESCE(submitted_at, created_at) < :span || ':'
    ), 0)
"""
_WITHOUT_A_PRICE = """
    SELECT * FROM entries INDEXED BY entries_without_a_price WHERE quote IS NULL AND spent = 0 AND key <> ''
    AND created_at > ? AND stage IN ('sending', 'unknown', 'submitted')
"""
_MADE = """
    SELECT * FROM entries WHERE stage = 'submitted' AND (? IS NULL OR account IN (?, ''))
    ORDER BY COALESCE(submitted_at, created_at) DESC LIMIT ?
"""
_LOST = """
    SELECT * FROM entries WHERE stage IN ('sending', 'unknown') AND (? IS NULL OR account IN (?, ''))
    AND COALESCE(submitted_at, created_at) > ? ORDER BY seq DESC
"""
# What has a row of the account's history, or may be about to have it.
_RIVALS = """
    SELECT * FROM entries WHERE intent_id <> ? AND key <> ''
    AND (prediction_id = ? OR (key = ? AND stage = 'sending'))
"""
_INSERT = """
    INSERT OR IGNORE INTO entries (
        intent_id, key, take, owner, stage, request, notes, created_at, submitted_at, prediction_id, report,
        save_to, saved_path, account, quote, spent, picture
    ) VALUES (
        :intent_id, :key, :take, :owner, :stage, :request, :notes, :created_at, :submitted_at, :prediction_id, :report,
        :save_to, :saved_path, :account, :quote, :spent, :picture
    )
"""
_COUNTED_ELSEWHERE = "SELECT 1 FROM entries WHERE prediction_id = ? AND intent_id <> ? AND spent <> 0"
# Whoever took this process for dead has given the intent up, and may have made the request itself.
_SENDING = "UPDATE entries SET stage = 'sending' WHERE intent_id = ? AND stage = 'intended' AND owner = ?"
_UPDATE = """
    UPDATE entries SET stage = :stage, request = :request, notes = :notes, submitted_at = :submitted_at,
        prediction_id = :prediction_id, report = :report, save_to = :save_to, saved_path = :saved_path,
        account = :account, quote = :quote, spent = :spent, picture = :picture
    WHERE intent_id = :intent_id
"""


class Transaction:
    """The journal as one transaction sees it; `written` is what it leaves behind, None for what it removed.

    `trouble` is why it is not the one on disk, where that was wanted.
    """

    def __init__(
        self, db: sqlite3.Connection, me: str, process_locks: ProcessLocks | None, trouble: Exception | None = None
    ) -> None:
        self._db = db
        self._me = me
        self._owners = process_locks
        self._trouble = trouble
        self._alive = {me: True}
        self.written: dict[str, Entry | None] = {}

    def claim(
        self, key: str, take: int, old_keys: Collection[str], *, not_ours: Collection[str], terms: SpendingRequest
    ) -> Claim:
        """See Journal.claim."""
        earlier = self.joinable(key, take, old_keys, not_ours=not_ours)
        if earlier:
            return Claim(won=False, entry=earlier)
        self.require(terms)
        if self._owners:
            self._owners.hold()
        entry = self._insert(key, Stage.INTENDED, take=take, account=terms.account, quote=terms.price)
        return Claim(won=True, entry=entry)

    def joinable(self, key: str, take: int, old_keys: Collection[str], *, not_ours: Collection[str]) -> Entry | None:
        """See Journal.joinable."""
        for old_key in old_keys:
            self._db.execute("UPDATE entries SET key = ? WHERE key = ?", (key, old_key))
        entries = (entry for entry in self._entries(_BY_KEY, key, take) if entry.account not in not_ours)
        return next((entry for entry in map(self._settled, entries) if entry.is_open), None)

    def next_take(self, key: str) -> int:
        """See Journal.next_take."""
        asked = {take for (take,) in self._db.execute("SELECT take FROM entries WHERE key = ?", (key,))}
        return next(take for take in count(1) if take not in asked)

    def require(self, terms: SpendingRequest) -> None:
        """See Journal.require."""
        if isinstance(self._trouble, (NewerJournal, NotPrivate, OutOfReach)):
            raise JournalUnusable(f"Nothing was sent or paid. {self._trouble}") from self._trouble
        if self._trouble and terms.budget is not None:
            raise JournalUnusable(
                "Nothing was sent or paid. ATLASCLOUD_BUDGET_USD is set, and what is spent cannot be counted, since "
                f"the journal cannot be written ({self._trouble}). Mend that, then call again."
            ) from self._trouble
        if terms.budget is not None:
            self._require_room(terms, terms.budget)

    def _require_room(self, terms: SpendingRequest, budget: Decimal) -> None:
        begin = since()
        anew = self.begun_anew(begin)
        if anew and anew != terms.history_counted:
            raise HistoryNeeded(anew)
        if unpriced := [each for each in self._entries(_WITHOUT_A_PRICE, as_text(begin)) if each.lacks_a_price]:
            raise PricesNeeded(unpriced)
        if terms.price is None:
            raise PriceNeeded
        if self.spent(begin) + terms.price > budget:
            raise self.spending(begin).refusal(terms.price, budget)

    def _settled(self, entry: Entry) -> Entry:
        """What the end of its process made of an entry."""
        if entry.owner_alive:
            return entry
        match entry.stage:
            case Stage.INTENDED:
                return self._change(entry, stage=Stage.ABANDONED)
            case Stage.SENDING:
                return self._change(entry, stage=Stage.UNKNOWN)
            case _:
                return entry

    def quoted(self, intent_id: str, price: Decimal) -> None:
        """See Journal.quoted."""
        for entry in self._entries(_BY_INTENT, intent_id):
            self._change(entry, quote=price)

    def spent(self, begin: datetime) -> Decimal:
        """The sum of what was spent since then, by whichever account."""
        self._settle()
        at = as_text(begin)
        (total,) = self._db.execute(_SUM, {"begin": at, "span": at[:_TEN_MINUTES]}).fetchone()
        return from_millionths(total)

    def spending(self, begin: datetime) -> Spending:
        """What was spent since then, by whichever account."""
        self._settle()
        rows = self._db.execute(_SPENT, (as_text(begin),))
        return Spending(tuple((datetime.fromisoformat(at), from_millionths(spent)) for at, spent in rows))

    def _settle(self) -> None:
        """Give up what dead processes had not sent."""
        for entry in self._entries(_OTHERS_INTENDED, self._me):
            self._settled(entry)

    def begin_anew(self) -> None:
        """Write down that this file was begun in the place of another, whose entries are missing here."""
        self._db.execute("INSERT INTO begun_anew VALUES (?)", (as_text(datetime.now(UTC)),))

    def begun_anew(self, begin: datetime) -> datetime | None:
        """When the file was last begun anew since then, so that entries may be missing."""
        (at,) = self._db.execute("SELECT MAX(at) FROM begun_anew WHERE at > ?", (as_text(begin),)).fetchone()
        return datetime.fromisoformat(at) if at else None

    def origin(self) -> bytes:
        """What tells this file from another that took its place."""
        return bytes(self._db.execute("SELECT id FROM origin").fetchone()[0])

    def uncounted(self, prediction_ids: Collection[str]) -> set[str]:
        """See Journal.uncounted."""
        one = "SELECT 1 FROM entries WHERE prediction_id = ? AND (key <> '' OR account <> '')"
        return {each for each in prediction_ids if not self._db.execute(one, (each,)).fetchone()}

    def recounted(self, report: Report, request: Mapping[str, Any], at: datetime, terms: SpendingRequest) -> None:
        """See Journal.recounted."""
        if not self.uncounted([report.prediction_id]):
            return
        known = self._absorbed(report.prediction_id)
        told = {"request": dict(request), "account": terms.account, "quote": terms.price, "submitted_at": at}
        self._insert(
            _NOBODYS_KEY, Stage.SUBMITTED, **{"report": report} | known | told, prediction_id=report.prediction_id
        )

    def orphans(self, account: str, begin: datetime) -> list[str]:
        """See Journal.orphans."""
        entries = self._entries(_OF_ACCOUNT, as_text(begin), account)
        left = (entry for entry in entries if entry.is_unfinished and not entry.owner_alive)
        return [entry.prediction_id for entry in left if entry.prediction_id]

    def sending(self, intent_id: str, request: Mapping[str, Any], notes: Sequence[str], picture: str | None) -> bool:
        """See Journal.sending."""
        claimed = self._db.execute(_SENDING, (intent_id, self._me)).rowcount == 1
        for entry in self._entries(_BY_INTENT, intent_id) if claimed else ():
            sent = {"submitted_at": datetime.now(UTC), "picture": picture}
            self._change(entry, request=dict(request), notes=tuple(notes), **sent)
        return claimed

    def ended(self, intent_id: str, stage: Stage) -> None:
        """Without an id; where another process found the id meanwhile, the id stays."""
        for entry in self._entries(_BY_INTENT, intent_id):
            if entry.stage is not Stage.SUBMITTED:
                self._change(entry, stage=stage)

    def submitted(self, intent_id: str, report: Report, at: datetime) -> None:
        """See Journal.submitted."""
        prediction_id = report.prediction_id
        for entry in self._entries(_BY_INTENT, intent_id):
            known = self._absorbed(prediction_id)
            self._change(entry, stage=Stage.SUBMITTED, prediction_id=prediction_id, submitted_at=at, **known)
        self.reported(prediction_id, report)

    def found(self, intent_id: str, report: Report, at: datetime) -> bool:
        """See Journal.found."""
        entry = self.entry(intent_id)
        rivals = self._entries(_RIVALS, intent_id, report.prediction_id, entry.key if entry else _NOBODYS_KEY)
        if any(rival.prediction_id or rival.owner_alive for rival in rivals):
            return False
        self.submitted(intent_id, report, at)
        return True

    def _absorbed(self, prediction_id: str) -> dict[str, Any]:
        """What was noted about a prediction before it was known whose it is."""
        for entry in self._entries(_BY_PREDICTION, prediction_id):
            if entry.key == _NOBODYS_KEY:
                self._db.execute("DELETE FROM entries WHERE intent_id = ?", (entry.intent_id,))
                self.written[entry.intent_id] = None
                return {name: getattr(entry, name) for name in ("report", "save_to", "saved_path")}
        return {}

    def reported(self, prediction_id: str, report: Report) -> None:
        """See Journal.reported; a late answer that it still runs does not undo its end."""
        for entry in self._about(prediction_id, report.created_at):
            before, now = entry.report, report.after(entry.report, datetime.now(UTC))
            late = before and before.status is not Status.PROCESSING and now.status is Status.PROCESSING
            if late or before == now:
                continue
            self._change(entry, report=now)
            if now.status is Status.COMPLETED and not (before and before.status is Status.COMPLETED):
                self._observe(entry, now)

    def _observe(self, entry: Entry, report: Report) -> None:
        model = entry.request.get("model")
        begun, ended = report.created_at, report.completed_at
        if not (begun and ended):
            begun, ended = entry.submitted_at, datetime.now(UTC)
        # What was not asked for here says nothing about how long its like takes, nor do clocks that disagree, nor does
        # a clip that was named only some time after it was done.
        if isinstance(model, str) and begun and ended > begun and not report.no_clip_since:
            kind = (model, duration_of(entry.request))
            seconds = (ended - begun).total_seconds()
            self._db.execute("INSERT INTO durations (model, duration, seconds) VALUES (?, ?, ?)", (*kind, seconds))

    def note(self, prediction_id: str, **changes: object) -> None:
        """Something about a prediction that the API does not know."""
        for entry in self._about(prediction_id):
            self._change(entry, **changes)

    def entry(self, intent_id: str) -> Entry | None:
        """The entry of an intent."""
        return next(iter(self._entries(_BY_INTENT, intent_id)), None)

    def prediction(self, prediction_id: str) -> Entry | None:
        """The newest entry about a prediction."""
        return next(iter(self._entries(_BY_PREDICTION, prediction_id)), None)

    def made(self, account: str | None, ids: Collection[str], most: int) -> list[Entry]:
        """See Journal.made."""
        newest = self._entries(_MADE, account, account, most)
        known = {entry.prediction_id: entry for entry in reversed(newest)}
        others = (self.prediction(each) for each in ids if each not in known)
        return [*known.values(), *(entry for entry in others if entry)]

    def lost(self, account: str | None, begin: datetime) -> list[Entry]:
        """See Journal.lost."""
        entries = map(self._settled, self._entries(_LOST, account, account, as_text(begin)))
        return [entry for entry in entries if entry.stage is Stage.UNKNOWN]

    def knows(self, prediction_ids: Collection[str]) -> set[str]:
        """See Journal.knows."""
        one = "SELECT 1 FROM entries WHERE prediction_id = ?"
        return {each for each in prediction_ids if self._db.execute(one, (each,)).fetchone()}

    def upload(self, digest: str, since: datetime, host: str) -> str | None:
        """Where these bytes are, unless they went up before `since`."""
        select = "SELECT url FROM uploads WHERE host = ? AND digest = ? AND uploaded_at > ?"
        row = self._db.execute(select, (host, digest, as_text(since))).fetchone()
        return str(row["url"]) if row else None

    def uploaded(self, digest: str, url: str, host: str) -> None:
        """See Journal.uploaded."""
        now = as_text(datetime.now(UTC))
        self._db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)", (host, digest, url, now))

    def durations(self, model: str, duration: int | None, most: int) -> list[float]:
        """See Journal.durations."""
        select = "SELECT seconds FROM durations WHERE model = ? AND duration IS ? ORDER BY seq DESC LIMIT ?"
        return [row["seconds"] for row in self._db.execute(select, (model, duration, most))]

    def restore(self, entries: Collection[Entry]) -> None:
        """Put entries back that an earlier file held, unless another process has found the id of one meanwhile.

        What was not sent is not put back: another may have claimed the same in between, so that it is to be claimed
        again.
        """
        if self._owners and entries:
            self._owners.hold()
        for entry in sorted(entries, key=lambda entry: entry.created_at):
            here = self.entry(entry.intent_id)
            found = here is not None and here.stage is Stage.SUBMITTED and entry.stage is not Stage.SUBMITTED
            if entry.stage is not Stage.INTENDED and not found:
                self._write(_UPDATE if here else _INSERT, entry)

    def _entries(self, select: str, *values: object) -> list[Entry]:
        return [self._read(row) for row in self._db.execute(select, values).fetchall()]

    def _read(self, row: sqlite3.Row) -> Entry:
        owner = row["owner"]
        if owner not in self._alive:
            self._alive[owner] = bool(self._owners and self._owners.is_alive(owner))
        return from_row(row, mine=owner == self._me, owner_alive=self._alive[owner])

    def _about(self, prediction_id: str, since: datetime | None = None) -> list[Entry]:
        return self._entries(_BY_PREDICTION, prediction_id) or [
            self._insert(_NOBODYS_KEY, Stage.SUBMITTED, prediction_id=prediction_id, submitted_at=since)
        ]

    def _insert(self, key: str, stage: Stage, **fields: Any) -> Entry:  # noqa: ANN401 - as in _change
        nothing: dict[str, Any] = dict.fromkeys(("submitted_at", "prediction_id", "report", "save_to", "saved_path"))
        begun = nothing | {"request": {}, "notes": (), "created_at": datetime.now(UTC)}
        entry = Entry(uuid4().hex, key, stage, mine=True, owner_alive=True, **begun | fields)
        self._write(_INSERT, entry)
        self.written[entry.intent_id] = entry
        return entry

    def _change(self, entry: Entry, **changes: Any) -> Entry:  # noqa: ANN401 - the fields of Entry, checked by it
        changed = replace(entry, **changes)
        self._write(_UPDATE, changed)
        self.written[entry.intent_id] = changed
        return changed

    def _write(self, statement: str, entry: Entry) -> None:
        """Several entries may be about one prediction, which was paid once."""
        row = to_row(entry, self._me)
        counted = (entry.prediction_id, entry.intent_id)
        if entry.prediction_id and self._db.execute(_COUNTED_ELSEWHERE, counted).fetchone():
            row["spent"] = 0
        self._db.execute(statement, row)
