"""A dry run: all that a call would do, up to the moment from which something would be sent; only the price is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import to_thread

from atlascloud_video_mcp.errors import JournalUnusable, OverBudget
from atlascloud_video_mcp.journal import Stage
from atlascloud_video_mcp.models import ANY_PICTURE
from atlascloud_video_mcp.service.further_pictures import FurtherPictures
from atlascloud_video_mcp.service.jobs import News
from atlascloud_video_mcp.service.requests import RequestKey
from atlascloud_video_mcp.service.results import DryRun
from atlascloud_video_mcp.text import Link, Quoted, in_dollars

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.wire import Quote
    from atlascloud_video_mcp.journal import Journal, Submission
    from atlascloud_video_mcp.media.clips import ClipSaver
    from atlascloud_video_mcp.service.jobs import Job
    from atlascloud_video_mcp.service.prepare import Order
    from atlascloud_video_mcp.service.submissions import Submissions
    from atlascloud_video_mcp.service.uploads import Uploads

_OF_THE_SANDBOX = "The price is what Atlas Cloud would ask: in the built-in sandbox nothing is paid."


@dataclass(frozen=True)
class Rehearsal:
    """Tells what would be sent and paid; `budget` is in US dollars."""

    cloud: Cloud
    journal: Journal
    saver: ClipSaver
    uploads: Uploads
    submissions: Submissions
    budget: Decimal | None

    async def tell(self, job: Job, order: Order) -> None:
        """End a job with what an order would be and cost.

        Raises:
            InvalidInput: As the order itself would be refused.
        """
        if job.submission.save_to:
            await to_thread.run_sync(self.saver.check_target, job.submission.save_to)
        url: str | None = order.image
        digest = source = order.image
        if not order.is_online:
            picture = await self.uploads.check(job, order.image, order.model.pictures, order.fit)
            digest, source = picture.digest, picture.source_digest
            url = await self.uploads.url_of(digest)
        further = FurtherPictures(self.uploads)
        await further.check(job, order.further)
        wanted = RequestKey.of(self.cloud, further.identity(job.submission.body), digest, source, order.take)
        unsent_request = await further.unsent(job.submission.body)
        job.tell(News("Asking for the price", 0.5))
        quote = await self.cloud.quote(order.model.with_picture(job.submission.body, url or ANY_PICTURE))
        earlier = await self.submissions.earlier(job, wanted)
        unsent = f"(upload of {job.submission.picture})"
        request = order.model.with_picture(unsent_request, url or unsent)
        notes = [_OF_THE_SANDBOX] if self.cloud.sandbox else []
        notes += [*job.notes, *job.submission.notes, *filter(None, [job.doubt]), *self.journal.warnings]
        if url is None:
            notes.append(
                f"The picture is uploaded when the request is made: its URL then stands where {unsent} stands."
            )
        notes += _of_price(quote)
        if earlier:
            notes.insert(0, _of_joining(earlier, await self.journal.next_take(wanted.key)))
        else:
            notes += await self._of_budget(job, quote)
        asked = job.submission.request
        rehearsed = DryRun(
            status="dry_run",
            reused=True if earlier else None,
            take=order.take,
            sandbox=self.cloud.sandbox,
            request=request,
            cost_usd=None if quote.price is None else float(quote.price),
            model=Quoted(order.model.id),
            prompt=Quoted(asked.prompt) if asked.prompt else None,
            duration=asked.duration,
            image_url=Link.of(url),
            notes=tuple(notes) or None,
        )
        job.tell(News("Rehearsed", 0.99, result=rehearsed))

    async def _of_budget(self, job: Job, quote: Quote) -> Iterable[str]:
        try:
            await self.submissions.require(job, quote)
        except OverBudget as error:
            return (f"The budget would refuse it. {error}",)
        except JournalUnusable as error:
            return (f"It would be refused. {error}",)
        if self.budget is None:
            return ()
        left, budget = self.budget - (await self.journal.spending()).total, self.budget
        return (f"The budget allows it: {in_dollars(left)} of {in_dollars(budget)} for 24 hours are left before it.",)


def _of_price(quote: Quote) -> Iterable[str]:
    if quote.price is None:
        yield f"No price could be had: {quote.reason}"
    if quote.estimated:
        yield "The price is an estimate of the API: what is billed may differ."


def _of_joining(earlier: Submission, another: int) -> str:
    since = f"{earlier.at:%Y-%m-%d %H:%M} UTC"
    if earlier.stage is Stage.UNKNOWN:
        return (
            f"The same request (take {earlier.take}) was sent at {since} and its answer was lost: this call would look "
            f"for it and cost nothing. Take {another} would be submitted and paid."
        )
    which = f"prediction {earlier.prediction_id}" if earlier.prediction_id else "on its way"
    return (
        f"The same request (take {earlier.take}) was made at {since} ({which}): this call would be given that one and "
        f"cost nothing. Another variation, which is paid, would be take {another}."
    )
