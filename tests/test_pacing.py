from __future__ import annotations

import itertools
import math
import random

import pytest

from atlascloud_video_mcp.pacing import Durations


def walk(finish: float, durations: Durations) -> tuple[float, int]:
    """The lag in seconds and the polls of one generation, the first poll half a second after submission."""
    now, polls = 0.5, 1
    while now < finish:
        now += durations.pause(now, shortest=0.5)
        polls += 1
    return now - finish, polls


def test_clips_of_45_seconds_cost_no_more_polls_than_a_two_second_loop_at_0_6_of_its_lag() -> None:
    dice = random.Random(1)
    finishes = [45 * math.exp(0.35 * dice.gauss(0, 1)) for _ in range(2000)]

    walks = [walk(finish, Durations()) for finish in finishes]
    loop_polls = [math.ceil(finish / 2) + 1 for finish in finishes]
    loop_lag = [2 * (polls - 1) - finish for polls, finish in zip(loop_polls, finishes, strict=True)]

    assert sum(polls for _, polls in walks) <= sum(loop_polls)
    assert sum(lag for lag, _ in walks) <= 0.61 * sum(loop_lag)


def test_the_share_done_rises_from_nothing_towards_all_and_passes_the_middle_near_the_median() -> None:
    shares = [Durations().done_by(seconds) for seconds in range(1200)]

    assert shares[0] == 0
    assert all(later > earlier for earlier, later in itertools.pairwise(shares))
    assert shares[-1] < 1
    assert Durations().done_by(50) == pytest.approx(0.5, abs=0.03)


def test_a_pause_is_never_shorter_than_asked_nor_longer_than_ten_seconds() -> None:
    for seconds in (0, 0.01, 1, 10, 50, 500, 5e4, 1e12, 1e300):
        assert 2 <= Durations().pause(seconds, shortest=2) <= 10


def test_the_pace_is_quickest_when_an_end_is_most_likely() -> None:
    durations = Durations()

    assert durations.pause(60, shortest=0.01) < durations.pause(20, shortest=0.01)
    assert durations.pause(60, shortest=0.01) < durations.pause(600, shortest=0.01)


def test_generations_that_run_faster_are_asked_after_sooner() -> None:
    assert Durations().faster(10).median == 5
    assert Durations().faster(10).done_by(5) == pytest.approx(Durations().done_by(50))


def test_before_the_start_and_beyond_the_last_digit_there_is_an_answer() -> None:
    certain = Durations(sigma=0.01, wide_share=0)

    assert certain.done_by(-1) == 0
    assert certain.hazard(1e6) == 0
    assert certain.pause(1e6, shortest=0.5) == 10


def test_what_generations_took_of_late_is_learned() -> None:
    dice = random.Random(2)
    taken = [120 * math.exp(0.5 * dice.gauss(0, 1)) for _ in range(500)]

    learned = Durations().learned(taken)

    assert learned.median == pytest.approx(120, rel=0.08)
    assert learned.sigma == pytest.approx(0.5, rel=0.1)


def test_few_observations_move_the_beginning_a_little_and_nonsense_not_at_all() -> None:
    assert Durations().learned([]).median == pytest.approx(50)
    assert Durations().learned([0, -1]) == Durations().learned([])
    assert 50 < Durations().learned([200]).median < 70
    assert Durations(median=45, sigma=0.01).learned([45] * 50).sigma == 0.1
