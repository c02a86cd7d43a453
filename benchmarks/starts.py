"""Figures 1 to 4: what a server needs until it has answered `tools/list`, and how much a model reads."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from figures import MILLION, Pairs, Row, Spread, in_turn
from talk import cpu_seconds, memory, server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from installed import Commands

DEAREST = 0.10
HEAVIEST = 30 * MILLION
LONGEST_LIST = 6_500


@dataclass(frozen=True)
class Start:
    """One start of a server."""

    seconds: float
    peak: int
    cpu: float
    tools_bytes: int


async def start(command: Sequence[str], *, modern: bool = False) -> Start:
    """Start a server, list its tools, look at its memory and its processor time."""
    begun = time.perf_counter()
    async with server(command) as talk:
        await (talk.probe() if modern else talk.hello())
        await talk.ask("tools/list")
        seconds = time.perf_counter() - begun
        return Start(seconds, memory(talk.pid, "VmHWM"), cpu_seconds(talk.pid), talk.last_line)


async def measured(command: Sequence[str], *, modern: bool = False) -> tuple[float, float, float]:
    """Seconds, bytes and seconds of processor time of one start."""
    one = await start(command, modern=modern)
    return one.seconds, one.peak, one.cpu


async def rows(commands: Commands, runs: int) -> list[Row]:
    """Measure figures 1 to 4."""
    ours = partial(measured, commands.ours)
    for command in (commands.ours, commands.bare, commands.npx, commands.node):
        if command:
            await start(command)  # fills the caches of the disk, and npx's own
    seconds, peak, cpu = await in_turn(runs, ours, partial(measured, commands.bare))
    in_2026 = await in_turn(
        runs, partial(measured, commands.ours, modern=True), partial(measured, commands.bare, modern=True)
    )
    return [
        _bare_row("1a", "Processor time, spawn to answered `tools/list`", cpu, DEAREST),
        _bare_row("1b", "The same without a handshake, in 2026-07-28", in_2026[2], DEAREST),
        _bare_row("1c", "Wall time of 1a", seconds),
        await _npm_row("2a", "`npx -y atlascloud-mcp`", commands.ours, commands.npx, runs),
        await _npm_row("2b", "`node .../atlascloud-mcp`", commands.ours, commands.node, runs),
        Row(
            "3",
            "Highest resident memory until `tools/list`",
            Spread.of(peak.first).text("MB", scale=1 / MILLION, digits=1),
            f"bare `MCPServer`: {Spread.of(peak.second).text('MB', scale=1 / MILLION, digits=1)}",
            peak.ratio.text(digits=2),
            f"{HEAVIEST // MILLION} MB or less",
            max(peak.first) <= HEAVIEST,
        ),
        await _list_row(commands),
    ]


def _bare_row(number: str, figure: str, pairs: Pairs, most: float | None = None) -> Row:
    return Row(
        number,
        figure,
        Spread.of(pairs.first).text("ms", scale=1000),
        f"bare `MCPServer`: {Spread.of(pairs.second).text('ms', scale=1000)}",
        pairs.ratio.text(digits=3),
        "" if most is None else f"{most:.2f} or less",
        None if most is None else pairs.ratio.median <= most,
    )


async def _npm_row(number: str, name: str, ours: Sequence[str], other: Sequence[str] | None, runs: int) -> Row:
    figure = "Spawn to answered `tools/list`"
    goal = "below 1"
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
        seconds.ratio.median < 1,
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
