"""What changes within one transaction: who may send a request, what it costs, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.journal.books import Books
from atlascloud_video_mcp.journal.budget import (
    SpendingRequest,
)
from atlascloud_video_mcp.journal.rows import ASKED_BY, BY_INTENT, BY_PREDICTION, NOBODYS_KEY
from atlascloud_video_mcp.journal.submission import Claim, Stage, Submission, as_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from atlascloud_video_mcp.cloud.reports import Report
    from atlascloud_video_mcp.journal.people import Person

_ANY_AMOUNT = SpendingRequest()
_BY_KEY = "SELECT * FROM entries WHERE key = ? AND take = ? ORDER BY seq DESC"
_LOST = """
    SELECT * FROM entries WHERE stage IN ('sending', 'unknown') AND (? IS NULL OR account IN (?, ''))
    AND COALESCE(submitted_at, created_at) > ?{whose} ORDER BY seq DESC
"""
# What has a row of the account's history, or may be about to have it.
_RIVALS = """
    SELECT * FROM entries WHERE intent_id <> ? AND key <> ''
    AND (prediction_id = ? OR (key = ? AND stage = 'sending'))
"""
# Whoever took this process for dead has given the intent up, and may have made the request itself.
_SENDING = "UPDATE entries SET stage = 'sending' WHERE intent_id = ? AND stage = 'intended' AND owner = ?"


class Transaction(Books):
    """The journal as one transaction sees it.

    `trouble` is why it is not the one on disk, where that was wanted. `attempted` is what an earlier attempt at the
    same work wrote, of which nobody knows whether it stands.
    """

    def claim(
        self,
        key: str,
        take: int = 1,
        *,
        old_keys: Collection[str] = (),
        not_ours: Collection[str] = (),
        terms: SpendingRequest = _ANY_AMOUNT,
    ) -> Claim:
        """The right to send a take of a request, or the earlier submission of it that is still open.

        What dead processes left is settled on the way: what is INTENDED is given up, what is SENDING becomes UNKNOWN.
        With the right, its price is held against the budget; of two processes that ask at the same moment, the second
        finds the first one's price there.

        Args:
            key: What makes requests identical, whoever pays.
            take: Which take of it.
            old_keys: Those that version 1.0.0 may have given the same request; what has one is given the new one.
            not_ours: Accounts that are known to be of somebody else.
            terms: Who pays how much of what budget.

        Raises:
            JournalUnusable: There is nothing to join, and it could not be remembered.
            HistoryNeeded: There is nothing to join, and a budget, and what counts in it is not all here.
            PricesNeeded: There is nothing to join, and a budget, and the price of what counts in it is not known.
            PriceNeeded: There is nothing to join, and a budget but no price.
            OverBudget: There is nothing to join, and the budget has no room for the price.
        """
        earlier = self.joinable(key, take, old_keys=old_keys, not_ours=not_ours)
        if earlier:
            self.add_asker(earlier, terms.person)
            ours = earlier.stage is Stage.INTENDED and earlier.intent_id in self._attempted
            return Claim(won=ours, submission=earlier)
        self.require(terms)
        self._hold()
        whose = terms.person.name if terms.person else ""
        intended = Submission(key=key, take=take, account=terms.account, quote=terms.price, person=whose)
        submission = self._insert(intended)
        self.add_asker(submission, terms.person)
        return Claim(won=True, submission=submission)

    def joinable(
        self, key: str, take: int = 1, *, old_keys: Collection[str] = (), not_ours: Collection[str] = ()
    ) -> Submission | None:
        """The submission that a claim would give without winning."""
        for old_key in old_keys:
            self._db.execute("UPDATE entries SET key = ? WHERE key = ?", (key, old_key))
        submissions = (each for each in self._select(_BY_KEY, key, take) if each.account not in not_ours)
        return next((each for each in map(self._settled, submissions) if each.is_open), None)

    def next_take(self, key: str) -> int:
        """The first take of a request that was not asked for."""
        asked = {take for (take,) in self._db.execute("SELECT take FROM entries WHERE key = ?", (key,))}
        return next(take for take in count(1) if take not in asked)

    def count_anew(self, submission: Submission, terms: SpendingRequest) -> None:
        """A prediction that the account's history has and the budget does not count: who paid for it, and its price."""
        prediction_id = str(submission.prediction_id)
        if self.uncounted([prediction_id]):
            known = self._absorbed(prediction_id)
            paid = replace(submission, stage=Stage.SUBMITTED, account=terms.account, quote=terms.price)
            self._insert(replace(paid, **known))

    def mark_sending(self, sent: Submission) -> bool:
        """From now on the request may have been paid for: what of a claimed submission is sent, without picture bytes.

        Returns whether it may be sent: it may not where the claim to it was lost, and is to be claimed again.
        """
        fence = self._owners.fence if self._owners else ""
        claimed = self._db.execute(_SENDING + fence, (sent.intent_id, self._me)).rowcount == 1
        if not claimed and sent.intent_id in self._attempted:
            here = self.submission(sent.intent_id)
            claimed = here is not None and here.stage is Stage.SENDING
        for each in self._select(BY_INTENT, sent.intent_id) if claimed else ():
            known = {"request": sent.request, "body": sent.body, "notes": sent.notes, "picture": sent.picture}
            self._change(each, submitted_at=datetime.now(UTC), **known)
        return claimed

    def mark_unknown(self, intent_id: str) -> None:
        """The answer was lost; without effect when the id is known by now."""
        self._end(intent_id, Stage.UNKNOWN)

    def mark_refused(self, intent_id: str) -> None:
        """The API said no; without effect when the id is known by now."""
        self._end(intent_id, Stage.REFUSED)

    def mark_abandoned(self, intent_id: str) -> None:
        """Given up before anything left; without effect when the id is known by now."""
        self._end(intent_id, Stage.ABANDONED)

    def _end(self, intent_id: str, stage: Stage) -> None:
        """Without an id; where another process found the id meanwhile, the id stays."""
        for each in self._select(BY_INTENT, intent_id):
            if each.stage is not Stage.SUBMITTED:
                self._change(each, stage=stage)

    def mark_submitted(self, intent_id: str, report: Report, at: datetime) -> None:
        """The API took the request: its first report, and when."""
        prediction_id = report.prediction_id
        for each in self._select(BY_INTENT, intent_id):
            known = self._absorbed(prediction_id)
            self._change(each, stage=Stage.SUBMITTED, prediction_id=prediction_id, submitted_at=at, **known)
        self.set_report(prediction_id, report)

    def mark_found(self, intent_id: str, report: Report, at: datetime) -> bool:
        """A row of the account's history looks like the request, whose answer was lost: it is taken for it.

        Returns False where it is another request's, or may become one's: another take is just being sent.
        """
        submission = self.submission(intent_id)
        rivals = self._select(_RIVALS, intent_id, report.prediction_id, submission.key if submission else NOBODYS_KEY)
        if any(rival.prediction_id or rival.owner_alive for rival in rivals):
            return False
        self.mark_submitted(intent_id, report, at)
        return True

    def _absorbed(self, prediction_id: str) -> dict[str, Any]:
        """What was noted about a prediction before it was known whose it is."""
        for each in self._select(BY_PREDICTION, prediction_id):
            if each.key == NOBODYS_KEY:
                self._db.execute("DELETE FROM entries WHERE intent_id = ?", (each.intent_id,))
                self.written[each.intent_id] = None
                return {name: getattr(each, name) for name in ("report", "save_to", "saved_path")}
        return {}

    def set_report(self, prediction_id: str, report: Report) -> None:
        """What the API said last; nothing is written when it says nothing new. An unknown id is remembered, too.

        The first report of completion also records how long the generation took, in seconds. A late answer that it
        still runs does not undo its end.
        """
        for each in self._about(prediction_id, report.created_at):
            before, now = each.report, report.after(each.report, datetime.now(UTC))
            late = before and before.status is not Status.PROCESSING and now.status is Status.PROCESSING
            if late or before == now:
                continue
            self._change(each, report=now)
            if now.status is Status.COMPLETED and not (before and before.status is Status.COMPLETED):
                self._observe(each, now)

    def _observe(self, submission: Submission, report: Report) -> None:
        model = submission.request.model
        begun, ended = report.created_at, report.completed_at
        if not (begun and ended):
            begun, ended = submission.submitted_at, datetime.now(UTC)
        # What was not asked for here says nothing about how long its like takes, nor do clocks that disagree, nor does
        # a clip that was named only some time after it was done.
        if model and begun and ended > begun and not report.no_clip_since:
            kind = (model, submission.request.duration)
            seconds = (ended - begun).total_seconds()
            self._db.execute("INSERT INTO durations (model, duration, seconds) VALUES (?, ?, ?)", (*kind, seconds))

    def lost(self, account: str | None, *, within: timedelta, person: Person | None = None) -> list[Submission]:
        """The submissions of late of which it is not known whether they arrived, the newest first."""
        values = (account, account, as_text(datetime.now(UTC) - within), *((person.name,) if person else ()))
        submissions = map(self._settled, self._select(_LOST.format(whose=ASKED_BY if person else ""), *values))
        return [each for each in submissions if each.stage is Stage.UNKNOWN]

    def restore(self, submissions: Collection[Submission]) -> None:
        """Put back what an earlier file held, unless another process has found the id of one meanwhile.

        What was not sent is not put back: another may have claimed the same in between, so that it is to be claimed
        again.
        """
        if submissions:
            self._hold()
        for each in sorted(submissions, key=lambda each: each.created_at):
            here = self.submission(each.intent_id)
            if each.key == NOBODYS_KEY and not here and self.knows([str(each.prediction_id)]):
                self._learn(each)
                continue
            found = here is not None and here.stage is Stage.SUBMITTED and each.stage is not Stage.SUBMITTED
            if each.stage is not Stage.INTENDED and not found:
                self.put_back(each)

    def _learn(self, noted: Submission) -> None:
        """What was noted about a prediction where it was not known whose it is."""
        if noted.report:
            self.set_report(str(noted.prediction_id), noted.report)
        for each in self._about(str(noted.prediction_id)):
            places = {"save_to": noted.save_to or each.save_to, "saved_path": noted.saved_path or each.saved_path}
            self._change(each, **places)
