"""The person who runs a command: what they are asked, told and warned of."""

from __future__ import annotations

import getpass
import sys
from typing import Protocol


class Person(Protocol):
    """Whoever runs the command."""

    def can_answer(self) -> bool:
        """Whether anybody sits there to be asked."""

    def asked(self, question: str, *, hidden: bool = False) -> str:
        """An answer on one line; a hidden one is not echoed."""

    def told(self, text: str) -> None:
        """Hear what was asked for, or done."""

    def warned(self, sentence: str) -> None:
        """Hear what to look out for."""


class Terminal:
    """The person at the terminal: questions and warnings go to stderr, so that what stdout gets can be kept."""

    def can_answer(self) -> bool:
        """Whether anybody sits there to be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def asked(self, question: str, *, hidden: bool = False) -> str:
        """An answer on one line; a hidden one is not echoed."""
        if hidden:
            return getpass.getpass(question).strip()
        print(question, end="", file=sys.stderr, flush=True)  # noqa: T201 - this is how a command asks
        return sys.stdin.readline().strip()

    def told(self, text: str) -> None:
        """Hear what was asked for, or done."""
        print(text)  # noqa: T201 - this is how a command reports

    def warned(self, sentence: str) -> None:
        """Hear what to look out for."""
        print(sentence, file=sys.stderr)  # noqa: T201 - this is how a command warns
