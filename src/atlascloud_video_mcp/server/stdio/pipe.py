"""stdin and stdout as a pipe of lines that nothing else can get into, and the loop that answers on it."""

from __future__ import annotations

import io
import os
import time
from _thread import allocate_lock
from typing import TYPE_CHECKING, NamedTuple

from atlascloud_video_mcp.server.stdio.opening import Opening, call_arrived

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue

_PATIENCE = 1.0
"""Seconds that the SDK has to come up once the client has left."""


class Line(NamedTuple):
    """One line from the client."""

    text: str
    read_at: float
    """When it was read, on the clock of `time.monotonic`."""


class Pipe:
    """The process's stdin and stdout, each on a descriptor of its own.

    What libraries print goes to stderr from here on, and what they start reads nothing of the client's.
    """

    def __init__(self) -> None:
        # utf-8-sig: PowerShell, for one, begins what it pipes with a byte order mark.
        self._input = io.open(os.dup(0), encoding="utf-8-sig", errors="replace", closefd=False)  # noqa: UP020, SIM115
        self._output = io.open(os.dup(1), "wb", buffering=0, closefd=False)  # noqa: UP020, SIM115
        self._writing = allocate_lock()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

    def read(self) -> Line | None:
        """The next line; None when the client has left."""
        text = self._input.readline()
        return Line(text, time.monotonic()) if text else None

    def write(self, text: str) -> None:
        """Write whole lines, from any thread; a client that no longer reads misses nothing."""
        rest = memoryview(text.encode())
        try:
            with self._writing:
                while rest:
                    rest = rest[self._output.write(rest) :]
        except OSError:
            return


class Handover:
    """A conversation that the SDK takes over, and all that is read of it from then on.

    Args:
        opening: What was said so far.
        pipe: Where it goes on.
        line: The first line that the SDK has to see to.
    """

    def __init__(self, opening: Opening, pipe: Pipe, line: Line) -> None:
        # Imported here, like all that a session without a call does without.
        from queue import SimpleQueue  # noqa: PLC0415
        from threading import Event, Thread  # noqa: PLC0415

        self.opening = opening
        self.pipe = pipe
        self.lines: SimpleQueue[Line | None] = SimpleQueue()
        """The lines in order; None is the end."""
        self.taken_over = Event()
        """Set when the SDK is there."""
        pipe.write(call_arrived(line.text))
        self.lines.put(line)
        Thread(target=self._read_on, daemon=True).start()

    def _read_on(self) -> None:
        while line := self.pipe.read():
            self.lines.put(line)
        self.lines.put(None)
        if not self.taken_over.wait(_PATIENCE):  # pragma: no cover - the process ends before its coverage is written
            os._exit(0)


def serve(take_over: Callable[[Handover], None]) -> None:
    """Answer on stdin and stdout until the client leaves.

    Args:
        take_over: Serves with the SDK; called at the first message that needs it.
    """
    opening, pipe = Opening(), Pipe()
    while line := pipe.read():
        answer = opening.answer(line.text)
        if answer is None:
            take_over(Handover(opening, pipe, line))
            return
        pipe.write(answer)
    pipe.write(opening.closing())
