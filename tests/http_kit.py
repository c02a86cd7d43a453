"""The tools over real HTTP in this process: uvicorn on loopback, and clients of both eras."""

from __future__ import annotations

import hashlib
import json
import signal
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Implementation

from atlascloud_video_mcp.server.http.edge import Edge
from atlascloud_video_mcp.server.http.serving import Server, listen
from atlascloud_video_mcp.server.stopping import Stopping
from kit import service_at

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from pathlib import Path

    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.service.service import VideoService

ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
Era = Literal["auto", "legacy"]
EITHER = {"accept": "application/json, text/event-stream"}
HANDSHAKE = "2025-06-18"
MODERN = "2026-07-28"


ANN, BOB, EVE = "ann-canary-token", "bob-canary-token", "eve-canary-token"
"""Tokens; the last may only look."""


@dataclass
class Replica:
    """A server of this process that answers."""

    url: str
    stopping: Stopping
    service: VideoService
    _server: Server
    ended: anyio.Event

    def terminate(self) -> None:
        """As SIGTERM does."""
        self._server.handle_exit(signal.SIGTERM, None)


@asynccontextmanager
async def replica_at(
    base_url: str,
    *,
    directory: Path | str | None = None,
    secrets: Iterable[str] = ("ring",),
    silence: float = 5.0,
    patience: float = 8.0,
    linger: float = 0.0,
    loopback: bool = True,
    public_url: str = "",
    max_wait: float | None = None,
    remembered: float = 0.0,
) -> AsyncGenerator[Replica, None]:
    started, ended = anyio.Event(), anyio.Event()
    with listen("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        edge = Edge(
            public_url=public_url or url,
            secrets=tuple(secrets),
            loopback=loopback,
            silence=silence,
            stopping=Stopping(patience),
            max_wait=max_wait,
            remembered=remembered,
        )
        async with (
            service_at(base_url, directory=directory, local_files=False) as service,
            edge.serving(service) as app,
            anyio.create_task_group() as tasks,
        ):
            server = Server(app, edge.stopping, started.set, lambda: None, linger=linger)

            async def serve() -> None:
                await server.serve([listener])
                ended.set()

            tasks.start_soon(serve)
            await started.wait()
            replica = Replica(url, edge.stopping, service, server, ended)
            try:
                yield replica
            finally:
                if not ended.is_set():
                    replica.terminate()
                    replica.terminate()


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def issue(journal: Journal, *tokens: str) -> None:
    for token in tokens:
        await journal.add_token(token[:3], digest(token), None, token == EVE)


@asynccontextmanager
async def team_at(base_url: str, database_url: str, **options: Any) -> AsyncGenerator[Replica, None]:  # noqa: ANN401 - of replica_at
    async with replica_at(base_url, directory=database_url, **options) as replica:
        await issue(replica.service.journal, ANN, BOB, EVE)
        yield replica


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@asynccontextmanager
async def client_of(
    url: str, *, era: Era = "auto", name: str = "claude-code", token: str | None = None
) -> AsyncGenerator[Client, None]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        Client(
            streamable_http_client(f"{url}/mcp", http_client=http),
            mode=era,
            client_info=Implementation(name=name, version="1"),
        ) as client,
    ):
        yield client


def raw(url: str, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers=EITHER | headers, timeout=60, trust_env=False)


def message(method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def initialize(name: str = "claude-code") -> dict[str, Any]:
    return message("initialize", protocolVersion=HANDSHAKE, capabilities={}, clientInfo={"name": name, "version": "1"})


def call(tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return message("tools/call", name=tool, arguments=arguments)


def data_uri(file: Path) -> str:
    return f"data:image/jpeg;base64,{b64encode(file.read_bytes()).decode()}"


def answer_in(response: httpx.Response) -> dict[str, Any]:
    """The JSON-RPC answer in a response, which may be a stream of events."""
    if response.headers["content-type"].startswith("application/json"):
        found = response.text
    else:
        found = [line[5:] for line in response.text.splitlines() if line.startswith("data:") and line[5:].strip()][-1]
    answer: dict[str, Any] = json.loads(found)
    return answer


async def eventually(true: Callable[[], bool]) -> None:
    with anyio.fail_after(60):
        while not true():  # noqa: ASYNC110 - it happens in another task that sets no event
            await anyio.sleep(0.005)


async def ready_again(http: httpx.AsyncClient) -> None:
    """Wait, within bounds, until a server has found its database again."""
    with anyio.fail_after(60):
        while (await http.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - another process's doing
            await anyio.sleep(0.1)
