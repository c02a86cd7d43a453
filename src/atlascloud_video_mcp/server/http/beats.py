"""No answer is silent for long: proxies cut what says nothing, most after a minute, some sooner.

The SDK's first sign of life comes after 15 seconds, and where it answers in JSON there is none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio
from starlette.datastructures import Headers

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
        app: Answers POSTs whose body was received in full.
        silence: The longest, seconds.
    """

    def __init__(self, app: ASGIApp, silence: float = SILENCE) -> None:
        self._app = app
        self._silence = silence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if _EVENTS in Headers(scope=scope).get("accept", ""):
            answer = _Answer(send, self._silence)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(answer.beat)
                await self._app(scope, receive, answer.send)
                tasks.cancel_scope.cancel()
        else:
            await self._app(scope, receive, send)


class _Answer:
    """One answer: it becomes a stream of events if it is long in coming, whatever the application would have made."""

    def __init__(self, send: Send, silence: float) -> None:
        self._send = send
        self._silence = silence
        self._sending = anyio.Lock()
        self._due = anyio.current_time() + silence
        self._begun = False
        self._json: bytearray | None = None
        """What came of an answer in JSON since the stream was begun here."""

    async def beat(self) -> None:
        """Break each silence."""
        while True:
            await anyio.sleep_until(self._due)
            async with self._sending:
                if anyio.current_time() >= self._due:
                    if not self._begun:
                        await self._pass_on({"type": "http.response.start", "status": 200, "headers": _HEADERS})
                    await self._pass_on(_BEAT)

    async def send(self, message: Message) -> None:
        """What the application sends."""
        async with self._sending:
            if message["type"] == "http.response.start":
                is_stream = Headers(raw=message["headers"]).get("content-type", "").startswith(_EVENTS)
                if self._begun:
                    self._json = None if is_stream else bytearray()
                    return
                if not is_stream:
                    self._silence = math.inf
            elif self._json is not None:
                self._json += message.get("body", b"")
                if message.get("more_body"):
                    return
                message = {"type": message["type"], "body": b"event: message\r\ndata: %b\r\n\r\n" % bytes(self._json)}
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._silence = math.inf
            await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        self._begun = True
        self._due = anyio.current_time() + self._silence
        await self._send(message)
