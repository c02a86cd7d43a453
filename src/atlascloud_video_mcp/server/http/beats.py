"""No answer is silent for long: proxies cut what says nothing, most after a minute, some sooner.

The SDK's first sign of life comes after 15 seconds, and where it answers in JSON there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from starlette.datastructures import Headers, MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SILENCE = 5.0
"""Seconds."""
_EVENTS = "text/event-stream"
_HEADERS = [
    (b"content-type", _EVENTS.encode()),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
_BEAT: Message = {"type": "http.response.body", "body": b": still here\r\n\r\n", "more_body": True}


class Beats:
    """Keeps the answers of an application alive, where the caller takes events: a comment after each silence.

    Args:
        app: Answers requests whose body was received in full.
        silence: The longest, seconds.
    """

    def __init__(self, app: ASGIApp, silence: float = SILENCE) -> None:
        self._app = app
        self._silence = silence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST" or _EVENTS not in Headers(scope=scope).get("accept", ""):
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answer.beat, self._silence)
            await self._app(scope, receive, answer.send)
            tasks.cancel_scope.cancel()


class _Answer:
    """One answer: it becomes a stream of events if it is long in coming, whatever the application would have made."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sending = anyio.Lock()
        self._last = anyio.current_time()
        self._begun = False
        self._can_beat = True
        self._json: bytearray | None = None
        """What came of an answer in JSON since the stream was begun here."""

    async def beat(self, silence: float) -> None:
        while self._can_beat:
            await anyio.sleep_until(self._last + silence)
            async with self._sending:
                if self._can_beat and anyio.current_time() >= self._last + silence:
                    if not self._begun:
                        await self._pass_on({"type": "http.response.start", "status": 200, "headers": _HEADERS})
                    await self._pass_on(_BEAT)

    async def send(self, message: Message) -> None:
        """What the application sends."""
        async with self._sending:
            starts = message["type"] == "http.response.start"
            if starts:
                is_stream = MutableHeaders(scope=message).get("content-type", "").startswith(_EVENTS)
                self._can_beat = is_stream or self._begun
                if self._begun:
                    self._json = None if is_stream else bytearray()
                    return
            elif self._json is not None:
                self._json += message.get("body", b"")
                if message.get("more_body"):
                    return
                message = {"type": message["type"], "body": b"event: message\r\ndata: %b\r\n\r\n" % bytes(self._json)}
            self._can_beat &= starts or message.get("more_body", False)
            await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        self._begun = True
        self._last = anyio.current_time()
        await self._send(message)
