"""Who may pay how much: what was spent, and whether a request still fits."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

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
from atlascloud_video_mcp.journal.submission import Stage, Submission, as_text
from atlascloud_video_mcp.journal.team_rows import TeamRows
from atlascloud_video_mcp.paths import NotPrivate

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

    from atlascloud_video_mcp.journal.rows import Connection, Owners

_TEN_MINUTES = len("2026-01-01T00:0")
_OTHERS_INTENDED = "SELECT * FROM entries WHERE stage = 'intended' AND owner <> ?"
_SPENT = """
    SELECT COALESCE(submitted_at, created_at) AS at, spent FROM entries
    WHERE COALESCE(submitted_at, created_at) > ? AND spent <> 0 AND (? = '' OR person = ?) ORDER BY at
"""
# Ten minutes each by their sums, those that it begins in by their rows; ':' comes after all digits.
_SUM = """
    SELECT COALESCE((SELECT SUM(amount) FROM spending WHERE span > :span{whose}), 0)
    + COALESCE((
        SELECT SUM(spent) FROM entries
        WHERE COALESCE(submitted_at, created_at) > :begin AND COALESCE(submitted_at, created_at) < :span || ':'{whose}
    ), 0)
"""
_SUM_OF_ALL, _SUM_OF_ONE = _SUM.format(whose=""), _SUM.format(whose=" AND person = :person")
_WITHOUT_A_PRICE = """
    SELECT * FROM entries INDEXED BY entries_without_a_price WHERE quote IS NULL AND spent = 0 AND key <> ''
    AND created_at > ? AND stage IN ('sending', 'unknown', 'submitted')
"""


class Books(TeamRows):
    """The same transaction, as far as it is about money."""

    def __init__(
        self,
        db: Connection,
        me: str,
        owners: Owners | None,
        trouble: Exception | None = None,
        attempted: Collection[str] = (),
    ) -> None:
        super().__init__(db, me, owners)
        self._trouble = trouble
        self._attempted = attempted

    def require(self, terms: SpendingRequest) -> None:
        """Raise what a claim would that has nothing to join and may not be won."""
        if isinstance(self._trouble, (NewerJournal, NotPrivate, OutOfReach)):
            raise JournalUnusable(f"Nothing was sent or paid. {self._trouble}") from self._trouble
        if self._trouble and terms.budget is not None:
            raise JournalUnusable(
                "Nothing was sent or paid. ATLASCLOUD_BUDGET_USD is set, and what is spent cannot be counted, since "
                f"the journal cannot be written ({self._trouble}). Fix that, then call again."
            ) from self._trouble
        if terms.limits:
            self._require_room(terms)

    def _require_room(self, terms: SpendingRequest) -> None:
        anew, begin = self.begun_anew(), since()
        if anew and anew != terms.history_counted:
            raise HistoryNeeded(anew)
        whose = terms.limits[0].person  # what others spend is nothing to a budget of one's own
        young = self._select(_WITHOUT_A_PRICE, as_text(begin))
        if unpriced := [each for each in young if each.lacks_a_price and whose in {"", each.person}]:
            raise PricesNeeded(unpriced)
        if terms.price is None:
            raise PriceNeeded
        for limit in terms.limits:
            if self.spent(begin, limit.person) + terms.price > limit.amount:
                raise self.spending(begin, limit.person).refusal(terms.price, limit)

    def _settled(self, submission: Submission) -> Submission:
        """What the end of its process made of a submission."""
        if submission.owner_alive:
            return submission
        match submission.stage:
            case Stage.INTENDED:
                return self._change(submission, stage=Stage.ABANDONED)
            case Stage.SENDING:
                return self._change(submission, stage=Stage.UNKNOWN)
            case _:
                return submission

    def spent(self, begin: datetime, person: str = "") -> Decimal:
        """The sum of what was spent since then, by whichever account; by one person, or by all."""
        self._settle()
        at = as_text(begin)
        values = {"begin": at, "span": at[:_TEN_MINUTES], "person": person}
        (total,) = self._db.execute(_SUM_OF_ONE if person else _SUM_OF_ALL, values).fetchone()
        return from_millionths(total)

    def spending(self, begin: datetime | None = None, person: str = "") -> Spending:
        """What was spent since then, or else in the last 24 hours, through this journal by whichever account."""
        self._settle()
        rows = self._db.execute(_SPENT, (as_text(begin or since()), person, person))
        return Spending(tuple((datetime.fromisoformat(at), from_millionths(spent)) for at, spent in rows))

    def _settle(self) -> None:
        """Give up what dead processes had not sent."""
        for each in self._select(_OTHERS_INTENDED, self._me):
            self._settled(each)
