"""Generations: how they go, end, fail, cost and are listed."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from atlascloud_sandbox import Account
from sandbox_kit import FAST, account, available, order, origin, poll, reason, rows, submit
from scripted_sandbox import Sandbox, Style
from scripted_sandbox.offers import MODELS

if TYPE_CHECKING:
    from atlascloud_sandbox.predictions import Prediction


def start(prompt: str = "", *, count: int = 1, **changes: Any) -> list[Prediction]:  # noqa: ANN401 - options of Account
    emulated = Account(**({"speed": 1.0, "seconds": None, "seed": 7, "balance_usd": 1e6} | changes))
    model = MODELS[FAST]
    return [emulated.submit(model, order(model=FAST, prompt=prompt), None, None, "") for _ in range(count)]


def test_a_fresh_generation_is_answered_with_its_id_and_where_to_poll() -> None:
    with account(Sandbox(seconds=3600)) as client:
        answer = client.post("/model/generateVideo", json=order()).json()
        again = client.get(answer["data"]["urls"]["get"]).json()["data"]
    data = answer["data"]
    assert (answer["code"], data["status"], data["model"]) == (200, "created", order()["model"])
    assert data["id"].startswith("sandbox-")
    assert int(data["id"].removeprefix("sandbox-"), 16) > 0
    assert abs((datetime.now(UTC) - datetime.fromisoformat(data["created_at"])).total_seconds()) < 60
    assert (again["id"], again["status"], again["outputs"]) == (data["id"], "created", [])
    assert not again.keys() & {"completed_at", "metrics", "error", "executionTime"}


def test_a_finished_generation_tells_its_clip_its_times_and_its_price() -> None:
    sandbox = Sandbox(seconds=3600)
    with account(sandbox) as client:
        prediction_id = submit(client, duration=10)
        sandbox.finish(prediction_id)
        sandbox.finish(prediction_id)
        data = poll(client, prediction_id)
        older_path = client.get(f"/model/result/{prediction_id}").json()["data"]
    assert data == older_path
    assert (data["status"], data["price"], data["has_nsfw_contents"]) == ("completed", "0.50", [False])
    assert data["outputs"] == [f"{origin(client)}/files/outputs/{prediction_id}.mp4"]
    took = datetime.fromisoformat(data["completed_at"]) - datetime.fromisoformat(data["created_at"])
    assert data["metrics"]["predict_time"] == pytest.approx(took.total_seconds(), abs=0.002)
    assert data["executionTime"] == pytest.approx(1000 * data["metrics"]["predict_time"], abs=1)


def test_a_generation_ends_by_itself_when_its_time_is_up() -> None:
    with account(Sandbox(seconds=0)) as client:
        assert poll(client, submit(client))["status"] == "completed"


def test_the_running_words_are_spread_over_the_time_of_a_generation() -> None:
    [prediction] = start(seconds=30)
    style = Style(words=("created", "queued", "processing"), done="success")
    moments = [prediction.started + seconds for seconds in (0, 9, 11, 19, 21, 29, 31)]
    words = [style.state(prediction, moment) for moment in moments]
    assert words == ["created", "created", "queued", "queued", "processing", "processing", "success"]


def test_generation_times_are_log_normal_around_45_seconds() -> None:
    times = [prediction.planned for prediction in start(count=500)]
    assert 42 < statistics.median(times) < 48
    assert 0.3 < statistics.stdev(map(math.log, times)) < 0.4


def test_the_same_seed_gives_the_same_times() -> None:
    first, second, other = ([p.planned for p in start(count=5, seed=seed)] for seed in (1, 1, 2))
    assert first == second != other


def test_speed_divides_and_slow_multiplies_the_time_of_a_generation() -> None:
    assert start(seconds=30, speed=10)[0].planned == 3
    assert start("sandbox:slow", seconds=30, speed=10)[0].planned == 30


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_speed_that_is_not_above_zero_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        Sandbox(speed=speed)


def test_a_stuck_generation_ends_only_when_it_is_finished_by_hand() -> None:
    sandbox = Sandbox(seconds=0)
    with account(sandbox) as client:
        prediction_id = submit(client, prompt="sandbox:stuck")
        assert poll(client, prediction_id)["status"] == "processing"
        sandbox.finish(prediction_id)
        assert poll(client, prediction_id)["status"] == "completed"


def test_a_refused_prompt_fails_at_the_end_and_is_paid_back() -> None:
    sandbox = Sandbox(seconds=3600)
    with account(sandbox) as client:
        prediction_id = submit(client, prompt="a cat, sandbox:fail")
        running, held = poll(client, prediction_id), available(client)
        sandbox.finish(prediction_id)
        why, back = reason(client, prediction_id), available(client)
        clip = client.get(f"{origin(client)}/files/outputs/{prediction_id}.mp4")
    assert running["status"] == "created"
    assert held == pytest.approx(99.7)
    assert (why, back) == ("Content moderation refused the prompt", 100)
    assert clip.status_code == 404


def test_running_generations_freeze_their_price_and_finished_ones_spend_it() -> None:
    sandbox = Sandbox(seconds=3600, balance_usd=10)
    with account(sandbox) as client:
        first, _ = submit(client), submit(client, duration=10)
        sandbox.finish(first)
        balance = client.get(f"{origin(client)}/public/v1/balance").json()
    amounts = {name: balance[name]["value"] for name in ("available", "cash", "bonus", "frozen")}
    assert amounts == {"available": "9.200000", "cash": "9.700000", "bonus": "0.000000", "frozen": "0.500000"}
    assert balance["available"]["currency"] == "usd"


def test_a_balance_below_the_price_is_refused_with_402() -> None:
    sandbox = Sandbox(balance_usd=0.59)
    with account(sandbox) as client:
        submit(client)
        answer = client.post("/model/generateVideo", json=order())
    assert (answer.status_code, "0.30 USD" in answer.json()["msg"]) == (402, True)
    assert len(sandbox.submissions) == 1


def test_a_forgotten_prediction_is_unknown_but_its_clip_and_what_was_paid_stay() -> None:
    sandbox = Sandbox(seconds=0, short_side=64)
    with account(sandbox) as client:
        prediction_id = submit(client)
        sandbox.forget(prediction_id)
        assert client.get(f"/model/prediction/{prediction_id}").status_code == 404
        assert client.get(f"{origin(client)}/files/outputs/{prediction_id}.mp4").status_code == 200
        assert rows(client) == []
        assert available(client) == pytest.approx(99.7)
    assert len(sandbox.submissions) == 1


def test_a_clip_can_be_gone_while_its_record_stays() -> None:
    sandbox = Sandbox(seconds=0)
    with account(sandbox) as client:
        prediction_id = submit(client)
        sandbox.delete_clip(prediction_id)
        [video] = poll(client, prediction_id)["outputs"]
        assert client.get(video).status_code == 404


def test_an_id_that_was_never_given_out_is_unknown() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        answer = client.get("/model/prediction/sandbox-0")
    assert (answer.status_code, answer.json()["msg"]) == (404, "Prediction not found")
    for command in (sandbox.finish, sandbox.forget, sandbox.delete_clip):
        with pytest.raises(KeyError):
            command("sandbox-0")
