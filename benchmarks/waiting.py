"""Figure 6: how late the answer comes and how many polls it costs, simulated and in real time."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import anyio

from atlascloud_sandbox import Account, Sandbox
from figures import Row, Spread
from optimum import MEDIAN, SIGMA, Optimum, Plan
from simulated import PICTURE, Wait, wait_for
from talk import server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    from installed import Commands

SIMULATED, REAL = 200, 60
LOOP, LAZY_LOOP = 2.0, 3.0  # seconds; the two examples on the model's page
SHARE = 0.6
KEY = "benchmark"


def durations(count: int, seed: int) -> list[float]:
    """Seconds that generations take."""
    dice = random.Random(seed)
    return [dice.lognormvariate(math.log(MEDIAN), SIGMA) for _ in range(count)]


def looped(took: float, pause: float) -> Wait:
    """What a loop does that looks at once and then after every pause."""
    looks = math.ceil(took / pause)
    return Wait(took, looks * pause - took, looks + 1)


async def in_real_time(commands: Commands, state: Path) -> list[Wait]:
    """Wait for generations of the sandbox, all at once, through one server."""
    polls: Counter[str] = Counter()

    def counting(app: ASGIApp) -> ASGIApp:
        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            polls[scope["path"].rpartition("/")[2]] += 1
            await app(scope, receive, send)

        return counted

    with Sandbox(Account(seed=6, balance_usd=1e6), short_side=96, middleware=counting).running() as base_url:
        variables = {"ATLASCLOUD_API_KEY": KEY, "ATLASCLOUD_BASE_URL": base_url, "ATLASCLOUD_STATE_DIR": str(state)}
        async with server(commands.ours, **variables) as talk:
            await talk.hello()
            answered: dict[str, tuple[float, float]] = {}

            async def one(number: int) -> None:
                arguments = {"image": PICTURE, "prompt": f"clip {number}", "wait_seconds": 600}
                facts = (await talk.call("animate_image", **arguments))["structuredContent"]
                now = time.time()
                begun, ended = (datetime.fromisoformat(facts[name]) for name in ("created_at", "completed_at"))
                answered[facts["prediction_id"]] = (ended - begun).total_seconds(), now - ended.timestamp()

            async with anyio.create_task_group() as tasks:
                for number in range(REAL):
                    tasks.start_soon(one, number)
        return [Wait(took, lag, polls[number]) for number, (took, lag) in answered.items()]


@dataclass(frozen=True)
class Simulated:
    """Waits on the simulated clock: all at once and one after another, and the best plan for as many polls."""

    fresh: list[Wait]
    learning: list[Wait]
    best: Plan


def simulate() -> Simulated:
    """Wait for the generations on a clock that jumps; takes some seconds of work."""
    took = durations(SIMULATED, seed=6)
    fresh = wait_for(took, at_once=True)
    return Simulated(fresh, wait_for(took, at_once=False), Optimum().with_polls(_polls(fresh)))


def rows(simulated: Simulated, real: Sequence[Wait]) -> list[Row]:
    """Write all rows of figure 6."""
    fresh, best = simulated.fresh, simulated.best
    lazy = [looped(wait.took, LAZY_LOOP) for wait in fresh]
    goal = f"{SHARE} or less, no more polls"
    return [
        _against_loop("6a", f"Lag and polls, {SIMULATED} generations on a simulated clock", fresh, goal),
        _against_loop("6b", "The same, one after another, learning from each", simulated.learning, goal),
        Row(
            "6c",
            "6a against the other loop of the page",
            _shown(fresh),
            f"a look every {LAZY_LOOP:.0f} s: {_shown(lazy)}",
            f"{_lag(fresh) / _lag(lazy):.2f}, polls {_polls(fresh) / _polls(lazy):.2f}",
        ),
        Row(
            "6d",
            "6a against the least lag for as many polls, by the true distribution",
            _shown(fresh),
            f"{best.lag:.2f} s, {best.polls:.1f} polls",
            f"{_lag(fresh) / best.lag:.2f}",
            "near 1",
        ),
        _against_loop("6e", f"Lag and polls, {REAL} generations in real time", real, goal),
    ]


def _against_loop(number: str, figure: str, waits: Sequence[Wait], goal: str) -> Row:
    loop = [looped(wait.took, LOOP) for wait in waits]
    lag, polls = _lag(waits) / _lag(loop), _polls(waits) / _polls(loop)
    against = f"a look every {LOOP:.0f} s: {_shown(loop)}"
    met = lag <= SHARE and polls <= 1
    return Row(number, figure, _shown(waits), against, f"{lag:.2f}, polls {polls:.2f}", goal, met)


def _lag(waits: Sequence[Wait]) -> float:
    return statistics.mean(wait.lag for wait in waits)


def _polls(waits: Sequence[Wait]) -> float:
    return statistics.mean(wait.polls for wait in waits)


def _shown(waits: Sequence[Wait]) -> str:
    lags = Spread.of([wait.lag for wait in waits])
    return f"{_lag(waits):.2f} s on average ({lags.lowest:.2f} to {lags.highest:.2f}), {_polls(waits):.1f} polls"
