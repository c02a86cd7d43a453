"""When to ask again, and how far along a generation probably is: both from how long generations take.

With hazard rate h(t) - the chance per second that a generation still running at t ends now - a pause p costs p/2
seconds of lag at the rate h, and one poll per p seconds. The sum is smallest at p = sqrt(2 c / h), c being the lag in
seconds that one poll is worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_STANDARD = NormalDist()
# Set so that clips of 45 seconds (sigma 0.35) cost no more polls than a two-second loop, at 0.6 of its lag.
_LAG_PER_POLL = 0.018
_LONGEST_PAUSE = 10.0
_BEGINNING = 5  # observations that the numbers below are worth
_NARROWEST = 0.1


@dataclass(frozen=True)
class Durations:
    """How long generations take: a log-normal distribution with a wider one mixed in.

    The narrow part is what clips usually take; the wide part keeps the pace sensible for a generation that is done at
    once or takes ten times as long, for which the narrow part alone would be sure of the wrong thing.
    """

    median: float = 50.0
    """Seconds."""
    sigma: float = 0.38
    """Spread of the logarithm."""
    wide_share: float = 0.1
    wide_median: float = 1.4
    """As a multiple of `median`."""
    wide_sigma: float = 0.9

    def learned(self, seconds: Sequence[float]) -> Durations:
        """The same, moved towards what generations of the same kind took of late.

        What is known to begin with counts as much as a handful of observations, so that the first few do not rule.
        """
        logs = [math.log(taken) for taken in seconds if taken > 0]
        weight = _BEGINNING + len(logs)
        centre = (_BEGINNING * math.log(self.median) + sum(logs)) / weight
        spread = _BEGINNING * self.sigma**2 + sum((log - centre) ** 2 for log in logs)
        return replace(self, median=math.exp(centre), sigma=max(_NARROWEST, math.sqrt(spread / weight)))

    def faster(self, speed: float) -> Durations:
        """The same for generations that run so many times faster."""
        return replace(self, median=self.median / speed)

    @property
    def _parts(self) -> tuple[tuple[float, float, float], ...]:
        return (
            (1 - self.wide_share, self.median, self.sigma),
            (self.wide_share, self.median * self.wide_median, self.wide_sigma),
        )

    def done_by(self, seconds: float) -> float:
        """The share of generations, 0 to 1, that are finished after so many seconds."""
        if seconds <= 0:
            return 0.0
        return sum(share * _STANDARD.cdf(math.log(seconds / median) / sigma) for share, median, sigma in self._parts)

    def hazard(self, seconds: float) -> float:
        """The rate per second at which generations still running after so many seconds (above 0) end."""
        ending = running = 0.0
        for share, median, sigma in self._parts:
            score = math.log(seconds / median) / sigma
            ending += share * _STANDARD.pdf(score) / (sigma * seconds)
            running += share * _STANDARD.cdf(-score)
        # Beyond the last digit of the arithmetic nearly all are finished: any rate will do, none divides by zero.
        return ending / running if running > 0 else 0.0

    def pause(self, seconds: float, *, shortest: float) -> float:
        """How long to wait before asking again, for a generation submitted so many seconds ago."""
        hazard = self.hazard(seconds) if seconds > 0 else math.inf
        best = math.sqrt(2 * _LAG_PER_POLL / hazard) if hazard > 0 else _LONGEST_PAUSE
        return max(shortest, min(best, _LONGEST_PAUSE))
