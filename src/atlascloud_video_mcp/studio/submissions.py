"""A request is submitted once, whoever asks for the same at the same moment or has asked for it before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from atlascloud_video_mcp.cloud import ASK_FIRST
from atlascloud_video_mcp.errors import AtlasError, OverBudget, SubmissionUnknown
from atlascloud_video_mcp.journal import PriceNeeded, Stage, Terms
from atlascloud_video_mcp.predictions import Report
from atlascloud_video_mcp.studio.budgets import look_at_orphans
from atlascloud_video_mcp.studio.jobs import News
from atlascloud_video_mcp.studio.matching import Matches, matches, may_be

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from decimal import Decimal

    from atlascloud_video_mcp.cloud import Cloud
    from atlascloud_video_mcp.journal import Claim, Entry, Journal
    from atlascloud_video_mcp.money import Quote
    from atlascloud_video_mcp.quoting import PredictionId
    from atlascloud_video_mcp.records import Record
    from atlascloud_video_mcp.studio.jobs import Job

_MOST_PAGES = 20
_ROWS_ARE_OUT_OF_ORDER_BY = timedelta(hours=2)
_LOOK_AT_ANOTHERS = 0.1  # seconds between two looks at a submission that another call is about to make
_SENT = "The request was sent and may be running and paid; calling again joins it and does not pay twice."
_FOUND = "The answer to the submission was lost; the prediction was found in the account's history."


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

    async def claim(self, job: Job, key: str, body: Mapping[str, Any], *, force_new: bool, answer_by: float) -> Entry:
        """The right to submit, as an entry that is INTENDED, or the SUBMITTED entry of an identical request to join.

        An identical request that is on its way is waited for, as long as anybody follows the job.

        Args:
            job: Told what is going on.
            key: What makes requests identical.
            body: A request that costs the same; its price is asked for when there is a budget and nothing to join.
            force_new: Join nothing.
            answer_by: By when a lost request must be found, on the clock of `anyio.current_time`.

        Raises:
            SubmissionUnknown: An identical request may be running and paid, and cannot be found.
            OverBudget: The budget has no room for it, or no price could be had.
        """
        quote: Quote | None = None
        looked = False
        while True:
            try:
                claim = await self._claim(key, quote, force_new=force_new)
            except PriceNeeded:
                job.tell(News("Asking for the price", 0.015))
                quote = await self._cloud.quote(body)
                continue
            except OverBudget:
                if looked or not (looked := await look_at_orphans(self._cloud, self._journal)):
                    raise
                continue
            entry = claim.entry
            if claim.won or entry.stage is Stage.SUBMITTED:
                return entry
            if entry.stage is Stage.UNKNOWN:
                # The verdict must be there before whoever waits for it runs out of time.
                patience = min(self._patience, (answer_by - anyio.current_time()) / 2)
                found = await self._found(job, entry.request, since=entry.at, patience=patience)
                if found.ours is None:
                    unknown = SubmissionUnknown(
                        f"An identical request was sent at {entry.at:%Y-%m-%d %H:%M} UTC and its answer was "
                        f"lost. It may be running and paid, but the account's history does not show it. {ASK_FIRST}"
                    )
                    raise _naming(found.probable, unknown)
                await self._journal.submitted(entry.intent_id, _report_of(found.ours), entry.created_at)
            else:
                job.tell(News("Waiting for an identical request that is on its way", 0.03))
                await anyio.sleep(_LOOK_AT_ANOTHERS)

    async def _claim(self, key: str, quote: Quote | None, *, force_new: bool) -> Claim:
        terms = Terms(self._cloud.account, quote.price if quote else None, self._budget)
        try:
            return await self._journal.claim(key, force_new=force_new, terms=terms)
        except PriceNeeded as error:
            if quote is None:
                raise
            raise OverBudget(
                "Nothing was sent or paid. ATLASCLOUD_BUDGET_USD is set, and without a price nothing is submitted: "
                f"{quote.reason}"
            ) from error

    async def price(self, _: Job, *, of: Job, intent_id: str, body: Mapping[str, Any]) -> None:
        """Ask what a submission costs that did not wait for the price, and write it down."""
        quote = await self._cloud.quote(body)
        if quote.price is not None:
            of.facts.quote = quote.price
            await self._journal.quoted(intent_id, quote.price)

    async def submit(self, job: Job, intent_id: str) -> Report:
        """Send the paid request of a job, once; where its answer is lost, look for it.

        Raises:
            SubmissionUnknown: It may be running and paid, and cannot be found.
            AtlasError: It was not accepted, nothing was paid.
        """
        request = job.facts.request
        await self._journal.sending(intent_id, self._cloud.mask(request), job.facts.notes)
        await anyio.lowlevel.checkpoint_if_cancelled()  # the last moment to leave without having spent anything
        job.committed, job.stands, job.facts.submitted_at = True, _SENT, datetime.now(UTC)
        try:
            report = await self._cloud.generate(request)
        except SubmissionUnknown as error:
            await self._journal.unknown(intent_id)
            job.tell(News("The answer was lost; looking for the submission in the account's history", 0.04))
            found = await self._found(job, request, since=job.facts.submitted_at, patience=self._patience)
            if found.ours is None:
                raise _naming(found.probable, error) from error
            report, job.facts.notes = _report_of(found.ours), (*job.facts.notes, _FOUND)
        except AtlasError:
            await self._journal.refused(intent_id)
            raise
        except BaseException:  # a crash of ours, or the end of the process: the request may have left
            await self._journal.unknown(intent_id)
            raise
        await self._journal.submitted(intent_id, report, job.facts.submitted_at)
        return report

    async def _found(self, job: Job, request: Mapping[str, Any], *, since: datetime, patience: float) -> Matches:
        """What of the account's history this request made, looked for for so many seconds."""
        give_up = anyio.current_time() + patience
        while True:
            rows = {
                record.prediction_id: record  # while others submit, the pages shift
                async for record in self._history(since - _ROWS_ARE_OUT_OF_ORDER_BY)
                if may_be(record, request, since=since) and not await self._is_anothers(record.prediction_id)
            }
            found = matches(list(rows.values()), request, job.facts.defaults)
            if found.ours or anyio.current_time() >= give_up:
                return found
            await anyio.sleep(self._patience / 10)

    async def _history(self, since: datetime) -> AsyncGenerator[Record, None]:
        """The rows of the account's history back to a time, as far as it can be read."""
        for page in range(1, _MOST_PAGES + 1):
            try:
                records = await self._cloud.history(page)
            except AtlasError:
                return
            for record in records:
                if record.created_at and record.created_at < since:
                    return
                yield record
            if not records:
                return

    async def _is_anothers(self, prediction_id: str) -> bool:
        """Whether a prediction belongs to a request of ours already, and so cannot be the one that was lost."""
        entry = await self._journal.prediction(prediction_id)
        return entry is not None and entry.key != ""


def _report_of(row: Record) -> Report:
    return Report(id=row.prediction_id, model=row.model)


def _naming(probable: PredictionId | None, unknown: SubmissionUnknown) -> SubmissionUnknown:
    """The same error, with the one prediction that may be the lost one."""
    if probable is None:
        return unknown
    return unknown.adding(
        f"One prediction in the account's history may be it, of the same model and prompt: look at it with "
        f"get_prediction, prediction_id {probable}."
    )
