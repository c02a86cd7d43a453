from __future__ import annotations

import itertools
import math
import random

import pytest

from atlascloud_video_mcp.service.pacing import Durations


def walk(finish: float, durations: Durations) -> tuple[float, int]:
    """The lag in seconds and the polls of one generation, the first poll half a second after submission."""
    now, polls = 0.5, 1
    while now < finish:
        now += durations.pause(now, shortest=0.5)
        polls += 1
    return now - finish, polls


def taken(median: float, sigma: float, count: int, seed: int) -> list[float]:
    """How long generations took, in seconds."""
    dice = random.Random(seed)
    return [dice.lognormvariate(math.log(median), sigma) for _ in range(count)]


def against_loop(finishes: list[float], durations: Durations) -> tuple[float, float]:
    """Mean lag and polls as shares of what a loop costs that asks every two seconds."""
    walks = [walk(finish, durations) for finish in finishes]
    loop_polls = [math.ceil(finish / 2) + 1 for finish in finishes]
    loop_lag = [2 * (polls - 1) - finish for polls, finish in zip(loop_polls, finishes, strict=True)]
    return sum(lag for lag, _ in walks) / sum(loop_lag), sum(polls for _, polls in walks) / sum(loop_polls)


def test_clips_of_45_seconds_cost_no_more_polls_than_a_two_second_loop_at_0_6_of_its_lag() -> None:
    lag, polls = against_loop(taken(45, 0.35, 2000, seed=1), Durations())

    assert polls <= 1
    assert lag <= 0.6


@pytest.mark.parametrize(("median", "sigma"), [(20, 0.35), (45, 0.35), (120, 0.35), (300, 0.5)])
def test_once_they_are_known_quick_and_slow_models_cost_about_that_too(median: float, sigma: float) -> None:
    shares = []
    for seed in range(4):
        durations = Durations().learned(taken(median, sigma, 50, seed=100 + seed))
        shares.append(against_loop(taken(median, sigma, 500, seed=seed), durations))

    lag, polls = (sum(column) / len(column) for column in zip(*shares, strict=True))
    assert polls <= 1.05
    assert lag <= 0.79  # of one second


@pytest.mark.parametrize("usual", [5, 46, 184])
def test_the_fraction_goes_with_the_seconds_to_nine_tenths_at_the_usual_time_and_slower_after_it(usual: float) -> None:
    durations = Durations(median=usual)
    fractions = [durations.fraction(seconds) for seconds in range(1200)]

    assert durations.fraction(usual) == pytest.approx(0.9)
    assert durations.fraction(usual / 2) == pytest.approx(0.45, abs=0.03)
    assert all(later > earlier for earlier, later in itertools.pairwise(fractions))
    after = durations.fraction(1.5 * usual) - durations.fraction(usual)
    assert after < (durations.fraction(usual) - durations.fraction(usual / 2)) / 5
    assert fractions[-1] < 0.99


def test_a_time_that_its_answer_calls_76_of_about_184_seconds_is_told_as_two_fifths() -> None:
    assert Durations(median=184).fraction(76) == pytest.approx(76 / 184, abs=0.03)


def test_a_pause_is_never_shorter_than_asked_nor_longer_than_ten_seconds() -> None:
    for seconds in (0, 0.01, 1, 10, 50, 500, 5e4, 1e12, 1e300):
        assert 2 <= Durations().pause(seconds, shortest=2) <= 10


def test_the_pace_is_quickest_when_an_end_is_most_likely() -> None:
    durations = Durations()

    assert durations.pause(60, shortest=0.01) < durations.pause(20, shortest=0.01)
    assert durations.pause(60, shortest=0.01) < durations.pause(600, shortest=0.01)


def test_generations_that_run_faster_are_asked_after_sooner() -> None:
    assert Durations().faster(10).median == 4.6
    assert Durations().faster(10).fraction(4.6) == pytest.approx(Durations().fraction(46))


def test_before_the_start_and_beyond_the_last_digit_there_is_an_answer() -> None:
    certain = Durations(sigma=0.01, wide_share=0)

    assert certain.fraction(-1) == certain.fraction(0)
    assert certain.fraction(1e300) < 1
    assert certain.hazard(1e6) == 0
    assert certain.pause(1e6, shortest=0.5) == 10


def test_what_generations_took_of_late_is_learned() -> None:
    learned = Durations().learned(taken(120, 0.5, 500, seed=2))

    assert learned.median == pytest.approx(120, rel=0.08)
    assert learned.sigma == pytest.approx(0.5, rel=0.1)


def test_few_observations_move_the_beginning_a_little_and_nonsense_not_at_all() -> None:
    assert Durations().learned([]).median == pytest.approx(46)
    assert Durations().learned([0, -1]) == Durations().learned([])
    assert 46 < Durations().learned([200]).median < 65
    assert Durations(median=45, sigma=0.01).learned([45] * 50).sigma == 0.1
