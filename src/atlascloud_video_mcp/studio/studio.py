"""The use cases: upload a picture, animate one, look at a prediction. The order of the steps and the waiting are here.

A generation is a job that runs in a task of its own. Whoever asked for it follows the job's news and may leave at any
time; once the job is submitted it goes on without followers, so that nothing that was paid for is lost.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack, aclosing
from copy import copy
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Self

import anyio
from anyio import to_thread

from atlascloud_video_mcp.catalogue import Model, model_called
from atlascloud_video_mcp.errors import (
    AtlasError,
    InvalidInput,
    PredictionNotFound,
    RateLimited,
    ServiceUnavailable,
)
from atlascloud_video_mcp.pacing import Durations
from atlascloud_video_mcp.pictures import PictureRules, open_picture
from atlascloud_video_mcp.predictions import Report, Status, Upload
from atlascloud_video_mcp.studio.jobs import Job, News
from atlascloud_video_mcp.studio.steps import Step, step

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from atlascloud_video_mcp.cloud import Cloud

_WEB_ADDRESS = re.compile(r"https://[^\s/]+(/\S*)?", re.IGNORECASE)
_AN_ID = re.compile(r"(?!\.{1,2}$)[!-~]{1,200}")
_NOT_YET_KNOWN = 30.0  # seconds after submission in which the API may not know its own new id


class Studio:
    """All that the tools and commands can do; an async context manager that ends its jobs when it closes.

    Args:
        cloud: The open API client.
        model: The model used when a call names none.
        allowed_dirs: Where local pictures may be read; empty means everywhere.
        poll_interval: Shortest pause between two looks at one prediction, seconds.
        heartbeat: Longest silence between two steps of a call, seconds.
        durations: How long generations take.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        model: str,
        allowed_dirs: Sequence[Path] = (),
        poll_interval: float = 0.5,
        heartbeat: float = 5.0,
        durations: Durations | None = None,
    ) -> None:
        self._cloud = cloud
        self._model = model
        self._allowed_dirs = allowed_dirs
        self._poll_interval = poll_interval
        self._heartbeat = heartbeat
        self._durations = durations or Durations()
        self._jobs: dict[str, Job] = {}
        self._tasks = anyio.create_task_group()
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._closing.enter_async_context(self._tasks)
        self._closing.callback(self._tasks.cancel_scope.cancel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._closing.__aexit__(kind, value, traceback)

    def upload_image(self, image: str) -> AsyncGenerator[Step, None]:
        """Put a local picture where the models can read it; the last step holds the Upload.

        Raises:
            InvalidPicture: Nothing was sent.
            AtlasError: The upload failed.
        """
        self._cloud.require_key()
        return self._follow(Job(), work=partial(self._only_upload, image=image))

    def animate_image(
        self,
        image: str,
        *,
        prompt: str | None = None,
        duration: int | None = None,
        model: str | None = None,
        enable_prompt_expansion: bool | None = None,
        deadline: float,
    ) -> AsyncGenerator[Step, None]:
        """Make a clip from a picture and wait for it; the last step holds the Prediction, finished or not.

        Args:
            image: An https URL, which is passed on as it is, or a local picture, which is uploaded first.
            prompt: The motion to add.
            duration: Seconds of video.
            model: The model's id.
            enable_prompt_expansion: Whether the model may rewrite the prompt.
            deadline: Until when to wait, on the clock of `anyio.current_time`; the submission itself is waited for.

        Raises:
            InvalidInput: Nothing was sent.
            SubmissionUnknown: The request was sent and its answer lost.
            AtlasError: The upload or submission failed and nothing was paid, or the API cannot be reached.
        """
        image = image.strip().strip("'\"")
        if image.lower().startswith("https:") and not _WEB_ADDRESS.fullmatch(image):
            raise InvalidInput("image is no complete https URL: it needs a host and takes no blanks. Nothing was sent.")
        rules = model_called(model or self._model)
        request = rules.request(prompt=prompt, duration=duration, enable_prompt_expansion=enable_prompt_expansion)
        self._cloud.require_key()
        work = partial(self._generate, image=image, rules=rules)
        return self._follow(Job(request), deadline=deadline, work=work)

    def get_prediction(self, prediction_id: str, *, deadline: float) -> AsyncGenerator[Step, None]:
        """Look at a prediction, or wait for it; the last step holds the Prediction.

        Args:
            prediction_id: The API's id.
            deadline: Until when to wait, on the clock of `anyio.current_time`; one look is always taken.

        Raises:
            PredictionNotFound: No such id for this key.
            AtlasError: The API cannot be reached, or refuses the key.
        """
        self._cloud.require_key()
        prediction_id = prediction_id.strip()
        if not _AN_ID.fullmatch(prediction_id):
            raise InvalidInput(f"{prediction_id[:40]!r} is no prediction_id: pass the id that animate_image gave.")
        old = self._jobs.get(prediction_id)
        if old and not old.failure:
            old.nudge()
            return self._follow(old, deadline=deadline, looks=old.looks + 1)
        job = Job(committed=True)
        if old:  # it failed to look; what is known of the submission stays known
            job.request, job.notes, job.submitted_at = old.request, old.notes, old.submitted_at
        self._jobs[prediction_id] = job
        return self._follow(job, deadline=deadline, work=partial(self._watch, prediction_id=prediction_id))

    async def _follow(
        self,
        job: Job,
        *,
        deadline: float = 0,
        looks: int = 0,
        work: Callable[[Job], Awaitable[None]] | None = None,
    ) -> AsyncGenerator[Step, None]:
        """Start the job's work where it is not running yet, and tell of it step by step."""
        if work:
            self._tasks.start_soon(_carry_out, job, work)
        try:
            async with aclosing(job.follow(deadline=deadline, heartbeat=self._heartbeat, looks=looks)) as log:
                async for news in log:
                    yield step(job, news, durations=self._durations, sandbox=self._cloud.sandbox)
        finally:
            if not job.committed:
                job.scope.cancel()

    async def _only_upload(self, job: Job, *, image: str) -> None:
        upload = await self._upload(job, image, PictureRules())
        job.tell(News(f"Uploaded {upload.filename}", 0.99, upload=upload))

    async def _upload(self, job: Job, image: str, rules: PictureRules) -> Upload:
        job.tell(News("Checking the picture", 0.01))
        check = partial(open_picture, image, rules=rules, allowed_dirs=self._allowed_dirs)
        # A conversion takes seconds and cannot be interrupted: whoever leaves does not wait for it.
        with await to_thread.run_sync(check, abandon_on_cancel=True) as picture:
            job.tell(News(f"Uploading {picture.filename} ({picture.size_bytes / 1000:,.0f} kB)", 0.02))
            return Upload(
                url=await self._cloud.upload(picture),
                filename=picture.filename,
                content_type=picture.content_type,
                size_bytes=picture.size_bytes,
                width=picture.width,
                height=picture.height,
                notes=picture.notes,
            )

    async def _generate(self, job: Job, *, image: str, rules: Model) -> None:
        report = await self._submit(job, image, rules)
        self._jobs[report.prediction_id] = job
        job.tell(News("Submitted", 0.05, report))
        if report.status is Status.PROCESSING:
            await job.pause(self._poll_interval)
            await self._watch(job, prediction_id=report.prediction_id)

    async def _submit(self, job: Job, image: str, rules: Model) -> Report:
        if _WEB_ADDRESS.fullmatch(image) or self._cloud.serves(image):
            job.request["image"] = image
        else:
            upload = await self._upload(job, image, rules.pictures)
            job.request["image"], job.notes = upload.url, upload.notes
        job.tell(News(f"Submitting to {rules.id}", 0.04))
        job.committed, job.submitted_at = True, datetime.now(UTC)
        return await self._cloud.generate(job.request)

    async def _watch(self, job: Job, *, prediction_id: str) -> None:
        """Look at a prediction until it is finished, at the pace that suits its age."""
        begun = anyio.current_time()
        if not job.log:
            job.tell(News(f"Looking at prediction {prediction_id}", 0.01))
        while True:
            pause = 0.0
            try:
                report = await self._look(job, prediction_id)
            except PredictionNotFound:
                del self._jobs[prediction_id]
                raise
            except (ServiceUnavailable, RateLimited) as error:
                job.looks += 1
                job.complain(_naming(prediction_id, error))
                pause = max(self._heartbeat, error.retry_after or 0)
            except AtlasError as error:
                raise _naming(prediction_id, error) from error
            else:
                job.looks += 1
                job.tell(News("Rendering", 0.05, report) if report != job.report else job.log[-1])
                if report.status is not Status.PROCESSING:
                    return
            # The age may be unknown, or wrong by the clocks; the watch itself is at least as old as this.
            age = max(job.age, anyio.current_time() - begun)
            await job.pause(max(pause, self._durations.pause(age, shortest=self._poll_interval)))

    async def _look(self, job: Job, prediction_id: str) -> Report:
        try:
            return await self._cloud.prediction(prediction_id)
        except PredictionNotFound:
            if job.submitted_at and job.report and job.age <= _NOT_YET_KNOWN:
                return job.report
            raise


async def _carry_out(job: Job, work: Callable[[Job], Awaitable[None]]) -> None:
    with job.scope:
        try:
            await work(job)
        except Exception as error:  # noqa: BLE001 - whoever follows the job raises it again
            job.end(error)
        else:
            job.end()


def _naming(prediction_id: str, error: AtlasError) -> AtlasError:
    """The same error, about a look and with the id that stays good."""
    named = copy(error)
    named.args = (
        f"{error} Only the look at prediction {prediction_id} failed: the prediction stays valid; do not submit again.",
    )
    return named
