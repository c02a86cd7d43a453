"""Requests the API turns away."""

from __future__ import annotations

import pytest

from sandbox_kit import PRO, account, order, origin, picture, upload
from scripted_sandbox import Sandbox


@pytest.mark.parametrize("form", [{"data": {"file": "text"}}, {"files": {"picture": b"data"}}, {"content": b"raw"}])
def test_an_upload_without_a_file_is_refused(form: dict[str, object]) -> None:
    with account(Sandbox()) as client:
        answer = client.request("POST", "/model/uploadMedia", **form)  # type: ignore[arg-type] # one of three forms
    assert answer.status_code == 400
    assert "`file`" in answer.json()["msg"]


def test_a_broken_form_is_refused() -> None:
    with account(Sandbox()) as client:
        headers = {"content-type": "multipart/form-data"}
        answer = client.post("/model/uploadMedia", content=b"raw", headers=headers)
    assert answer.status_code == 400


def test_a_body_above_50_mb_is_refused_with_413() -> None:
    with account(Sandbox()) as client:
        answer = client.post("/model/uploadMedia", content=bytes(50 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, 413)


@pytest.mark.parametrize("value", ["", "Basic a-key", "Bearer", "Basic", "a-key"])
@pytest.mark.parametrize(
    "endpoint", ["uploadMedia", "generateVideo", "calculate", "prediction/x", "result/x", "history"]
)
def test_without_a_bearer_key_every_model_endpoint_answers_401(endpoint: str, value: str) -> None:
    method = "POST" if endpoint in {"uploadMedia", "generateVideo", "calculate"} else "GET"
    with account(Sandbox(), authorization=value) as client:
        answer = client.request(method, f"/model/{endpoint}")
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 401,
        "msg": "Invalid API key",
        "request_id": answer.headers["x-request-id"],
        "data": None,
    }


def test_the_account_endpoint_refuses_in_its_own_form() -> None:
    with account(Sandbox(), authorization="") as client:
        answer = client.get(f"{origin(client)}/public/v1/balance")
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Invalid API key")


def test_only_the_given_keys_are_taken() -> None:
    with account(Sandbox(keys={"good"}), authorization="Bearer bad") as client:
        assert client.get("/model/history").status_code == 401
        assert client.get("/model/history", headers={"authorization": "Bearer good"}).status_code == 200


@pytest.mark.parametrize("agent", ["", "python-httpx/0.28.1", "Python-urllib/3.11"])
def test_a_default_user_agent_is_stopped_before_the_api_but_not_at_the_files(agent: str) -> None:
    with account(Sandbox()) as client:
        url = upload(client, picture())
        del client.headers["user-agent"]
        headers = {"user-agent": agent} if agent else {}
        stopped = client.get("/models", headers=headers)
        file = client.get(url, headers=headers)
    assert (stopped.status_code, stopped.text, file.status_code) == (403, "error code: 1010", 200)


def test_an_unknown_path_is_answered_like_a_bad_key() -> None:
    with account(Sandbox()) as client:
        answer = client.get("/model/nothing")
    assert (answer.status_code, answer.json()["msg"]) == (401, "Unauthorized")


def test_a_wrong_method_is_refused_with_405() -> None:
    with account(Sandbox()) as client:
        assert client.get("/model/generateVideo").status_code == 405


@pytest.mark.parametrize("endpoint", ["generateVideo", "calculate"])
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"image": None}, "'image' is a required property"),
        ({"image": 5}, "image must fit type: string"),
        ({"image": "http://elsewhere.example/cat.jpg"}, "image must be an https URL"),
        ({"image": "data:image/webp;base64,AAAA"}, "image/jpeg or image/png"),
        ({"image": "data:image/png;base64,A"}, "broken base64"),
        ({"prompt": ["a"]}, "prompt must fit type: string"),
        ({"prompt": "a" * 2001}, "prompt must fit maxLength: 2000"),
        ({"duration": 3}, "duration must fit enum: [6, 10]"),
        ({"duration": "6"}, "duration must fit type: integer"),
        ({"duration": True}, "duration must fit type: integer"),
        ({"model": PRO, "duration": 6}, "unknown parameter duration"),
        ({"enable_prompt_expansion": 1}, "enable_prompt_expansion must fit type: boolean"),
        ({"go_fast": True}, "unknown parameter go_fast"),
        ({"width": 512, "fps": 24}, "unknown parameter fps; unknown parameter width"),
        (
            {"input": {"image": "x"}, "image": None, "prompt": None},
            "unknown parameter input; 'image' is a required property",
        ),
        ({"webhook_url": 1}, "webhook_url must fit type: string"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(endpoint: str, changes: dict[str, object], complaint: str) -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        answer = client.post(f"/model/{endpoint}", json=order(**changes))
    assert answer.status_code == 400
    assert complaint in answer.json()["msg"]
    assert sandbox.submissions == []


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with account(Sandbox()) as client:
        answer = client.post("/model/generateVideo", content=body)
    assert (answer.status_code, answer.json()["msg"]) == (400, "The body must be a JSON object")


@pytest.mark.parametrize("model", [None, "minimax/hailuo-2.3/t2v-standard", 5])
def test_an_unknown_model_is_not_found(model: object) -> None:
    with account(Sandbox()) as client:
        assert client.post("/model/generateVideo", json=order(model=model)).status_code == 404
