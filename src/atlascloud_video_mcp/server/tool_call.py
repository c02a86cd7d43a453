"""One tool call: who calls, how long it may wait, and its progress."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import anyio
from mcp.types.version import is_version_at_least

from atlascloud_video_mcp.server.host_limits import HostLimits, limits_of
from atlascloud_video_mcp.server.reporter import Reporter
from atlascloud_video_mcp.server.sessions import READ_AT
from atlascloud_video_mcp.server.stopping import Stopping

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskGroup, TaskStatus
    from mcp.server.context import ServerRequestContext
    from mcp.server.mcpserver import Context

    from atlascloud_video_mcp.journal import Person
    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.results import Prediction
    from atlascloud_video_mcp.service.service import VideoService

_MOST_A_SECOND = 4
_NUDGE = 0.01  # progress must rise even where there is nothing new to say
_NOT_QUITE = 99.99  # only the clip itself is all of it

_T = TypeVar("_T")


HTTP_CALLER = "atlascloud_video_mcp.caller"
"""Where an ASGI scope holds the HttpCaller of its request."""


@dataclass(frozen=True)
class HttpCaller:
    """Who sent a request over HTTP."""

    person: Person | None = None
    """None where tokens are not asked for."""
    name: str = ""
    """The client's `clientInfo.name`, where it said so in a handshake."""
    version: str = ""


class ServerState:
    """What all calls share: the service, opened at the first call that needs it and kept until the server ends."""

    def __init__(
        self,
        open_service: Callable[[], AbstractAsyncContextManager[VideoService]],
        tasks: TaskGroup,
        max_wait: float | None,
        at_least: float,
        *,
        public_url: str = "",
        stopping: Stopping | None = None,
    ) -> None:
        self.max_wait = max_wait
        self.at_least = at_least
        self.public_url = public_url
        """The address that clients reach this server at over HTTP."""
        self.stopping = stopping or Stopping()
        self._open_service = open_service
        self._tasks = tasks
        self._opening = anyio.Lock()
        self._service: VideoService | None = None

    async def service(self) -> VideoService:
        """The service."""
        async with self._opening:
            if self._service is None:
                self._service = await self._tasks.start(self._keep_open)
            return self._service

    async def origin(self) -> str:
        """Scheme, host and port of the API."""
        return (await self.service()).origin

    async def _keep_open(self, *, task_status: TaskStatus[VideoService]) -> None:
        # In a task of its own, because a task group must be left in the task that entered it.
        async with self._open_service() as service:
            task_status.started(service)
            await anyio.sleep_forever()


class ToolCall:
    """One tool call, from its arrival on.

    Args:
        ctx: The SDK's context of the call.
        wait_seconds: How long the caller wants to wait; None: what suits the client.
    """

    def __init__(self, ctx: Context[ServerState], wait_seconds: float | None = None) -> None:
        self._arrived = self._ready = READ_AT.get(anyio.current_time())
        self._ctx = ctx
        self._state = ctx.request_context.lifespan_context
        self.client = caller(ctx.request_context)
        self.person = person_of(ctx.request_context)
        """Who asks, where several people share the account."""
        self.clip_deadline = self._arrived + self.client.waits(wait_seconds, max_wait=self._state.max_wait)
        """Until when it may wait for the clip, on the clock of `anyio.current_time`."""
        self._progress = 0.0
        self._sent: deque[float] = deque([-1.0] * _MOST_A_SECOND, maxlen=_MOST_A_SECOND)

    @property
    def public_url(self) -> str:
        """The address that clients reach this server at over HTTP."""
        return self._state.public_url

    async def service(self) -> VideoService:
        """The service."""
        service = await self._state.service()
        self._ready = anyio.current_time()
        return service

    @property
    def reply_deadline(self) -> float:
        """By when it answers even if there is nothing to hand over yet; known once the service is open."""
        # Who does not want to wait for the clip still waits for the upload and the id, as long as the client will.
        # Where the server was slow to come up the work is slow, too, and has as long again: a client that starts a
        # server for each call would be told for ever that its time was up before anything began.
        patience = self.client.waits(max_wait=self._state.max_wait)
        if patience < self._state.at_least:
            patience = max(self._state.at_least, 2 * (self._ready - self._arrived))
        return self._arrived + patience

    async def run(self, call: Callable[[ProgressSink], Awaitable[_T]]) -> _T:
        """The result of a call to the service, each phase told as progress; see Reporter.run."""
        return await self._reporter().run(call)

    async def wait(self, call: Callable[[ProgressSink], Awaitable[Prediction]]) -> Prediction:
        """The prediction that a call to the service waits for, each phase told as progress; see Reporter.wait."""
        return await self._reporter().wait(call)

    def _reporter(self) -> Reporter:
        show = self._show if _shows_progress(self._ctx.request_context) else None
        return Reporter(show, reply_deadline=self.reply_deadline, stopping=self._state.stopping)

    async def _show(self, message: str, fraction: float) -> None:
        """Send one progress notification: always a higher value, 100 only with the clip, at most four a second."""
        await anyio.sleep_until(self._sent[0] + 1)
        self._sent.append(anyio.current_time())
        value = risen(self._progress, fraction)
        if value is None:
            return
        self._progress = value
        await self._ctx.report_progress(self._progress, 100, message)


def risen(told: float, share: float) -> float | None:
    """What to tell of 100 after `told`, for a share of the work from 0 to 1; None where there is no room left."""
    value = max(round(share * 100, 2), round(told + _NUDGE, 2))
    return value if value <= _NOT_QUITE or share == 1 else None


def caller(request: ServerRequestContext[ServerState]) -> HostLimits:
    """The client that sent a request, so far as its version of the protocol lets it be treated so."""
    params, over_http = request.session.client_params, _http_caller(request)
    said = params.client_info if params else over_http or HttpCaller()
    client = limits_of(
        said.name, said.version, shows_progress=_shows_progress(request), over_http=over_http is not None
    )
    # The content type came with this version, and the schemas of the older ones do not allow it.
    links = client.resource_link and is_version_at_least(request.protocol_version, "2025-06-18")
    return replace(client, resource_link=links, local_files=over_http is None)


def person_of(request: ServerRequestContext[ServerState]) -> Person | None:
    """Who asks, where several people share the account."""
    over_http = _http_caller(request)
    return over_http.person if over_http else None


def _http_caller(request: ServerRequestContext[ServerState]) -> HttpCaller | None:
    # The SDK hands on the request of Starlette, and on stdio none.
    return request.request.scope.get(HTTP_CALLER) if request.request is not None else None


def _shows_progress(request: ServerRequestContext[ServerState]) -> bool:
    return request.meta is not None and "progress_token" in request.meta
