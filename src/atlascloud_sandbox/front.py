"""The front door: every request is read whole, written down, and handed on, turned away or tripped up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .answers import Style, refusal
from .misbehaviour import Exchange, play
from .pictures import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .faults import Script

# Source: Atlas Cloud docs, errors page.
LARGEST_BODY = 50 * MEGABYTE


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


class Front:
    """The outermost ASGI application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        endpoint: Callable[[Scope], str],
        script: Script,
        style: Style,
        log: Callable[[Received], None],
    ) -> None:
        self._app = app
        self._endpoint = endpoint
        self._script = script
        self._style = style
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Only the end of the server cancels it, and then nobody is left to hear of it."""
        with contextlib.suppress(asyncio.CancelledError):
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        body = await _read(receive)
        state = scope["state"]
        state["request_id"] = uuid.uuid4().hex
        state["text"], state["json"] = _parse(body)
        endpoint = self._endpoint(scope)
        self._log(_received(scope, endpoint, started))
        app = self._turned_away(scope, endpoint, body) or self._app
        exchange = Exchange(app, scope, _replay(body, receive), _stamped(send, state["request_id"]), self._style)
        fault = self._script.take(endpoint)
        await (exchange.pass_on() if fault is None else play(fault, exchange))

    def _turned_away(self, scope: Scope, endpoint: str, body: bytes) -> Response | None:
        if len(body) > LARGEST_BODY:
            request_id = scope["state"]["request_id"]
            return JSONResponse(refusal(self._style, 413, "The body is above 50 MB", request_id), 413)
        agent = Headers(scope=scope).get("user-agent", "")
        # The network in front of the API does this to the default agents of HTTP libraries; files come from another
        # host. Source: AtlasCloudAI/atlas-saas-starter on GitHub.
        if endpoint != "file" and (not agent or agent.lower().startswith("python-")):
            return PlainTextResponse("error code: 1010", 403)
        return None


async def _read(receive: Receive) -> bytes:
    """Read the body; what goes beyond the limit is counted by one byte only, not kept."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        del body[LARGEST_BODY + 1 :]
        more = message.get("more_body", False)
    return bytes(body)


def _parse(body: bytes) -> tuple[str, Any]:
    """Give the body as text and as parsed JSON; nothing of a body that is no JSON."""
    try:
        text = body.decode()
        return text, json.loads(text)
    except (ValueError, RecursionError):
        return "", None


def _received(scope: Scope, endpoint: str, started: float) -> Received:
    headers = dict(Headers(scope=scope))
    if "authorization" in headers:
        headers["authorization"] = "present"
    query = scope["query_string"].decode("latin-1")
    return Received(scope["method"], scope["path"], query, endpoint, headers, scope["state"]["json"], started)


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


def _stamped(send: Send, request_id: str) -> Send:
    async def stamped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = request_id
            headers["X-Atlascloud-Sandbox"] = "1"
        await send(message)

    return stamped
