"""A dry run: all that a call would do, up to the moment from which something would be sent; only the price is asked."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import to_thread

from atlascloud_video_mcp.bodies import animated_in, duration_of, prompt_of
from atlascloud_video_mcp.journal import Stage, Terms
from atlascloud_video_mcp.money import in_dollars
from atlascloud_video_mcp.predictions import DryRun
from atlascloud_video_mcp.quoting import Quoted
from atlascloud_video_mcp.studio.animation import ANY_PICTURE, key_of
from atlascloud_video_mcp.studio.budgets import look_at_orphans, warnings_of
from atlascloud_video_mcp.studio.jobs import News

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from atlascloud_video_mcp.clips import ClipSaver
    from atlascloud_video_mcp.cloud import Cloud
    from atlascloud_video_mcp.journal import Entry, Journal
    from atlascloud_video_mcp.money import Quote
    from atlascloud_video_mcp.studio.jobs import Job
    from atlascloud_video_mcp.studio.orders import Order
    from atlascloud_video_mcp.studio.uploads import Uploads


@dataclass(frozen=True)
class Rehearsal:
    """Tells what would be sent and paid; `budget` is in US dollars."""

    cloud: Cloud
    journal: Journal
    saver: ClipSaver
    uploads: Uploads
    budget: Decimal | None

    async def tell(self, job: Job, order: Order, *, force_new: bool) -> None:
        """End a job with what an order would be and cost.

        Raises:
            InvalidInput: As the order itself would be refused.
        """
        facts = job.facts
        if facts.save_to:
            await to_thread.run_sync(self.saver.check_target, facts.save_to)
        online = order.is_online
        picture, digest = (
            (None, order.image) if online else await self.uploads.check(job, order.image, order.model.pictures)
        )
        with picture or nullcontext():
            url = order.image if online else await self.uploads.url_of(digest)
            key = key_of(self.cloud.account, facts.request, digest)
        job.tell(News("Asking for the price", 0.5))
        quote = await self.cloud.quote(order.model.with_picture(facts.request, url or ANY_PICTURE))
        earlier = None if force_new else await self.journal.joinable(key)
        unsent = f"(upload of {facts.picture})"
        request = order.model.with_picture(facts.request, url or unsent)
        notes = [*facts.notes, *filter(None, [facts.doubt]), *warnings_of(self.journal, self.budget)]
        if url is None:
            notes.append(
                f"The picture is uploaded when the request is made: its URL then stands where {unsent} stands."
            )
        notes += _of_price(quote)
        notes += _of_joining(earlier) if earlier else await self._of_budget(quote)
        rehearsed = DryRun(
            status="dry_run",
            provider_status=Quoted("not submitted"),
            elapsed_seconds=0.0,
            reused=False,
            sandbox=self.cloud.sandbox,
            outputs=(),
            request=request,
            cost_usd=None if quote.price is None else float(quote.price),
            model=Quoted(order.model.id),
            prompt=Quoted(prompt) if (prompt := prompt_of(request)) else None,
            duration=duration_of(request),
            image_url=animated_in(request),
            notes=tuple(notes) or None,
        )
        job.tell(News("Rehearsed", 0.99, result=rehearsed))

    async def _of_budget(self, quote: Quote) -> Iterable[str]:
        if self.budget is None:
            return ()
        if quote.price is None:
            return ("ATLASCLOUD_BUDGET_USD is set: without a price nothing would be submitted.",)
        await look_at_orphans(self.cloud, self.journal)
        spending = await self.journal.spending(self.cloud.account)
        if objection := spending.objection(Terms(price=quote.price, budget=self.budget)):
            return (f"The budget would refuse it. {objection}.",)
        left, budget = self.budget - spending.total, self.budget
        return (f"The budget allows it: {in_dollars(left)} of {in_dollars(budget)} for 24 hours are left before it.",)


def _of_price(quote: Quote) -> Iterable[str]:
    if quote.price is None:
        yield f"No price could be had: {quote.reason}"
    if quote.estimated:
        yield "The price is an estimate of the API: what is billed may differ."


def _of_joining(entry: Entry) -> Iterable[str]:
    if entry.stage is Stage.UNKNOWN:
        yield (
            f"An identical request was sent at {entry.at:%Y-%m-%d %H:%M} UTC and its answer was lost: this one would "
            "look for it, and submit nothing without force_new."
        )
    else:
        which = f"prediction {entry.prediction_id}" if entry.prediction_id else "on its way"
        yield (
            f"An identical request ({which}) is unfinished, or its clip was never handed over: this one would join it "
            "and cost nothing."
        )
