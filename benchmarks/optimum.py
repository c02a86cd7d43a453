"""What could be had at best: the plan of polls that costs the least lag, for whoever knows the true distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

MEDIAN, SIGMA = 45.0, 0.35
_STEP = 0.1  # seconds between the moments at which a poll may be planned
_HORIZON = MEDIAN * math.exp(5 * SIGMA)
_LONGEST = 300  # steps between two polls
_CLOSE_ENOUGH = 0.02  # polls
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Plan:
    """What a plan costs on average: seconds of lag, and polls."""

    lag: float
    polls: float


class Optimum:
    """Log-normal durations on a grid: the share finished by each moment, and the mean of what had finished by then."""

    def __init__(self) -> None:
        self._moments = [_STEP * index for index in range(round(_HORIZON / _STEP) + 1)]
        scores = [-math.inf, *(math.log(moment / MEDIAN) / SIGMA for moment in self._moments[1:])]
        mean = MEDIAN * math.exp(SIGMA**2 / 2)
        self._finished = [0.0, *(_NORMAL.cdf(score) for score in scores[1:])]
        self._sums = [0.0, *(mean * _NORMAL.cdf(score - SIGMA) for score in scores[1:])]

    def with_polls(self, polls: float) -> Plan:
        """The least lag that can be had for so many polls on average."""
        cheap, dear = 1e-4, 10.0  # seconds of lag that a poll may cost
        while True:
            price = math.sqrt(cheap * dear)
            plan = self.at_price(price)
            if abs(plan.polls - polls) < _CLOSE_ENOUGH or dear / cheap < 1 + 1e-6:
                return plan
            cheap, dear = (price, dear) if plan.polls > polls else (cheap, price)

    def at_price(self, price: float) -> Plan:
        """The best plan where one poll is worth so many seconds of lag, found from its end backwards."""
        last = len(self._moments) - 1
        cost, following = [0.0] * (last + 1), [last] * (last + 1)
        for here in range(last - 1, -1, -1):
            choices = range(here + 1, min(here + _LONGEST, last) + 1)
            cost[here], following[here] = min((self._lag(here, there) + cost[there], there) for there in choices)
            cost[here] += price * (1 - self._finished[here])
        return self._walked(following)

    def _lag(self, here: int, there: int) -> float:
        """The lag, over all generations, of those that end between two polls."""
        ended = self._finished[there] - self._finished[here]
        return self._moments[there] * ended - (self._sums[there] - self._sums[here])

    def _walked(self, following: list[int]) -> Plan:
        here, lag, polls = 0, 0.0, 0.0
        while here < len(following) - 1:
            there = following[here]
            lag += self._lag(here, there)
            polls += 1 - self._finished[here]
            here = there
        return Plan(lag, polls)
