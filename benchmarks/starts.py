"""Figures 1 to 4: how long a server takes to answer `tools/list`, what it weighs then, and how much a model reads."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from figures import MILLION, Row, Spread, in_turn
from talk import memory, server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from installed import Commands

SLOWEST = 1.10
HEAVIEST = 1.10
LONGEST_LIST = 6_500


@dataclass(frozen=True)
class Start:
    """One start of a server."""

    seconds: float
    resident: int
    tools_bytes: int


async def start(command: Sequence[str]) -> Start:
    """Start a server, list its tools, look at its memory."""
    begun = time.perf_counter()
    async with server(command) as talk:
        await talk.hello()
        await talk.ask("tools/list")
        seconds = time.perf_counter() - begun
        return Start(seconds, memory(talk.pid), talk.last_line)


async def measured(command: Sequence[str]) -> tuple[float, float]:
    """Seconds and bytes of one start."""
    one = await start(command)
    return one.seconds, one.resident


async def rows(commands: Commands, runs: int) -> list[Row]:
    """Measure figures 1 to 4."""
    ours = partial(measured, commands.ours)
    for command in (commands.ours, commands.bare, commands.npx, commands.node):
        if command:
            await start(command)  # fills the caches of the disk, and npx's own
    seconds, resident = await in_turn(runs, ours, partial(measured, commands.bare))
    return [
        Row(
            "1",
            "Spawn to answered `tools/list`",
            Spread.of(seconds.first).text("ms", scale=1000),
            f"bare `MCPServer`: {Spread.of(seconds.second).text('ms', scale=1000)}",
            seconds.ratio.text(digits=2),
            f"{SLOWEST:.2f} or less",
            seconds.ratio.median <= SLOWEST,
        ),
        await _npm_row("2a", "`npx -y atlascloud-mcp`", commands.ours, commands.npx, runs),
        await _npm_row("2b", "`node .../atlascloud-mcp`", commands.ours, commands.node, runs),
        Row(
            "3",
            "Resident memory after `tools/list`",
            Spread.of(resident.first).text("MB", scale=1 / MILLION, digits=1),
            f"bare `MCPServer`: {Spread.of(resident.second).text('MB', scale=1 / MILLION, digits=1)}",
            resident.ratio.text(digits=2),
            f"{HEAVIEST:.2f} or less",
            resident.ratio.median <= HEAVIEST,
        ),
        await _list_row(commands),
    ]


async def _npm_row(number: str, name: str, ours: Sequence[str], other: Sequence[str] | None, runs: int) -> Row:
    figure = "Spawn to answered `tools/list`"
    goal = "below 1" if number == "2a" else "as near as Python can"
    if other is None:
        return Row(number, figure, "", f"{name}: skipped, there is no npm here", goal=goal)
    seconds = (await in_turn(runs, partial(measured, ours), partial(measured, other)))[0]
    return Row(
        number,
        figure,
        Spread.of(seconds.first).text("ms", scale=1000),
        f"{name}: {Spread.of(seconds.second).text('ms', scale=1000)}",
        seconds.ratio.text(digits=2),
        goal,
        seconds.ratio.median < 1 if number == "2a" else None,
    )


async def _list_row(commands: Commands) -> Row:
    mine = (await start(commands.ours)).tools_bytes
    against = "atlascloud-mcp: skipped, there is no npm here"
    ratio = ""
    if commands.node:
        theirs = (await start(commands.node)).tools_bytes
        against, ratio = f"atlascloud-mcp: {theirs:,}", f"{mine / theirs:.2f}"
    goal = f"{LONGEST_LIST:,} or less"
    return Row("4", "Bytes of `tools/list`", f"{mine:,}", against, ratio, goal, mine <= LONGEST_LIST)
