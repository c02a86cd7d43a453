"""What a budget needs to be right: word of the predictions that count in it, also of those the journal has lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.errors import AtlasError, JournalUnusable, OverBudget, ServiceUnavailable
from atlascloud_video_mcp.journal import SPAN, HistoryNeeded, PriceNeeded, PricesNeeded, SpendingRequest
from atlascloud_video_mcp.service.history import read_history
from atlascloud_video_mcp.service.progress import Phase, Progress
from atlascloud_video_mcp.service.results import Balance
from atlascloud_video_mcp.text import in_dollars

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from decimal import Decimal

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.wire import Quote
    from atlascloud_video_mcp.journal import Journal, Person, Submission
    from atlascloud_video_mcp.service.progress import ProgressSink

_T = TypeVar("_T")
_NO_MONEY = "This is the account of the built-in sandbox: none of it is real money."
_LONG_ENOUGH = 5.0  # seconds
_AT_A_TIME = 8
_MOST_PAGES = 20  # of 50 rows of the account's history


class Budget:
    """What an account may spend in 24 hours, and what it has.

    Args:
        cloud: The open API client.
        journal: What was spent.
        amount: US dollars; None: any amount.
        patience: How long rows of the account's history may lag, seconds.
    """

    def __init__(self, cloud: Cloud, journal: Journal, amount: Decimal | None, *, patience: float) -> None:
        self._cloud = cloud
        self._journal = journal
        self._amount = amount
        self._patience = patience

    async def balance(self, progress: ProgressSink, person: Person | None = None) -> Balance:
        """The money left, and spent: by the person who asks, where there are persons, else by all.

        Raises:
            AtlasError: The account could not be asked.
        """
        progress(Progress(Phase.READING_BALANCE, 0.1))
        available = await self._cloud.balance()
        await self._look_at_orphans()
        limit = self._limit(person)
        spent = (await self._journal.spending(person=person.name if person else "")).total
        notes = [*self._journal.warnings, *((_NO_MONEY,) if self._cloud.sandbox else ())]
        if person and self._amount is not None:
            of_all = (await self._journal.spending()).total
            notes.append(f"All together spent {in_dollars(of_all)} of {in_dollars(self._amount)} in these 24 hours.")
        progress(Progress(Phase.BALANCE_READ, 0.99))
        return Balance(
            available_usd=float(available),
            spent_24h_usd=float(spent),
            budget_usd=None if limit is None else float(limit),
            notes=tuple(notes) or None,
        )

    def _limit(self, person: Person | None) -> Decimal | None:
        return self._amount if person is None else person.budget

    async def verdict(self, quote: Quote, progress: ProgressSink, person: Person | None) -> str | None:
        """What it says of a request at this price; None where there is none."""
        try:
            await self.on_terms(self._journal.require, {}, progress, quote=quote, person=person)
        except OverBudget as error:
            return f"The budget would refuse it. {error}"
        except JournalUnusable as error:
            return f"It would be refused. {error}"
        budget = self._limit(person)
        if budget is None:
            return None
        left = budget - (await self._journal.spending(person=person.name if person else "")).total
        return f"The budget allows it: {in_dollars(left)} of {in_dollars(budget)} for 24 hours are left before it."

    async def on_terms(
        self,
        attempt: Callable[[SpendingRequest], Awaitable[_T]],
        body: Mapping[str, Any],
        progress: ProgressSink,
        *,
        quote: Quote | None = None,
        person: Person | None = None,
    ) -> _T:
        """Do something that may be refused for money, and first whatever the refusal asks for.

        Args:
            attempt: What to do.
            body: A request that costs as much; its price is asked for when that is needed.
            progress: Told what is going on.
            quote: The price, where it was asked for.
            person: Who asks, and may have a budget of their own.

        Raises:
            OverBudget: The budget has no room for it, or there is no price.
            JournalUnusable: It could not be remembered.
        """
        looked, counted = False, None
        while True:
            terms = SpendingRequest(self._cloud.account, quote.price if quote else None, self._amount, counted, person)
            try:
                return await attempt(terms)
            except HistoryNeeded as needed:
                progress(Progress(Phase.COUNTING_HISTORY, 0.015))
                await self._count_history(needed.begun_anew, terms.limits[0].set_by)
                counted = needed.begun_anew
            except PricesNeeded as needed:
                progress(Progress(Phase.PRICING_EARLIER, 0.015))
                await self._price(needed.submissions, terms.limits[0].set_by)
            except PriceNeeded as error:
                if quote:
                    raise OverBudget(
                        f"Nothing was sent or paid. {terms.limits[0].set_by} sets a budget, and without a price "
                        f"nothing is submitted: {quote.reason}"
                    ) from error
                progress(Progress(Phase.PRICING, 0.015))
                quote = await self._cloud.quote(body)
            except OverBudget:
                if looked or not (looked := await self._look_at_orphans()):
                    raise

    async def _count_history(self, begun_anew: datetime, set_by: str) -> None:
        # What was on its way when the journal was lost has to show in the history, whose rows may lag.
        young = self._patience - (datetime.now(UTC) - begun_anew).total_seconds()
        await anyio.sleep(max(0.0, young))
        try:
            await self._count_rows()
        except AtlasError as error:
            raise OverBudget(
                f"Nothing was sent or paid. {set_by} sets a budget, the journal was begun anew in the last 24 hours, "
                "and the account's history, which has to be counted in the place of what was lost, cannot be counted: "
                f"{error}"
            ) from error

    async def _price(self, submissions: Sequence[Submission], set_by: str) -> None:
        for each in submissions:
            quote = await self._cloud.quote(each.body)
            if quote.price is None:
                raise OverBudget(
                    f"Nothing was sent or paid. {set_by} sets a budget, and what the request of "
                    f"{each.at:%Y-%m-%d %H:%M} UTC cost, which counts in it, is not known: {quote.reason}"
                )
            await self._journal.set_quote(each.intent_id, quote.price)

    async def _look_at_orphans(self) -> bool:
        """Look at predictions that nobody watches any more, since the processes that submitted them have ended.

        The books count them until they are known to have failed, or to have cost less. What cannot be looked at in some
        seconds is left as it is. Returns whether there were any.
        """
        orphans = await self._journal.orphans(self._cloud.account)
        limit = anyio.CapacityLimiter(_AT_A_TIME)

        async def look(prediction_id: str) -> None:
            async with limit:
                with suppress(AtlasError):
                    await self._journal.set_report(prediction_id, await self._cloud.prediction(prediction_id))

        with anyio.move_on_after(_LONG_ENOUGH):
            async with anyio.create_task_group() as tasks:
                for prediction_id in orphans:
                    tasks.start_soon(look, prediction_id)
        return bool(orphans)

    async def _count_rows(self) -> None:
        """Enter into the books what the account's history of the last 24 hours has and they have not.

        Raises:
            AtlasError: It cannot be read to its end, or names what has no price.
        """
        now = datetime.now(UTC)
        rows = await _rows_of_late(self._cloud, now - SPAN)
        uncounted = await self._journal.uncounted(rows)
        for prediction_id, row in rows.items():
            if prediction_id not in uncounted:
                continue
            report = row.report or Report(id=prediction_id, model=row.request.model)
            if report.status is Status.FAILED:
                continue
            price = report.cost(None) or (await self._cloud.quote(row.body)).price
            if price is None:
                raise ServiceUnavailable(f"No price could be had for prediction {prediction_id}, which it holds.")
            paid = replace(row, report=report, submitted_at=row.submitted_at or now)
            await self._journal.count_anew(paid, SpendingRequest(self._cloud.account, price))


async def _rows_of_late(cloud: Cloud, begin: datetime) -> dict[str, Submission]:
    rows: dict[str, Submission] = {}
    for page in range(1, _MOST_PAGES + 1):
        read = await read_history(cloud, page)
        older = [row for row in read if row.submitted_at and row.submitted_at < begin]
        new = {str(row.prediction_id): row for row in read if row not in older}
        if older or new.keys() <= rows.keys():
            return rows | new
        rows |= new
    raise ServiceUnavailable("It has too many pages.")
