"""From a request to the watch of its prediction: prepare, claim, upload, submit; or an earlier one that is joined."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.errors import JournalUnusable
from atlascloud_video_mcp.journal import Stage
from atlascloud_video_mcp.service import render
from atlascloud_video_mcp.service.background import BackgroundTask
from atlascloud_video_mcp.service.progress import Phase, Progress
from atlascloud_video_mcp.service.submissions import nothing_paid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal, Submission, VideoRequest
    from atlascloud_video_mcp.service.budgets import Budget
    from atlascloud_video_mcp.service.pacing import Durations
    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.requests import Prepared, Requests
    from atlascloud_video_mcp.service.results import DryRun, Prediction
    from atlascloud_video_mcp.service.submissions import Submissions
    from atlascloud_video_mcp.service.uploads import Uploads
    from atlascloud_video_mcp.service.watch import Watch
    from atlascloud_video_mcp.service.watches import WatchRegistry


@dataclass(frozen=True)
class Animation:
    """Carries requests out, or tells what that would cost."""

    cloud: Cloud
    journal: Journal
    requests: Requests
    uploads: Uploads
    submissions: Submissions
    watches: WatchRegistry
    tasks: TaskGroup
    """Where what was paid for goes on without its caller."""
    durations: Durations
    """How long generations take, before any were seen."""
    budget: Budget

    async def dry_run(self, request: VideoRequest, progress: ProgressSink) -> DryRun:
        """All up to the moment from which something would be sent; only the price is asked.

        Raises:
            InvalidInput: As the request itself would be refused.
        """
        with nothing_paid():
            prepared = await self.requests.prepare(request, progress)
            urls = await self._urls_of(prepared)
            progress(Progress(Phase.PRICING, 0.5))
            quote = await self.cloud.quote(prepared.body(urls))
            earlier = await self.submissions.earlier(prepared.key, progress)
            rehearsed = render.dry_run(
                prepared,
                urls,
                quote,
                sandbox=self.cloud.sandbox,
                warnings=self.journal.warnings,
                joins=await self._joining(earlier, prepared) if earlier else None,
                budget=None if earlier else await self.budget.verdict(quote, progress, request.person),
            )
            progress(Progress(Phase.REHEARSED, 0.99))
            return rehearsed

    async def _joining(self, earlier: Submission, prepared: Prepared) -> str:
        """What there is already; by its id to whoever asked for it."""
        since, another = f"{earlier.at:%Y-%m-%d %H:%M} UTC", await self.journal.next_take(prepared.key.key)
        if earlier.stage is Stage.UNKNOWN:
            return (
                f"The same request (take {earlier.take}) was sent at {since} and its answer was lost: this call would "
                f"look for it and cost nothing. Take {another} would be submitted and paid."
            )
        which, person = earlier.prediction_id, prepared.request.person
        named = f"prediction {which}" if which else "on its way"
        if which and person and not await self.journal.asked(which, person.name):
            named = "for somebody else"
        return (
            f"The same request (take {earlier.take}) was made at {since} ({named}): this call would be given that one "
            f"and cost nothing. Another variation, which is paid, would be take {another}."
        )

    async def submit_or_join(
        self, request: VideoRequest, reply_deadline: float, progress: ProgressSink
    ) -> tuple[Watch, Callable[[], Prediction], int]:
        """The watch of what was submitted, or of an earlier identical request; how this call is told, and when first.

        The pictures' bytes are let go with it: waiting may take minutes, and needs none.
        """
        with nothing_paid():
            prepared = await self.requests.prepare(request, progress)
            priced = prepared.body(await self._urls_of(prepared))
        while True:
            with nothing_paid():
                claimed = await self.submissions.claim(prepared, priced, progress, reply_deadline=reply_deadline)
            if claimed.stage is not Stage.INTENDED:
                return await self._join(claimed, prepared, progress)
            if submitted := await self._submit(claimed, prepared, priced, progress):
                return *submitted, 0

    async def _submit(
        self, claimed: Submission, prepared: Prepared, priced: Mapping[str, Any], progress: ProgressSink
    ) -> tuple[Watch, Callable[[], Prediction]] | None:
        """Upload and submit; None where the right to it was lost. That right is given back where it is not used."""
        picture, asked = prepared.picture, prepared.request
        watch = self.watches.new(claimed, self.durations, prepared.doubts)
        told = partial(watch.prediction, asked.save_to, notes=prepared.call_notes)
        if claimed.quote is None:
            BackgroundTask(self.tasks, lambda _: self._price(watch, priced), committed=True)
        sending: BackgroundTask[bool] | None = None
        try:
            with nothing_paid():
                urls = {each.digest: await self.uploads.upload(each, progress=progress) for each in prepared.pictures}
                seconds = await self.journal.durations(str(asked.model), asked.duration)
            watch.durations = self.durations.learned(seconds)
            watch.submission = replace(
                watch.submission,
                request=replace(asked, image=urls[picture.digest]) if picture else asked,
                body=prepared.body(urls),
                notes=prepared.notes,
                picture=picture.filename if picture else None,
                save_to=asked.save_to,
            )
            defaults = prepared.model.defaults
            sending = BackgroundTask(self.tasks, lambda task: self._send(task, watch, told, defaults))
            return (watch, told) if await sending.result(progress) else None
        finally:
            if not (sending and sending.committed):
                await self.journal.mark_abandoned(claimed.intent_id)

    async def _send(
        self,
        task: BackgroundTask[bool],
        watch: Watch,
        told: Callable[[], Prediction],
        defaults: Mapping[str, object],
    ) -> bool:
        """Submit, and begin to watch: once committed, whether or not anybody waits."""
        sent = await self.submissions.submit(watch.submission, defaults, commit=task.commit, progress=task.report)
        if sent is None:
            return False
        watch.submission = replace(sent, quote=watch.submission.quote)  # it may have come meanwhile
        self.watches.start(watch)
        # Whoever runs out of time from here on is told the id.
        task.report(replace(watch.progress(Phase.SUBMITTED), prediction=told))
        if sent.save_to:
            await self.journal.set_save_to(str(sent.prediction_id), sent.save_to)
        return True

    async def _price(self, watch: Watch, body: Mapping[str, Any]) -> None:
        """Ask for the price beside the submission."""
        price = await self.submissions.price(watch.submission.intent_id, body)
        watch.submission = replace(watch.submission, quote=price)

    async def _join(
        self, earlier: Submission, prepared: Prepared, progress: ProgressSink
    ) -> tuple[Watch, Callable[[], Prediction], int]:
        """The watch of an earlier identical request, which sees to it that the clip is saved as asked now, too."""
        prediction_id, save_to = str(earlier.prediction_id), prepared.request.save_to
        watch = self.watches.watch(prediction_id, earlier)
        polls = watch.poll_now()
        another = "another take"
        with suppress(JournalUnusable):  # the prediction is known all the same
            another = f"take {await self.journal.next_take(prepared.key.key)}"
        since = (
            f"The same request (take {earlier.take}) was made at {earlier.at:%Y-%m-%d %H:%M} UTC, and this is its "
            f"prediction: nothing new was paid. For another variation, which is paid: {another}."
        )
        if save_to:
            watch.save_to(save_to)
            if not watch.submission.save_to:
                await self.journal.set_save_to(prediction_id, save_to)
        told = partial(watch.prediction, save_to, reused=True, notes=(since, *prepared.call_notes))
        # Whoever runs out of time before the first look is over is told the id all the same.
        progress(replace(watch.progress(Phase.FOUND), prediction=told))
        return watch, told, polls

    async def _urls_of(self, prepared: Prepared) -> dict[str, str]:
        """Where its pictures lie already, by their digests."""
        found = {each.digest: await self.uploads.url_of(each) for each in prepared.pictures}
        return {digest: url for digest, url in found.items() if url}
