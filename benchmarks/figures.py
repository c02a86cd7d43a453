"""Figures and how they are taken: two candidates in turn, the ratio pair by pair, the spread beside the middle."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

MILLION = 1_000_000


@dataclass(frozen=True)
class Spread:
    """The middle of several measurements and how far they lie apart."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of values."""
        return cls(statistics.median(values), min(values), max(values))

    def text(self, unit: str = "", *, scale: float = 1.0, digits: int = 0) -> str:
        """Write it as "median unit (lowest to highest)", each multiplied by the scale."""
        median, lowest, highest = (f"{value * scale:.{digits}f}" for value in (self.median, self.lowest, self.highest))
        return f"{median}{unit and ' '}{unit} ({lowest} to {highest})"


@dataclass(frozen=True)
class Row:
    """One row of the table; `met` is None where there is no goal or it could not be measured."""

    number: str
    figure: str
    ours: str
    against: str
    ratio: str = ""
    goal: str = ""
    met: bool | None = None

    def cells(self) -> list[str]:
        """The row as Markdown cells."""
        verdict = {True: "yes", False: "**no**", None: ""}[self.met]
        return [self.number, self.figure, self.ours, self.against, self.ratio, self.goal, verdict]


@dataclass
class Pairs:
    """Measurements of two candidates that were taken in turn."""

    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> Spread:
        """The first over the second, pair by pair: what slows the machine for a while slows both."""
        return Spread.of([one / other for one, other in zip(self.first, self.second, strict=True)])


async def in_turn(
    runs: int, first: Callable[[], Awaitable[Sequence[float]]], second: Callable[[], Awaitable[Sequence[float]]]
) -> list[Pairs]:
    """Measure two candidates in turn, the other one first each time; one Pairs for each value a measurement gives."""
    ones: list[Sequence[float]] = []
    others: list[Sequence[float]] = []
    for run in range(runs):
        for candidate, results in ((first, ones), (second, others))[:: 1 if run % 2 else -1]:
            results.append(await candidate())
    return [
        Pairs(list(values), list(against))
        for values, against in zip(zip(*ones, strict=True), zip(*others, strict=True), strict=True)
    ]
