"""What is known of a prediction while it is watched, and how that is told to all who wait for it."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.cloud.reports import Report
from atlascloud_video_mcp.errors import AtlasError, RateLimited, ServiceUnavailable
from atlascloud_video_mcp.service import render
from atlascloud_video_mcp.service.progress import Phase, Progress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal, Submission
    from atlascloud_video_mcp.service.pacing import Durations
    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.results import Prediction

_FRACTIONS = {Phase.LOOKING: 0.01, Phase.SAVING: 0.99, Phase.FINISHED: 1.0}
_SUBMITTED = 0.05  # of the whole, in all other phases


class Watched:
    """A prediction as it stands; whoever watches it tells of it, and any number of callers follow.

    Args:
        cloud: Knows the sandbox, and the key that is not to be told.
        journal: Knows what is amiss with it.
        submission: What is known of the prediction by now.
        durations: How long such generations take.
        doubts: What could not be checked of the request, as things stand.
    """

    def __init__(
        self, cloud: Cloud, journal: Journal, submission: Submission, durations: Durations, doubts: Sequence[str]
    ) -> None:
        self.submission = submission
        self.durations = durations
        self.doubts = doubts
        self.polls_started = 0
        self.polls_finished = 0
        """How many polls are over: an answer came, or there is nothing more to ask."""
        self.failure: Exception | None = None
        """Why it ended without having seen the prediction's end."""
        self.refused_link: str | None = None
        """Where the clip could not be fetched, as its link has ended."""
        self._cloud = cloud
        self._journal = journal
        self._phase = Phase.LOOKING
        self._trouble: AtlasError | None = None
        self._ended_at: datetime | None = None
        self.is_over = False
        """Whether nothing goes on with it any more."""
        self._saved: dict[str, str] = {}
        self._version = 0
        self._changed = anyio.Event()

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
        if not self.is_over or report is None:
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
        submission = self.submission
        if target:
            submission = replace(submission, saved_path=self._saved.get(target))
        told = render.prediction(
            submission,
            self._last_report,
            self._ended_at or datetime.now(UTC),
            durations=self.durations,
            sandbox=self._cloud.sandbox,
            reused=reused,
            watched=not self.is_over,
            saving=self._phase is Phase.SAVING,
            notes=notes,
            further_notes=(*self.doubts, *self._journal.warnings),
        )
        return self._cloud.mask(told)

    async def follow(
        self, deadline: float, progress: ProgressSink, told: Callable[[], Prediction] | None = None, *, polls: int = 0
    ) -> Prediction:
        """The prediction as it stands at its end, or at the deadline; see `until`.

        Args:
            deadline: When to stop.
            progress: Told of each change.
            told: How this caller is told of the prediction; None: plainly.
            polls: How many polls must be over before the deadline counts.
        """
        async with aclosing(self.until(deadline, polls=polls)) as steps:
            async for step in steps:
                progress(replace(step, prediction=told) if told and step.prediction else step)
        return (told or self.prediction)()

    async def until(self, deadline: float, *, polls: int = 0) -> AsyncGenerator[Progress, None]:
        """How it stands, and each change of that, until it is over.

        Args:
            deadline: When to stop, on the clock of `anyio.current_time`; it counts only from the first report on.
            polls: How many polls must be over before the deadline counts.

        Raises:
            Exception: Why it failed, or why the last poll did: at once when that will not pass, else at the deadline.
        """
        # Trouble of a poll that began before this call is no verdict on it.
        told_trouble = self._trouble if self.polls_finished < polls else None
        seen = -1
        while True:
            if seen != self._version:
                seen = self._version
                yield self.progress(self._phase)
            if self.failure:
                raise self.failure
            if self.is_over:
                return
            known = (self.report or self._trouble) and self.polls_finished >= polls
            left = deadline - anyio.current_time() if known else float("inf")
            if trouble := self._trouble:
                if left <= 0 or (self.polls_finished >= polls and not _may_pass(trouble)):
                    raise trouble
                if trouble is not told_trouble:
                    told_trouble = trouble
                    yield self.progress(Phase.IN_TROUBLE)
            if left <= 0:
                return
            with anyio.move_on_after(left):
                await self._changed.wait()

    @property
    def _age(self) -> float:
        return self.submission.age(self.report, datetime.now(UTC))

    def _note(self, note: str) -> None:
        notes = tuple(dict.fromkeys((*self.submission.notes, note)))
        self.submission = replace(self.submission, notes=notes)

    def progress(self, phase: Phase) -> Progress:
        """How it stands in this phase."""
        told = self.prediction if self.report or self.submission.submitted_at else None
        return Progress(
            phase,
            _FRACTIONS.get(phase, _SUBMITTED),
            str(self.submission.prediction_id),
            raw_status=self._last_report.word,
            prediction=told,
        )

    def _tell(self, phase: Phase, report: Report | None) -> None:
        is_new = report != self.report
        if is_new:
            self.submission = replace(self.submission, report=report)
        if is_new or self._trouble or phase is not self._phase:
            self._version += 1
        self._phase, self._trouble = phase, None
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _may_pass(trouble: AtlasError) -> bool:
    """Whether it is worth waiting on, as long as there is time."""
    return isinstance(trouble, (ServiceUnavailable, RateLimited))
