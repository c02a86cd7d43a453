"""The history: what it lists, in what form, how late, and by whose clock."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sandbox_kit import FAST, PRO, account, order, poll, rows, submit, wait_until
from scripted_sandbox import Fault, Sandbox, Style

if TYPE_CHECKING:
    import httpx


def listed(client: httpx.Client, **query: str) -> list[str]:
    """Give the ids in the history."""
    return [row["ID"] for row in rows(client, **query)]


def test_history_lists_predictions_newest_first_in_pages() -> None:
    sandbox = Sandbox(seconds=3600)
    with account(sandbox) as client:
        ids = [submit(client, prompt=str(number)) for number in range(5)]
        sandbox.finish(ids[0])
        pages = [client.get("/model/history", params={"no": no, "size": 2}).json()["data"] for no in (1, 2, 3, 4)]
    ids_by_page = [[item["ID"] for item in page["items"] or []] for page in pages]
    assert ids_by_page == [ids[:2:-1], ids[2:0:-1], ids[:1], []]
    assert [(page["pageNo"], page["pageSize"], page["total"]) for page in pages] == [(n, 2, 5) for n in (1, 2, 3, 4)]
    oldest = pages[2]["items"][0]
    assert (oldest["model"], oldest["status"], oldest["result"]["status"]) == (
        order()["model"],
        "completed",
        "completed",
    )
    assert json.loads(oldest["requestBody"]) == order(prompt="0")
    assert re.fullmatch(r"\d{10}", oldest["createdAt"])
    assert abs(int(oldest["createdAt"]) - time.time()) < 60


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"status": "completed"}, 1),
        ({"status": "processing"}, 0),
        ({"model": FAST}, 1),
        ({"model": FAST, "status": "completed"}, 0),
        ({"model": "", "status": ""}, 3),
        ({"page": "9", "pageSize": "1", "sort": "model"}, 3),
        ({"state": "succeeded"}, 1),
        ({"state": "running"}, 2),
        ({"state": "failed"}, 0),
        ({"state": "completed"}, 0),
        ({"state": ""}, 3),
        ({"state": "running", "status": "completed"}, 0),
        ({"modelPrefix": "minimax/"}, 3),
        ({"modelPrefix": FAST}, 1),
        ({"modelPrefix": "other/"}, 0),
        ({"modelPrefix": FAST, "state": "succeeded"}, 0),
        ({"no": "x", "size": "-1"}, 3),
        ({"no": "0", "size": "0"}, 1),
        ({"no": "9" * 5000}, 0),
    ],
)
def test_history_filters_by_its_own_parameters_and_ignores_what_it_does_not_know(
    query: dict[str, str], count: int
) -> None:
    sandbox = Sandbox(seconds=3600)
    with account(sandbox) as client:
        submit(client)
        submit(client, model=FAST)
        sandbox.finish(submit(client))
        assert len(rows(client, **query)) == count


def test_a_page_has_at_most_50_rows_and_its_code_is_text() -> None:
    with account(Sandbox(seconds=0, balance_usd=1000)) as client:
        for _ in range(51):
            submit(client)
        answer = client.get("/model/history", params={"size": 100}).json()
    assert (answer["code"], len(answer["data"]["items"]), answer["data"]["total"]) == ("200", 50, 51)


def test_the_total_can_be_text() -> None:
    with account(Sandbox(style=Style(total_as_text=True))) as client:
        submit(client)
        assert client.get("/model/history").json()["data"]["total"] == "1"


@pytest.mark.parametrize(("style", "word"), [(Style(), "completed"), (Style(done="success"), "success")])
def test_states_are_the_same_whatever_the_status_words_are(style: Style, word: str) -> None:
    with account(Sandbox(seconds=0, style=style)) as client:
        good, bad, stuck = (submit(client, prompt=prompt) for prompt in ("", "sandbox:fail", "sandbox:stuck"))
        states = [listed(client, state=state) for state in ("succeeded", "failed", "running")]
        assert (states, listed(client, status=word)) == ([[good], [bad], [stuck]], [good])


def test_the_request_body_is_kept_to_the_letter() -> None:
    text = json.dumps(order(prompt="caf\u00e9 \u2600"), ensure_ascii=False, indent=3, sort_keys=True) + "\n"
    with account(Sandbox()) as client:
        assert client.post("/model/generateVideo", content=text.encode()).status_code == 200
        [item] = rows(client)
    assert item["requestBody"] == text


@pytest.mark.parametrize("status", [404, 500])
def test_a_history_can_be_absent_altogether(status: int) -> None:
    with account(Sandbox(faults=[Fault(endpoint="history", action="status", status=status, times=99)])) as client:
        submit(client)
        assert [client.get("/model/history").status_code for _ in range(3)] == [status] * 3


def test_a_lagging_history_shows_a_generation_late() -> None:
    with account(Sandbox(history_lag=0.15)) as client:
        started = time.monotonic()
        prediction_id = submit(client)
        assert poll(client, prediction_id)["id"] == prediction_id
        wait_until(lambda: listed(client) == [prediction_id])
    assert time.monotonic() - started >= 0.15


def test_a_lag_without_end_is_ended_by_hand() -> None:
    sandbox = Sandbox(history_lag=math.inf)
    with account(sandbox) as client:
        first = submit(client)
        answer = client.get("/model/history").json()["data"]
        sandbox.show_history()
        assert (answer["items"], answer["total"], listed(client)) == (None, 0, [first])
        second = submit(client)
        assert listed(client) == [second, first]


def test_the_lag_can_be_ended_from_another_thread() -> None:
    sandbox = Sandbox(history_lag=math.inf)
    with account(sandbox) as client, ThreadPoolExecutor(1) as pool:
        prediction_id = submit(client)
        pool.submit(sandbox.show_history)
        wait_until(lambda: listed(client) == [prediction_id])


@pytest.mark.parametrize("lag", [-1, math.nan])
def test_a_lag_below_zero_is_refused(lag: float) -> None:
    with pytest.raises(ValueError, match="lag of the history must be 0 or more"):
        Sandbox(history_lag=lag)


@pytest.mark.parametrize("skew", [-7200.0, 0.0, 300.0])
def test_every_timestamp_goes_by_the_clock_of_the_account(skew: float) -> None:
    with account(Sandbox(seconds=0, clock_skew=skew)) as client:
        submitted = client.post("/model/generateVideo", json=order()).json()["data"]
        polled = poll(client, submitted["id"])
        [item] = rows(client)
    written = [
        submitted["created_at"],
        *(payload[name] for payload in (polled, item["result"]) for name in ("created_at", "completed_at")),
    ]
    moments = [datetime.fromisoformat(moment).timestamp() for moment in written] + [int(item["createdAt"])]
    now = datetime.now(UTC).timestamp()
    assert [moment for moment in moments if abs(moment - now - skew) > 60] == []


@pytest.mark.parametrize("skew", [math.inf, math.nan])
def test_a_skew_that_is_no_time_is_refused(skew: float) -> None:
    with pytest.raises(ValueError, match="skew of the clock must be finite"):
        Sandbox(clock_skew=skew)


def test_accepted_requests_are_told_with_their_ids_in_order() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        first = submit(client, prompt="one")
        client.post("/model/generateVideo", json=order(duration=3))
        second = submit(client, model=PRO)
    expected: list[tuple[str, dict[str, Any]]] = [(first, order(prompt="one")), (second, order(model=PRO))]
    assert sandbox.accepted == expected
    assert sandbox.submissions == [body for _, body in expected]


def test_ids_are_told_apart_when_many_threads_submit() -> None:
    sandbox, gate = Sandbox(), threading.Barrier(8)

    def work(number: int) -> str:
        gate.wait(timeout=10)
        return submit(client, prompt=str(number))

    with account(sandbox) as client, ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(work, range(8)))
    assert {(prediction_id, body["prompt"]) for prediction_id, body in sandbox.accepted} == {
        (prediction_id, str(number)) for number, prediction_id in enumerate(ids)
    }
