"""The use cases: upload a picture, animate one, look at a prediction, save a clip. The order of the steps is here.

Whoever calls may leave at any time. What was paid for, and what is worth keeping, goes on in the background.
"""

from __future__ import annotations

import math
import os
from contextlib import AsyncExitStack, aclosing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import anyio

from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import (
    AtlasError,
    InvalidInput,
    InvalidRequest,
    JournalUnusable,
    OverBudget,
    SubmissionUnknown,
)
from atlascloud_video_mcp.journal import Stage
from atlascloud_video_mcp.media.clips import CannotPreview, CannotSave
from atlascloud_video_mcp.media.pictures import PictureRules
from atlascloud_video_mcp.service import render
from atlascloud_video_mcp.service.background import BackgroundTask, Phase, Progress, nowhere
from atlascloud_video_mcp.service.budgets import look_at_orphans
from atlascloud_video_mcp.service.downloads import Downloads
from atlascloud_video_mcp.service.history import History
from atlascloud_video_mcp.service.pacing import Durations
from atlascloud_video_mcp.service.requests import Requests
from atlascloud_video_mcp.service.results import Balance, Upload
from atlascloud_video_mcp.service.submissions import Submissions
from atlascloud_video_mcp.service.uploads import Uploads
from atlascloud_video_mcp.service.watches import WatchRegistry
from atlascloud_video_mcp.text import PredictionId, Quoted, in_dollars, is_of_a_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path
    from types import TracebackType

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.wire import Quote
    from atlascloud_video_mcp.journal import Journal, Submission, VideoRequest
    from atlascloud_video_mcp.media.clips import ClipSaver
    from atlascloud_video_mcp.models import Catalogue, Listing
    from atlascloud_video_mcp.service.background import ProgressSink
    from atlascloud_video_mcp.service.requests import Prepared
    from atlascloud_video_mcp.service.results import DryRun, Prediction, PredictionList, SavedVideo
    from atlascloud_video_mcp.service.watches import Watch

_NO_MONEY = "This is the account of the built-in sandbox: none of it is real money."
_PREVIEW_LATER = "The preview comes with the finished clip."
_NO_TIME_FOR_PREVIEW = "There was no time left for the preview: call again."


class VideoService:
    """All that the tools and commands can do; an async context manager that ends its tasks when it closes.

    Each call tells `progress` how far it has come, and may be cancelled: nothing that was paid for is lost then.

    Args:
        cloud: The open API client.
        journal: What this and other processes remember.
        saver: Where clips are fetched and stored.
        catalogue: The models, and what each takes.
        model: The model used when a call names none.
        allowed_dirs: Where local pictures may be read; empty means everywhere.
        download_dir: Where every finished clip is saved without being asked.
        budget: What the account may spend in 24 hours, US dollars; None: any amount.
        poll_interval: Shortest pause between two polls of one prediction, seconds.
        retry_pause: Shortest pause after a poll that failed, seconds.
        durations: How long generations take, before any were seen.
        history_patience: How long a submission whose answer was lost is searched for, seconds.
    """

    def __init__(
        self,
        cloud: Cloud,
        journal: Journal,
        saver: ClipSaver,
        catalogue: Catalogue,
        *,
        model: str,
        allowed_dirs: Sequence[Path] = (),
        download_dir: Path | None = None,
        budget: Decimal | None = None,
        poll_interval: float = 0.5,
        retry_pause: float = 5.0,
        durations: Durations | None = None,
        history_patience: float = 15.0,
    ) -> None:
        self._cloud = cloud
        self._journal = journal
        self._saver = saver
        self._budget = budget
        self._download_dir = f"{download_dir}{os.sep}" if download_dir else None
        self._durations = durations or Durations()
        self._tasks = anyio.create_task_group()
        self._closing = AsyncExitStack()
        self._uploads = Uploads(cloud, journal, self._tasks, allowed_dirs=allowed_dirs)
        self._requests = Requests(cloud, catalogue, self._uploads, saver, self._tasks, model=model)
        self._submissions = Submissions(cloud, journal, patience=history_patience, budget=budget)
        self._watches = WatchRegistry(
            cloud,
            journal,
            Downloads(cloud, journal, saver),
            self._tasks,
            self._durations,
            download_dir=self._download_dir,
            poll_interval=poll_interval,
            retry_pause=retry_pause,
        )
        self._history = History(cloud, journal, self._durations)

    async def __aenter__(self) -> Self:
        await self._closing.enter_async_context(self._tasks)
        self._closing.callback(self._tasks.cancel_scope.cancel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The task group would wrap what the body raised, though no task of ours did.
        handed_on = (None, None, None) if isinstance(value, Exception) else (kind, value, traceback)
        await self._closing.__aexit__(*handed_on)

    @property
    def origin(self) -> str:
        """Scheme, host and port of the API; where that is on this machine, its pictures and clips are there too."""
        return self._cloud.origin

    async def upload_image(self, image: str, *, progress: ProgressSink = nowhere) -> Upload:
        """Put a local picture where the models can read it; the upload goes on when the call is cancelled.

        Raises:
            InvalidPicture: Nothing was sent.
            AtlasError: The upload failed.
        """
        self._cloud.require_key()
        with self._masked(progress) as told:
            picture = await self._uploads.check(image, PictureRules(), progress=told)
            url = await self._uploads.upload(picture, progress=told)
            told(Progress(Phase.UPLOADED, 0.99, picture.filename))
            upload = Upload(
                url=url,
                filename=Quoted(picture.filename),
                content_type=picture.content_type,
                size_bytes=picture.size_bytes,
                width=picture.width,
                height=picture.height,
                notes=picture.notes,
            )
            return self._cloud.mask(upload)

    async def animate_image(
        self,
        request: VideoRequest,
        *,
        clip_deadline: float,
        reply_deadline: float = math.inf,
        progress: ProgressSink = nowhere,
    ) -> Prediction:
        """Make a clip from a picture and wait for it.

        The same request is the same clip, paid once, as long as the clip exists; another variation is another take.

        Args:
            request: What is asked for.
            clip_deadline: Until when to wait for the clip, on the clock of `anyio.current_time`.
            reply_deadline: When the caller will have left, on the same clock: verdicts come before.
            progress: Told how far it has come.

        Raises:
            InvalidInput: Nothing was sent.
            SubmissionUnknown: The request was sent, now or earlier, and its answer lost.
            OverBudget: The budget has no room for it, or its price cannot be had; nothing was sent.
            JournalUnusable: It could not be remembered that it was paid; nothing was sent.
            AtlasError: The upload or submission failed and nothing was paid, or the API cannot be reached.
        """
        self._cloud.require_key()
        with self._masked(progress) as sink:
            watch, told, polls = await self._submit_or_join(request, reply_deadline, sink)
            return await _followed(watch, clip_deadline, sink, told, polls)

    async def dry_run(self, request: VideoRequest, *, progress: ProgressSink = nowhere) -> DryRun:
        """All that animate_image would do up to the moment from which something would be sent; only the price is asked.

        Raises:
            InvalidInput: As the request itself would be refused.
        """
        self._cloud.require_key()
        with self._masked(progress) as sink, _nothing_paid():
            prepared = await self._requests.prepare(request, sink)
            urls = await self._urls_of(prepared)
            sink(Progress(Phase.PRICING, 0.5))
            quote = await self._cloud.quote(prepared.body(urls))
            earlier = await self._submissions.earlier(prepared.key, sink)
            rehearsed = render.dry_run(
                prepared,
                urls,
                quote,
                sandbox=self._cloud.sandbox,
                warnings=self._journal.warnings,
                joins=(earlier, await self._journal.next_take(prepared.key.key)) if earlier else None,
                budget=None if earlier else await self._verdict_of_budget(quote, sink),
            )
            sink(Progress(Phase.REHEARSED, 0.99))
            return self._cloud.mask(rehearsed)

    async def list_models(self, query: str = "", *, progress: ProgressSink = nowhere) -> Listing:
        """Find image-to-video models. It needs no key, and says in its notes what could not be read.

        Args:
            query: Words or an id; empty for all models.
            progress: Told how far it has come.
        """
        with self._masked(progress) as sink:
            return self._cloud.mask(await self._requests.list_models(query, sink))

    async def get_prediction(
        self,
        prediction_id: str,
        *,
        clip_deadline: float,
        preview: bool = False,
        poll: bool = True,
        progress: ProgressSink = nowhere,
    ) -> Prediction:
        """Look at a prediction, or wait for it.

        Args:
            prediction_id: The API's id.
            clip_deadline: Until when to wait, on the clock of `anyio.current_time`; one look is always taken.
            preview: Whether to give frames of the finished clip, too.
            poll: Whether to ask the API at once; else the last look of a watch that goes on here will do.
            progress: Told how far it has come.

        Raises:
            PredictionNotFound: No such id for this key.
            AtlasError: The API cannot be reached, or refuses the key.
        """
        with self._masked(progress) as sink:
            watch = self._watch(prediction_id)
            polls = watch.poll_now() if poll else 0
            if preview:
                return await self._with_preview(watch, clip_deadline, sink, polls)
            return await _followed(watch, clip_deadline, sink, watch.prediction, polls)

    async def save_video(
        self, prediction_id: str, save_to: str | None = None, *, progress: ProgressSink = nowhere
    ) -> SavedVideo:
        """Keep a finished clip on disk; the download goes on when the call is cancelled.

        Args:
            prediction_id: The API's id.
            save_to: A file or directory; without it the download directory of the settings, else the platform's folder
                for videos.
            progress: Told how far it has come.

        Raises:
            InvalidInput: There is no clip yet.
            CannotSave: The clip could not be fetched or written.
            AtlasError: The prediction could not be looked at.
        """
        import platformdirs  # noqa: PLC0415 - no other call needs it

        target = save_to or self._download_dir or f"{platformdirs.user_videos_path()}{os.sep}"
        with self._masked(progress) as sink:
            watch = self._watch(prediction_id)
            sink(Progress(Phase.LOOKING_FOR_CLIP, 0.01))
            report = await watch.look()
            if report.status is not Status.COMPLETED:
                raise InvalidInput(
                    f"There is no clip to save: the prediction is {report.status.value}. Next: "
                    f"get_prediction with prediction_id {prediction_id.strip()}."
                )
            return self._cloud.mask(await watch.save(report, target).result(sink))

    async def list_predictions(
        self,
        *,
        limit: int = 10,
        status: Status | None = None,
        reply_deadline: float = math.inf,
        progress: ProgressSink = nowhere,
    ) -> PredictionList:
        """What was made, by the journal and the account's history.

        It needs no key, and says in its notes what could not be read.

        Args:
            limit: How many at most, the newest ones.
            status: Only those that stand so.
            reply_deadline: When to answer at the latest, on the clock of `anyio.current_time`.
            progress: Told how far it has come.
        """
        with self._masked(progress) as sink:
            listed = await self._history.predictions(
                limit=limit, status=status, reply_deadline=reply_deadline, progress=sink
            )
            return self._cloud.mask(listed)

    async def recall(self, prediction_id: str) -> Prediction:
        """What is known of a prediction without asking the API; it needs no key.

        Raises:
            PredictionNotFound: Nothing is known of it.
        """
        return self._cloud.mask(await self._history.from_journal(prediction_id.strip()))

    async def get_balance(self, *, progress: ProgressSink = nowhere) -> Balance:
        """The money left and spent.

        Raises:
            AtlasError: The account could not be asked.
        """
        self._cloud.require_key()
        with self._masked(progress) as sink:
            sink(Progress(Phase.READING_BALANCE, 0.1))
            available = await self._cloud.balance()
            await look_at_orphans(self._cloud, self._journal)
            spent = (await self._journal.spending()).total
            sink(Progress(Phase.BALANCE_READ, 0.99))
            balance = Balance(
                available_usd=float(available),
                spent_24h_usd=float(spent),
                budget_usd=None if self._budget is None else float(self._budget),
                notes=(*self._journal.warnings, *((_NO_MONEY,) if self._cloud.sandbox else ())) or None,
            )
            return self._cloud.mask(balance)

    @contextmanager
    def _masked(self, progress: ProgressSink) -> Iterator[ProgressSink]:
        """A sink, and errors, that do not tell the key."""
        mask = self._cloud.mask
        try:
            yield lambda told: progress(replace(told, subject=mask(told.subject)))
        except AtlasError as error:
            error.args = mask(error.args)
            raise

    def _watch(self, prediction_id: str) -> Watch:
        known = PredictionId.of(prediction_id.strip())
        if known is None:
            raise InvalidInput(
                f'"{Quoted(prediction_id, 40)}" is no prediction_id. Next: list_predictions shows the ids there are.'
            )
        if not is_of_a_sandbox(known):  # what became of those can be told without
            self._cloud.require_key()
        return self._watches.watch(known)

    async def _urls_of(self, prepared: Prepared) -> dict[str, str]:
        """Where its pictures lie already, by their digests."""
        found = {each.digest: await self._uploads.url_of(each) for each in prepared.pictures}
        return {digest: url for digest, url in found.items() if url}

    async def _submit_or_join(
        self, request: VideoRequest, reply_deadline: float, progress: ProgressSink
    ) -> tuple[Watch, Callable[[], Prediction], int]:
        """The watch of what was submitted, or of an earlier identical request; how this call is told, and when first.

        The pictures' bytes are let go with it: waiting may take minutes, and needs none.
        """
        with _nothing_paid():
            prepared = await self._requests.prepare(request, progress)
            priced = prepared.body(await self._urls_of(prepared))
        while True:
            with _nothing_paid():
                claimed = await self._submissions.claim(prepared, priced, progress, reply_deadline=reply_deadline)
            if claimed.stage is not Stage.INTENDED:
                return await self._join(claimed, prepared, progress)
            if watch := await self._submit(claimed, prepared, priced, progress):
                return watch, partial(watch.prediction, prepared.request.save_to, notes=prepared.call_notes), 0

    async def _submit(
        self, claimed: Submission, prepared: Prepared, priced: Mapping[str, Any], progress: ProgressSink
    ) -> Watch | None:
        """Upload and submit; None where the right to it was lost. That right is given back where it is not used."""
        picture, asked = prepared.picture, prepared.request
        watch = self._watches.new(claimed, self._durations, prepared.doubts)
        if claimed.quote is None:
            BackgroundTask(self._tasks, lambda _: self._price(watch, priced), committed=True)
        sending: BackgroundTask[bool] | None = None
        try:
            with _nothing_paid():
                urls = {each.digest: await self._uploads.upload(each, progress=progress) for each in prepared.pictures}
            watch.durations = self._durations.learned(await self._journal.durations(str(asked.model), asked.duration))
            watch.submission = replace(
                watch.submission,
                request=replace(asked, image=urls[picture.digest]) if picture else asked,
                body=prepared.body(urls),
                notes=prepared.notes,
                picture=picture.filename if picture else None,
                save_to=asked.save_to,
            )
            defaults = prepared.model.defaults
            sending = BackgroundTask(self._tasks, lambda task: self._send(task, watch, defaults))
            return watch if await sending.result(progress) else None
        finally:
            if not (sending and sending.committed):
                await self._journal.mark_abandoned(claimed.intent_id)

    async def _send(self, task: BackgroundTask[bool], watch: Watch, defaults: Mapping[str, object]) -> bool:
        """Submit, and begin to watch: once committed, whether or not anybody waits."""
        sent = await self._submissions.submit(watch.submission, defaults, commit=task.commit, progress=task.report)
        if sent is None:
            return False
        watch.submission = replace(sent, quote=watch.submission.quote)  # it may have come meanwhile
        self._watches.start(watch)
        if sent.save_to:
            await self._journal.set_save_to(str(sent.prediction_id), sent.save_to)
        return True

    async def _price(self, watch: Watch, body: Mapping[str, Any]) -> None:
        """Ask for the price beside the submission."""
        price = await self._submissions.price(watch.submission.intent_id, body)
        watch.submission = replace(watch.submission, quote=price)

    async def _join(
        self, earlier: Submission, prepared: Prepared, progress: ProgressSink
    ) -> tuple[Watch, Callable[[], Prediction], int]:
        """The watch of an earlier identical request, which sees to it that the clip is saved as asked now, too."""
        prediction_id, save_to = str(earlier.prediction_id), prepared.request.save_to
        watch = self._watches.watch(prediction_id, earlier)
        polls = watch.poll_now()
        another = await self._journal.next_take(prepared.key.key)
        since = (
            f"The same request (take {earlier.take}) was made at {earlier.at:%Y-%m-%d %H:%M} UTC, and this is its "
            f"prediction: nothing new was paid. For another variation, which is paid: take {another}."
        )
        if save_to:
            watch.save_to(save_to)
            if not watch.submission.save_to:
                await self._journal.set_save_to(prediction_id, save_to)
        told = partial(watch.prediction, save_to, reused=True, notes=(since, *prepared.call_notes))
        # Whoever runs out of time before the first look is over is told the id all the same.
        progress(Progress(Phase.FOUND, 0.05, prediction_id, prediction=told))
        return watch, told, polls

    async def _with_preview(self, watch: Watch, deadline: float, progress: ProgressSink, polls: int) -> Prediction:
        def told() -> Prediction:
            prediction = watch.prediction()
            note = {"processing": _PREVIEW_LATER, "completed": _NO_TIME_FOR_PREVIEW}.get(prediction.status)
            return _noting(prediction, note) if note else prediction

        def show(step: Progress) -> None:
            if step.prediction and step.prediction().video_url:
                step = replace(step, phase=Phase.TAKING_FRAMES, fraction=0.99)
            progress(step)

        if not (await _followed(watch, deadline, show, told, polls)).video_url:
            return told()
        prediction, frames = watch.prediction(), None
        try:
            frames = await self._saver.preview(str(prediction.video_url))
        except (CannotPreview, CannotSave) as error:
            prediction = _noting(prediction, f"There is no preview. {error}")
        progress(Progress(Phase.FINISHED, 1.0, prediction.prediction_id, prediction=lambda: prediction))
        return prediction.model_copy(update={"preview": frames})

    async def _verdict_of_budget(self, quote: Quote, progress: ProgressSink) -> str | None:
        try:
            await self._submissions.require(quote, progress)
        except OverBudget as error:
            return f"The budget would refuse it. {error}"
        except JournalUnusable as error:
            return f"It would be refused. {error}"
        if self._budget is None:
            return None
        left, budget = self._budget - (await self._journal.spending()).total, self._budget
        return f"The budget allows it: {in_dollars(left)} of {in_dollars(budget)} for 24 hours are left before it."


async def _followed(
    watch: Watch, deadline: float, progress: ProgressSink, told: Callable[[], Prediction], polls: int
) -> Prediction:
    """A prediction as it stands at its end, or at the deadline."""
    async with aclosing(watch.until(deadline, polls=polls)) as steps:
        async for step in steps:
            progress(replace(step, prediction=told) if step.prediction else step)
    return told()


def _noting(prediction: Prediction, note: str) -> Prediction:
    return prediction.model_copy(update={"notes": (*(prediction.notes or ()), note)})


@contextmanager
def _nothing_paid() -> Iterator[None]:
    """Say of what goes wrong before the paid request that it cost nothing."""
    try:
        yield
    except (SubmissionUnknown, OverBudget, InvalidRequest):
        raise  # the first may be paid, the others say so themselves
    except AtlasError as error:
        raise error.adding("Nothing was paid.") from error
