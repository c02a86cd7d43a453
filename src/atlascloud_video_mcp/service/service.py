"""The use cases, a method each; the order of the steps of animate_image is in `animation`.

Whoever calls may leave at any time. What was paid for, and what is worth keeping, goes on in the background.
"""

from __future__ import annotations

import math
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

import anyio

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.service.animation import Animation
from atlascloud_video_mcp.service.budgets import Budget
from atlascloud_video_mcp.service.downloads import Downloads
from atlascloud_video_mcp.service.history import History
from atlascloud_video_mcp.service.masking import masked
from atlascloud_video_mcp.service.pacing import Durations
from atlascloud_video_mcp.service.permissions import require_asked, require_more_than_looks
from atlascloud_video_mcp.service.progress import nowhere
from atlascloud_video_mcp.service.requests import Requests
from atlascloud_video_mcp.service.submissions import Submissions
from atlascloud_video_mcp.service.tickets import Tickets
from atlascloud_video_mcp.service.uploads import Uploads
from atlascloud_video_mcp.service.watches import WatchRegistry
from atlascloud_video_mcp.text import PredictionId, Quoted, is_of_a_sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from decimal import Decimal
    from pathlib import Path
    from types import TracebackType

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.reports import Status
    from atlascloud_video_mcp.journal import Journal, Person, VideoRequest
    from atlascloud_video_mcp.media.clips import ClipSaver
    from atlascloud_video_mcp.models import Catalogue, Listing
    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.results import (
        Balance,
        DryRun,
        Prediction,
        PredictionList,
        SavedVideo,
        Upload,
    )
    from atlascloud_video_mcp.service.watch import Watch


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
        local_files: Whether callers may name files of this machine; else pictures come by upload address.
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
        local_files: bool = True,
    ) -> None:
        self._cloud = cloud
        self.origin = cloud.origin
        """Scheme, host and port of the API; where that is on this machine, its pictures and clips are there too."""
        self.journal = journal
        """What this and other processes remember."""
        self._budget = Budget(cloud, journal, budget, patience=history_patience)
        self._download_dir = f"{download_dir}{os.sep}" if download_dir else None
        durations = durations or Durations()
        self._tasks = anyio.create_task_group()
        self._closing = AsyncExitStack()
        self._local_files = local_files
        self._uploads = Uploads(cloud, journal, self._tasks, allowed_dirs=allowed_dirs, local_files=local_files)
        self.tickets = Tickets(cloud, journal, self._uploads)
        """Uploads from other machines."""
        self._requests = requests = Requests(
            cloud, catalogue, self._uploads, saver, self._tasks, model=model, local_files=local_files
        )
        self._downloads = Downloads(cloud, journal, saver, self._tasks)
        self._watches = WatchRegistry(
            cloud,
            journal,
            self._downloads,
            self._tasks,
            durations,
            self._download_dir,
            poll_interval,
            retry_pause,
            local_files,
        )
        submissions = Submissions(cloud, journal, patience=history_patience, budget=self._budget)
        self._animation = Animation(
            cloud, journal, requests, self._uploads, submissions, self._watches, self._tasks, durations, self._budget
        )
        self._history = History(cloud, journal, durations, local_files=local_files)

    async def __aenter__(self) -> Self:
        await self._closing.enter_async_context(self._tasks)
        self._closing.callback(self._tasks.cancel_scope.cancel)
        if self.journal.is_shared:
            self._tasks.start_soon(self._watches.adopt_orphans)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The task group would wrap what the body raised, though no task of ours did.
        handed_on = (None, None, None) if isinstance(value, Exception) else (kind, value, traceback)
        await self._closing.__aexit__(*handed_on)

    async def upload_image(
        self, image: str, *, person: Person | None = None, progress: ProgressSink = nowhere
    ) -> Upload:
        """Put a local picture where the models can read it; the upload goes on when the call is cancelled.

        Raises:
            InvalidPicture: Nothing was sent.
            AtlasError: The upload failed.
        """
        self._cloud.require_key()
        require_more_than_looks(person)
        with self._masked(progress) as sink:
            return self._cloud.mask(await self._uploads.upload_image(image, person=person, progress=sink))

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
        require_more_than_looks(request.person)
        with self._masked(progress) as sink:
            watch, told, polls = await self._animation.submit_or_join(request, reply_deadline, sink)
            return await watch.follow(clip_deadline, sink, told, polls=polls)

    async def dry_run(self, request: VideoRequest, *, progress: ProgressSink = nowhere) -> DryRun:
        """All that animate_image would do up to the moment from which something would be sent; only the price is asked.

        Raises:
            InvalidInput: As the request itself would be refused.
        """
        self._cloud.require_key()
        with self._masked(progress) as sink:
            return self._cloud.mask(await self._animation.dry_run(request, sink))

    async def list_models(self, query: str = "", *, progress: ProgressSink = nowhere) -> Listing:
        """Find image-to-video models by words or an id, or all; it needs no key, and notes what could not be read."""
        with self._masked(progress) as sink:
            return self._cloud.mask(await self._requests.list_models(query, sink))

    async def get_prediction(
        self,
        prediction_id: str,
        *,
        clip_deadline: float,
        preview: bool = False,
        poll: bool = True,
        person: Person | None = None,
        progress: ProgressSink = nowhere,
    ) -> Prediction:
        """Look at a prediction, or wait for it.

        Args:
            prediction_id: The API's id.
            clip_deadline: Until when to wait, on the clock of `anyio.current_time`; one look is always taken.
            preview: Whether to give frames of the finished clip, too.
            poll: Whether to ask the API at once; else the last look of a watch that goes on here will do.
            person: Who asks: others' predictions are not found. None: all are anybody's.
            progress: Told how far it has come.

        Raises:
            PredictionNotFound: No such id for this key.
            AtlasError: The API cannot be reached, or refuses the key.
        """
        with self._masked(progress) as sink:
            await require_asked(self.journal, prediction_id, person)
            watch = self._watch(prediction_id)
            polls = watch.poll_now() if poll or watch.report is None else 0
            if preview:
                return await self._downloads.with_preview(watch, clip_deadline, sink, polls=polls)
            return await watch.follow(clip_deadline, sink, polls=polls)

    async def save_video(
        self, prediction_id: str, save_to: str | None = None, *, progress: ProgressSink = nowhere
    ) -> SavedVideo:
        """Keep a finished clip on disk; the download goes on when the call is cancelled.

        Without `save_to`, a file or directory, it goes to the settings' download directory, or the folder for videos.

        Raises:
            InvalidInput: There is no clip yet.
            CannotSave: The clip could not be fetched or written.
            AtlasError: The prediction could not be looked at.
        """
        import platformdirs  # noqa: PLC0415 - no other call needs it

        target = save_to or self._download_dir or f"{platformdirs.user_videos_path()}{os.sep}"
        with self._masked(progress) as sink:
            saved = await self._downloads.save_finished(self._watch(prediction_id), target, sink)
            return self._cloud.mask(saved)

    async def list_predictions(
        self,
        *,
        limit: int = 10,
        status: Status | None = None,
        person: Person | None = None,
        reply_deadline: float = math.inf,
        progress: ProgressSink = nowhere,
    ) -> PredictionList:
        """What was made, by the journal and the account's history; it needs no key, and notes what could not be read.

        Args:
            limit: How many at most, the newest ones.
            status: Only those that stand so.
            person: Only those that this person asked for.
            reply_deadline: When to answer at the latest, on the clock of `anyio.current_time`.
            progress: Told how far it has come.
        """
        with self._masked(progress) as sink:
            listed = await self._history.predictions(
                limit=limit, status=status, person=person, reply_deadline=reply_deadline, progress=sink
            )
            return self._cloud.mask(listed)

    async def recall(self, prediction_id: str, *, person: Person | None = None) -> Prediction:
        """What is known of a prediction without asking the API, and without a key; else raises PredictionNotFound."""
        await require_asked(self.journal, prediction_id, person)
        return self._cloud.mask(await self._history.from_journal(prediction_id.strip()))

    async def get_balance(self, *, person: Person | None = None, progress: ProgressSink = nowhere) -> Balance:
        """The money left and spent; raises AtlasError where the account could not be asked."""
        self._cloud.require_key()
        with self._masked(progress) as sink:
            return self._cloud.mask(await self._budget.balance(sink, person))

    def _masked(self, progress: ProgressSink) -> AbstractContextManager[ProgressSink]:
        return masked(self._cloud, progress, local_files=self._local_files)

    def _watch(self, prediction_id: str) -> Watch:
        known = PredictionId.of(prediction_id.strip())
        if known is None:
            raise InvalidInput(
                f'"{Quoted(prediction_id, 40)}" is not a prediction_id. Next: list_predictions shows the ids there are.'
            )
        if not is_of_a_sandbox(known):  # what became of those can be told without
            self._cloud.require_key()
        return self._watches.watch(known)
