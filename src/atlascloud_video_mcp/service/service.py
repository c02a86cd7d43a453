"""The use cases: upload a picture, animate one, look at a prediction, save a clip. The order of the steps is here.

Each call follows a job, which runs in a task of its own. Whoever asked for it may leave at any time; once the job is
submitted it goes on without followers, so that nothing that was paid for is lost.
"""

from __future__ import annotations

import math
import os
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

import anyio

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.journal import Submission, VideoRequest
from atlascloud_video_mcp.service.animation import Animation
from atlascloud_video_mcp.service.history import History
from atlascloud_video_mcp.service.jobs import Job, nothing_paid_yet
from atlascloud_video_mcp.service.keeping import Keeping
from atlascloud_video_mcp.service.pacing import Durations
from atlascloud_video_mcp.service.prepare import Orders
from atlascloud_video_mcp.service.previewing import Previewing
from atlascloud_video_mcp.service.rehearsal import Rehearsal
from atlascloud_video_mcp.service.running import Running
from atlascloud_video_mcp.service.submissions import Submissions
from atlascloud_video_mcp.service.telling import Telling
from atlascloud_video_mcp.service.uploads import Uploads
from atlascloud_video_mcp.service.watching import Watching
from atlascloud_video_mcp.text import PredictionId, Quoted, is_of_a_sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path
    from types import TracebackType

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.reports import Status
    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.media.clips import ClipSaver
    from atlascloud_video_mcp.media.pictures import Fit
    from atlascloud_video_mcp.models import Catalogue
    from atlascloud_video_mcp.service.results import Prediction
    from atlascloud_video_mcp.service.steps import Step


class VideoService:
    """All that the tools and commands can do; an async context manager that ends its jobs when it closes.

    Args:
        cloud: The open API client.
        journal: What this and other processes remember.
        saver: Where clips are fetched and stored.
        catalogue: The models, and what each takes.
        model: The model used when a call names none.
        allowed_dirs: Where local pictures may be read; empty means everywhere.
        download_dir: Where every finished clip is saved without being asked.
        budget: What the account may spend in 24 hours, US dollars; None: any amount.
        poll_interval: Shortest pause between two looks at one prediction, seconds.
        heartbeat: Longest silence between two steps of a call, seconds.
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
        heartbeat: float = 5.0,
        durations: Durations | None = None,
        history_patience: float = 15.0,
    ) -> None:
        self._cloud = cloud
        self._download_dir = f"{download_dir}{os.sep}" if download_dir else None
        self._durations = durations or Durations()
        self._tasks = anyio.create_task_group()
        self._closing = AsyncExitStack()
        watching = Watching(
            cloud,
            journal,
            saver,
            download_dir=self._download_dir,
            poll_interval=poll_interval,
            heartbeat=heartbeat,
        )
        self._previewing = Previewing(saver)
        submissions = Submissions(cloud, journal, patience=history_patience, budget=budget)
        self._running = Running(self._tasks, watching, self._durations)
        self._uploads = Uploads(cloud, journal, self._tasks, allowed_dirs=allowed_dirs)
        self._orders = Orders(catalogue, self._running, model=model, serves=cloud.serves)
        self._animation = Animation(
            cloud, journal, saver, self._uploads, submissions, watching, self._running, poll_interval
        )
        self._rehearsal = Rehearsal(cloud, journal, saver, self._uploads, submissions, budget)
        self._keeping = Keeping(watching, journal)
        self._history = History(cloud, journal, self._durations)
        self._telling = Telling(cloud, journal, self._running, heartbeat, budget)

    async def __aenter__(self) -> Self:
        await self._closing.enter_async_context(self._tasks)
        self._closing.callback(self._tasks.cancel_scope.cancel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The task group would wrap what the body raised, though no job of ours did.
        handed_on = (None, None, None) if isinstance(value, Exception) else (kind, value, traceback)
        await self._closing.__aexit__(*handed_on)

    @property
    def origin(self) -> str:
        """Scheme, host and port of the API; where that is on this machine, its pictures and clips are there too."""
        return self._cloud.origin

    def upload_image(self, image: str, *, answer_by: float = math.inf) -> AsyncGenerator[Step, None]:
        """Put a local picture where the models can read it; the last step holds the Upload.

        Args:
            image: A local picture.
            answer_by: When to answer at the latest, on the clock of `anyio.current_time`.

        Raises:
            InvalidPicture: Nothing was sent.
            OutOfTime: The upload goes on, and the same call finds it.
            AtlasError: The upload failed.
        """
        self._cloud.require_key()
        return self._telling.follow(Job(), answer_by=answer_by, work=partial(self._uploads.only, image=image))

    def animate_image(
        self,
        image: str,
        *,
        prompt: str | None = None,
        duration: int | None = None,
        model: str | None = None,
        enable_prompt_expansion: bool | None = None,
        parameters: Mapping[str, object] | None = None,
        unlisted: Mapping[str, object] | None = None,
        fit: Fit | None = None,
        save_to: str | None = None,
        take: int = 1,
        dry_run: bool = False,
        deadline: float,
        answer_by: float = math.inf,
    ) -> AsyncGenerator[Step, None]:
        """Make a clip from a picture and wait for it; the last step holds the Prediction, finished or not.

        The same request is the same clip, paid once, as long as the clip exists; another variation is another take.

        Args:
            image: An https URL, which is passed on as it is, or a local picture, which is uploaded first.
            prompt: The motion to add.
            duration: Seconds of video.
            model: The model's id.
            enable_prompt_expansion: Whether the model may rewrite the prompt.
            parameters: Further parameters by the model's own names, checked against its schema.
            unlisted: What came beside these: parameters among it are checked as such, the rest is ignored and noted.
            fit: What to do with a picture of a shape that the model does not take; None: refuse it.
            save_to: The file or directory for the finished clip, whenever it is finished.
            take: Which take of this very request, from 1 on.
            dry_run: Only tell what would be sent, at what price.
            deadline: Until when to wait for the clip, on the clock of `anyio.current_time`.
            answer_by: Until when to wait for the submission, on the same clock.

        Raises:
            InvalidInput: Nothing was sent.
            OutOfTime: The id is not known by `answer_by`. An upload goes on; what was not sent is not sent any more.
            SubmissionUnknown: The request was sent, now or earlier, and its answer lost.
            OverBudget: The budget has no room for it, or its price cannot be had; nothing was sent.
            JournalUnusable: It could not be remembered that it was paid; nothing was sent.
            AtlasError: The upload or submission failed and nothing was paid, or the API cannot be reached.
        """
        self._cloud.require_key()
        wish = VideoRequest(
            image, prompt, duration, model, enable_prompt_expansion, parameters, unlisted, take, fit, save_to or None
        )
        job = Job(submission=Submission(request=wish, save_to=wish.save_to), durations=self._durations)
        work = partial(self._animate, wish=wish, answer_by=answer_by)
        if dry_run:
            work = partial(self._rehearse, wish=wish)
        return self._telling.follow(job, deadline=deadline, answer_by=answer_by, work=work)

    def list_models(self, query: str = "", *, answer_by: float = math.inf) -> AsyncGenerator[Step, None]:
        """Find image-to-video models; the last step holds the Listing.

        It needs no key, and says in its notes what could not be read.

        Args:
            query: Words or an id; empty for all models.
            answer_by: When to answer at the latest, on the clock of `anyio.current_time`.
        """
        work = partial(self._orders.list_models, query=query)
        return self._telling.follow(Job(), answer_by=answer_by, work=work)

    def get_prediction(
        self,
        prediction_id: str,
        *,
        deadline: float,
        answer_by: float = math.inf,
        preview: bool = False,
        now: bool = True,
    ) -> AsyncGenerator[Step, None]:
        """Look at a prediction, or wait for it; the last step holds the Prediction.

        Args:
            prediction_id: The API's id.
            deadline: Until when to wait, on the clock of `anyio.current_time`; one look is always taken.
            answer_by: When to answer at the latest, on the same clock.
            preview: Whether the last step is to hold frames of the finished clip too.
            now: Whether to ask the API at once; else the last look of a watch that goes on here will do.

        Raises:
            PredictionNotFound: No such id for this key.
            OutOfTime: The look took longer, and nothing is known of the prediction.
            AtlasError: The API cannot be reached, or refuses the key.
        """
        job, looks = self._looked_at(prediction_id, now=now)
        if preview:
            work = partial(self._previewing.show, of=job, looks=looks, deadline=deadline)
            return self._telling.follow(Job(), deadline=math.inf, answer_by=answer_by, work=work)
        return self._telling.follow(job, deadline=deadline, answer_by=answer_by, looks=looks)

    def save_video(
        self, prediction_id: str, save_to: str | None = None, *, answer_by: float = math.inf
    ) -> AsyncGenerator[Step, None]:
        """Keep a finished clip on disk; the last step holds the SavedVideo.

        Args:
            prediction_id: The API's id.
            save_to: A file or directory; without it the download directory of the settings, else the platform's folder
                for videos.
            answer_by: When to answer at the latest, on the clock of `anyio.current_time`.

        Raises:
            InvalidInput: There is no clip yet.
            OutOfTime: The download goes on, and the same call finds it.
            CannotSave: The clip could not be fetched or written.
            AtlasError: The prediction could not be looked at.
        """
        import platformdirs  # noqa: PLC0415 - no other call needs it

        target = save_to or self._download_dir or f"{platformdirs.user_videos_path()}{os.sep}"
        of, looks = self._looked_at(prediction_id)
        work = partial(self._keeping.keep, prediction_id=prediction_id.strip(), of=of, looks=looks, target=target)
        return self._telling.follow(Job(), answer_by=answer_by, work=work)

    def list_predictions(
        self, *, limit: int = 10, status: Status | None = None, answer_by: float = math.inf
    ) -> AsyncGenerator[Step, None]:
        """What was made, by the journal and the account's history; the last step holds the PredictionList.

        It needs no key, and says in its notes what could not be read.

        Args:
            limit: How many at most, the newest ones.
            status: Only those that stand so.
            answer_by: When to answer at the latest, on the clock of `anyio.current_time`.
        """
        work = partial(self._history.tell, limit=limit, status=status, answer_by=answer_by)
        return self._telling.follow(Job(), answer_by=answer_by, work=work)

    async def recall(self, prediction_id: str) -> Prediction:
        """What is known of a prediction without asking the API; it needs no key.

        Raises:
            PredictionNotFound: Nothing is known of it.
        """
        return self._cloud.mask(await self._history.from_journal(prediction_id.strip()))

    def get_balance(self, *, answer_by: float = math.inf) -> AsyncGenerator[Step, None]:
        """The money left and spent; the last step holds the Balance.

        Args:
            answer_by: When to answer at the latest, on the clock of `anyio.current_time`.

        Raises:
            OutOfTime: The account did not answer by then.
            AtlasError: The account could not be asked.
        """
        self._cloud.require_key()
        return self._telling.follow(Job(), answer_by=answer_by, work=self._telling.balance)

    def _looked_at(self, prediction_id: str, *, now: bool = True) -> tuple[Job, int]:
        """The job that watches a prediction, and how many looks will be over when one is that begins only now."""
        known = PredictionId.of(prediction_id.strip())
        if known is None:
            raise InvalidInput(
                f'"{Quoted(prediction_id, 40)}" is no prediction_id. Next: list_predictions shows the ids there are.'
            )
        if not is_of_a_sandbox(known):  # what became of those can be told without
            self._cloud.require_key()
        return self._running.looking_at(known, now=now)

    async def _animate(self, job: Job, *, wish: VideoRequest, answer_by: float) -> None:
        with nothing_paid_yet(job):
            order = await self._orders.check(job, wish)
            await self._animation.make(job, order, answer_by=answer_by)

    async def _rehearse(self, job: Job, *, wish: VideoRequest) -> None:
        with nothing_paid_yet(job):
            order = await self._orders.check(job, wish)
            await self._rehearsal.tell(job, order)
