"""Scripted faults, by what they do to a client on the other end of a socket."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import httpx
import pytest

from sandbox_kit import account, order, poll, rows, submit, wait_until
from scripted_sandbox import Fault, Sandbox


def raw(client: httpx.Client, path: str) -> bytes:
    """Send a GET on a bare socket and read until the connection ends."""
    host = client.base_url.netloc.decode()
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: raw\r\n\r\n"
        connection.sendall(head.encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


def test_a_status_without_a_body_comes_in_the_error_envelope() -> None:
    with account(Sandbox(faults=[Fault(endpoint="models", action="status", status=503)])) as client:
        answer = client.get("/models")
    assert answer.json() == {
        "code": 503,
        "msg": "Scripted fault",
        "request_id": answer.headers["x-request-id"],
        "data": None,
    }


def test_a_status_can_have_any_body_and_type() -> None:
    fault = Fault(endpoint="models", action="status", status=200, body="teapot", content_type="text/x-tea")
    with account(Sandbox(faults=[fault])) as client:
        answer = client.get("/models")
    assert (answer.status_code, answer.text) == (200, "teapot")
    assert answer.headers["content-type"].startswith("text/x-tea")


@pytest.mark.parametrize(
    "status", [401, 402, 403, 404, 408, 413, 425, 429, 451, 500, 501, 502, 503, 504, 520, 522, 524]
)
@pytest.mark.parametrize("act", [False, True])
def test_every_status_can_come_before_or_after_the_deed(status: int, act: bool) -> None:  # noqa: FBT001 - both
    sandbox = Sandbox(faults=[Fault(endpoint="generate", action="status", status=status, act=act)])
    with account(sandbox) as client:
        answer = client.post("/model/generateVideo", json=order())
        known = client.get("/model/history").json()["data"]["total"]
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (status, status, None)
    assert known == len(sandbox.accepted) == int(act)


@pytest.mark.parametrize("status", [408, 425, 429, 503])
@pytest.mark.parametrize("wait", ["7", format_datetime(datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC), usegmt=True)])
def test_a_status_can_say_when_to_retry_in_seconds_or_as_a_date(status: int, wait: str) -> None:
    fault = Fault(endpoint="generate", action="status", status=status, headers={"Retry-After": wait})
    with account(Sandbox(faults=[fault])) as client:
        answer = client.post("/model/generateVideo", json=order())
    assert (answer.status_code, answer.headers["retry-after"]) == (status, wait)
    assert wait == "7" or parsedate_to_datetime(answer.headers["retry-after"]).year == 2031


def test_the_network_in_front_of_the_api_can_turn_a_request_away() -> None:
    fault = Fault(endpoint="generate", action="status", status=403, body="error code: 1010", content_type="text/plain")
    with account(Sandbox(faults=[fault])) as client:
        answer = client.post("/model/generateVideo", json=order())
    assert (answer.status_code, answer.text) == (403, "error code: 1010")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("action", ["malformed", "html", "wrong_types", "empty"])
@pytest.mark.parametrize("act", [False, True])
def test_rubbish_can_come_instead_of_the_deed_or_for_its_answer(action: Any, act: bool) -> None:  # noqa: ANN401, FBT001 - a literal, both
    sandbox = Sandbox(faults=[Fault(endpoint="generate", action=action, act=act)])
    with account(sandbox) as client:
        answer = client.post("/model/generateVideo", json=order())
        items = rows(client)
    assert answer.status_code == 200
    assert [item["ID"] for item in items] == [prediction_id for prediction_id, _ in sandbox.accepted]
    assert not any(item["ID"] in answer.text for item in items)
    assert len(items) == int(act)


@pytest.mark.parametrize("action", ["drip", "truncate", "wrong_length", "delay", "delay_after", "reset_after"])
@pytest.mark.parametrize("act", [False, True])
def test_what_acts_anyway_acts_once(action: Any, act: bool) -> None:  # noqa: ANN401, FBT001 - a literal, both
    sandbox = Sandbox(faults=[Fault(endpoint="generate", action=action, act=act, pause=0)])
    with account(sandbox) as client, contextlib.suppress(httpx.TransportError):
        client.post("/model/generateVideo", json=order())
    assert len(sandbox.accepted) == 1


def test_what_the_api_would_refuse_is_not_accepted_by_acting() -> None:
    sandbox = Sandbox(faults=[Fault(endpoint="generate", action="status", status=504, act=True)])
    with account(sandbox) as client:
        assert client.post("/model/generateVideo", json=order(duration=3)).status_code == 504
    assert sandbox.accepted == []


@pytest.mark.parametrize(("action", "paid"), [("reset_before", 0), ("reset_after", 1)])
def test_a_reset_loses_the_answer_and_before_or_after_decides_if_money_is_spent(action: Any, paid: int) -> None:  # noqa: ANN401 - a literal
    sandbox = Sandbox(faults=[Fault(endpoint="generate", action=action)])
    with account(sandbox) as client:
        with pytest.raises(httpx.ReadError):
            client.post("/model/generateVideo", json=order())
        assert client.get("/model/history").json()["data"]["total"] == paid
    assert len(sandbox.submissions) == paid
    assert [received.endpoint for received in sandbox.received] == ["generate", "history"]


@pytest.mark.parametrize("action", ["reset_before", "reset_after"])
def test_a_reset_is_a_real_tcp_reset(action: Any) -> None:  # noqa: ANN401 - a literal
    with (
        account(Sandbox(faults=[Fault(endpoint="models", action=action)])) as client,
        pytest.raises(ConnectionResetError),
    ):
        raw(client, "/api/v1/models")


def test_a_delay_waits_and_then_acts() -> None:
    sandbox = Sandbox(faults=[Fault(endpoint="models", action="delay", seconds=0.1)])
    with account(sandbox) as client:
        started = time.monotonic()
        answer = client.get("/models")
        took = time.monotonic() - started
    assert (answer.status_code, took >= 0.1) == (200, True)


def test_a_delayed_answer_comes_late_but_the_deed_is_done() -> None:
    sandbox = Sandbox(faults=[Fault(endpoint="generate", action="delay_after", seconds=60)])
    with account(sandbox) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/model/generateVideo", json=order(), timeout=httpx.Timeout(10, read=0.1))
        wait_until(lambda: len(sandbox.submissions) == 1)


def test_a_delayed_answer_is_whole() -> None:
    with account(Sandbox(faults=[Fault(endpoint="models", action="delay_after", seconds=0.05)])) as client:
        started = time.monotonic()
        late, prompt = client.get("/models"), client.get("/models")
    assert late.json() == prompt.json()
    assert time.monotonic() - started >= 0.05


def test_a_truncated_answer_ends_before_its_length() -> None:
    with account(Sandbox(faults=[Fault(endpoint="models", action="truncate", times=2)])) as client:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            client.get("/models")
        head, _, body = raw(client, "/api/v1/models").partition(b"\r\n\r\n")
        whole = client.get("/models").content
    assert f"content-length: {len(whole)}".encode() in head.lower()
    assert body == whole[: len(whole) // 2]


def test_a_wrong_length_cuts_an_answer_that_is_all_there() -> None:
    with account(Sandbox(faults=[Fault(endpoint="models", action="wrong_length", times=2)])) as client:
        cut = client.get("/models")
        head, _, body = raw(client, "/api/v1/models").partition(b"\r\n\r\n")
        whole = client.get("/models").content
    assert cut.content == whole[: len(whole) // 2]
    assert (f"content-length: {len(whole) // 2}".encode() in head.lower(), body) == (True, whole)


@pytest.mark.parametrize("action", ["truncate", "wrong_length", "drip", "delay_after"])
def test_a_clip_can_be_struck_like_any_answer(action: Any) -> None:  # noqa: ANN401 - a literal
    sandbox = Sandbox(seconds=0, short_side=96)
    with account(sandbox) as client:
        [video] = poll(client, submit(client))["outputs"]
        whole = client.get(video).content
        sandbox.script(Fault(endpoint="file", action=action))
        received = bytearray()
        with contextlib.suppress(httpx.RemoteProtocolError), client.stream("GET", video) as answer:
            for piece in answer.iter_raw():
                received += piece
    half = len(whole) // 2
    assert received == whole[: half if action in {"truncate", "wrong_length"} else len(whole)]


def test_a_dripped_answer_is_whole_but_slow() -> None:
    fault = Fault(endpoint="models", action="drip", chunks=5, pause=0.02)
    with account(Sandbox(faults=[fault])) as client:
        started = time.monotonic()
        with client.stream("GET", "/models") as answer:
            pieces = list(answer.iter_raw())
        took = time.monotonic() - started
        assert b"".join(pieces) == client.get("/models").content
    assert took >= 0.08  # the client has all before the last of five pauses


def test_malformed_json_comes_with_200() -> None:
    with account(Sandbox(faults=[Fault(endpoint="models", action="malformed")])) as client:
        answer = client.get("/models")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_web_page_comes_with_200() -> None:
    with account(Sandbox(faults=[Fault(endpoint="models", action="html")])) as client:
        answer = client.get("/models")
    assert (answer.status_code, answer.text[:15]) == (200, "<!DOCTYPE html>")
    assert answer.headers["content-type"].startswith("text/html")


def test_wrong_types_are_json_of_which_no_field_is_what_it_should_be() -> None:
    sandbox = Sandbox(seconds=0)
    with account(sandbox) as client:
        prediction_id = submit(client)
        right = client.get(f"/model/prediction/{prediction_id}").json()["data"]
        sandbox.script(Fault(endpoint="prediction", action="wrong_types"))
        answer = client.get(f"/model/prediction/{prediction_id}")
    wrong = answer.json()["data"]
    shared = wrong.keys() & right.keys()
    assert answer.status_code == 200
    assert shared >= {"id", "status", "outputs", "urls", "created_at", "metrics", "price"}
    assert [name for name in shared if type(wrong[name]) is type(right[name])] == []


def test_an_empty_answer_is_200_and_nothing() -> None:
    with account(Sandbox(faults=[Fault(endpoint="generate", action="empty")])) as client:
        answer = client.post("/model/generateVideo", json=order())
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_struck_answer_still_says_that_it_is_the_sandbox() -> None:
    with account(Sandbox(faults=[Fault(endpoint="models", action="html")])) as client:
        assert client.get("/models").headers["x-atlascloud-sandbox"] == "1"
