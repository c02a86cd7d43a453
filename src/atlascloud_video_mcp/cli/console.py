"""The terminal: questions, results, and progress as a bar or as lines. Only results go to stdout, for scripts."""

from __future__ import annotations

import getpass
import json
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping


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


def _write(stream: TextIO, line: str) -> None:
    encoding = stream.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
