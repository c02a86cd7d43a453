"""One tool call: who calls, how long it may wait, and its progress."""

from __future__ import annotations

from collections import deque
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, cast

import anyio
from mcp.types.version import is_version_at_least

from atlascloud_video_mcp.clients import Client, client_called
from atlascloud_video_mcp.server.sessions import READ_AT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskGroup, TaskStatus
    from mcp.server.context import ServerRequestContext
    from mcp.server.mcpserver import Context

    from atlascloud_video_mcp.studio import Step, Studio

_MOST_A_SECOND = 4
_NUDGE = 0.01  # progress must rise even where there is nothing new to say
_NOT_QUITE = 99.99  # only the clip itself is all of it

ResultT = TypeVar("ResultT")


class Desk:
    """What all calls share: the studio, opened at the first call that needs it and kept until the server ends."""

    def __init__(
        self,
        open_studio: Callable[[], AbstractAsyncContextManager[Studio]],
        tasks: TaskGroup,
        max_wait: float | None,
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
        self._arrived = self._ready = READ_AT.get(anyio.current_time())
        self._ctx = ctx
        self._desk = ctx.request_context.lifespan_context
        self._shows_progress = _shows_progress(ctx.request_context)
        self.client = caller(ctx.request_context)
        self.deadline = self._arrived + self.client.waits(wait_seconds, max_wait=self._desk.max_wait)
        """Until when it may wait, on the clock of `anyio.current_time`."""
        self.preview: bytes | None = None
        """Frames of the finished clip, a JPEG, where they were asked for."""
        self._progress = 0.0
        self._sent: deque[float] = deque([-1.0] * _MOST_A_SECOND, maxlen=_MOST_A_SECOND)

    async def studio(self) -> Studio:
        """The studio."""
        studio = await self._desk.studio()
        self._ready = anyio.current_time()
        return studio

    @property
    def answer_by(self) -> float:
        """By when it answers even where there is nothing to hand over yet, on the same clock; known with the studio."""
        # Who does not want to wait for the clip still waits for the upload and the id, as long as the client will.
        # Where the server was slow to come up the work is slow, too, and has as long again: a client that starts a
        # server for each call would be told for ever that its time was up before anything began.
        patience = self.client.waits(max_wait=self._desk.max_wait)
        if patience < self._desk.at_least:
            patience = max(self._desk.at_least, 2 * (self._ready - self._arrived))
        return self._arrived + patience

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
        value = risen(self._progress, step.share)
        if value is None:
            return
        self._progress = value
        await self._ctx.report_progress(self._progress, 100, step.message)


def risen(told: float, share: float) -> float | None:
    """What to tell of 100 after `told`, for a share of the work from 0 to 1; None where there is no room left."""
    value = max(round(share * 100, 2), round(told + _NUDGE, 2))
    return value if value <= _NOT_QUITE or share == 1 else None


def caller(request: ServerRequestContext[Desk]) -> Client:
    """The client that sent a request, so far as its version of the protocol lets it be treated so."""
    params = request.session.client_params
    name, version = (params.client_info.name, params.client_info.version) if params else ("", "")
    client = client_called(name, version, shows_progress=_shows_progress(request))
    # The content type came with this version, and the schemas of the older ones do not allow it.
    links = client.resource_link and is_version_at_least(request.protocol_version, "2025-06-18")
    return replace(client, resource_link=links)


def _shows_progress(request: ServerRequestContext[Desk]) -> bool:
    return request.meta is not None and "progress_token" in request.meta
