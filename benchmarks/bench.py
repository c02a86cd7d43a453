"""`make bench`: twelve figures, most a ratio of two things measured in turn. Prints them, writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

import asking
import connections
import growth
import report
import starts
import waiting
import working
from installed import find_commands

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from figures import Row
    from installed import Commands
    from simulated import Wait

ROOT = Path(__file__).parent.parent
ENOUGH = 7
PICTURE = ROOT / "tests" / "photos" / "rocket.jpg"


def main() -> int:
    """Measure what is asked for; returns the exit status."""
    options = _options()
    begun, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        commands = find_commands(Path(directory) / "npm")
        rows = anyio.run(partial(_measure, commands, Path(directory), options))
    minutes = (time.monotonic() - begun) / 60
    text = f"{report.circumstances(commands, options.runs, load, minutes)}\n\n{report.table(rows)}"
    print(text)
    if not options.only and options.runs >= ENOUGH:
        report.write(ROOT / "docs" / "benchmarks.md", text)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=ENOUGH, help="measurements of each candidate; below 7 nothing is written"
    )
    parser.add_argument("--only", type=int, action="append", help="a figure, 1 to 12; then nothing is written")
    return parser.parse_args()


async def _measure(commands: Commands, folder: Path, options: argparse.Namespace) -> list[Row]:
    runs = options.runs
    groups: list[tuple[Sequence[int], Callable[[], Awaitable[list[Row]]]]] = [
        ((1, 2, 3, 4), lambda: starts.rows(commands, runs)),
        ((5, 6), lambda: _waits(commands, folder / "waits")),
        ((7,), lambda: working.animate_rows(commands, folder / "animate", runs)),
        ((8,), lambda: working.crowd_rows(commands, folder / "crowd", runs)),
        ((9,), lambda: working.upload_rows(commands, folder / "upload", runs)),
        ((10,), lambda: growth.rows(commands, folder / "growth", runs)),
        ((11, 12), lambda: connections.rows(commands, folder / "connections", runs)),
    ]
    rows: list[Row] = []
    for numbers, measure in groups:
        if not options.only or set(numbers) & set(options.only):
            begun = time.monotonic()
            rows += await measure()
            print(f"figures {numbers}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return rows


async def _waits(commands: Commands, folder: Path) -> list[Row]:
    """Figures 5 and 6 at the same time: both wait for generations in real time, and neither is about speed."""
    mine: list[asking.Cost] = []
    other: list[asking.Cost] = []
    real: list[Wait] = []

    async def ours() -> None:
        mine.append(await asking.ours(commands, PICTURE, folder / "asking"))

    async def theirs() -> None:
        if commands.node:
            other.append(await asking.theirs(commands.node, PICTURE))

    async def waits() -> None:
        real.extend(await waiting.in_real_time(commands, folder / "waiting"))

    async with anyio.create_task_group() as tasks:
        for work in (ours, theirs, waits):
            tasks.start_soon(work)
    simulated = await anyio.to_thread.run_sync(waiting.simulate)
    return [*asking.rows(mine[0], other[0] if other else None), *waiting.rows(simulated, real)]


if __name__ == "__main__":
    sys.exit(main())
