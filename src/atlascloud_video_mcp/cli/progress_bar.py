"""How far a command has come, on stderr: a bar in a terminal, else a line a step."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cli.console import plain, say
from atlascloud_video_mcp.server.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from rich.console import Console as RichConsole

    Show = Callable[[str, float], Awaitable[None]]
    """Shows one line of text, and the fraction that is done, from 0 to 1."""

_LIVELY = 1.0  # seconds


@contextmanager
def progress(*, shown: bool) -> Iterator[Reporter]:
    """What tells the progress, if that is wanted, at the rhythm that suits the terminal."""
    if not shown:
        yield Reporter()
        return
    if not sys.stderr.isatty():
        yield Reporter(_lines())
        return
    from rich.console import Console as RichConsole  # noqa: PLC0415 - only a terminal needs it

    console = RichConsole(stderr=True)
    if not console.is_interactive:  # TERM=dumb, or the environment asks for no animation
        yield Reporter(_lines())
        return
    with progress_bar(console) as show:
        yield Reporter(show, heartbeat=_LIVELY)


def _lines() -> Show:
    """A line for each step, unless it repeats the last one."""
    last = ""

    async def show(message: str, fraction: float) -> None:
        nonlocal last
        line = f"{fraction:4.0%} {message}"
        if line != last:
            say(line)
        last = line

    return show


@contextmanager
def progress_bar(console: RichConsole) -> Iterator[Show]:
    """A bar that never moves back, with the text of the last step."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # noqa: PLC0415

    # The API's own words are part of the text: it is not markup.
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Starting", total=1.0)
        farthest = 0.0

        async def show(message: str, fraction: float) -> None:
            nonlocal farthest
            farthest = max(farthest, fraction)
            bar.update(task, completed=farthest, description=plain(message))

        yield show
