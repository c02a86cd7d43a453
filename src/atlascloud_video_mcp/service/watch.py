"""A prediction is watched to its end, written down and saved, whether or not anybody waits for it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.cloud.reports import NOT_YET_KNOWN, Status
from atlascloud_video_mcp.errors import (
    AtlasError,
    InvalidInput,
    JournalUnusable,
    PredictionNotFound,
    RateLimited,
    ServiceUnavailable,
)
from atlascloud_video_mcp.media.clips import CannotSave
from atlascloud_video_mcp.service.progress import Phase
from atlascloud_video_mcp.service.watch_state import Watched

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from atlascloud_video_mcp.cloud.reports import Report
    from atlascloud_video_mcp.journal import Submission
    from atlascloud_video_mcp.service.pacing import Durations
    from atlascloud_video_mcp.service.watches import WatchRegistry

_LONGEST_PAUSE_IN_TROUBLE = 60.0  # seconds
_LONGEST_PAUSE_NAMED = 600.0  # seconds; what is longer is told to whoever waits, and no reason to look away so long
_GONE = "The API no longer has this prediction; this is what the journal remembers of it."


class Watch(Watched):
    """Polls one prediction at the pace that suits its age, writes down what it hears, and saves the clip."""

    def __init__(
        self, registry: WatchRegistry, submission: Submission, durations: Durations, doubts: Sequence[str]
    ) -> None:
        super().__init__(registry.cloud, registry.journal, registry.seen_here(submission), durations, doubts)
        self._registry = registry
        self._wanted: list[str] = []
        self._poll_due = anyio.Event()

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

    def start(self, phase: Phase) -> None:
        """Watch it in the background: from its submission on, or else from what the journal knows."""
        self._phase = phase
        self._registry.tasks.start_soon(
            self._carry_out, self._poll_new if phase is Phase.SUBMITTED else self._poll_known
        )

    def save_to(self, target: str) -> None:
        """Have the clip saved there, too, as soon as it is finished."""
        self._wanted.append(target)
        if self.is_over and not self.failure:
            self.is_over = False
            self._tell(Phase.SAVING, self.report)
            self._registry.tasks.start_soon(self._carry_out, self._save_where_wanted)

    def set_saved(self, target: str, report: Report, path: str) -> None:
        """The clip was saved; its link may be newer than it was."""
        self._saved[target] = path
        self.submission = replace(self.submission, report=report, saved_path=path)

    async def _carry_out(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whoever waits for it raises it again
            self.failure = error
            if isinstance(error, PredictionNotFound):
                await self._registry.forget(str(self.submission.prediction_id))
        self._ended_at = self._ended_at or datetime.now(UTC)
        self.is_over = True
        self._wake()

    async def _poll_new(self) -> None:
        """Poll what was just submitted."""
        report = self.submission.report
        if report and report.status is not Status.PROCESSING:
            await self._finish(report)
            return
        await self._pause(self._registry.poll_interval)
        await self._poll_to_the_end()

    async def _poll_known(self) -> None:
        """Start from what the journal knows."""
        prediction_id = str(self.submission.prediction_id)
        known = None
        with suppress(JournalUnusable):  # the polls will tell
            known = await self._registry.journal.submission_of(prediction_id)
        remembered = known.report if known else None
        if known and not self.submission.submitted_at:
            self.submission = self._registry.seen_here(known)
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
                trouble = min(2 * trouble or self._registry.retry_pause, _LONGEST_PAUSE_IN_TROUBLE)
                named = error.retry_after if isinstance(error, (ServiceUnavailable, RateLimited)) else None
                pause = max(trouble, min(named or 0, _LONGEST_PAUSE_NAMED))
            else:
                trouble = 0.0
                if report.status is not Status.PROCESSING:
                    await self._finish(report)
                    return
                phase = self._phase
                if report != self.report:
                    await self._registry.journal.set_report(report.prediction_id, report)
                    phase = Phase.RENDERING
                # Not before it is written down: whose time is up would be told what was known before this look.
                self.polls_finished += 1
                self._tell(phase, report)
            # The age may be unknown, or wrong by the clocks; the watch itself is at least as old as this.
            age = max(self._age, anyio.current_time() - begun)
            await self._pause(max(pause, self.durations.pause(age, shortest=self._registry.poll_interval)))

    async def _poll(self) -> Report:
        journal = self._registry.journal
        with suppress(JournalUnusable):  # then nobody knows who else looks at it
            if journal.is_shared and (known := await journal.watched_elsewhere(str(self.submission.prediction_id))):
                return known.report or self._last_report
        try:
            return await self._registry.cloud.prediction(str(self.submission.prediction_id))
        except PredictionNotFound:
            if self.submission.submitted_at and self.report and self._age <= NOT_YET_KNOWN.total_seconds():
                return self.report
            raise

    async def _finish(self, report: Report) -> None:
        """Write down how it ended, and save the clip where that is wanted."""
        await self._registry.journal.set_report(report.prediction_id, report)
        self._ended_at = datetime.now(UTC)
        self.submission = replace(self.submission, report=report)
        target = self.submission.save_to or self._registry.download_dir
        if target and not self.submission.saved_path:
            self._wanted.insert(0, target)
        await self._save_where_wanted()

    async def _save_where_wanted(self) -> None:
        while self._wanted and (report := self.report) and report.status is Status.COMPLETED:
            target = self._wanted[0]
            self.polls_finished = self.polls_started + 1  # there is nothing more to ask
            self._tell(Phase.SAVING, report)
            try:
                await self._registry.downloads.save(self, report, target).result()
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
        renewed = await self._registry.downloads.renewed(known)
        if isinstance(renewed, PredictionNotFound):
            self._note(_GONE)
        elif isinstance(renewed, AtlasError):
            self._note(f"This is what the journal remembers: it could not be looked at again. {renewed}")
        return known if isinstance(renewed, AtlasError) else renewed

    async def _pause(self, seconds: float) -> None:
        """Wait until the next poll is due, or somebody asks for one."""
        with anyio.move_on_after(seconds):
            await self._poll_due.wait()


def _about(prediction_id: str, error: AtlasError) -> AtlasError:
    """The same error, about a look and with the id that stays good."""
    return error.adding(
        f"Only this poll of prediction {prediction_id} failed: the prediction stays valid; do not submit again."
    )
