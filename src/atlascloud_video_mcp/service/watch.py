"""A prediction is watched to its end, written down and saved, whether or not anybody waits for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.errors import AtlasError, InvalidInput, PredictionNotFound, RateLimited, ServiceUnavailable
from atlascloud_video_mcp.media.clips import CannotSave
from atlascloud_video_mcp.service import render
from atlascloud_video_mcp.service.background import Phase, Progress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal, Submission
    from atlascloud_video_mcp.service.downloads import Downloads
    from atlascloud_video_mcp.service.pacing import Durations
    from atlascloud_video_mcp.service.results import Prediction

_NOT_YET_KNOWN = 30.0  # seconds after submission in which the API may not know its own new id
_LONGEST_PAUSE_IN_TROUBLE = 60.0  # seconds
_LONGEST_PAUSE_NAMED = 600.0  # seconds; what is longer is told to whoever waits, and no reason to look away so long
_GONE = "The API no longer has this prediction; this is what the journal remembers of it."
_FRACTIONS = {Phase.LOOKING: 0.01, Phase.SAVING: 0.99, Phase.FINISHED: 1.0}
_SUBMITTED = 0.05  # of the whole, in all other phases


@dataclass(frozen=True)
class Shared:
    """What all watches of a process work with; pauses are in seconds."""

    cloud: Cloud
    journal: Journal
    downloads: Downloads
    tasks: TaskGroup
    download_dir: str | None
    poll_interval: float
    retry_pause: float


class Watch:
    """Polls one prediction at the pace that suits its age, writes down what it hears, and saves the clip.

    Args:
        shared: What it works with.
        submission: What is known of the prediction by now.
        durations: How long such generations take.
        doubts: What could not be checked of the request, as things stand.
    """

    def __init__(
        self, shared: Shared, submission: Submission, durations: Durations, doubts: Sequence[str] = ()
    ) -> None:
        self.submission = submission
        self.durations = durations
        self.polls_started = 0
        self.polls_finished = 0
        """How many polls are over: an answer came, or there is nothing more to ask."""
        self.failure: Exception | None = None
        """Why it ended without having seen the prediction's end."""
        self.refused_link: str | None = None
        """Where the clip could not be fetched, as its link has ended."""
        self._shared = shared
        self.doubts = doubts
        self._phase = Phase.LOOKING
        self._trouble: AtlasError | None = None
        self._ended_at: datetime | None = None
        self._is_over = False
        self._wanted: list[str] = []
        self._saved: dict[str, str] = {}
        self._version = 0
        self._changed = anyio.Event()
        self._poll_due = anyio.Event()

    @property
    def report(self) -> Report | None:
        """What the API said last."""
        return self.submission.report

    @property
    def _last_report(self) -> Report:
        return self.report or Report(id=self.submission.prediction_id)

    @property
    def may_tell_more(self) -> bool:
        """Whether it is over, and a new watch may see what this one did not."""
        if self.failure:
            return True
        report, submission = self.report, self.submission
        if not self._is_over or report is None:
            return False
        now = datetime.now(UTC)
        return self.refused_link in report.outputs or report.may_change(submission.quote, submission.submitted_at, now)

    def prediction(self, target: str | None = None, *, reused: bool = False, notes: Sequence[str] = ()) -> Prediction:
        """The prediction as it is told now.

        Args:
            target: Where this caller wants the clip; None: wherever it is.
            reused: Whether the call joined an earlier identical request.
            notes: What is worth knowing of the call.
        """
        submission, shared = self.submission, self._shared
        if target:
            submission = replace(submission, saved_path=self._saved.get(target))
        told = render.prediction(
            submission,
            self._last_report,
            self._ended_at or datetime.now(UTC),
            durations=self.durations,
            sandbox=shared.cloud.sandbox,
            reused=reused,
            watched=not self._is_over,
            saving=self._phase is Phase.SAVING,
            notes=notes,
            further_notes=(*self.doubts, *shared.journal.warnings),
        )
        return shared.cloud.mask(told)

    def poll_now(self) -> int:
        """Have it polled before that is due; returns how many polls are over once one is that begins from here on."""
        self._poll_due.set()
        return self.polls_started + 1

    async def look(self) -> Report:
        """What the API says to a poll that begins after this call, and that others may share.

        Raises:
            AtlasError: The poll failed.
        """
        async for _ in self.until(0, polls=self.poll_now()):
            pass
        return self._last_report

    async def until(self, deadline: float, *, polls: int = 0) -> AsyncGenerator[Progress, None]:
        """How it stands, and each change of that, until it is over.

        Args:
            deadline: When to stop, on the clock of `anyio.current_time`; it counts only from the first report on.
            polls: How many polls must be over before the deadline counts.

        Raises:
            Exception: Why it failed, or why the last poll did: at once when that will not pass, else at the deadline.
        """
        old_trouble = told_trouble = self._trouble
        seen = -1
        while True:
            if seen != self._version:
                seen = self._version
                yield self._progress(self._phase)
            if self.failure:
                raise self.failure
            if self._is_over:
                return
            known = (self.report or self._trouble) and self.polls_finished >= polls
            left = deadline - anyio.current_time() if known else float("inf")
            if trouble := self._trouble:
                if left <= 0 or (trouble is not old_trouble and not _may_pass(trouble)):
                    raise trouble
                if trouble is not told_trouble:
                    told_trouble = trouble
                    yield self._progress(Phase.IN_TROUBLE)
            if left <= 0:
                return
            with anyio.move_on_after(left):
                await self._changed.wait()

    def start(self, phase: Phase) -> None:
        """Watch it in the background: from its submission on, or else from what the journal knows."""
        self._phase = phase
        self._shared.tasks.start_soon(self._carry_out, self._follow if phase is Phase.SUBMITTED else self._recall)

    def save_to(self, target: str) -> None:
        """Have the clip saved there, too, as soon as it is finished."""
        if target in self._wanted:
            return
        self._wanted.append(target)
        if self._is_over and not self.failure:
            self._is_over = False
            self._shared.tasks.start_soon(self._carry_out, self._save_where_wanted)

    def set_saved(self, target: str, report: Report, path: str) -> None:
        """The clip was saved; its link may be newer than it was."""
        self._saved[target] = path
        self.submission = replace(self.submission, report=report, saved_path=path)

    async def _carry_out(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whoever waits for it raises it again
            self.failure = error
        self._ended_at = self._ended_at or datetime.now(UTC)
        self._is_over = True
        self._wake()

    async def _follow(self) -> None:
        """Poll what was just submitted."""
        report = self.submission.report
        if report and report.status is not Status.PROCESSING:
            await self._finish(report)
            return
        await self._pause(self._shared.poll_interval)
        await self._poll_to_the_end()

    async def _recall(self) -> None:
        """Start from what the journal knows."""
        prediction_id = str(self.submission.prediction_id)
        known = await self._shared.journal.prediction(prediction_id)
        remembered = known.report if known else None
        if known and not self.submission.submitted_at:
            self.submission = known
        if remembered:
            if remembered.status is not Status.PROCESSING and not remembered.clip_missing:
                await self._finish(await self._as_it_is_now(remembered))
                return
            self._tell(Phase.RENDERING, remembered)
        try:
            await self._poll_to_the_end()
        except PredictionNotFound:
            if remembered is None:
                raise
            self._note(_GONE)
            self._tell(Phase.GONE, remembered)

    async def _poll_to_the_end(self) -> None:
        begun, trouble = anyio.current_time(), 0.0
        while True:
            pause = 0.0
            self.polls_started += 1
            self._poll_due = anyio.Event()
            try:
                report = (await self._poll()).after(self.report, datetime.now(UTC))
            except PredictionNotFound:
                raise
            except AtlasError as error:
                # Whatever it is, it is about this look: what was paid for is watched as long as the process lives.
                self.polls_finished += 1
                self._trouble = _about(str(self.submission.prediction_id), error)
                self._wake()
                trouble = min(2 * trouble or self._shared.retry_pause, _LONGEST_PAUSE_IN_TROUBLE)
                named = error.retry_after if isinstance(error, (ServiceUnavailable, RateLimited)) else None
                pause = max(trouble, min(named or 0, _LONGEST_PAUSE_NAMED))
            else:
                trouble = 0.0
                if report.status is not Status.PROCESSING:
                    await self._finish(report)
                    return
                phase = self._phase
                if report != self.report:
                    await self._shared.journal.set_report(report.prediction_id, report)
                    phase = Phase.RENDERING
                # Not before it is written down: whose time is up would be told what was known before this look.
                self.polls_finished += 1
                self._tell(phase, report)
            # The age may be unknown, or wrong by the clocks; the watch itself is at least as old as this.
            age = max(self._age, anyio.current_time() - begun)
            await self._pause(max(pause, self.durations.pause(age, shortest=self._shared.poll_interval)))

    async def _poll(self) -> Report:
        try:
            return await self._shared.cloud.prediction(str(self.submission.prediction_id))
        except PredictionNotFound:
            if self.submission.submitted_at and self.report and self._age <= _NOT_YET_KNOWN:
                return self.report
            raise

    @property
    def _age(self) -> float:
        return self.submission.age(self.report, datetime.now(UTC))

    async def _finish(self, report: Report) -> None:
        """Write down how it ended, and save the clip where that is wanted."""
        await self._shared.journal.set_report(report.prediction_id, report)
        self._ended_at = datetime.now(UTC)
        self.submission = replace(self.submission, report=report)
        target = self.submission.save_to or self._shared.download_dir
        if target and not self.submission.saved_path:
            self._wanted.insert(0, target)
        await self._save_where_wanted()

    async def _save_where_wanted(self) -> None:
        while self._wanted and (report := self.report) and report.status is Status.COMPLETED:
            target = self._wanted[0]
            self.polls_finished = self.polls_started + 1  # there is nothing more to ask
            self._tell(Phase.SAVING, report)
            try:
                await self._shared.downloads.save(self, report, target).result()
            except (CannotSave, InvalidInput) as error:
                self._note(str(error))
            self._wanted = [each for each in self._wanted if each != target]
        self._tell(Phase.FINISHED, self.report)

    async def _as_it_is_now(self, known: Report) -> Report:
        """A prediction that has ended, asked for again where something can have changed; else, or in vain, as known."""
        submission = self.submission
        now = datetime.now(UTC)
        if self.refused_link not in known.outputs and not known.may_change(
            submission.quote, submission.submitted_at, now
        ):
            return known
        self._tell(Phase.LOOKING_AGAIN, known)
        self.polls_started += 1
        renewed = await self._shared.downloads.renewed(known)
        if isinstance(renewed, PredictionNotFound):
            self._note(_GONE)
        elif isinstance(renewed, AtlasError):
            self._note(f"This is what the journal remembers: it could not be looked at again. {renewed}")
        return known if isinstance(renewed, AtlasError) else renewed

    def _note(self, note: str) -> None:
        notes = tuple(dict.fromkeys((*self.submission.notes, note)))
        self.submission = replace(self.submission, notes=notes)

    def _progress(self, phase: Phase) -> Progress:
        told = self.prediction if self.report or self.submission.submitted_at else None
        return Progress(phase, _FRACTIONS.get(phase, _SUBMITTED), str(self.submission.prediction_id), prediction=told)

    def _tell(self, phase: Phase, report: Report | None) -> None:
        if (phase, report) != (self._phase, self.report):
            self._version += 1
        self._phase, self._trouble = phase, None
        self.submission = replace(self.submission, report=report)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _pause(self, seconds: float) -> None:
        """Wait until the next poll is due, or somebody asks for one."""
        with anyio.move_on_after(seconds):
            await self._poll_due.wait()


def _may_pass(trouble: AtlasError) -> bool:
    """Whether it is worth waiting on, as long as there is time."""
    return isinstance(trouble, (ServiceUnavailable, RateLimited))


def _about(prediction_id: str, error: AtlasError) -> AtlasError:
    """The same error, about a look and with the id that stays good."""
    return error.adding(
        f"Only the look at prediction {prediction_id} failed: the prediction stays valid; do not submit again."
    )
