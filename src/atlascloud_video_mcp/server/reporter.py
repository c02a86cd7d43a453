"""How far a call has come, told at the rhythm of whoever waits: to an MCP client, or to a person at a terminal."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, TypeVar, assert_never

import anyio

from atlascloud_video_mcp.cloud.reports import NO_WORD
from atlascloud_video_mcp.errors import OutOfTime
from atlascloud_video_mcp.server.stopping import Stopping
from atlascloud_video_mcp.service.progress import Phase, Progress
from atlascloud_video_mcp.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.results import Prediction

HEARTBEAT = 5.0
"""Longest silence of a call, seconds."""
_T = TypeVar("_T")
_SENTENCES = {
    Phase.READING_MODEL: "Reading what {0} takes",
    Phase.READING_CATALOGUE: "Reading the catalogue",
    Phase.CATALOGUE_READ: "{0} models",
    Phase.CHECKING_PICTURE: "Checking the picture",
    Phase.COUNTING_HISTORY: "Counting what the account's history shows",
    Phase.PRICING_EARLIER: "Asking for the price of earlier requests",
    Phase.PRICING: "Asking for the price",
    Phase.ASKING_WHOSE: "Asking whether an identical request under another key is of this account",
    Phase.WAITING_FOR_TWIN: "Waiting for an identical request that is on its way",
    Phase.UPLOADING: "Uploading {0} ({1:,.0f} of {2:,.0f} kB)",
    Phase.UPLOADED: "Uploaded {0}",
    Phase.SUBMITTING: "Submitting to {0}",
    Phase.SEARCHING_LOST: "The answer was lost; looking for the submission in the account's history",
    Phase.SUBMITTED: "Submitted",
    Phase.FOUND: "Found",
    Phase.LOOKING: "Looking at prediction {0}",
    Phase.LOOKING_AGAIN: "Looking again",
    Phase.RENDERING: "Rendering",
    Phase.IN_TROUBLE: "Can't reach Atlas Cloud; retrying",
    Phase.GONE: "Deleted by Atlas Cloud",
    Phase.SAVING: "Saving the clip",
    Phase.TAKING_FRAMES: "Taking frames of the clip",
    Phase.FINISHED: "Finished",
    Phase.REHEARSED: "Dry run done",
    Phase.LOOKING_FOR_CLIP: "Looking at the prediction",
    Phase.SAVING_CLIP: "Saving the clip of prediction {0}",
    Phase.CLIP_SAVED: "Saved {0}",
    Phase.READING_HISTORY: "Reading the account's history",
    Phase.LISTED: "Listed",
    Phase.READING_BALANCE: "Asking for the balance",
    Phase.BALANCE_READ: "Balance read",
}
_SENT = "The request was sent and may be running and paid; calling again joins it and does not pay twice."
_VALID = "The prediction stays valid: do not submit again."
_STANDS = {Phase.SUBMITTING: _SENT, Phase.SEARCHING_LOST: _SENT, Phase.LOOKING: _VALID, Phase.IN_TROUBLE: _VALID}
_NOTHING_PAID = "Nothing was submitted or paid by this call so far."


class Reporter:
    """Runs a call: tells each phase, and the last one again after each silence, and keeps the call's time.

    Args:
        show: Shows a line for a person, and the fraction that is done; None where nobody looks.
        heartbeat: Longest silence, seconds.
        reply_deadline: When to answer at the latest, on the clock of `anyio.current_time`.
        stopping: When the server stops, a call answers as soon as there is a prediction to tell of.
    """

    def __init__(
        self,
        show: Callable[[str, float], Awaitable[None]] | None = None,
        *,
        heartbeat: float = HEARTBEAT,
        reply_deadline: float = math.inf,
        stopping: Stopping | None = None,
    ) -> None:
        self.last: Progress | None = None
        """The last that was told."""
        self._show = show
        self._heartbeat = heartbeat
        self._reply_deadline = reply_deadline
        self._stopping = stopping or Stopping()
        self._working: anyio.CancelScope  # made when it runs: it takes an event loop
        self._lines: deque[tuple[str, float]] = deque()
        self._news = anyio.Event()
        self._ended = False
        self._failure: Exception | None = None

    async def run(self, call: Callable[[ProgressSink], Awaitable[_T]]) -> _T:
        """What comes of the call, which is cancelled at the deadline: what it may not lose goes on without it.

        Raises:
            OutOfTime: There was no result by then.
            Exception: The call's own.
        """
        result: list[_T] = []
        self._failure = None
        self._ended = False
        async with anyio.create_task_group() as tasks:
            self._working = anyio.CancelScope(deadline=self._reply_deadline)
            with self._working as working, self._stopping.telling(self._hurry):
                self._hurry()
                if self._show:
                    tasks.start_soon(self._tell, self._show, working)
                try:
                    result.append(await call(self._take))
                except Exception as error:  # noqa: BLE001 - the task group would wrap it
                    self._failure = error
            if working.cancelled_caught:
                self._lines.clear()  # the answer is due
            self._ended = True
            self._news.set()
        if self._failure:
            raise self._failure
        if not result:
            raise self._out_of_time()
        return result[0]

    async def wait(self, call: Callable[[ProgressSink], Awaitable[Prediction]]) -> Prediction:
        """The prediction that a call waits for; at the deadline as it stands then, as soon as there is one.

        Raises:
            OutOfTime: There was none by then.
            Exception: The call's own.
        """
        try:
            return await self.run(call)
        except OutOfTime:
            if self.last and self.last.prediction:
                return self.last.prediction()
            raise

    def _take(self, progress: Progress) -> None:
        if progress != self.last:
            self.last = progress
            self._lines.append(line(progress))
            self._news.set()
            self._hurry()

    def _hurry(self) -> None:
        """While the server stops, answer as soon as there is something to tell of."""
        if self._stopping.begun.is_set():
            due = -math.inf if self.last and self.last.prediction else self._stopping.deadline
            self._working.deadline = min(self._working.deadline, due)

    async def _tell(self, show: Callable[[str, float], Awaitable[None]], working: anyio.CancelScope) -> None:
        try:
            await self._tell_all(show)
        except Exception as error:  # noqa: BLE001 - the task group would wrap it
            self._failure = error
            working.cancel()

    async def _tell_all(self, show: Callable[[str, float], Awaitable[None]]) -> None:
        while True:
            while self._lines:
                await show(*self._lines.popleft())
            if self._ended:
                return
            self._news = anyio.Event()
            with anyio.move_on_after(self._heartbeat) as silence:
                await self._news.wait()
            if silence.cancelled_caught and self.last:
                self._lines.append(line(self.last))

    def _out_of_time(self) -> OutOfTime:
        doing = _sentence(self.last) if self.last else "Starting"
        stands = _STANDS.get(self.last.phase, _NOTHING_PAID) if self.last else _NOTHING_PAID
        why = "this server is stopping" if self._stopping.begun.is_set() else "this call reached its time limit"
        return OutOfTime(
            f"Still working; {why}. {doing}: no result yet. {stands} "
            "Next: the same call with the same arguments; it goes on from there."
        )


def line(progress: Progress) -> tuple[str, float]:
    """How far a call has come at this moment: a line for a person, and the fraction that is done."""
    doing, fraction = _sentence(progress), progress.fraction
    if progress.prediction is None or progress.phase is Phase.LOOKING:
        return printable(doing), fraction
    prediction = progress.prediction()
    match prediction.status:
        case "processing":
            says = f', API: "{prediction.provider_status}"' if prediction.provider_status != NO_WORD else ""
            doing, fraction = f"{doing}: {prediction.so_far}{says}", max(fraction, prediction.fraction or 0)
        case "completed":
            doing = f"{doing} after {prediction.elapsed_seconds:.0f} s"
        case "failed":
            doing, fraction = f"Failed after {prediction.elapsed_seconds:.0f} s", min(fraction, 0.99)
        case _:
            assert_never(prediction.status)
    return printable(f"{doing}, prediction {prediction.prediction_id}"), fraction


def _sentence(progress: Progress) -> str:
    return _SENTENCES[progress.phase].format(progress.subject, progress.done_bytes / 1000, progress.all_bytes / 1000)
