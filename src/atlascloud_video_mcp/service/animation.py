"""From a checked request to a clip: the order of the steps, or an earlier identical request that is joined."""

from __future__ import annotations

import math
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from atlascloud_video_mcp.cloud.body_fields import duration_of
from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.journal import Stage
from atlascloud_video_mcp.models import ANY_PICTURE
from atlascloud_video_mcp.service.further_pictures import FurtherPictures
from atlascloud_video_mcp.service.jobs import Job, News, facts_of
from atlascloud_video_mcp.service.submissions import RequestKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Entry, Journal
    from atlascloud_video_mcp.media.clips import ClipSaver
    from atlascloud_video_mcp.service.prepare import Order
    from atlascloud_video_mcp.service.running import Running
    from atlascloud_video_mcp.service.submissions import Submissions
    from atlascloud_video_mcp.service.uploads import Uploads
    from atlascloud_video_mcp.service.watching import Watching


@dataclass(frozen=True)
class Animation:
    """Uploads, submits, watches; `poll_interval` is the pause between submission and the first look, seconds."""

    cloud: Cloud
    journal: Journal
    saver: ClipSaver
    uploads: Uploads
    submissions: Submissions
    watching: Watching
    running: Running
    poll_interval: float

    async def make(self, job: Job, order: Order, *, answer_by: float) -> None:
        """Carry an order out to its end, wherever that is: our own submission, or an earlier one."""
        report = await self._submit_or_join(job, order, answer_by=answer_by)
        if report is None:
            return
        self.running.keep(report.prediction_id, job)
        if job.facts.save_to:
            await self.journal.wants(report.prediction_id, job.facts.save_to)
        job.tell(News("Submitted", 0.05, report))
        if report.status is Status.PROCESSING:
            await job.pause(self.poll_interval)
            await self.watching.watch(job, prediction_id=report.prediction_id)
        else:
            await self.watching.finish(job, report)

    async def _submit_or_join(self, job: Job, order: Order, *, answer_by: float) -> Report | None:
        """The answer to our own submission; None after an earlier one was joined and followed to its end."""
        facts = job.facts
        if facts.save_to:
            await to_thread.run_sync(self.saver.check_target, facts.save_to)
        picture = None
        if not order.is_online:
            picture = await self.uploads.check(job, order.image, order.model.pictures, order.fit)
        further = FurtherPictures(self.uploads)
        await further.check(job, order.further)
        request = facts.request
        digest, source = (picture.digest, picture.source_digest) if picture else (order.image, order.image)
        wanted = RequestKey.of(self.cloud, further.identity(request), digest, source, order.take)
        url = await self.uploads.url_of(digest) if picture else order.image
        priced = order.model.with_picture(request, url or ANY_PICTURE)
        while True:
            entry = await self.submissions.claim(job, wanted, priced, answer_by=answer_by)
            if entry.stage is not Stage.INTENDED:
                break
            self._know_the_price(job, entry, priced)
            try:
                if picture:
                    url, picture = (await self.uploads.upload(job, picture)).url, None
                facts.request = order.model.with_picture(await further.uploaded(job, request), str(url))
                job.tell(News(f"Submitting to {order.model.id}", 0.04))
                await self._learn(job)
                if report := await self.submissions.submit(job, entry.intent_id):
                    return report
            finally:
                await self._let_go(job, entry)
        del picture, further  # joining may take minutes, and needs neither
        await self._join(job, entry, wanted)
        return None

    async def _let_go(self, job: Job, entry: Entry) -> None:
        """Give the right to submit back, unless it was used."""
        if not job.committed:
            await self.journal.abandoned(entry.intent_id)

    def _know_the_price(self, job: Job, entry: Entry, body: Mapping[str, Any]) -> None:
        """Take the price that was held against the budget, or have it asked for beside the submission."""
        job.facts.take, job.facts.quote = entry.take, entry.quote
        if entry.quote is None:
            self.running.start(Job(), partial(self.submissions.price, of=job, intent_id=entry.intent_id, body=body))

    async def _learn(self, job: Job) -> None:
        """See how long such generations took of late."""
        request = job.facts.request
        job.durations = job.durations.learned(await self.journal.durations(request["model"], duration_of(request)))

    async def _join(self, job: Job, entry: Entry, wanted: RequestKey) -> None:
        """Follow the prediction of an earlier identical request, and see to it that the clip is saved as asked now."""
        save_to = job.facts.save_to
        prediction_id = str(entry.prediction_id)
        other, looks = self.running.looking_at(prediction_id)
        job.reused = job.committed = True
        another = await self.journal.next_take(wanted.key)
        since = (
            f"The same request (take {entry.take}) was made at {entry.at:%Y-%m-%d %H:%M} UTC, and this is its "
            f"prediction: nothing new was paid. For another variation, which is paid: take {another}."
        )
        job.notes = (since, *job.notes)
        if save_to and not other.facts.save_to:
            await self.journal.wants(prediction_id, save_to)
        # Whoever runs out of time before the first look is over is told the id all the same.
        job.facts, job.looks_due = replace(facts_of(entry), save_to=save_to or entry.save_to), looks
        job.tell(News("Found", 0.05, entry.report or Report(id=prediction_id)))
        async with aclosing(other.follow(deadline=0, heartbeat=math.inf, looks=looks)) as first_look:
            async for _ in first_look:
                pass
        # A place of this call's own, beside the one that the earlier call asked for.
        mine = replace(other.facts, save_to=save_to, saved_path=None) if save_to else None
        async with aclosing(other.follow(deadline=math.inf, heartbeat=math.inf)) as log:
            async for news in log:
                job.facts, job.durations, job.looks = mine or other.facts, other.durations, other.looks
                if mine and news.report:
                    mine.quote = other.facts.quote
                    news = replace(news, report=await self.watching.save(job, news.report))  # noqa: PLW2901 - its link may be newer
                job.tell(news)
