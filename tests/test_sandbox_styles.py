"""The shapes an answer can have."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal

import pytest

from atlascloud_sandbox import Sandbox, Style
from sandbox_kit import account, order, origin, poll, submit

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


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ("string", "Content moderation refused the prompt"),
        ("object", {"message": "Content moderation refused the prompt", "code": 1039}),
    ],
)
def test_errors_are_as_the_style_has_them(errors: Literal["string", "object"], expected: object) -> None:
    with account(Sandbox(seconds=0, style=Style(errors=errors))) as client:
        assert poll(client, submit(client, prompt="sandbox:fail"))["error"] == expected


@pytest.mark.parametrize("done", ["completed", "succeeded", "success"])
def test_the_word_for_success_is_as_the_style_has_it(done: str) -> None:
    with account(Sandbox(seconds=0, style=Style(done=done))) as client:
        assert poll(client, submit(client))["status"] == done


def test_a_failure_can_come_as_http_500_with_the_prediction_in_it() -> None:
    with account(Sandbox(seconds=0, style=Style(failure_as_500=True))) as client:
        good = client.get(f"/model/prediction/{submit(client)}")
        bad = client.get(f"/model/prediction/{submit(client, prompt='sandbox:fail')}")
    assert (good.status_code, bad.status_code, bad.json()["code"]) == (200, 500, 500)
    assert bad.json()["data"]["status"] == "failed"
    assert "moderation" in bad.json()["data"]["error"]


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
