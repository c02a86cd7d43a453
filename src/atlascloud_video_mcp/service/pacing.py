"""When to ask again, and how far along a generation probably is: both from how long generations take.

With hazard rate h(t) - the chance per second that a generation still running at t ends now - a pause p costs p/2
seconds of lag at the rate h, and one poll per p seconds. For a given number of polls the lag is smallest where p goes
by the root of 1 / h. The number is that of a loop that asks every two seconds, be it clips of ten seconds or of ten
minutes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_STANDARD = NormalDist()
# Planned polls for each second of a usual generation, and on top: a few more than a two-second loop makes, since those
# planned for generations that take unusually long are seldom needed.
_POLLS_A_SECOND, _POLLS_ON_TOP = 0.51, 3.0
_SLICES, _REACH = 40, 3.5  # of the integral, and how far it goes in both directions on the scale of logarithms
_LONGEST_PAUSE = 10.0
_SUBMITTED, _AT_THE_USUAL_TIME, _NEVER = 0.05, 0.9, 0.95  # how much of the whole is done
_BEGINNING = 5  # observations that the numbers below are worth
_NARROWEST = 0.1


@dataclass(frozen=True)
class Durations:
    """How long generations take: a log-normal distribution with a wider one mixed in.

    The narrow part is what clips usually take; the wide part keeps the pace sensible for a generation that is done at
    once or takes ten times as long, for which the narrow part alone would be sure of the wrong thing.
    """

    median: float = 46.0
    """Seconds."""
    sigma: float = 0.36
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

    def fraction(self, seconds: float) -> float:
        """How much of a generation, 0 to 1, is told to be done after so many seconds.

        It goes with the seconds, so that both say the same: nine tenths at the usual time, and slower after it.
        """
        if seconds <= self.median:
            return _SUBMITTED + (_AT_THE_USUAL_TIME - _SUBMITTED) * max(seconds, 0) / self.median
        return _AT_THE_USUAL_TIME + (_NEVER - _AT_THE_USUAL_TIME) * (1 - self.median / seconds)

    def hazard(self, seconds: float) -> float:
        """The rate per second at which generations still running after so many seconds (above 0) end."""
        ending, running = self._flow(seconds)
        # Beyond the last digit of the arithmetic nearly all are finished: any rate will do, none divides by zero.
        return ending / running if running > 0 else 0.0

    def _flow(self, seconds: float) -> tuple[float, float]:
        """The share of generations that ends per second at this age, and the share that is still running."""
        ending = running = 0.0
        for share, median, sigma in self._parts:
            score = math.log(seconds / median) / sigma
            ending += share * _STANDARD.pdf(score) / (sigma * seconds)
            running += share * _STANDARD.cdf(-score)
        return ending, running

    @cached_property
    def _pace(self) -> float:
        """The pause at the rate of one end per second: with it polls and their planned number come out even.

        Pauses of pace / sqrt(h) cost, on average, the integral of running * sqrt(h) / pace in polls.
        """
        width = 2 * _REACH / _SLICES
        ages = (self.median * math.exp((index + 0.5) * width - _REACH) for index in range(_SLICES))
        polls = sum(math.sqrt(math.prod(self._flow(age))) * age * width for age in ages)
        usual = self.median * math.exp(self.sigma**2 / 2)
        return polls / (_POLLS_A_SECOND * usual + _POLLS_ON_TOP)

    def pause(self, seconds: float, *, shortest: float) -> float:
        """How long to wait before asking again, for a generation submitted so many seconds ago."""
        now = self._best_pause(seconds)
        # In a long pause the hazard rises a good deal: half-way through it another pause would be best.
        return max(shortest, (now + self._best_pause(seconds + now / 2)) / 2)

    def _best_pause(self, seconds: float) -> float:
        hazard = self.hazard(seconds) if seconds > 0 else math.inf
        return min(self._pace / math.sqrt(hazard), _LONGEST_PAUSE) if hazard > 0 else _LONGEST_PAUSE
