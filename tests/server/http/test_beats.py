"""An answer that is long in coming is not silent: measured with a silence of hundredths of a second."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from starlette.responses import JSONResponse

from atlascloud_video_mcp.server.http.beats import Beats
from http_kit import HANDSHAKE, MODERN, answer_in, call, message, raw, replica_at
from kit import REMOTE, only_id, polls, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx
    from starlette.types import Message, Receive, Scope, Send

    from scripted_sandbox import Sandbox

BEAT = ": still here"
VERSIONS = pytest.mark.parametrize("version", [HANDSHAKE, MODERN])


def asked(version: str, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    body = call(tool, **arguments)
    if version == MODERN:
        body["params"]["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "claude-code", "version": "1"},
        }
    return body


def headers_of(version: str, tool: str) -> dict[str, str]:
    modern = {"mcp-method": "tools/call", "mcp-name": tool} if version == MODERN else {}
    return {"mcp-protocol-version": version} | modern


@asynccontextmanager
async def answers_to(
    http: httpx.AsyncClient,
    version: str,
    tool: str,
    **arguments: Any,  # noqa: ANN401 - JSON
) -> AsyncGenerator[httpx.Response, None]:
    body, headers = asked(version, tool, **arguments), headers_of(version, tool)
    async with http.stream("POST", "/mcp", json=body, headers=headers) as response:
        yield response


@VERSIONS
async def test_a_call_without_progress_is_kept_alive_until_its_answer(
    sandbox: Sandbox, base_url: str, version: str
) -> None:
    lines, beats = [], 0
    async with (
        replica_at(base_url, silence=0.02) as replica,
        raw(replica.url) as http,
        answers_to(http, version, "animate_image", image=REMOTE) as response,
    ):
        async for line in response.aiter_lines():
            lines.append(line)
            beats += line == BEAT
            if beats == 10:
                await until(lambda: polls(sandbox) > 0)
                sandbox.finish(await only_id(base_url))

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert beats >= 10
    assert lines.count("event: message") == 1
    assert '"status":"completed"' in next(line for line in lines if line.startswith("data: {"))


async def test_the_probe_is_silent_but_for_the_beats(base_url: str) -> None:
    async with replica_at(base_url, silence=0.02) as replica, raw(replica.url) as http:
        response = await http.post("/probe?seconds=0.3")
        plain = await http.post("/probe?seconds=0.3", headers={"accept": "application/json"})

    assert response.text.count(BEAT) >= 3
    assert answer_in(response) == {"seconds": 0.3}
    assert plain.json() == {"seconds": 0.3}


@VERSIONS
async def test_an_answer_that_comes_soon_is_as_the_sdk_makes_it(base_url: str, version: str) -> None:
    async with (
        replica_at(base_url) as replica,
        raw(replica.url) as http,
        answers_to(http, version, "get_balance") as response,
    ):
        await response.aread()

    assert BEAT not in response.text
    assert answer_in(response)["result"]["structuredContent"]["available_usd"] == 100


async def test_what_comes_in_pieces_after_the_first_beat_is_one_event() -> None:
    sent: list[Message] = []
    beaten = anyio.Event()

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await beaten.wait()
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"a":', "more_body": True})
        await send({"type": "http.response.body", "body": b"1}"})

    async def send(message: Message) -> None:
        sent.append(message)
        if message.get("body"):
            beaten.set()

    scope = {"type": "http", "method": "POST", "headers": [(b"accept", b"text/event-stream")]}
    await Beats(app, 0.01)(scope, _nothing, send)

    assert [each["status"] for each in sent if "status" in each] == [200]
    assert sent[-1]["body"] == b'event: message\r\ndata: {"a":1}\r\n\r\n'
    assert not sent[-1].get("more_body")


async def test_an_answer_in_json_that_has_begun_is_not_beaten_into() -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def slowly(message: Message) -> None:
            await send(message)
            await anyio.sleep(0.05)  # several silences

        await JSONResponse({"a": 1})(scope, receive, slowly)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"accept", b"text/event-stream")]}
    await Beats(app, 0.01)(scope, _nothing, send)

    assert [each.get("body") for each in sent] == [None, b'{"a":1}']


async def _nothing() -> Message:
    return message("never asked for")
