"""From a checked request to a clip: the order of the steps, or an earlier identical request that is joined."""

from __future__ import annotations

import math
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.journal import Stage
from atlascloud_video_mcp.models import ANY_PICTURE
from atlascloud_video_mcp.service.further_pictures import FurtherPictures
from atlascloud_video_mcp.service.jobs import Job, News
from atlascloud_video_mcp.service.requests import RequestKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal, Submission
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
        if job.submission.save_to:
            await self.journal.set_save_to(report.prediction_id, job.submission.save_to)
        job.tell(News("Submitted", 0.05, report))
        if report.status is Status.PROCESSING:
            await job.pause(self.poll_interval)
            await self.watching.watch(job, prediction_id=report.prediction_id)
        else:
            await self.watching.finish(job, report)

    async def _submit_or_join(self, job: Job, order: Order, *, answer_by: float) -> Report | None:
        """The answer to our own submission; None after an earlier one was joined and followed to its end."""
        if job.submission.save_to:
            await to_thread.run_sync(self.saver.check_target, job.submission.save_to)
        picture = None
        if not order.is_online:
            picture = await self.uploads.check(job, order.image, order.model.pictures, order.fit)
        further = FurtherPictures(self.uploads)
        await further.check(job, order.further)
        body = job.submission.body
        digest, source = (picture.digest, picture.source_digest) if picture else (order.image, order.image)
        wanted = RequestKey.of(self.cloud, further.identity(body), digest, source, order.take)
        url = await self.uploads.url_of(digest) if picture else order.image
        priced = order.model.with_picture(body, url or ANY_PICTURE)
        while True:
            claimed = await self.submissions.claim(job, wanted, priced, answer_by=answer_by)
            if claimed.stage is not Stage.INTENDED:
                break
            self._know_the_price(job, claimed, priced)
            try:
                if picture:
                    url, picture = (await self.uploads.upload(job, picture)).url, None
                sent = order.model.with_picture(await further.uploaded(job, body), str(url))
                job.learn(request=replace(job.submission.request, image=str(url)), body=sent)
                job.tell(News(f"Submitting to {order.model.id}", 0.04))
                await self._learn(job)
                if report := await self.submissions.submit(job):
                    return report
            finally:
                await self._let_go(job, claimed)
        del picture, further  # joining may take minutes, and needs neither
        await self._join(job, claimed, wanted)
        return None

    async def _let_go(self, job: Job, claimed: Submission) -> None:
        """Give the right to submit back, unless it was used."""
        if not job.committed:
            await self.journal.mark_abandoned(claimed.intent_id)

    def _know_the_price(self, job: Job, claimed: Submission, body: Mapping[str, Any]) -> None:
        """Take the price that was held against the budget, or have it asked for beside the submission."""
        job.learn(intent_id=claimed.intent_id, key=claimed.key, take=claimed.take, quote=claimed.quote)
        if claimed.quote is None:
            self.running.start(Job(), partial(self.submissions.price, of=job, intent_id=claimed.intent_id, body=body))

    async def _learn(self, job: Job) -> None:
        """See how long such generations took of late."""
        request = job.submission.request
        job.durations = job.durations.learned(await self.journal.durations(str(request.model), request.duration))

    async def _join(self, job: Job, claimed: Submission, wanted: RequestKey) -> None:
        """Follow the prediction of an earlier identical request, and see to it that the clip is saved as asked now."""
        save_to = job.submission.save_to
        prediction_id = str(claimed.prediction_id)
        other, looks = self.running.looking_at(prediction_id)
        job.reused = job.committed = True
        another = await self.journal.next_take(wanted.key)
        since = (
            f"The same request (take {claimed.take}) was made at {claimed.at:%Y-%m-%d %H:%M} UTC, and this is its "
            f"prediction: nothing new was paid. For another variation, which is paid: take {another}."
        )
        job.notes = (since, *job.notes)
        if save_to and not other.submission.save_to:
            await self.journal.set_save_to(prediction_id, save_to)
        # Whoever runs out of time before the first look is over is told the id all the same.
        job.submission, job.looks_due = replace(claimed, save_to=save_to or claimed.save_to), looks
        job.doubt = None
        job.tell(News("Found", 0.05, claimed.report or Report(id=prediction_id)))
        async with aclosing(other.follow(deadline=0, heartbeat=math.inf, looks=looks)) as first_look:
            async for _ in first_look:
                pass
        # A place of this call's own, beside the one that the earlier call asked for.
        mine = replace(other.submission, save_to=save_to, saved_path=None) if save_to else None
        async with aclosing(other.follow(deadline=math.inf, heartbeat=math.inf)) as log:
            async for news in log:
                job.submission, job.durations, job.looks = mine or other.submission, other.durations, other.looks
                job.doubt = other.doubt
                if mine and news.report:
                    job.learn(quote=other.submission.quote)
                    news = replace(news, report=await self.watching.save(job, news.report))  # noqa: PLW2901 - its link may be newer
                    mine = job.submission
                job.tell(news)
