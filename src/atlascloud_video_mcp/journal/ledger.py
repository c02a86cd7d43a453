"""What is read and written within one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from atlascloud_video_mcp.bodies import duration_of
from atlascloud_video_mcp.journal.books import Spending, Terms, require_room, since
from atlascloud_video_mcp.journal.entries import Claim, Entry, Stage, as_text, from_row, to_row
from atlascloud_video_mcp.predictions import Status

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from decimal import Decimal

    from atlascloud_video_mcp.journal.owners import Owners
    from atlascloud_video_mcp.predictions import Report

_NOBODYS_KEY = ""
_BY_INTENT = "SELECT * FROM entries WHERE intent_id = ?"
_BY_KEY = "SELECT * FROM entries WHERE key = ? ORDER BY seq DESC"
_BY_PREDICTION = "SELECT * FROM entries WHERE prediction_id = ? ORDER BY seq DESC"
_OF_ACCOUNT = """
    SELECT * FROM entries WHERE account IN (?, '') AND key <> '' AND COALESCE(submitted_at, created_at) > ?
"""
_MADE = """
    SELECT * FROM entries WHERE stage = 'submitted' AND (? IS NULL OR account IN (?, ''))
    ORDER BY COALESCE(submitted_at, created_at) DESC LIMIT ?
"""
_LOST = """
    SELECT * FROM entries WHERE stage IN ('sending', 'unknown') AND (? IS NULL OR account IN (?, ''))
    AND COALESCE(submitted_at, created_at) > ? ORDER BY seq DESC
"""
_INSERT = """
    INSERT OR IGNORE INTO entries (
        intent_id, key, owner, stage, request, notes, created_at, submitted_at, prediction_id, report, delivered,
        save_to, saved_path, account, quote
    ) VALUES (
        :intent_id, :key, :owner, :stage, :request, :notes, :created_at, :submitted_at, :prediction_id, :report,
        :delivered, :save_to, :saved_path, :account, :quote
    )
"""
_UPDATE = """
    UPDATE entries SET stage = :stage, request = :request, notes = :notes, submitted_at = :submitted_at,
        prediction_id = :prediction_id, report = :report, delivered = :delivered, save_to = :save_to,
        saved_path = :saved_path, quote = :quote
    WHERE intent_id = :intent_id
"""


class Ledger:
    """The journal as one transaction sees it; `written` is what it leaves behind, None for what it removed."""

    def __init__(self, db: sqlite3.Connection, me: str, owners: Owners | None) -> None:
        self._db = db
        self._me = me
        self._owners = owners
        self._alive = {me: True}
        self.written: dict[str, Entry | None] = {}

    def claim(self, key: str, *, force_new: bool, terms: Terms) -> Claim:
        """See Journal.claim."""
        earlier = None if force_new else self.joinable(key)
        if earlier:
            return Claim(won=False, entry=earlier)
        if terms.budget is not None:
            require_room(self.spending(terms.account, since()), terms)
        if self._owners:
            self._owners.hold()
        entry = self._insert(key, Stage.INTENDED, account=terms.account, quote=terms.price)
        return Claim(won=True, entry=entry)

    def joinable(self, key: str) -> Entry | None:
        """See Journal.joinable."""
        overridden = False
        for entry in map(self._settled, self._entries(_BY_KEY, key)):
            # who forced a newer submission decided not to wait for word of an older one
            if entry.is_open and not (overridden and entry.stage is Stage.UNKNOWN):
                return entry
            overridden = overridden or entry.stage is Stage.SUBMITTED
        return None

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

    def spending(self, account: str, begin: datetime) -> Spending:
        """What an account spent since then; where it is not known who paid, everybody did."""
        return Spending.of(map(self._settled, self._entries(_OF_ACCOUNT, account, as_text(begin))))

    def orphans(self, account: str, begin: datetime) -> list[str]:
        """See Journal.orphans."""
        entries = self._entries(_OF_ACCOUNT, account, as_text(begin))
        left = (entry for entry in entries if entry.is_unfinished and not entry.owner_alive)
        return [entry.prediction_id for entry in left if entry.prediction_id]

    def sending(self, intent_id: str, request: Mapping[str, Any], notes: Sequence[str]) -> None:
        """See Journal.sending."""
        for entry in self._entries(_BY_INTENT, intent_id):
            self._change(entry, stage=Stage.SENDING, request=dict(request), notes=tuple(notes))

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

    def _absorbed(self, prediction_id: str) -> dict[str, Any]:
        """What was noted about a prediction before it was known whose it is."""
        for entry in self._entries(_BY_PREDICTION, prediction_id):
            if entry.key == _NOBODYS_KEY:
                self._db.execute("DELETE FROM entries WHERE intent_id = ?", (entry.intent_id,))
                self.written[entry.intent_id] = None
                return {name: getattr(entry, name) for name in ("report", "delivered", "save_to", "saved_path")}
        return {}

    def reported(self, prediction_id: str, report: Report) -> None:
        """See Journal.reported; a late answer that it still runs does not undo its end."""
        for entry in self._about(prediction_id, report.created_at):
            before = entry.report
            late = before and before.status is not Status.PROCESSING and report.status is Status.PROCESSING
            if late or before == report:
                continue
            self._change(entry, report=report)
            if report.status is Status.COMPLETED and not (before and before.status is Status.COMPLETED):
                self._observe(entry, report)

    def _observe(self, entry: Entry, report: Report) -> None:
        model = entry.request.get("model")
        begun, ended = report.created_at, report.completed_at
        if not (begun and ended):
            begun, ended = entry.submitted_at, datetime.now(UTC)
        # What was not asked for here says nothing about how long its like takes, nor do clocks that disagree.
        if isinstance(model, str) and begun and ended > begun:
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

    def restore(self, entries: Iterable[Entry]) -> None:
        """Put entries back that an earlier file held; one that is here already is the better one."""
        for entry in sorted(entries, key=lambda entry: entry.created_at):
            self._db.execute(_INSERT, to_row(entry, self._me))

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
        begun = nothing | {"request": {}, "notes": (), "created_at": datetime.now(UTC), "delivered": False}
        entry = Entry(uuid4().hex, key, stage, mine=True, owner_alive=True, **begun | fields)
        self._db.execute(_INSERT, to_row(entry, self._me))
        self.written[entry.intent_id] = entry
        return entry

    def _change(self, entry: Entry, **changes: Any) -> Entry:  # noqa: ANN401 - the fields of Entry, checked by it
        changed = replace(entry, **changes)
        self._db.execute(_UPDATE, to_row(changed, self._me))
        self.written[entry.intent_id] = changed
        return changed
