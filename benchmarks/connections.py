"""Figures 11 and 12: the first call of a session, and how many connections a clip needs."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from figures import Pairs, Row, Spread, in_turn
from starts import measured
from talk import cpu_seconds, server
from working import KEY, PICTURE, api

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from installed import Commands

GENERATION = 45.0  # seconds
FEWEST = 1


@asynccontextmanager
async def relay(base_url: str) -> AsyncGenerator[tuple[str, asyncio.Queue[float]]]:
    """The API behind a relay; gives its address there, and when each connection brought its first byte."""
    api_url = urlsplit(base_url)
    first_bytes: asyncio.Queue[float] = asyncio.Queue()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65_536):
            writer.write(part)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65_536)
        first_bytes.put_nowait(time.perf_counter())
        answers, requests = await asyncio.open_connection(api_url.hostname, api_url.port)
        requests.write(first)
        await asyncio.gather(pump(reader, requests), pump(answers, writer))

    listening = await asyncio.start_server(serve, "127.0.0.1")
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}{api_url.path}", first_bytes
    finally:
        listening.close()


async def rows(commands: Commands, folder: Path, runs: int) -> list[Row]:
    """Measure figures 11 and 12."""
    count = 0

    async def first_call() -> tuple[float, float]:
        nonlocal count
        count += 1
        return await _first_call(commands, folder / str(count))

    async def bare() -> tuple[float, float]:
        seconds, _, processor = await measured(commands.bare)
        return processor, seconds

    cpu, wall = await in_turn(runs, first_call, bare)
    return [
        _row("11a", "Processor time from spawn to the first call's first byte at the API", cpu),
        _row("11b", "Wall time of the same", wall),
        await _connections(commands, folder / "clip"),
    ]


def _row(number: str, figure: str, pairs: Pairs) -> Row:
    against = f"bare `MCPServer`, to `tools/list`: {Spread.of(pairs.second).text('ms', scale=1000)}"
    ours = Spread.of(pairs.first).text("ms", scale=1000)
    return Row(number, figure, ours, against, pairs.ratio.text(digits=2))


async def _first_call(commands: Commands, state: Path) -> tuple[float, float]:
    with api(seconds=0) as base_url:
        async with relay(base_url) as (address, first_bytes):
            begun = time.perf_counter()
            async with server(commands.ours, **_settings(address, state)) as talk:
                await talk.hello()
                await talk.ask("tools/list")
                call = asyncio.create_task(talk.call("animate_image", image=PICTURE, wait_seconds=60))
                there = await first_bytes.get()
                cpu = cpu_seconds(talk.pid)
                await call
            return cpu, there - begun


async def _connections(commands: Commands, state: Path) -> Row:
    with api(seconds=GENERATION) as base_url:
        async with (
            relay(base_url) as (address, first_bytes),
            server(commands.ours, **_settings(address, state)) as talk,
        ):
            await talk.hello("claude-code")
            await talk.call("animate_image", image=PICTURE, wait_seconds=600)
    figure = f"Connections to the API for a clip that takes {GENERATION:.0f} s"
    return Row("12", figure, str(first_bytes.qsize()), "", goal=str(FEWEST), met=first_bytes.qsize() <= FEWEST)


def _settings(base_url: str, state: Path) -> dict[str, str]:
    return {"ATLASCLOUD_BASE_URL": base_url, "ATLASCLOUD_API_KEY": KEY, "ATLASCLOUD_STATE_DIR": str(state)}
