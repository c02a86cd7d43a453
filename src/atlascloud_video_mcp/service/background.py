"""Work that may outlive the call that began it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from atlascloud_video_mcp.service.progress import nowhere

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.service.progress import Progress, ProgressSink

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


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
