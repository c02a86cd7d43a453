"""One tool call: who calls, how long it may wait, and its progress."""

from __future__ import annotations

from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar, cast

import anyio
from mcp.types.version import is_version_at_least

from atlascloud_video_mcp.clients import client_called
from atlascloud_video_mcp.server.sessions import READ_AT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskGroup, TaskStatus
    from mcp.server.mcpserver import Context

    from atlascloud_video_mcp.studio import Step, Studio

_MOST_A_SECOND = 4
_NUDGE = 0.001  # of what is left: progress must rise even where there is nothing new to say

ResultT = TypeVar("ResultT")


class Desk:
    """What all calls share: the studio, opened at the first call that needs it and kept until the server ends."""

    def __init__(
        self,
        open_studio: Callable[[], AbstractAsyncContextManager[Studio]],
        tasks: TaskGroup,
        max_wait: float,
        at_least: float,
    ) -> None:
        self.max_wait = max_wait
        self.at_least = at_least
        self._open_studio = open_studio
        self._tasks = tasks
        self._opening = anyio.Lock()
        self._studio: Studio | None = None

    async def studio(self) -> Studio:
        """The studio."""
        async with self._opening:
            if self._studio is None:
                self._studio = await self._tasks.start(self._keep_open)
            return self._studio

    async def origin(self) -> str:
        """Scheme, host and port of the API."""
        return (await self.studio()).origin

    async def _keep_open(self, *, task_status: TaskStatus[Studio]) -> None:
        # In a task of its own, because a task group must be left in the task that entered it.
        async with self._open_studio() as studio:
            task_status.started(studio)
            await anyio.sleep_forever()


class Call:
    """One tool call, from its arrival on.

    Args:
        ctx: The SDK's context of the call.
        wait_seconds: How long the caller wants to wait; None: what suits the client.
    """

    def __init__(self, ctx: Context[Desk], wait_seconds: float | None = None) -> None:
        arrived = READ_AT.get(anyio.current_time())
        self._ctx = ctx
        self._desk = ctx.request_context.lifespan_context
        params = ctx.session.client_params
        meta = ctx.request_context.meta
        self._shows_progress = meta is not None and "progress_token" in meta
        self.client = client_called(params.client_info.name if params else "", shows_progress=self._shows_progress)
        wanted = self.client.wait_seconds if wait_seconds is None else wait_seconds
        self.wait_seconds = min(wanted, self._desk.max_wait)
        """How long this call may wait; the next one may wait as long."""
        self.deadline = arrived + self.wait_seconds
        """Until when it may wait, on the clock of `anyio.current_time`."""
        # Who does not want to wait for the clip still waits for the upload and the id, as long as the client will.
        self.answer_by = arrived + max(
            self.wait_seconds, min(self.client.wait_seconds, self._desk.max_wait), self._desk.at_least
        )
        """By when it answers even where there is nothing to hand over yet, on the same clock."""
        # The content type came with this version, and the schemas of the older ones do not allow it.
        self.takes_links = self.client.resource_link and is_version_at_least(ctx.session.protocol_version, "2025-06-18")
        """Whether a `resource_link` may stand beside the text."""
        self.preview: bytes | None = None
        """Frames of the finished clip, a JPEG, where they were asked for."""
        self._progress = 0.0
        self._sent: deque[float] = deque([-1.0] * _MOST_A_SECOND, maxlen=_MOST_A_SECOND)

    async def studio(self) -> Studio:
        """The studio."""
        return await self._desk.studio()

    async def finish(self, steps: AsyncGenerator[Step, None]) -> ResultT:
        """Go through the steps, each told as progress; returns the last one's result."""
        result = None
        async with aclosing(steps):
            async for step in steps:
                result, self.preview = step.result, step.preview
                if self._shows_progress:
                    await self._tell(step)
        return cast("ResultT", result)

    async def _tell(self, step: Step) -> None:
        """Send one progress notification: always a higher value, 100 only with the clip, at most four a second."""
        await anyio.sleep_until(self._sent[0] + 1)
        self._sent.append(anyio.current_time())
        value = round(step.share * 100, 2)
        self._progress = value if value > self._progress else self._progress + (100 - self._progress) * _NUDGE
        await self._ctx.report_progress(self._progress, 100, step.message)
