"""What a client said of itself in its handshake, sealed into the session's id: every process reads it, none keeps it.

From 2026-07-28 on each request says it anew, and there are no sessions.

Source: MCP 2025-03-26 to 2025-11-25, transports, session management.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp.types import INVALID_REQUEST
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response

from atlascloud_video_mcp.server.tool_call import HTTP_CALLER, HttpCaller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from atlascloud_video_mcp.journal import Person

_HEADER = "mcp-session-id"
_LONGEST = 100  # characters of a name or a version
_GONE = {
    "jsonrpc": "2.0",
    "id": None,
    "error": {"code": INVALID_REQUEST, "message": "Session not found: initialize a new one"},
}


class SessionIds:
    """Seals what a handshake said, and opens it again.

    Args:
        secrets: The first seals, all open: so one can be replaced, a process at a time.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [secret.encode() for secret in secrets]

    def seal(self, caller: HttpCaller) -> str:
        """A session's id that holds the client's name and version, and whose it is."""
        told = [caller.name, caller.version, caller.person and caller.person.name]
        text = urlsafe_b64encode(json.dumps(told).encode()).decode()
        return f"{text}.{_signature(self._keys[0], text)}"

    def open(self, session_id: str, person: Person | None) -> HttpCaller | None:
        """What a session's id holds; None where it was not sealed here, or for somebody else."""
        text, _, signature = session_id.partition(".")
        if not any(hmac.compare_digest(_signature(key, text).encode(), signature.encode()) for key in self._keys):
            return None
        name, version, owner = json.loads(urlsafe_b64decode(text))
        return HttpCaller(person, name, version) if owner == (person and person.name) else None


def _signature(key: bytes, text: str) -> str:
    return urlsafe_b64encode(hmac.digest(key, b"session." + text.encode(), "sha256")).decode().rstrip("=")


class Sessions:
    """Tells the application below who calls: by the session's id, which it gives out with the answer to a handshake.

    It expects the person in the scope, and the body of a request in one piece: whoever sends less has left.
    """

    def __init__(self, app: ASGIApp, ids: SessionIds) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        caller: HttpCaller = scope[HTTP_CALLER]
        headers = Headers(scope=scope)
        version = headers.get(MCP_PROTOCOL_VERSION_HEADER)
        if scope["method"] != "POST":  # nothing is ever sent unasked, and there is no session to end
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        body = await receive()
        if body["type"] != "http.request" or body.get("more_body"):
            return  # the caller left in the middle of it, and the SDK would take that for a mistake of its own
        unread = [body]

        async def receive_again() -> Message:
            return unread.pop() if unread else await receive()

        if version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self._app(scope, receive_again, send)
        elif session_id := headers.get(_HEADER):
            scope[HTTP_CALLER] = self._ids.open(session_id, caller.person)
            app = self._app if scope[HTTP_CALLER] else JSONResponse(_GONE, status_code=404)
            await app(scope, receive_again, send)
        else:
            await self._begin(caller, _client_info(body.get("body", b"")), scope, receive_again, send)

    async def _begin(
        self, caller: HttpCaller, client: dict[str, Any] | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def send_with_id(message: Message) -> None:
            if client and message["type"] == "http.response.start":
                name, version = (str(client.get(part, ""))[:_LONGEST] for part in ("name", "version"))
                session_id = self._ids.seal(HttpCaller(caller.person, name, version))
                MutableHeaders(scope=message)[_HEADER] = session_id
            await send(message)

        await self._app(scope, receive, send_with_id)


def _client_info(body: bytes) -> dict[str, Any] | None:
    """What the client says of itself, where a message is a handshake; what is amiss in it, the SDK says."""
    try:
        message = json.loads(body)
        client = message["params"]["clientInfo"] if message["method"] == "initialize" else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return client if isinstance(client, dict) else None
