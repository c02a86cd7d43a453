"""The end of the server, as the calls that are under way see it."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 8.0
"""Seconds; with what closing takes, it is less than the ten after which managers of processes lose theirs."""


class Stopping:
    """Tells all calls that the server stops.

    Args:
        patience: How long a call may go on that has no prediction to tell of, seconds.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self.begun = anyio.Event()
        self.deadline = math.inf
        """By when every call is to have answered, on the clock of `anyio.current_time`."""
        self._patience = patience
        self._calls: set[Callable[[], None]] = set()

    def begin(self) -> None:
        """Let every call come to its end; the second time changes nothing."""
        if self.begun.is_set():
            return
        self.deadline = anyio.current_time() + self._patience
        self.begun.set()
        for hurry in tuple(self._calls):
            hurry()

    @contextmanager
    def telling(self, hurry: Callable[[], None]) -> Iterator[None]:
        """Have a call told, by a function of its own, once the server stops."""
        self._calls.add(hurry)
        try:
            yield
        finally:
            self._calls.discard(hurry)
