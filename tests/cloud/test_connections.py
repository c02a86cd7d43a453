"""How many connections the requests of a clip need, and which of them the paid one may go out on."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import httpx
from anyio.abc import SocketAttribute

from atlascloud_video_mcp.cloud.request import ApiPatience, ConnectionAges
from kit import HASTY, REMOTE, STANDARD, cloud_at

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.abc import SocketStream

BODY = {"model": STANDARD, "image": REMOTE}


@asynccontextmanager
async def api() -> AsyncGenerator[tuple[str, list[list[str]]]]:
    """An API that keeps connections for ever; gives its address, and the requests of each connection."""
    connections: list[list[str]] = []
    answer = json.dumps({"code": 200, "data": {"id": "p1", "status": "processing"}}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n".encode()

    async def serve(stream: SocketStream) -> None:
        mine: list[str] = []
        connections.append(mine)
        async with stream:
            read = b""
            async for part in stream:
                read += part
                if b"\r\n\r\n" in read and (read.startswith(b"GET") or read.endswith(b"}")):
                    mine.append(read.split()[1].decode().rpartition("/")[2])
                    read = b""
                    await stream.send(head + answer)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's
        yield f"http://127.0.0.1:{port}/api/v1", connections
        tasks.cancel_scope.cancel()


def test_a_connection_outlives_the_longest_pauses_between_two_looks() -> None:
    assert ApiPatience().kept == 15
    assert ApiPatience().recent == 5


async def test_a_clip_needs_one_connection() -> None:
    async with api() as (base_url, connections), cloud_at(base_url) as cloud:
        await cloud.quote(BODY)
        await cloud.generate(BODY)
        for _ in range(3):
            await cloud.prediction("p1")

    assert connections == [["calculate", "generateVideo", "p1", "p1", "p1"]]


async def test_a_connection_that_is_not_kept_is_opened_anew() -> None:
    patience = replace(HASTY, kept=0)
    async with api() as (base_url, connections), cloud_at(base_url, patience=patience) as cloud:
        await cloud.prediction("p1")
        await cloud.prediction("p1")

    assert connections == [["p1"], ["p1"]]


async def test_the_paid_request_goes_out_on_no_connection_that_may_have_been_idle_for_long() -> None:
    patience = replace(HASTY, recent=0)
    async with api() as (base_url, connections), cloud_at(base_url, patience=patience) as cloud:
        await cloud.quote(BODY)
        await cloud.generate(BODY)
        await cloud.prediction("p1")

    assert connections == [["calculate", "p1"], ["generateVideo"]]


async def test_what_has_left_the_pool_does_not_count() -> None:
    answer = httpx.Response(200, extensions={"network_stream": object()})
    kept, gone = ConnectionAges(forgotten_after=60), ConnectionAges(forgotten_after=0)
    await kept.note(answer)
    await gone.note(answer)

    assert not kept.all_answered_within(0)
    assert kept.all_answered_within(5)
    assert gone.all_answered_within(0)
