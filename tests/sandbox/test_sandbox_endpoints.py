"""The sandbox's endpoints but for generations, over real sockets."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest

from kit import PHOTOS, STANDARD
from sandbox_kit import FAST, PRO, account, available, order, origin, picture, submit, upload
from scripted_sandbox import Sandbox, Style

if TYPE_CHECKING:
    import httpx

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def test_an_upload_is_kept_under_a_new_name_and_served_back() -> None:
    data = (PHOTOS / "rocket.jpg").read_bytes()
    with account(Sandbox()) as client:
        answer = client.post("/model/uploadMedia", files={"file": ("Rocket.JPG", data, "image/jpeg")})
        stored = answer.json()["data"]
        back = client.get(stored["download_url"])
    assert answer.json() | {"data": None} == {"code": 200, "message": "success", "data": None}
    assert (stored["type"], stored["size"]) == ("image/jpeg", len(data))
    assert re.fullmatch(rf"{UUID}\.jpg", stored["filename"])
    assert stored["download_url"] == f"{origin(client)}/files/uploads/{stored['filename']}"
    assert (back.content, back.headers["content-type"]) == (data, "image/jpeg")


@pytest.mark.parametrize(
    ("name", "claimed", "stored"),
    [
        ("a.png", "Image/PNG; x=1", "image/png"),
        ("a.png", None, "image/png"),
        ("picture", "", "application/octet-stream"),
    ],
)
def test_the_type_of_an_upload_is_what_the_form_says_else_what_the_name_says(
    name: str, claimed: str | None, stored: str
) -> None:
    disposition = f'content-disposition: form-data; name="file"; filename="{name}"'
    kind = f"content-type: {claimed}\r\n" if claimed else ""
    form = f"--b\r\n{disposition}\r\n{kind}\r\ndata\r\n--b--\r\n".encode()
    with account(Sandbox()) as client:
        headers = {"content-type": "multipart/form-data; boundary=b"}
        answer = client.post("/model/uploadMedia", content=form, headers=headers)
    assert answer.json()["data"]["type"] == stored


def test_an_ending_that_would_not_do_in_a_url_is_left_out() -> None:
    with account(Sandbox()) as client:
        url = upload(client, picture(), name="cat.jp?g#")
        assert client.get(url).status_code == 200
    assert url.rpartition("/")[2].isascii()
    assert re.fullmatch(UUID, url.rpartition("/")[2])


def test_an_unknown_file_is_not_found() -> None:
    with account(Sandbox()) as client:
        assert client.get(f"{origin(client)}/files/uploads/none.jpg").status_code == 404


def test_every_answer_carries_a_request_id_and_says_that_it_is_the_sandbox() -> None:
    with account(Sandbox()) as client:
        answers = [client.get("/models"), client.get("/nothing"), client.get("/models", headers={"user-agent": ""})]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
    assert {answer.headers["x-atlascloud-sandbox"] for answer in answers} == {"1"}


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (STANDARD, {"image", "prompt", "duration", "enable_prompt_expansion"}),
        (PRO, {"image", "prompt", "enable_prompt_expansion"}),
        (FAST, {"image", "prompt", "duration", "enable_prompt_expansion", "go_fast"}),
    ],
)
def test_each_model_publishes_its_parameters_as_openapi(model: str, parameters: set[str]) -> None:
    with account(Sandbox(), authorization="") as client:
        entry = next(entry for entry in client.get("/models").json()["data"] if entry["model"] == model)
        schema = client.get(entry["schema"]).json()["components"]["schemas"]["Input"]
    assert set(schema["properties"]) == set(schema["x-order-properties"]) == {"model"} | parameters
    assert schema["required"] == ["model", "image"]
    assert schema["properties"]["enable_prompt_expansion"]["default"] is (model != STANDARD)


def test_the_duration_is_published_with_its_choices() -> None:
    with account(Sandbox()) as client:
        document = client.get(f"{origin(client)}/schema/{STANDARD}.json").json()
    duration = document["components"]["schemas"]["Input"]["properties"]["duration"]
    assert (duration["type"], duration["enum"], duration["default"]) == ("integer", [6, 10], 6)


def test_there_is_no_schema_of_an_unknown_model() -> None:
    with account(Sandbox()) as client:
        assert client.get(f"{origin(client)}/schema/minimax/other.json").status_code == 404


@pytest.mark.parametrize(
    ("changes", "price"),
    [({}, "0.30"), ({"duration": 10}, "0.50"), ({"model": PRO}, "0.54"), ({"model": FAST, "go_fast": False}, "0.18")],
)
def test_a_quote_costs_nothing_and_starts_nothing(changes: dict[str, object], price: str) -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        quote = client.post("/model/calculate", json=order(**changes)).json()["data"]
        assert available(client) == 100
    assert quote == {"price": price, "origin_price": price, "estimated": False}
    assert sandbox.submissions == []


@pytest.mark.parametrize("kind", ["jpeg", "png", "jpg"])
def test_a_data_uri_is_taken(kind: str) -> None:
    data = base64.b64encode(picture(form="PNG" if kind == "png" else "JPEG")).decode()
    with account(Sandbox(seconds=0)) as client:
        prediction_id = submit(client, image=f"data:image/{kind};base64,{data}")
        assert client.get(f"/model/prediction/{prediction_id}").json()["data"]["status"] == "completed"


def test_every_request_is_written_down_without_the_key() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        submit(client)
        client.get("/model/history", params={"no": 1})
        client.get("/nothing", headers={"authorization": ""})
        upload(client, picture())
    first, second, third, fourth = sandbox.received
    assert (first.method, first.path, first.endpoint, first.body) == (
        "POST",
        "/api/v1/model/generateVideo",
        "generate",
        order(),
    )
    assert first.headers["authorization"] == "present"
    assert first.headers["user-agent"] == "sandbox-tests/1"
    assert (second.endpoint, second.query, second.body) == ("history", "no=1", None)
    assert (third.endpoint, fourth.endpoint, fourth.body) == ("other", "upload", None)
    assert first.started < second.started < third.started < fourth.started
    assert "a-key" not in repr(sandbox.received)


def test_a_request_without_a_key_has_no_authorization_on_record() -> None:
    sandbox = Sandbox()
    with account(sandbox, authorization="") as client:
        client.get("/models")
    assert "authorization" not in sandbox.received[0].headers


def test_accepted_requests_are_kept_in_order() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        submit(client, prompt="one")
        client.post("/model/generateVideo", json=order(duration=3))
        submit(client, prompt="two", duration=10)
    assert sandbox.submissions == [order(prompt="one"), order(prompt="two", duration=10)]


@pytest.mark.parametrize(("envelope", "code"), [("data", 404), ("string_code", "404"), ("bare", 404)])
def test_a_refusal_has_the_error_envelope_in_every_style(envelope: str, code: object) -> None:
    with account(Sandbox(style=Style(envelope=envelope))) as client:  # type: ignore[arg-type] # one of three literals
        answer = client.get("/model/prediction/none")
    assert answer.json()["code"] == code


def test_a_connection_serves_many_requests() -> None:
    with account(Sandbox()) as client:
        answers: list[httpx.Response] = [client.get("/models") for _ in range(3)]
    streams = {id(answer.extensions["network_stream"]) for answer in answers}
    assert len(streams) == 1
