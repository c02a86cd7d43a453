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

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from decimal import Decimal

    from atlascloud_video_mcp.cloud import Cloud
    from atlascloud_video_mcp.journal import Claim, Entry, Journal
    from atlascloud_video_mcp.money import Quote
    from atlascloud_video_mcp.records import Record
    from atlascloud_video_mcp.studio.jobs import Job

_MOST_PAGES = 20
_CLOCKS_DIFFER_BY = timedelta(hours=2)
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
                report = await self._found(job, entry.request, since=entry.created_at, patience=patience)
                if report is None:
                    raise SubmissionUnknown(
                        f"An identical request was sent at {entry.created_at:%Y-%m-%d %H:%M} UTC and its answer was "
                        f"lost. It may be running and paid, but the account's history does not show it. {ASK_FIRST}"
                    )
                await self._journal.submitted(entry.intent_id, report, entry.created_at)
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
        await self._journal.sending(intent_id, request, job.facts.notes)
        await anyio.lowlevel.checkpoint_if_cancelled()  # the last moment to leave without having spent anything
        job.committed, job.stands, job.facts.submitted_at = True, _SENT, datetime.now(UTC)
        try:
            report = await self._cloud.generate(request)
        except SubmissionUnknown:
            await self._journal.unknown(intent_id)
            job.tell(News("The answer was lost; looking for the submission in the account's history", 0.04))
            found = await self._found(job, request, since=job.facts.submitted_at, patience=self._patience)
            if found is None:
                raise
            report, job.facts.notes = found, (*job.facts.notes, _FOUND)
        except AtlasError:
            await self._journal.refused(intent_id)
            raise
        except BaseException:  # a crash of ours, or the end of the process: the request may have left
            await self._journal.unknown(intent_id)
            raise
        await self._journal.submitted(intent_id, report, job.facts.submitted_at)
        return report

    async def _found(self, job: Job, request: Mapping[str, Any], *, since: datetime, patience: float) -> Report | None:
        """The prediction in the account's history that this request made, looked for for so many seconds."""
        give_up = anyio.current_time() + patience
        while True:
            async for record in self._history(since - _CLOCKS_DIFFER_BY):
                if _is_of(record, request, job.facts.parameters) and not await self._is_anothers(record.prediction_id):
                    return Report(id=record.prediction_id, model=request.get("model"))
            if anyio.current_time() >= give_up:
                return None
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


def _is_of(record: Record, request: Mapping[str, Any], parameters: frozenset[str]) -> bool:
    """Whether a row holds our request; what the model knows no parameter for was added on the way."""
    asked = {name for name in parameters if record.request.get(name) is not None}
    return asked <= request.keys() and all(record.request.get(name) == value for name, value in request.items())
