"""The shapes an answer can have."""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING, Any, Literal

import pytest

from sandbox_kit import account, order, origin, poll, rows, submit
from scripted_sandbox import Sandbox, Style

if TYPE_CHECKING:
    import httpx


@pytest.mark.parametrize(
    ("envelope", "wrapped"),
    [
        ("data", {"code": 200, "message": "success"}),
        ("string_code", {"code": "200", "message": "success"}),
        ("bare", None),
    ],
)
def test_the_envelope_is_as_the_style_has_it(
    envelope: Literal["data", "string_code", "bare"], wrapped: dict[str, Any] | None
) -> None:
    with account(Sandbox(style=Style(envelope=envelope))) as client:
        answer = client.post("/model/generateVideo", json=order()).json()
    payload = answer if wrapped is None else answer.pop("data")
    assert payload["id"].startswith("sandbox-")
    assert wrapped in (None, answer)


@pytest.mark.parametrize("outputs", ["strings", "objects", "single"])
def test_the_outputs_are_as_the_style_has_them(outputs: Literal["strings", "objects", "single"]) -> None:
    sandbox = Sandbox(seconds=3600, style=Style(outputs=outputs))
    with account(sandbox) as client:
        prediction_id = submit(client)
        before = poll(client, prediction_id)
        sandbox.finish(prediction_id)
        after = poll(client, prediction_id)
    url = f"{origin(client)}/files/outputs/{prediction_id}.mp4"
    shapes: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "strings": ({"outputs": []}, {"outputs": [url]}),
        "objects": ({"outputs": []}, {"outputs": [{"url": url}]}),
        "single": ({}, {"output": url}),
    }
    for payload, expected in zip((before, after), shapes[outputs], strict=True):
        assert {name: payload[name] for name in ("outputs", "output") if name in payload} == expected


def test_a_failure_comes_as_http_500_with_the_reason_beside_the_record() -> None:
    with account(Sandbox(seconds=0)) as client:
        good = client.get(f"/model/prediction/{submit(client)}")
        bad = client.get(f"/model/prediction/{submit(client, prompt='sandbox:fail')}")
    assert (good.status_code, bad.status_code) == (200, 500)
    body = bad.json()
    assert (body["code"], body["message"]) == (500, "Generation failed: Content moderation refused the prompt")
    assert body["data"].keys() == {"id", "status", "outputs", "executionTime", "timings"}
    assert (body["data"]["status"], body["data"]["outputs"]) == ("failed", None)


@pytest.mark.parametrize(("failure_as_500", "status"), [(True, 500), (False, 200)])
@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ("string", "Content moderation refused the prompt"),
        ("object", {"message": "Content moderation refused the prompt", "code": 1039}),
    ],
)
def test_a_failure_can_be_told_within_the_record(
    errors: Literal["string", "object"], expected: object, status: int, *, failure_as_500: bool
) -> None:
    style = Style(errors=errors, failure_as_500=failure_as_500)
    with account(Sandbox(seconds=0, style=style)) as client:
        answer = client.get(f"/model/prediction/{submit(client, prompt='sandbox:fail')}")
    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (status, status, "Generation failed")
    assert (body["data"]["error"], body["data"]["error_code"]) == (expected, 1039)
    assert "price" not in body["data"]


def test_a_failure_can_come_as_http_200_with_the_reason_beside_the_record() -> None:
    with account(Sandbox(seconds=0, style=Style(failure_as_500=False))) as client:
        answer = client.get(f"/model/prediction/{submit(client, prompt='sandbox:fail')}")
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "failed")
    assert "moderation" in answer.json()["message"]


@pytest.mark.parametrize(("missing", "seen"), [("absent", None), ("null", "null"), ("zero", 0)])
def test_a_price_can_come_after_the_end(missing: Literal["absent", "null", "zero"], seen: object) -> None:
    with account(Sandbox(seconds=0, style=Style(price_after=2, no_price=missing))) as client:
        prediction_id = submit(client)
        records = [poll(client, prediction_id) for _ in range(3)]
    prices = ["null" if record.get("price", 1) is None else record.get("price") for record in records]
    assert prices == [seen, seen, "0.30"]
    assert {record["status"] for record in records} == {"completed"}


@pytest.mark.parametrize("missing", ["empty", "null", "absent"])
@pytest.mark.parametrize("outputs", ["strings", "objects", "single"])
def test_a_clip_can_be_missing_for_some_looks_after_the_end(
    missing: Literal["empty", "null", "absent"], outputs: Literal["strings", "objects", "single"]
) -> None:
    style = Style(clip_after=2, no_clip=missing, outputs=outputs)
    with account(Sandbox(seconds=0, style=style)) as client:
        prediction_id = submit(client)
        records = [poll(client, prediction_id) for _ in range(3)]
    found = [bool(record.get("outputs") or record.get("output")) for record in records]
    assert (found, {record["status"] for record in records}) == ([False, False, True], {"completed"})


def test_a_moderated_clip_never_comes() -> None:
    with account(Sandbox(seconds=0, style=Style(clip_after=math.inf, nsfw=True))) as client:
        prediction_id = submit(client)
        records = [poll(client, prediction_id) for _ in range(5)]
        [row] = rows(client)
    assert [(record["outputs"], record["has_nsfw_contents"]) for record in records] == [([], [True])] * 5
    assert row["result"]["outputs"] == []


def test_a_signed_link_ends_and_a_later_look_gives_a_new_one() -> None:
    with account(Sandbox(seconds=0, short_side=64, style=Style(signed_for=3600))) as client:
        [link] = poll(client, submit(client))["outputs"]
        fresh = client.get(link)
        ended = client.get(re.sub(r"X-Tos-Date=\d{4}", "X-Tos-Date=2020", link))
    assert "X-Tos-Expires=3600" in link
    assert (fresh.status_code, ended.status_code) == (200, 403)


def test_a_generation_can_be_pending_after_it_was_processing() -> None:
    with account(Sandbox(seconds=3600, style=Style(words=("processing", "pending")))) as client:
        assert poll(client, submit(client))["status"] == "processing"
    with account(Sandbox(seconds=0, style=Style(words=("processing", "pending")))) as client:
        assert poll(client, submit(client, prompt="sandbox:stuck"))["status"] == "pending"


def test_a_submit_can_be_answered_with_the_finished_clip() -> None:
    with account(Sandbox(seconds=0, style=Style(at_once=True))) as client:
        data = client.post("/model/generateVideo", json=order()).json()["data"]
        assert data == poll(client, data["id"])
    assert (data["status"], len(data["outputs"])) == ("completed", 1)
    with account(Sandbox(seconds=3600, style=Style(at_once=True))) as client:
        assert client.post("/model/generateVideo", json=order()).json()["data"]["status"] == "created"


@pytest.mark.parametrize("done", ["completed", "succeeded", "success"])
def test_the_word_for_success_is_as_the_style_has_it(done: str) -> None:
    with account(Sandbox(seconds=0, style=Style(done=done))) as client:
        assert poll(client, submit(client))["status"] == done


def test_a_new_id_can_be_unknown_for_a_while() -> None:
    with account(Sandbox(seconds=0, style=Style(unknown_for=3600))) as client:
        early = client.get(f"/model/prediction/{submit(client)}")
    with account(Sandbox(seconds=0, style=Style(unknown_for=0.05))) as client:
        prediction_id = submit(client)
        late = first_known(client, prediction_id)
    assert (early.status_code, late.json()["data"]["status"]) == (404, "completed")


def first_known(client: httpx.Client, prediction_id: str) -> httpx.Response:
    answers = (client.get(f"/model/prediction/{prediction_id}") for _ in itertools.count())
    return next(answer for answer in answers if answer.status_code == 200)


def test_a_style_without_running_words_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Style(words=())
