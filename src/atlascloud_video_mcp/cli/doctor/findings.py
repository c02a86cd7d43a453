"""What a check says, and how long it may take to say it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, but somebody should know."""
    FAIL = "fail"
    SKIP = "skip"
    """It cannot be known, because of something that another check names."""


@dataclass(frozen=True)
class Finding:
    """One line of the answer."""

    name: str
    state: State
    said: str
    fix: str = ""
    """What to do; empty when there is nothing to do."""


@dataclass(frozen=True)
class Check:
    """Something to look at. It may find several things, and what it raises is a fault of ours."""

    name: str
    look: Callable[[], Awaitable[Sequence[Finding]]]
    seconds: float = 15.0
    """The longest it may take."""

    async def findings(self) -> Sequence[Finding]:
        """What it finds, in any case."""
        try:
            with anyio.fail_after(self.seconds):
                return await self.look()
        except TimeoutError:
            said = f"there was no end to it within {self.seconds:.0f} seconds"
            return [Finding(self.name, State.FAIL, said, "Run this again; if it stays like that, report it.")]
        except Exception as error:  # noqa: BLE001 - a check that breaks must not hide what the others find
            said = f"the check itself broke ({type(error).__name__})"
            return [Finding(self.name, State.FAIL, said, "Please report this.")]


def ok(name: str, said: str) -> Finding:
    """All is well."""
    return Finding(name, State.OK, said)


def warn(name: str, said: str, fix: str) -> Finding:
    """It works, but somebody should know."""
    return Finding(name, State.WARN, said, fix)


def fail(name: str, said: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(name, State.FAIL, said, fix)


def skip(name: str, said: str) -> Finding:
    """It cannot be known."""
    return Finding(name, State.SKIP, said)
