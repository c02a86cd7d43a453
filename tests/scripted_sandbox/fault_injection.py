"""Faults, played out on requests: who is hit, and the table of what each action does to it."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from atlascloud_sandbox.answers import Answers

    from .faults import Fault, Script

PAGE = "<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"
BROKEN_JSON = '{"code": 200, "message": "success", "data": {"id": "sandbox-'
# Every field a reader of any endpoint looks at, each of a type it is never documented to have.
WRONG_TYPES: dict[str, Any] = {
    "id": 17,
    "status": ["completed"],
    "outputs": {"0": 1},
    "output": 3.5,
    "urls": "none",
    "model": None,
    "created_at": {},
    "completed_at": [],
    "error": 0,
    "error_code": "none",
    "metrics": [],
    "price": {"amount": True},
    "type": 1,
    "download_url": ["none"],
    "filename": 9,
    "size": "large",
    "items": "none",
    "total": "many",
    "available": [],
    "components": "none",
}


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in.

    Header names are lower-case, and a key is never kept: `authorization` reads "present". `body` is the parsed JSON,
    None when it is not JSON; `started` is in `time.monotonic` seconds.
    """

    method: str
    path: str
    query: str
    endpoint: str
    headers: dict[str, str]
    body: Any
    started: float


class FaultMiddleware:
    """Writes every request down, and lets the script's faults befall it."""

    def __init__(self, app: ASGIApp, *, script: Script, answers: Answers, log: Callable[[Received], None]) -> None:
        self._app = app
        self._script = script
        self._answers = answers
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._log(_received(scope))
        exchange = Exchange(_signed(scope) or self._app, scope, receive, send, self._answers)
        fault = self._script.take(scope["state"]["endpoint"])
        await (exchange.pass_on() if fault is None else play(fault, exchange))


def _received(scope: Scope) -> Received:
    headers, state = dict(Headers(scope=scope)), scope["state"]
    if "authorization" in headers:
        headers["authorization"] = "present"
    query = scope["query_string"].decode("latin-1")
    return Received(scope["method"], scope["path"], query, state["endpoint"], headers, state["json"], state["started"])


def _signed(scope: Scope) -> Response | None:
    """Turn away who comes with a signed link that has ended."""
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    if "X-Tos-Date" not in query:
        return None
    signed = datetime.strptime(query["X-Tos-Date"], "%Y%m%dT%H%M%S%z")
    if datetime.now(UTC) - signed < timedelta(seconds=int(query["X-Tos-Expires"])):
        return None
    return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the means to answer it, rightly or wrongly."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    answers: Answers

    async def act(self) -> Answer:
        """Let the application act and keep back its answer."""
        answer = Answer()
        await self.app(self.scope, self.receive, answer.collect)
        return answer

    async def pass_on(self) -> None:
        """Let the application act and answer."""
        await self.app(self.scope, self.receive, self.send)

    async def reply(self, response: Response, *, act: bool) -> None:
        """Answer instead of the application, which may act unheard before."""
        if act:
            await self.act()
        await response(self.scope, self.receive, self.send)

    async def reset(self) -> None:
        """Cut the connection with a TCP RST."""
        connection: socket.socket = self._transport.get_extra_info("socket")
        # Lingering for no time makes the system send RST instead of FIN.
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()
        await self._gone()

    async def send_part(self, answer: Answer, announced: int) -> None:
        """Announce a length, send half the body, the rest only if it was not announced, and close."""
        half = len(answer.body) // 2
        MutableHeaders(scope=answer.start)["content-length"] = str(announced)
        await self.send(answer.start)
        await self.send({"type": "http.response.body", "body": answer.body[:half], "more_body": True})
        if announced == half:
            # Past the server's HTTP layer, which would not let a body outgrow its length.
            self._transport.write(answer.body[half:])
        self._transport.close()
        await self._gone()

    async def send_slowly(self, answer: Answer, chunks: int, pause: float) -> None:
        """Send the body in pieces."""
        step = max(1, -(-len(answer.body) // chunks))
        await self.send(answer.start)
        for first in range(0, len(answer.body), step):
            piece = answer.body[first : first + step]
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(pause)
        await self.send({"type": "http.response.body", "body": b""})

    @property
    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport = self.scope["state"]["transport"]
        return transport

    async def _gone(self) -> None:
        # The server takes an unfinished answer for a bug, unless it has seen the connection close.
        while (await self.receive())["type"] != "http.disconnect":
            pass


class Answer:
    """An answer as the application gave it, kept back."""

    def __init__(self) -> None:
        self.start: Message = {}
        self.body = b""

    async def collect(self, message: Message) -> None:
        """Take the place of ASGI's `send`."""
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")


async def play(fault: Fault, exchange: Exchange) -> None:  # noqa: C901, PLR0912 - a flat table, one case an action
    """Let the fault befall the exchange."""
    match fault.action:
        case "status":
            await exchange.reply(_status(fault, exchange), act=fault.act)
        case "reset_before":
            await exchange.reset()
        case "reset_after":
            await exchange.act()
            await exchange.reset()
        case "delay":
            await asyncio.sleep(fault.seconds)
            await exchange.pass_on()
        case "delay_after":
            answer = await exchange.act()
            await asyncio.sleep(fault.seconds)
            await exchange.send_slowly(answer, chunks=1, pause=0)
        case "truncate":
            answer = await exchange.act()
            await exchange.send_part(answer, announced=len(answer.body))
        case "wrong_length":
            answer = await exchange.act()
            await exchange.send_part(answer, announced=len(answer.body) // 2)
        case "drip":
            await exchange.send_slowly(await exchange.act(), fault.chunks, fault.pause)
        case "malformed":
            await exchange.reply(Response(BROKEN_JSON, media_type="application/json"), act=fault.act)
        case "html":
            await exchange.reply(HTMLResponse(PAGE), act=fault.act)
        case "wrong_types":
            body = {"code": 200, "message": "success", "data": WRONG_TYPES}
            await exchange.reply(JSONResponse(body), act=fault.act)
        case "empty":
            await exchange.reply(Response(), act=fault.act)
        case _:
            assert_never(fault.action)


def _status(fault: Fault, exchange: Exchange) -> Response:
    if fault.body is not None:
        return Response(fault.body.encode(fault.encoding), fault.status, fault.headers, fault.content_type)
    body = exchange.answers.refusal(fault.status, "Scripted fault", exchange.scope["state"]["request_id"])
    return JSONResponse(body, fault.status, fault.headers)
