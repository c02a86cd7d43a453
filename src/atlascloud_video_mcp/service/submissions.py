"""A request is submitted once, whoever asks for the same at the same moment or has asked for it before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.lowlevel

from atlascloud_video_mcp.cloud.envelope import ASK_FIRST
from atlascloud_video_mcp.cloud.reports import KEPT_FOR, Report
from atlascloud_video_mcp.errors import AtlasError, OverBudget, PredictionNotFound, SubmissionUnknown
from atlascloud_video_mcp.journal import HistoryNeeded, PriceNeeded, PricesNeeded, SpendingRequest, Stage
from atlascloud_video_mcp.service.budgets import count_history, look_at_orphans
from atlascloud_video_mcp.service.jobs import News
from atlascloud_video_mcp.service.matching import Matches, matches, may_be, read_history

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
    from decimal import Decimal

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.wire import Quote
    from atlascloud_video_mcp.journal import Claim, Journal, Submission, VideoRequest
    from atlascloud_video_mcp.service.jobs import Job
    from atlascloud_video_mcp.service.requests import RequestKey

_T = TypeVar("_T")
_MOST_PAGES = 20
_ROWS_ARE_OUT_OF_ORDER_BY = timedelta(hours=2)
_LOOK_AT_ANOTHERS = 0.1  # seconds between two looks at a submission that another call is about to make
_SENT = "The request was sent and may be running and paid; calling again joins it and does not pay twice."
_FOUND = "The answer to the submission was lost; the prediction was found in the account's history."


NOT_YET_KNOWN = timedelta(seconds=30)
"""How long after submission the API may not know its own new id."""


class Submissions:
    """The one way to the paid request.

    Args:
        cloud: The open API client.
        journal: Where intents are written before they are acted on.
        patience: How long a lost submission is searched for in the account's history, whose rows may lag; seconds.
        budget: What the account may spend in 24 hours, US dollars; None: any amount.
    """

    def __init__(self, cloud: Cloud, journal: Journal, *, patience: float, budget: Decimal | None) -> None:
        self._cloud = cloud
        self._journal = journal
        self._patience = patience
        self._budget = budget

    async def claim(self, job: Job, wanted: RequestKey, body: Mapping[str, Any], *, answer_by: float) -> Submission:
        """The right to submit, as a submission that is INTENDED, or the SUBMITTED one of an identical request to join.

        An identical request that is on its way is waited for, as long as anybody follows the job.

        Args:
            job: Told what is going on.
            wanted: What makes requests identical.
            body: A request that costs the same; its price is asked for when there is a budget and nothing to join.
            answer_by: By when a lost request must be found, on the clock of `anyio.current_time`.

        Raises:
            SubmissionUnknown: An identical request may be running and paid, and cannot be found.
            OverBudget: The budget has no room for it, or no price could be had.
            JournalUnusable: It could not be remembered.
            AtlasError: It cannot be known whose an identical request is.
        """
        not_ours: set[str] = set()

        async def attempt(terms: SpendingRequest) -> Claim:
            return await self._journal.claim(
                wanted.key, wanted.take, old_keys=wanted.old_keys, not_ours=not_ours, terms=terms
            )

        while True:
            claim = await self._on_terms(job, body, attempt)
            earlier = claim.submission
            if claim.won:
                if not await self._is_in_the_history(job, earlier, body):
                    return earlier
            elif earlier.stage is Stage.SUBMITTED:
                if await self._is_known_to_be_ours(job, earlier, not_ours):
                    return earlier
            elif earlier.stage is Stage.UNKNOWN:
                # The verdict must be there before whoever waits for it runs out of time.
                patience = min(self._patience, (answer_by - anyio.current_time()) / 2)
                found = await self._found(job, earlier.request, earlier.body, since=earlier.at, patience=patience)
                if found.ours is None:
                    unknown = SubmissionUnknown(
                        f"An identical request was sent at {earlier.at:%Y-%m-%d %H:%M} UTC and its answer was "
                        f"lost. It may be running and paid, but the account's history does not show it. {ASK_FIRST}"
                    )
                    raise _naming(found.probable, unknown)
                if not await self._journal.mark_found(earlier.intent_id, _report_of(found.ours), earlier.at):
                    await anyio.sleep(_LOOK_AT_ANOTHERS)
            else:
                job.tell(News("Waiting for an identical request that is on its way", 0.03))
                await anyio.sleep(_LOOK_AT_ANOTHERS)

    async def _is_in_the_history(self, job: Job, submission: Submission, body: Mapping[str, Any]) -> bool:
        """Whether a request that the journal does not know was made before it was begun anew; then it learns of it."""
        now = datetime.now(UTC)
        try:
            if await self._journal.begun_anew() is None:
                return False
            found = (await self._found(job, job.submission.request, body, since=now - KEPT_FOR, patience=0)).ours
        except BaseException:  # whoever asks next need not wait for what nobody sends
            await self._journal.mark_abandoned(submission.intent_id)
            raise
        return found is not None and await self._journal.mark_found(
            submission.intent_id, _report_of(found), found.submitted_at or now
        )

    async def earlier(self, job: Job, wanted: RequestKey) -> Submission | None:
        """The submission that a claim would give without winning.

        Raises:
            AtlasError: It cannot be known whose an identical request is.
        """
        not_ours: set[str] = set()
        while True:
            earlier = await self._journal.joinable(wanted.key, wanted.take, old_keys=wanted.old_keys, not_ours=not_ours)
            if earlier is None or earlier.stage is not Stage.SUBMITTED:
                return earlier
            if await self._is_known_to_be_ours(job, earlier, not_ours):
                return earlier

    async def require(self, job: Job, quote: Quote) -> None:
        """Raise what a claim would that has nothing to join and may not be won.

        Raises:
            OverBudget: The budget has no room for it, or there is no price.
            JournalUnusable: It could not be remembered.
        """
        await self._on_terms(job, {}, self._journal.require, quote)

    async def _on_terms(
        self,
        job: Job,
        body: Mapping[str, Any],
        attempt: Callable[[SpendingRequest], Awaitable[_T]],
        quote: Quote | None = None,
    ) -> _T:
        """Do something that may be refused for money, and first whatever the refusal asks for."""
        looked, counted = False, None
        while True:
            terms = SpendingRequest(
                self._cloud.account, quote.price if quote else None, self._budget, history_counted=counted
            )
            try:
                return await attempt(terms)
            except HistoryNeeded as needed:
                job.tell(News("Counting what the account's history shows", 0.015))
                await self._count_history(needed.begun_anew)
                counted = needed.begun_anew
            except PricesNeeded as needed:
                job.tell(News("Asking for the price of earlier requests", 0.015))
                await self._price(needed.submissions)
            except PriceNeeded as error:
                if quote:
                    raise OverBudget(
                        "Nothing was sent or paid. ATLASCLOUD_BUDGET_USD is set, and without a price nothing is "
                        f"submitted: {quote.reason}"
                    ) from error
                job.tell(News("Asking for the price", 0.015))
                quote = await self._cloud.quote(body)
            except OverBudget:
                if looked or not (looked := await look_at_orphans(self._cloud, self._journal)):
                    raise

    async def _count_history(self, begun_anew: datetime) -> None:
        # What was on its way when the journal was lost has to show in the history, whose rows may lag.
        young = self._patience - (datetime.now(UTC) - begun_anew).total_seconds()
        await anyio.sleep(max(0.0, young))
        try:
            await count_history(self._cloud, self._journal)
        except AtlasError as error:
            raise OverBudget(
                "Nothing was sent or paid. ATLASCLOUD_BUDGET_USD is set, the journal was begun anew in the last 24 "
                "hours, and the account's history, which has to be counted in the place of what was lost, cannot be "
                f"counted: {error}"
            ) from error

    async def _price(self, submissions: Sequence[Submission]) -> None:
        for each in submissions:
            quote = await self._cloud.quote(each.body)
            if quote.price is None:
                raise OverBudget(
                    "Nothing was sent or paid. ATLASCLOUD_BUDGET_USD is set, and what the request of "
                    f"{each.at:%Y-%m-%d %H:%M} UTC cost, which counts in it, is not known: {quote.reason}"
                )
            await self._journal.set_quote(each.intent_id, quote.price)

    async def _is_known_to_be_ours(self, job: Job, submission: Submission, not_ours: set[str]) -> bool:
        """Whether a submission is known to be of this account; if not, the API is asked, and the journal learns it.

        Another key may be a newer one of the same account, or that of somebody else: only of the latter the API knows
        no such prediction.
        """
        if submission.account in {"", self._cloud.account}:
            return True
        prediction_id = str(submission.prediction_id)
        job.tell(News("Asking whether an identical request under another key is of this account", 0.02))
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

    async def price(self, _: Job, *, of: Job, intent_id: str, body: Mapping[str, Any]) -> None:
        """Ask what a submission costs that did not wait for the price, and write it down."""
        quote = await self._cloud.quote(body)
        if quote.price is not None:
            of.learn(quote=quote.price)
            await self._journal.set_quote(intent_id, quote.price)

    async def submit(self, job: Job) -> Report | None:
        """Send the paid request of a job, once; where its answer is lost, look for it.

        Returns None where the right to send it was lost: then nothing was sent, and it is to be claimed again.

        Raises:
            SubmissionUnknown: It may be running and paid, and cannot be found.
            AtlasError: It was not accepted, nothing was paid.
        """
        intent_id, asked, body = job.submission.intent_id, job.submission.request, job.submission.body
        if not await self._journal.mark_sending(self._cloud.mask(job.submission)):
            return None
        await anyio.lowlevel.checkpoint_if_cancelled()  # the last moment to leave without having spent anything
        submitted_at = datetime.now(UTC)
        job.committed, job.stands = True, _SENT
        job.learn(submitted_at=submitted_at)
        try:
            report = await self._cloud.generate(body)
        except SubmissionUnknown as error:
            await self._journal.mark_unknown(intent_id)
            job.tell(News("The answer was lost; looking for the submission in the account's history", 0.04))
            found = await self._found(job, asked, body, since=submitted_at, patience=self._patience)
            row = _report_of(found.ours) if found.ours else None
            if row is None or not await self._journal.mark_found(intent_id, row, submitted_at):
                raise _naming(found.probable, error) from error
            report = row
            job.learn(notes=(*job.submission.notes, _FOUND))
        except AtlasError:
            await self._journal.mark_refused(intent_id)
            raise
        except BaseException:  # a crash of ours, or the end of the process: the request may have left
            await self._journal.mark_unknown(intent_id)
            raise
        await self._journal.mark_submitted(intent_id, report, submitted_at)
        return report

    async def _found(
        self, job: Job, request: VideoRequest, body: Mapping[str, Any], *, since: datetime, patience: float
    ) -> Matches:
        """What of the account's history this request made, looked for for so many seconds."""
        give_up = anyio.current_time() + patience
        while True:
            rows = {
                row.prediction_id: row  # while others submit, the pages shift
                async for row in self._history(since - _ROWS_ARE_OUT_OF_ORDER_BY)
                if may_be(row, request, since=since) and not await self._is_anothers(row)
            }
            found = matches(list(rows.values()), body, job.defaults)
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
        known = await self._journal.prediction(str(row.prediction_id))
        return known is not None and known.key != ""


def _report_of(row: Submission) -> Report:
    return Report(id=row.prediction_id, model=row.request.model)


def _naming(probable: str | None, unknown: SubmissionUnknown) -> SubmissionUnknown:
    """The same error, with the one prediction that may be the lost one."""
    if probable is None:
        return unknown
    return unknown.adding(
        f"One prediction in the account's history may be it, of the same model and prompt: look at it with "
        f"get_prediction, prediction_id {probable}."
    )
