"""Session ids of the handshake eras: any replica knows who calls, and none keeps anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from atlascloud_video_mcp.journal import Person
from atlascloud_video_mcp.server.http.session_ids import SessionIds, Sessions
from atlascloud_video_mcp.server.tool_call import HTTP_CALLER, HttpCaller
from http_kit import HANDSHAKE, MODERN, answer_in, call, initialize, raw, replica_at
from kit import REMOTE, only_id

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from scripted_sandbox import Sandbox

ADA, BOB = Person("ada"), Person("bob")
VERSION = {"mcp-protocol-version": HANDSHAKE}


def test_what_was_sealed_is_opened_by_any_secret_of_the_ring_for_its_owner_alone() -> None:
    sealed = SessionIds(["old"]).seal(HttpCaller(ADA, "claude-code", "2.1"))

    assert SessionIds(["new", "old"]).open(sealed, ADA) == HttpCaller(ADA, "claude-code", "2.1")
    assert SessionIds(["new", "old"]).open(sealed, BOB) is None
    assert SessionIds(["new", "old"]).open(sealed, None) is None
    assert SessionIds(["new"]).open(sealed, ADA) is None


@pytest.mark.parametrize("spoilt", ["", ".", "a.b", "\xff.\xff", "e30.e30"])
def test_what_was_not_sealed_here_does_not_open(spoilt: str) -> None:
    assert SessionIds(["ring"]).open(spoilt, None) is None


def test_a_name_that_was_changed_does_not_open() -> None:
    text, _, signature = SessionIds(["ring"]).seal(HttpCaller(None, "a", "1")).partition(".")
    other = SessionIds(["ring"]).seal(HttpCaller(None, "b", "1")).partition(".")[0]

    assert SessionIds(["ring"]).open(f"{text}.{signature}", None)
    assert SessionIds(["ring"]).open(f"{other}.{signature}", None) is None


async def test_a_client_that_shook_hands_with_one_replica_is_known_to_another(sandbox: Sandbox, base_url: str) -> None:
    async with (
        replica_at(base_url, secrets=["new", "old"]) as first,
        replica_at(base_url, secrets=["old"]) as second,
        raw(first.url) as one,
        raw(second.url) as other,
    ):
        greeted = await other.post("/mcp", json=initialize("claude-code"))
        known = VERSION | {"mcp-session-id": greeted.headers["mcp-session-id"]}
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        noted = await one.post("/mcp", json=ready, headers=known)
        begun = await one.post("/mcp", json=call("animate_image", image=REMOTE, wait_seconds=0), headers=known)
        sandbox.finish(await only_id(base_url))
        look = call("get_prediction", prediction_id=await only_id(base_url))
        by_id = await one.post("/mcp", json=look, headers=known)
        by_nobody = await one.post("/mcp", json=look, headers=VERSION)
        spoilt = await one.post("/mcp", json=look, headers=known | {"mcp-session-id": f"{known['mcp-session-id']}x"})

    assert (greeted.status_code, noted.status_code, begun.status_code) == (200, 202, 200)
    # Only a client that is known to take links is shown one.
    assert [block["type"] for block in _content(by_id)] == ["text", "resource_link"]
    assert [block["type"] for block in _content(by_nobody)] == ["text"]
    assert spoilt.status_code == 404
    assert spoilt.json()["error"]["message"] == "Session not found: initialize a new one"


def _content(response: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a response of httpx
    content: list[dict[str, Any]] = answer_in(response)["result"]["content"]
    return content


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(call("get_balance")),
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"clientInfo": "me"}}),
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize"}),
        "[]",
        "{",
        "[" * 100_000,
    ],
)
async def test_what_is_no_handshake_is_given_no_session(base_url: str, body: str) -> None:
    async with replica_at(base_url) as replica, raw(replica.url) as http:
        response = await http.post("/mcp", content=body, headers={"content-type": "application/json"})

    assert "mcp-session-id" not in response.headers
    assert response.status_code < 500


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("version", [HANDSHAKE, MODERN])
async def test_there_is_nothing_to_listen_to_and_nothing_to_end(base_url: str, method: str, version: str) -> None:
    async with replica_at(base_url) as replica, raw(replica.url) as http:
        response = await http.request(method, "/mcp", headers={"mcp-protocol-version": version})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("first", [{"type": "http.disconnect"}, {"type": "http.request", "more_body": True}])
@pytest.mark.parametrize("headers", [[], [(b"mcp-protocol-version", MODERN.encode())], [(b"mcp-session-id", b"a.b")]])
async def test_a_caller_that_leaves_in_the_middle_of_its_request_is_no_mistake_of_the_sdks(
    first: Message, headers: list[tuple[bytes, bytes]]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError(scope, receive, send)

    async def receive() -> Message:
        return first

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "POST", "headers": headers, HTTP_CALLER: HttpCaller(None, "", "")}
    await Sessions(app, SessionIds(["ring"]))(scope, receive, send)
