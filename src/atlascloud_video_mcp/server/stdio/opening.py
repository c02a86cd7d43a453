"""The opening of a conversation: what is answered without the SDK, and what the SDK is told when it takes over.

Sources: MCP 2024-11-05 to 2025-11-25 (lifecycle, ping, lists), 2026-07-28 (discovery, per-request metadata,
subscriptions). The answers themselves are the SDK's own, recorded.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from atlascloud_video_mcp.server.stdio import validation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final, Literal

    Era = Literal["handshake", "modern"]
    Message = Mapping[str, Any]

MODERN: Final = "2026-07-28"
"""The version in which each request says who asks; the older ones begin with a handshake."""
HANDSHAKES: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
ANOTHER: Final = "another"
"""Stands for a version that nobody knows."""
LISTS: Final = ("ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list")
DISCOVER: Final = "server/discover"
LISTEN: Final = "subscriptions/listen"
"""Acknowledged at once, and answered when the conversation ends: that is what is recorded."""
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"
FILE: Final = Path(__file__).with_name("answers.json")
_FLAGS = ("toolsListChanged", "promptsListChanged", "resourcesListChanged")
_ADDRESSES = "resourceSubscriptions"
_MOST_SUBSCRIPTIONS = 100  # the SDK counts and bounds more


def recorded() -> dict[str, dict[str, Any]]:
    """The recorded answers, by version and method: each a `result` or an `error`.

    In the file an answer that is another version's stands as the name of that version.
    """
    versions: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        version: {
            method: versions[answer][method] if isinstance(answer, str) else answer
            for method, answer in answers.items()
        }
        for version, answers in versions.items()
    }


class Opening:
    """A conversation from its first line on, until the SDK takes it over.

    `server/discover` and `initialize` bind nobody while nothing else was asked: hosts probe with the one and, when
    the answer does not come in time, send the other on the same pipe.
    """

    def __init__(self) -> None:
        self._answers = recorded()
        self._era: Era | None = None
        self._hello: Message | None = None
        self._initialized = False
        self._version = HANDSHAKES[-1]
        self._probed = False
        self._meta: Mapping[str, Any] = {}
        self._listening: dict[int | str, Message] = {}
        self._mark = f"replayed-{os.urandom(8).hex()}"
        self._hidden: set[tuple[str, int | str]] = set()

    def answer(self, line: str) -> str | None:
        """The lines that answer a line; none where nothing is to be said; None where the SDK must see to it."""
        if not line.strip():
            return ""
        message = validation.message(line)
        if message is None:
            return None
        if "id" not in message:
            self._note(message)
            return ""
        answer = self._reply(message)
        return None if answer is None else _line(answer)

    def _note(self, notification: Message) -> None:
        """Take note of a notification; of all others the server takes none either."""
        if notification["method"] == "notifications/initialized":
            self._initialized = self._hello is not None
        elif notification["method"] == "notifications/cancelled":
            self._listening.pop(_key(notification["params"].get("requestId")), None)

    def _reply(self, request: Message) -> dict[str, Any] | None:
        method, params = request["method"], request["params"]
        if method == "initialize":
            answer = self._initialize(request)
        elif not _is_modern(params):
            answer = self._in_handshake_era(method, params)
        elif self._era == "handshake":
            answer = None
        elif method == DISCOVER:
            answer = self._discover(params)
        else:
            answer = self._in_modern_era(request)
        # An acknowledgement is no answer, and names the request inside.
        return {"id": request["id"]} | answer if answer and "method" not in answer else answer

    def _initialize(self, request: Message) -> dict[str, Any] | None:
        params = request["params"]
        version = params.get("protocolVersion")
        if (
            self._era == "modern"
            or not isinstance(version, str)
            or not validation.params(params, "protocolVersion", "capabilities", "clientInfo")
            or _is_modern(params)
            or not (validation.client(params.get("clientInfo")) and validation.capabilities(params.get("capabilities")))
        ):
            return None
        self._hello, self._initialized = request, False
        self._version = version if version in HANDSHAKES else HANDSHAKES[-1]
        return self._answer(version if version in HANDSHAKES else ANOTHER, "initialize")

    def _in_handshake_era(self, method: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        asks_first = method in {"ping", DISCOVER}
        if self._era == "modern" or not validation.params(params) or not (self._hello or asks_first):
            return None
        answer = self._answer(self._version, method)
        if answer and method != DISCOVER:
            self._era = "handshake"
        return answer

    def _discover(self, params: Mapping[str, Any]) -> dict[str, Any] | None:
        if not _is_complete(params):
            return None
        self._probed = True
        version = params["_meta"][validation.VERSION]
        if version == MODERN:
            return self._answer(MODERN, DISCOVER)
        refusal = self._answers[ANOTHER][DISCOVER]["error"]
        return {"error": refusal | {"data": refusal["data"] | {"requested": version}}}

    def _in_modern_era(self, request: Message) -> dict[str, Any] | None:
        method, params = request["method"], request["params"]
        if self._hello and not self._probed:
            return None  # it made a handshake and never asked for this version
        beside = ("notifications",) if method == LISTEN else ()
        if not _is_complete(params, *beside) or params["_meta"][validation.VERSION] != MODERN:
            return None
        answer = self._listen(request) if method == LISTEN else self._answer(MODERN, method)
        if answer:
            self._era, self._meta = "modern", params["_meta"]
        return answer

    def _listen(self, request: Message) -> dict[str, Any] | None:
        wanted = request["params"].get("notifications")
        if not validation.subscription(wanted, _FLAGS, _ADDRESSES) or len(self._listening) >= _MOST_SUBSCRIPTIONS:
            return None
        self._listening[_key(request["id"])] = request
        honoured = {name: value for name, value in wanted.items() if value}
        return {
            "method": _ACKNOWLEDGED,
            "params": {"notifications": honoured, "_meta": {_SUBSCRIPTION: request["id"]}},
        }

    def _answer(self, version: str, method: str) -> dict[str, Any] | None:
        answer: dict[str, Any] | None = self._answers[version].get(method)
        return answer

    def closing(self) -> str:
        """The lines that end what is open when the client leaves."""
        end = self._answers[MODERN][LISTEN]
        return "".join(_line({"id": request["id"]} | end) for request in self._listening.values())

    def binds(self, request: Message) -> bool:
        """Whether a request that was not answered here decides which era is spoken: all but a probe do."""
        return request["method"] != DISCOVER or self._era is not None

    def replay(self, request: Message) -> list[str]:
        """The lines that tell the SDK, before its first request, what it would know had it been there.

        Its answers to them are the client's already: `hides` tells them.
        """
        modern = _is_modern(request["params"]) and request["method"] != "initialize"
        if self._era == "modern":
            told: list[Message] = [
                {"method": DISCOVER, "params": {"_meta": self._meta}, "id": self._mark},
                *self._listening.values(),
            ]
        elif self._hello and (self._era or not modern or not self._probed):
            told = [{**self._hello, "id": self._mark}]
        elif self._era:
            told = [{"method": "ping", "id": self._mark}]
        else:
            return []
        self._hidden = {("answer", self._mark), *(("listen", each["id"]) for each in self._listening.values())}
        if self._initialized:
            told.append({"method": "notifications/initialized"})
        return [_line(each) for each in told]

    def hides(self, line: str) -> bool:
        """Whether a line of the SDK answers one that was replayed; each does once."""
        if not self._hidden:
            return False
        message = json.loads(line)
        if message.get("method") == _ACKNOWLEDGED:
            said = ("listen", message["params"]["_meta"][_SUBSCRIPTION])
        else:
            said = ("answer", message.get("id"))
        hidden = said in self._hidden
        self._hidden.discard(said)
        return hidden


def call_arrived(line: str) -> str:
    """The progress of a tool call that waits for the SDK, where it was asked for: 0, before all that follows."""
    message = validation.message(line)
    if message is None or message["method"] != "tools/call" or "id" not in message:
        return ""
    meta = message["params"].get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    if not isinstance(token, int | str) or isinstance(token, bool):
        return ""
    params = {"progressToken": token, "progress": 0, "total": 100, "message": "Checking the call"}
    return _line({"method": "notifications/progress", "params": params})


def _is_modern(params: Mapping[str, Any]) -> bool:
    meta = params.get("_meta")
    return isinstance(meta, dict) and validation.VERSION in meta


def _is_complete(params: Mapping[str, Any], *beside: str) -> bool:
    """Whether a modern request's own words are all there, and nothing unusual is."""
    return (
        validation.params(params, *beside)
        and validation.CAPABILITIES in params["_meta"]
        and isinstance(params["_meta"][validation.VERSION], str)
    )


def _key(request_id: Any) -> int | str:  # noqa: ANN401 - JSON
    """What the SDK knows a request by: 7 and "7" are the same."""
    try:
        return int(request_id)
    except (TypeError, ValueError):
        return str(request_id)


def _line(message: Mapping[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":")) + "\n"
