"""A request is submitted once, whoever asks for the same at the same moment or has asked for it before."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from atlascloud_video_mcp.cloud.envelope import ASK_FIRST
from atlascloud_video_mcp.cloud.reports import KEPT_FOR, NOT_YET_KNOWN, Report
from atlascloud_video_mcp.errors import AtlasError, JournalUnusable, PredictionNotFound, SubmissionUnknown
from atlascloud_video_mcp.journal import Stage
from atlascloud_video_mcp.service.history import Matches, matches, may_be, read_history
from atlascloud_video_mcp.service.progress import Phase, Progress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
    from decimal import Decimal

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Claim, Journal, Person, SpendingRequest, Submission
    from atlascloud_video_mcp.service.budgets import Budget
    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.requests import Prepared, RequestKey

_MOST_PAGES = 20
_ROWS_ARE_OUT_OF_ORDER_BY = timedelta(hours=2)
_LOOK_AT_ANOTHERS, _LONGEST = 0.1, 0.5  # seconds between two looks at a submission that another call is about to make
_FOUND = "The answer to the submission was lost; the prediction was found in the account's history."


class Submissions:
    """The one way to the paid request.

    Args:
        cloud: The open API client.
        journal: Where intents are written before they are acted on.
        patience: How long a lost submission is searched for in the account's history, whose rows may lag; seconds.
        budget: What the account may spend.
    """

    def __init__(self, cloud: Cloud, journal: Journal, *, patience: float, budget: Budget) -> None:
        self._cloud = cloud
        self._journal = journal
        self._patience = patience
        self._budget = budget

    async def claim(
        self, prepared: Prepared, body: Mapping[str, Any], progress: ProgressSink, *, reply_deadline: float
    ) -> Submission:
        """The right to submit, as a submission that is INTENDED, or the SUBMITTED one of an identical request to join.

        An identical request that is on its way is waited for.

        Args:
            prepared: What is to be submitted.
            body: A body that costs the same; its price is asked for when there is a budget and nothing to join.
            progress: Told what is going on.
            reply_deadline: By when a lost request must be found, on the clock of `anyio.current_time`.

        Raises:
            SubmissionUnknown: An identical request may be running and paid, and cannot be found.
            OverBudget: The budget has no room for it, or no price could be had.
            JournalUnusable: It could not be remembered.
            AtlasError: It cannot be known whose an identical request is.
        """
        wanted, defaults = prepared.key, prepared.model.defaults
        not_ours: set[str] = set()
        pause = _LOOK_AT_ANOTHERS

        async def attempt(terms: SpendingRequest) -> Claim:
            return await self._journal.claim(
                wanted.key, wanted.take, old_keys=wanted.old_keys, not_ours=not_ours, terms=terms
            )

        while True:
            claim = await self._budget.on_terms(attempt, body, progress, person=prepared.request.person)
            earlier = claim.submission
            if claim.won:
                if not await self._is_in_the_history(earlier, prepared, body):
                    return earlier
            elif earlier.stage is Stage.SUBMITTED:
                if await self._is_known_to_be_ours(earlier, not_ours, progress):
                    return earlier
            elif earlier.stage is Stage.UNKNOWN:
                # The verdict must be there before whoever waits for it runs out of time.
                patience = min(self._patience, (reply_deadline - anyio.current_time()) / 2)
                found = Matches()
                with suppress(JournalUnusable):  # what is known must be told all the same
                    found = await self._found(earlier, defaults, since=earlier.at, patience=patience)
                if found.ours is None:
                    unknown = SubmissionUnknown(
                        f"An identical request was sent at {earlier.at:%Y-%m-%d %H:%M} UTC and its answer was "
                        f"lost. It may be running and paid, but the account's history does not show it. {ASK_FIRST}"
                    )
                    raise _naming(found.probable, prepared.request.person, unknown)
                if not await self._journal.mark_found(earlier.intent_id, _report_of(found.ours), earlier.at):
                    await anyio.sleep(_LOOK_AT_ANOTHERS)
            else:
                progress(Progress(Phase.WAITING_FOR_TWIN, 0.03))
                await anyio.sleep(pause)
                pause = min(1.5 * pause, _LONGEST)

    async def _is_in_the_history(self, submission: Submission, prepared: Prepared, body: Mapping[str, Any]) -> bool:
        """Whether a request that the journal does not know was made before it was begun anew; then it learns of it."""
        now = datetime.now(UTC)
        try:
            if await self._journal.begun_anew() is None:
                return False
            wanted = replace(submission, request=prepared.request, body=body)
            found = (await self._found(wanted, prepared.model.defaults, since=now - KEPT_FOR, patience=0)).ours
        except BaseException:  # whoever asks next need not wait for what nobody sends
            await self._journal.mark_abandoned(submission.intent_id)
            raise
        return found is not None and await self._journal.mark_found(
            submission.intent_id, _report_of(found), found.submitted_at or now
        )

    async def earlier(self, wanted: RequestKey, progress: ProgressSink) -> Submission | None:
        """The submission that a claim would give without winning.

        Raises:
            AtlasError: It cannot be known whose an identical request is.
        """
        not_ours: set[str] = set()
        while True:
            earlier = await self._journal.joinable(wanted.key, wanted.take, old_keys=wanted.old_keys, not_ours=not_ours)
            if earlier is None or earlier.stage is not Stage.SUBMITTED:
                return earlier
            if await self._is_known_to_be_ours(earlier, not_ours, progress):
                return earlier

    async def _is_known_to_be_ours(self, submission: Submission, not_ours: set[str], progress: ProgressSink) -> bool:
        """Whether a submission is known to be of this account; if not, the API is asked, and the journal learns it.

        Another key may be a newer one of the same account, or that of somebody else: only of the latter the API knows
        no such prediction.
        """
        if submission.account in {"", self._cloud.account}:
            return True
        prediction_id = str(submission.prediction_id)
        progress(Progress(Phase.ASKING_WHOSE, 0.02))
        try:
            report = await self._cloud.prediction(prediction_id)
        except PredictionNotFound:
            if datetime.now(UTC) - submission.at <= NOT_YET_KNOWN:
                await anyio.sleep(self._patience / 10)  # it may be too new to be known
            else:
                not_ours.add(submission.account)
        else:
            await self._journal.set_report(prediction_id, report)
            await self._journal.set_account(prediction_id, self._cloud.account)
        return False

    async def price(self, intent_id: str, body: Mapping[str, Any]) -> Decimal | None:
        """Ask what a submission costs that did not wait for the price, and write it down."""
        price = (await self._cloud.quote(body)).price
        if price is not None:
            await self._journal.set_quote(intent_id, price)
        return price

    async def submit(
        self,
        submission: Submission,
        defaults: Mapping[str, object],
        *,
        commit: Callable[[], None],
        progress: ProgressSink,
    ) -> Submission | None:
        """Send the paid request, once; where its answer is lost, look for it. Gives the submission with its report.

        Returns None where the right to send it was lost: then nothing was sent, and it is to be claimed again.

        Args:
            submission: What was claimed, with the body to send.
            defaults: What the model takes, by name, and what each is when it is left out.
            commit: Called when it must be carried through from there on, whoever leaves.
            progress: Told what is going on.

        Raises:
            SubmissionUnknown: It may be running and paid, and cannot be found.
            AtlasError: It was not accepted, nothing was paid.
        """
        intent_id = submission.intent_id
        with nothing_paid():
            may_be_sent = await self._journal.mark_sending(self._cloud.mask(submission))
        if not may_be_sent:
            return None
        await anyio.lowlevel.checkpoint_if_cancelled()  # the last moment to leave without having spent anything
        commit()
        submitted_at = datetime.now(UTC)
        progress(Progress(Phase.SUBMITTING, 0.04, str(submission.request.model)))
        try:
            report = await self._cloud.generate(submission.body)
        except SubmissionUnknown as error:
            await self._journal.mark_unknown(intent_id)
            progress(Progress(Phase.SEARCHING_LOST, 0.04))
            found, row = Matches(), None
            with suppress(JournalUnusable):  # what is known must be told all the same
                found = await self._found(submission, defaults, since=submitted_at, patience=self._patience)
                if found.ours and await self._journal.mark_found(intent_id, _report_of(found.ours), submitted_at):
                    row = _report_of(found.ours)
            if row is None:
                raise _naming(found.probable, submission.request.person, error) from error
            report, submission = row, replace(submission, notes=(*submission.notes, _FOUND))
        except AtlasError:
            await self._journal.mark_refused(intent_id)
            raise
        except BaseException:  # a crash of ours, or the end of the process: the request may have left
            await self._journal.mark_unknown(intent_id)
            raise
        await self._journal.mark_submitted(intent_id, report, submitted_at)
        return replace(submission, submitted_at=submitted_at, prediction_id=report.prediction_id, report=report)

    async def _found(
        self, submission: Submission, defaults: Mapping[str, object], *, since: datetime, patience: float
    ) -> Matches:
        """What of the account's history this submission made, looked for for so many seconds."""
        give_up = anyio.current_time() + patience
        while True:
            rows = {
                row.prediction_id: row  # while others submit, the pages shift
                async for row in self._history(since - _ROWS_ARE_OUT_OF_ORDER_BY)
                if may_be(row, submission.request, since=since) and not await self._is_anothers(row)
            }
            found = matches(list(rows.values()), submission.body, defaults)
            if found.ours or anyio.current_time() >= give_up:
                return found
            await anyio.sleep(self._patience / 10)

    async def _history(self, since: datetime) -> AsyncGenerator[Submission, None]:
        """The rows of the account's history back to a time, as far as it can be read."""
        for page in range(1, _MOST_PAGES + 1):
            try:
                rows = await read_history(self._cloud, page)
            except AtlasError:
                return
            for row in rows:
                if row.submitted_at and row.submitted_at < since:
                    return
                yield row
            if not rows:
                return

    async def _is_anothers(self, row: Submission) -> bool:
        """Whether a prediction belongs to a request of ours already, and so cannot be the one that was lost."""
        known = await self._journal.submission_of(str(row.prediction_id))
        return known is not None and known.key != ""


def _report_of(row: Submission) -> Report:
    return Report(id=row.prediction_id, model=row.request.model)


def _naming(probable: str | None, person: Person | None, unknown: SubmissionUnknown) -> SubmissionUnknown:
    """The same error, with the one prediction that may be the lost one: not for a person, whose it need not be."""
    if probable is None or person:
        return unknown
    return unknown.adding(
        f"One prediction in the account's history may be it, of the same model and prompt: look at it with "
        f"get_prediction, prediction_id {probable}."
    )


@contextmanager
def nothing_paid() -> Iterator[None]:
    """Say of what goes wrong before the paid request that it cost nothing, once."""
    try:
        yield
    except SubmissionUnknown:
        raise  # it may be paid
    except AtlasError as error:
        if "Nothing was sent or paid" in str(error):
            raise
        raise error.adding("Nothing was paid.") from error
