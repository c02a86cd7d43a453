"""Work that may outlive the call that began it, and how far a call has come."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.service.results import Prediction

    ProgressSink = Callable[["Progress"], None]
    """Is called with each phase of a call as it begins; it must return at once."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Phase(Enum):
    """What a call is doing; the sentence for it is written where it is shown."""

    READING_MODEL = auto()
    READING_CATALOGUE = auto()
    CATALOGUE_READ = auto()
    CHECKING_PICTURE = auto()
    COUNTING_HISTORY = auto()
    PRICING_EARLIER = auto()
    PRICING = auto()
    ASKING_WHOSE = auto()
    WAITING_FOR_TWIN = auto()
    UPLOADING = auto()
    UPLOADED = auto()
    SUBMITTING = auto()
    """The paid request is on its way: it may be paid from here on."""
    SEARCHING_LOST = auto()
    SUBMITTED = auto()
    FOUND = auto()
    LOOKING = auto()
    LOOKING_AGAIN = auto()
    RENDERING = auto()
    IN_TROUBLE = auto()
    GONE = auto()
    SAVING = auto()
    TAKING_FRAMES = auto()
    FINISHED = auto()
    REHEARSED = auto()
    LOOKING_FOR_CLIP = auto()
    SAVING_CLIP = auto()
    CLIP_SAVED = auto()
    READING_HISTORY = auto()
    LISTED = auto()
    READING_BALANCE = auto()
    BALANCE_READ = auto()


@dataclass(frozen=True)
class Progress:
    """How far a call has come."""

    phase: Phase
    fraction: float
    """How much of the whole was done when this phase began, from 0 to 1, which it reaches only with the clip."""
    subject: str = ""
    """What the phase is about: a model, a file's name, a prediction's id."""
    done_bytes: float = 0
    all_bytes: float = 0
    """Of an upload."""
    prediction: Callable[[], Prediction] | None = None
    """The prediction as it is told at the moment; None while there is none to tell of."""


def nowhere(_: Progress) -> None:
    """The sink of those who do not want to know."""


class BackgroundTask(Generic[_T]):
    """Work in a task of its own, for which any number of callers may wait.

    It ends with the last of them, until it is committed: then it is carried through, waited for or not.

    Args:
        tasks: Where it runs; whoever owns that ends it.
        work: What to do; it is given this object, to commit it and to tell how far it has come.
        committed: Whether it is to be carried through from the start.
    """

    def __init__(
        self, tasks: TaskGroup, work: Callable[[BackgroundTask[_T]], Awaitable[_T]], *, committed: bool = False
    ) -> None:
        self.committed = committed
        self._work = work
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._outcome: list[_T] = []
        self._failure: Exception | None = None
        self._sinks: list[ProgressSink] = []
        tasks.start_soon(self._carry_out)

    def commit(self) -> None:
        """Carry it through from here on: money may have been spent, or there is something to keep."""
        self.committed = True

    def report(self, progress: Progress) -> None:
        """Tell all who wait how far it has come; a sink that fails is no reason to stop what may be paid for."""
        for sink in self._sinks:
            try:
                sink(progress)
            except Exception as error:  # noqa: BLE001 - it is the caller's own, and others wait too
                _log.warning("progress could not be told: %s", type(error).__name__)

    async def result(self, progress: ProgressSink = nowhere) -> _T:
        """Wait for what comes of it.

        Raises:
            Exception: What went wrong in it.
        """
        self._sinks.append(progress)
        try:
            await self._ended.wait()
        finally:
            self._sinks.remove(progress)
            if not (self._sinks or self.committed):
                self._scope.cancel()
        if self._failure:
            raise self._failure
        return self._outcome[0]

    async def _carry_out(self) -> None:
        try:
            with self._scope:
                self._outcome.append(await self._work(self))
        except Exception as error:  # noqa: BLE001 - whoever waits for it raises it again
            self._failure = error
        if self._outcome or self._failure:
            self._ended.set()
