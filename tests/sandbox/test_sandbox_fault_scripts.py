"""Which requests a scripted fault hits, and what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from answer_files import Answer, answers
from sandbox_kit import account, order, origin
from scripted_sandbox import Fault, Sandbox

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


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"endpoint": "models", "action": "explode"}, "action"),
        ({"endpoint": "model", "action": "html"}, "endpoint"),
        ({"endpoint": "models", "action": "html", "times": 0}, "times"),
        ({"endpoint": "models", "action": "html", "colour": "red"}, "colour"),
        ({"endpoint": "models", "action": "reset_before", "act": True}, "reset_before never acts"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        Fault(**fields)


@pytest.mark.parametrize("kept", answers("prediction", "transient", "completed", "failed"), ids=str)
def test_an_answer_that_is_kept_as_a_file_is_given_as_it_is(kept: Answer) -> None:
    with account(Sandbox(faults=[Fault.answering(kept, "prediction")])) as client:
        given = client.get("/model/prediction/any")
    assert (given.status_code, given.content) == (kept.status, kept.content)
    assert given.headers["content-type"] == kept.headers["content-type"]
    assert given.headers.get("cf-mitigated") == kept.headers.get("cf-mitigated")
