"""What a person sees while a command runs: a bar in a terminal, else a line a step; always on stderr."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from atlascloud_video_mcp.server.progress import Reporter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from rich.console import Console

    Show = Callable[[str, float], Awaitable[None]]
    """Shows one line of text, and a fraction of the whole from 0 to 1."""


_LIVELY = 1.0  # seconds


def say(line: str) -> None:
    """Tell a person something."""
    _write(sys.stderr, plain(line))


def result(line: str) -> None:
    """Hand over what a script wants."""
    _write(sys.stdout, plain(line))


def result_json(fields: Mapping[str, Any]) -> None:
    """Hand over everything as one JSON object on one line, in ASCII so that any terminal and pipe can take it."""
    _write(sys.stdout, json.dumps(fields))


def plain(text: str) -> str:
    """The text on one line, without what a terminal would obey: some of it comes from outside."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


@contextmanager
def progress(*, shown: bool) -> Iterator[Reporter]:
    """What tells the progress, if that is wanted, at the rhythm that suits the terminal."""
    if not shown:
        yield Reporter()
        return
    if not sys.stderr.isatty():
        yield Reporter(_lines())
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it

    console = Console(stderr=True)
    if not console.is_interactive:  # TERM=dumb, or the environment asks for no animation
        yield Reporter(_lines())
        return
    with _bar(console) as show:
        yield Reporter(show, heartbeat=_LIVELY)


def _lines() -> Show:
    """A line for each step, but for one that says what the last one said."""
    last = ""

    async def show(message: str, fraction: float) -> None:
        nonlocal last
        line = f"{fraction:4.0%} {message}"
        if line != last:
            say(line)
        last = line

    return show


@contextmanager
def _bar(console: Console) -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # noqa: PLC0415

    # What the API says stands in the text: it is no markup.
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Starting", total=1.0)
        farthest = 0.0

        async def show(message: str, fraction: float) -> None:
            nonlocal farthest
            farthest = max(farthest, fraction)
            bar.update(task, completed=farthest, description=plain(message))

        yield show


def _write(stream: TextIO, line: str) -> None:
    encoding = stream.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
