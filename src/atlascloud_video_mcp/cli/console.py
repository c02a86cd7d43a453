"""The terminal: questions, results, and progress as a bar or as lines. Only results go to stdout, for scripts."""

from __future__ import annotations

import getpass
import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console as RichConsole

    Show = Callable[[str, float], None]
    """Shows one line of text, and the fraction that is done, from 0 to 1."""

_LIVELY = 1.0  # seconds
_CALM = 5.0  # seconds


class Console:
    """A conversation with whoever typed the command."""

    def can_ask(self) -> bool:
        """Whether somebody is there to answer."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def ask(self, question: str, *, hidden: bool = False) -> str:
        """An answer on one line; a hidden one is not echoed."""
        if hidden:
            return getpass.getpass(question).strip()
        print(question, end="", file=sys.stderr, flush=True)  # noqa: T201 - this is how a command asks
        return sys.stdin.readline().strip()

    def result(self, text: str) -> None:
        """Print what was asked for, or what was done; it may have several lines."""
        for line in text.splitlines():
            result(line)

    def warn(self, sentence: str) -> None:
        """Print what to look out for."""
        say(sentence)


def say(line: str) -> None:
    """Print a line for people, on stderr."""
    _write(sys.stderr, plain(line))


def result(line: str) -> None:
    """Print a line that a script may read, on stdout."""
    _write(sys.stdout, plain(line))


def result_json(fields: Mapping[str, Any]) -> None:
    """Print one JSON object on one line of stdout, in ASCII so that any terminal and pipe can take it."""
    _write(sys.stdout, json.dumps(fields))


def plain(text: str) -> str:
    """The text on one line, without what a terminal would obey: some of it comes from outside."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


@contextmanager
def progress(*, shown: bool) -> Iterator[tuple[Show, float]]:
    """What shows the progress, if that is wanted, and how often it wants to be called, in seconds."""
    if not shown or not sys.stderr.isatty():
        yield _lines() if shown else _nothing, _CALM
        return
    from rich.console import Console as RichConsole  # noqa: PLC0415 - only a terminal needs it

    console = RichConsole(stderr=True)
    if not console.is_interactive:  # TERM=dumb, or the environment asks for no animation
        yield _lines(), _CALM
        return
    with progress_bar(console) as show:
        yield show, _LIVELY


def _nothing(message: str, fraction: float) -> None:
    """Nobody waits for it."""


def _lines() -> Show:
    """A line for each step, unless it repeats the last one."""
    last = ""

    def show(message: str, fraction: float) -> None:
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

        def show(message: str, fraction: float) -> None:
            nonlocal farthest
            farthest = max(farthest, fraction)
            bar.update(task, completed=farthest, description=plain(message))

        yield show


def _write(stream: TextIO, line: str) -> None:
    encoding = stream.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
