"""What stands before the API: it reads each request whole, and turns away what must not reach it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .pictures import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .answers import Answers

# Source: Atlas Cloud docs, errors page.
LARGEST_BODY = 50 * MEGABYTE
NAMES = ("127.0.0.1", "localhost", "[::1]")


class Intake:
    """The outermost ASGI application: reads the request and says what it holds in the scope's state.

    There are then `request_id`, `endpoint`, `started` (`time.monotonic` seconds), the body as `text` and as parsed
    `json` (both empty when it is not JSON) and its `size`, which is not counted further than the limit.
    """

    def __init__(self, app: ASGIApp, endpoint: Callable[[Scope], str]) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Only the end of the server cancels it, and then nobody is left to hear of it."""
        with contextlib.suppress(asyncio.CancelledError):
            started = time.monotonic()
            body = await _read(receive)
            text, parsed = _parse(body)
            scope["state"] |= {
                "request_id": uuid.uuid4().hex,
                "endpoint": self._endpoint(scope),
                "started": started,
                "text": text,
                "json": parsed,
                "size": len(body),
            }
            await self._app(scope, _replay(body, receive), _stamped(send, scope["state"]["request_id"]))


class Gate:
    """Turns away what the API would not take, and what comes from a web page that has no business with this port.

    `port` is the one it is reached at. Clips and pictures may be shown by any page: the player is one.
    """

    def __init__(self, app: ASGIApp, answers: Answers, port: int) -> None:
        self._app = app
        self._answers = answers
        self._hosts = frozenset(f"{name}:{port}" for name in NAMES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or turn it away."""
        await (self._turned_away(scope) or self._app)(scope, receive, send)

    def _turned_away(self, scope: Scope) -> Response | None:
        headers, state = Headers(scope=scope), scope["state"]
        shown = state["endpoint"] == "file"
        if headers.get("host", "").lower() not in self._hosts:
            return self._refuse(state, 421, f"The sandbox answers at {' and '.join(sorted(self._hosts))} only")
        if self._foreign(headers) and not (shown and scope["method"] == "GET"):
            return self._refuse(state, 403, "The sandbox takes no requests of web pages")
        if state["size"] > LARGEST_BODY:
            return self._refuse(state, 413, "The body is above 50 MB")
        agent = headers.get("user-agent", "")
        # The network in front of the API does this to the default agents of HTTP libraries; files come from another
        # host. Source: AtlasCloudAI/atlas-saas-starter on GitHub.
        if not shown and (not agent or agent.lower().startswith("python-")):
            return PlainTextResponse("error code: 1010", 403)
        return None

    def _foreign(self, headers: Headers) -> bool:
        """Tell if a page of another origin asks. Source: W3C Fetch Metadata; RFC 6454."""
        origin = headers.get("origin")
        own = origin is None or (urlsplit(origin).scheme == "http" and urlsplit(origin).netloc.lower() in self._hosts)
        return not own or headers.get("sec-fetch-site", "none").lower() not in ("none", "same-origin")

    def _refuse(self, state: dict[str, Any], status: int, message: str) -> Response:
        return JSONResponse(self._answers.refusal(status, message, state["request_id"]), status)


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


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


def _stamped(send: Send, request_id: str) -> Send:
    stamps = {"X-Request-ID": request_id, "X-Atlascloud-Sandbox": "1", "X-Content-Type-Options": "nosniff"}

    async def stamped(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(stamps)
        await send(message)

    return stamped
