"""Which requests a scripted fault hits, and how faults are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from atlascloud_sandbox import Fault, Sandbox, load_faults
from sandbox_kit import account, order, origin

if TYPE_CHECKING:
    import httpx

JSON_ENDPOINTS = ["prediction", "history", "models", "schema", "balance"]


def hit(client: httpx.Client, endpoint: str) -> httpx.Response:
    """Send one request to a named endpoint."""
    root = origin(client)
    match endpoint:
        case "upload":
            return client.post("/model/uploadMedia", files={"file": b"data"})
        case "generate" | "calculate":
            path = "/model/generateVideo" if endpoint == "generate" else "/model/calculate"
            return client.post(path, json=order())
        case _:
            paths = {
                "prediction": "/model/prediction/none",
                "history": "/model/history",
                "models": "/models",
                "schema": f"{root}/schema/minimax/hailuo-2.3/fast.json",
                "balance": f"{root}/public/v1/balance",
                "file": f"{root}/files/uploads/none.jpg",
            }
            return client.get(paths[endpoint])


@pytest.mark.parametrize("endpoint", ["upload", "generate", "calculate", "file", *JSON_ENDPOINTS])
def test_a_fault_hits_its_own_endpoint_only(endpoint: Any) -> None:  # noqa: ANN401 - a literal, by name
    every = ["upload", "generate", "calculate", "file", *JSON_ENDPOINTS]
    with account(Sandbox(faults=[Fault(endpoint=endpoint, action="status", status=599, times=99)])) as client:
        struck = [name for name in every if hit(client, name).status_code == 599]
    assert struck == [endpoint]


def test_a_star_hits_every_endpoint_even_paths_there_are_none_of() -> None:
    with account(Sandbox(faults=[Fault(endpoint="*", action="status", status=503, times=3)])) as client:
        statuses = [client.get(path).status_code for path in ("/models", "/model/history", "/nothing", "/models")]
    assert statuses == [503, 503, 503, 200]


def test_a_fault_skips_and_then_hits_as_often_as_it_says() -> None:
    fault = Fault(endpoint="models", action="status", status=502, after=1, times=2)
    with account(Sandbox(faults=[fault])) as client:
        statuses = [client.get("/models").status_code for _ in range(5)]
    assert statuses == [200, 502, 502, 200, 200]


def test_of_two_faults_the_first_hits_and_the_second_waits_its_turn() -> None:
    sandbox = Sandbox(faults=[Fault(endpoint="models", action="status", status=502)])
    sandbox.script(Fault(endpoint="models", action="status", status=503))
    with account(sandbox) as client:
        statuses = [client.get("/models").status_code for _ in range(3)]
    assert statuses == [502, 503, 200]


def test_faults_can_be_scripted_while_the_sandbox_runs() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        before = client.get("/models").status_code
        sandbox.script(Fault(endpoint="models", action="status", status=429, headers={"Retry-After": "7"}))
        struck = client.get("/models")
    assert (before, struck.status_code, struck.headers["retry-after"]) == (200, 429, "7")


def test_faults_are_read_from_a_json_array() -> None:
    text = """[{"endpoint": "generate", "action": "reset_after", "times": 2},
               {"endpoint": "*", "action": "html", "act": true}]"""
    assert load_faults(text) == [
        Fault(endpoint="generate", action="reset_after", times=2),
        Fault(endpoint="*", action="html", act=True),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "the text as a whole"),
        ('{"endpoint": "models"}', "the text as a whole"),
        ('[{"endpoint": "models", "action": "explode"}]', "0.action"),
        ('[{"endpoint": "model", "action": "html"}]', "0.endpoint"),
        ('[{"endpoint": "models", "action": "html"}, {"endpoint": "models"}]', "1.action"),
        ('[{"endpoint": "models", "action": "html", "times": 0}]', "0.times"),
        ('[{"endpoint": "models", "action": "html", "colour": "red"}]', "0.colour"),
        ('[{"endpoint": "models", "action": "status", "status": 99}]', "0.status"),
        ('[{"endpoint": "models", "action": "delay", "seconds": -1}]', "0.seconds"),
        ('[{"endpoint": "models", "action": "reset_before", "act": true}]', "0"),
    ],
)
def test_bad_faults_are_refused_with_the_place(text: str, place: str) -> None:
    with pytest.raises(ValueError, match=f"Not a JSON array of faults: {place}: "):
        load_faults(text)
