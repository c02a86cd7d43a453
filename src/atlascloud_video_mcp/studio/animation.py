"""From a checked request to a clip: the order of the steps, or an earlier identical request that is joined."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from atlascloud_video_mcp.bodies import duration_of
from atlascloud_video_mcp.journal import Stage
from atlascloud_video_mcp.predictions import Status
from atlascloud_video_mcp.studio.jobs import Job, News

if TYPE_CHECKING:
    from atlascloud_video_mcp.clips import ClipSaver
    from atlascloud_video_mcp.cloud import Cloud
    from atlascloud_video_mcp.journal import Entry, Journal
    from atlascloud_video_mcp.predictions import Report
    from atlascloud_video_mcp.studio.orders import Order
    from atlascloud_video_mcp.studio.running import Running
    from atlascloud_video_mcp.studio.submissions import Submissions
    from atlascloud_video_mcp.studio.uploads import Uploads
    from atlascloud_video_mcp.studio.watching import Watching


ANY_PICTURE = "https://example.com/picture.jpg"
"""Stands for a picture without a URL where a price is asked for: what is to be seen in it does not change the price."""


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

    async def make(self, job: Job, order: Order, *, force_new: bool, answer_by: float) -> None:
        """Carry an order out to its end, wherever that is: our own submission, or an earlier one."""
        report = await self._submit_or_join(job, order, force_new=force_new, answer_by=answer_by)
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

    async def _submit_or_join(self, job: Job, order: Order, *, force_new: bool, answer_by: float) -> Report | None:
        """The answer to our own submission; None after an earlier one was joined and followed to its end."""
        facts = job.facts
        if facts.save_to:
            await to_thread.run_sync(self.saver.check_target, facts.save_to)
        if order.is_online:
            picture, digest = None, order.image
        else:
            picture, digest = await self.uploads.check(job, order.image, order.model.pictures)
        with ExitStack() as open_until_uploaded:
            if picture:
                open_until_uploaded.enter_context(picture)
            key = key_of(self.cloud.account, facts.request, digest)
            at = await self.uploads.url_of(digest) if picture else order.image
            priced = order.model.with_picture(facts.request, at or ANY_PICTURE)
            entry = await self.submissions.claim(job, key, priced, force_new=force_new, answer_by=answer_by)
            if entry.stage is Stage.INTENDED:
                open_until_uploaded.pop_all()
                facts.quote = entry.quote
                if facts.quote is None:
                    self.running.start(
                        Job(), partial(self.submissions.price, of=job, intent_id=entry.intent_id, body=priced)
                    )
                try:
                    url = (await self.uploads.upload(job, picture, digest)).url if picture else order.image
                    facts.request = order.model.with_picture(facts.request, url)
                    job.tell(News(f"Submitting to {order.model.id}", 0.04))
                    await self._learn(job)
                    return await self.submissions.submit(job, entry.intent_id)
                finally:
                    if not job.committed:
                        await self.journal.abandoned(entry.intent_id)
        await self._join(job, entry)
        return None

    async def _learn(self, job: Job) -> None:
        """See how long such generations took of late."""
        request = job.facts.request
        job.durations = job.durations.learned(await self.journal.durations(request["model"], duration_of(request)))

    async def _join(self, job: Job, entry: Entry) -> None:
        """Follow the prediction of an earlier identical request, and see to it that the clip is saved as asked now."""
        save_to = job.facts.save_to
        other, looks = self.running.looking_at(str(entry.prediction_id))
        job.reused = job.committed = True
        if save_to and not other.facts.save_to:
            await self.journal.wants(str(entry.prediction_id), save_to)
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


def key_of(account: str, request: dict[str, Any], picture: str) -> str:
    """What makes two requests identical: account, picture bytes or URL, model, prompt, parameters."""
    return hashlib.sha256(json.dumps([account, picture, request], sort_keys=True).encode()).hexdigest()
