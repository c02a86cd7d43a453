"""A job: work that goes on by itself, and the log by which others follow it."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio

from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import (
    AtlasError,
    InvalidRequest,
    OutOfTime,
    OverBudget,
    RateLimited,
    ServiceUnavailable,
    SubmissionUnknown,
)
from atlascloud_video_mcp.journal import Submission
from atlascloud_video_mcp.service.pacing import Durations

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from atlascloud_video_mcp.cloud.reports import Report


IN_TROUBLE = "Can't reach Atlas Cloud; retrying"
NOTHING_PAID = "Nothing was submitted or paid by this call so far."


@contextmanager
def nothing_paid_yet(job: Job) -> Iterator[None]:
    """Say of what goes wrong with a job before its paid request that it cost nothing."""
    try:
        yield
    except (SubmissionUnknown, OverBudget, InvalidRequest):
        raise  # the first may be paid, the others say so themselves
    except AtlasError as error:
        if job.committed:
            raise
        raise error.adding("Nothing was paid.") from error


def _may_pass(trouble: Exception) -> bool:
    """Whether it is worth waiting on, as long as there is time."""
    return isinstance(trouble, (ServiceUnavailable, RateLimited))


@dataclass(frozen=True)
class News:
    """One entry of a job's log."""

    doing: str
    share: float
    """How much of the whole was done when this stage began, 0 to 1."""
    report: Report | None = None
    """What the API says; there from submission on."""
    result: object = None
    preview: bytes | None = None
    """Frames of the finished clip, a JPEG."""
    saving: bool = False
    """Whether the clip is being put on disk."""


@dataclass
class Job:
    """Work in a task of its own. Whoever follows it may leave at any time; once `committed` it goes on regardless."""

    submission: Submission = field(default_factory=Submission)
    """What is known of the prediction beside the API's report."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """All that the model takes, where that is known, and what each is when it is left out; None: not told."""
    doubt: str | None = None
    """What could not be checked of the request, as things stand."""
    refused_link: str | None = None
    """Where the clip could not be fetched, as its link has ended."""
    durations: Durations = field(default_factory=Durations)
    """How long such generations take."""
    reused: bool = False
    """Whether it joined an earlier identical request."""
    notes: tuple[str, ...] = ()
    """What is worth knowing of this very call, whatever prediction it led to."""
    committed: bool = False
    """Whether it is carried through, followed or not: money may have been spent, or there is something to keep."""
    stands: str = NOTHING_PAID
    """What to tell whoever has no time left before there is a result."""
    log: list[News] = field(default_factory=list)
    trouble: Exception | None = None
    """Why the last look failed, while the job itself goes on."""
    failure: Exception | None = None
    """Why the job ended without a result."""
    ended_at: datetime | None = None
    asked: int = 0
    """How often the API was asked."""
    looks: int = 0
    """How many looks are over: an answer came, or there is nothing more to ask."""
    looks_due: int = 0
    """How many must be over before whoever has no patience is answered."""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    _changed: anyio.Event = field(default_factory=anyio.Event)
    _nudged: anyio.Event = field(default_factory=anyio.Event)

    @property
    def report(self) -> Report | None:
        """What the API said last."""
        return self.log[-1].report if self.log else None

    @property
    def gave_up(self) -> bool:
        """Whether it ended without having seen the prediction's end."""
        seen_its_end = self.report is not None and self.report.status is not Status.PROCESSING
        return self.failure is not None or (self.ended_at is not None and not seen_its_end)

    @property
    def may_change(self) -> bool:
        """Whether it is over and another look can tell more than it told."""
        if self.ended_at is None or self.report is None:
            return False
        submission, report = self.submission, self.report
        refused = self.refused_link is not None and self.refused_link in report.outputs
        return refused or report.may_change(submission.quote, submission.submitted_at, datetime.now(UTC))

    @property
    def age(self) -> float:
        """Seconds from submission until the end, or until now; 0 when the submission's time is not known."""
        return self.submission.age(self.report, self.ended_at or datetime.now(UTC))

    def learn(self, **known: Any) -> None:  # noqa: ANN401 - the fields of Submission, checked by it
        """Note what became known of the submission."""
        self.submission = replace(self.submission, **known)

    def tell(self, news: News) -> None:
        """Add to the log, unless that is what it says already."""
        if news != (self.log[-1] if self.log else None):
            self.log.append(news)
        self.trouble = None
        self._wake()

    def complain(self, trouble: Exception) -> None:
        """Say that the last look failed; the job goes on."""
        self.trouble = trouble
        self._wake()

    def end(self, failure: Exception | None = None) -> None:
        """Say that there is nothing more to come."""
        self.failure, self.ended_at = failure, datetime.now(UTC)
        self._wake()

    def nudge(self) -> None:
        """Ask for a look before the next one is due."""
        self._nudged.set()

    async def pause(self, seconds: float) -> None:
        """Wait until the next look is due, or somebody asks for one."""
        with anyio.move_on_after(seconds):
            await self._nudged.wait()
        self._nudged = anyio.Event()

    async def follow(
        self, *, deadline: float, heartbeat: float, looks: int = 0, answer_by: float = math.inf
    ) -> AsyncGenerator[News, None]:
        """The last entry of the log, each later one, and the last one again after each heartbeat of silence.

        Args:
            deadline: When to stop, on the clock of `anyio.current_time`; it counts only from the first report on.
            heartbeat: Seconds.
            looks: How many looks at the API must have been taken before the deadline counts.
            answer_by: When to stop whatever has happened by then, on the same clock.

        Raises:
            OutOfTime: There was no report by `answer_by`.
            Exception: The job's failure, or its trouble: at once when it will not pass, else when time is up.
        """
        old_trouble = told_trouble = self.trouble
        seen = max(0, len(self.log) - 1)
        beat = anyio.current_time() + heartbeat
        while True:
            while seen < len(self.log):
                seen += 1
                beat = anyio.current_time() + heartbeat
                yield self.log[seen - 1]
            if self.failure:
                raise self.failure
            if self.ended_at:
                return
            known = (self.report or self.trouble) and self.looks >= max(looks, self.looks_due)
            left = (min(deadline, answer_by) if known else answer_by) - anyio.current_time()
            if self.trouble and (left <= 0 or (self.trouble is not old_trouble and not _may_pass(self.trouble))):
                raise self.trouble
            if self.trouble and self.trouble is not told_trouble:
                told_trouble = self.trouble
                yield replace(self.log[-1], doing=IN_TROUBLE)
            if left <= 0:
                self._require_report()
                return
            # Looks that bring nothing new wake us too: they are no end of the silence.
            with anyio.move_on_after(min(left, beat - anyio.current_time())) as silence:
                await self._changed.wait()
            if silence.cancelled_caught:
                beat = anyio.current_time() + heartbeat
                if seen == len(self.log) > 0:
                    yield self.log[-1]

    def _require_report(self) -> None:
        if self.report is not None:
            return
        doing = self.log[-1].doing if self.log else "Starting"
        raise OutOfTime(
            f"Still working; this call reached its time limit. {doing}: no result yet. {self.stands} "
            "Next: the same call with the same arguments; it goes on from there."
        )

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
