"""How the program ends."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ends, for scripts."""

    DONE = 0
    """What was asked for is there."""
    FAILED = 1
    """It was refused, or the generation failed, or the clip could not be saved."""
    USAGE = 2
    """The command line or a setting makes no sense, the key among them; nothing was begun."""
    UNFINISHED = 3
    """The clip is not finished yet; `get` goes on from there."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it: 128 and the signal's number."""
