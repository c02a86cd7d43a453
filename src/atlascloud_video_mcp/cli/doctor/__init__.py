"""Finds what is wrong with this installation, and what to do about it; no check costs anything.

checkup       the command and its list of checks      target  the server that is checked, and clients' entries
local         this computer: Python, settings, disk   start   the server, started as a desktop program would
connectivity  the network, the API, the account       remote  a team's servers, behind their proxy
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, but somebody should know."""
    FAIL = "fail"
    SKIP = "skip"
    """It could not be checked, because of something else."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    state: State
    name: str
    said: str
    fix: str = ""
    """What to do; empty when there is nothing to do."""


ok, warn, fail, skip = (partial(Finding, state) for state in State)
