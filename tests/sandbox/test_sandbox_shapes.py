"""The sandbox answers in shapes that the corpus has: same endpoint, same HTTP status, same structure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from answer_files import every_answer
from sandbox_kit import account, order, origin, picture
from scripted_sandbox import Sandbox, Style

if TYPE_CHECKING:
    import httpx


def fits(mine: object, kept: object) -> bool:
    """Tell if two values have one structure: the same names, and everywhere the same kind."""
    if isinstance(mine, dict) and isinstance(kept, dict):
        return mine.keys() == kept.keys() and all(fits(mine[name], kept[name]) for name in mine)
    if isinstance(mine, list) and isinstance(kept, list):
        return all(any(fits(item, other) for other in kept) for item in mine)
    numbers = {int, float}
    return type(mine) is type(kept) or {type(mine), type(kept)} <= numbers


def known(endpoint: str, answer: httpx.Response) -> bool:
    """Tell if the corpus has the answer's shape."""
    candidates = [
        json.loads(kept.body)
        for kept in every_answer()
        if (kept.endpoint, kept.status) == (endpoint, answer.status_code)
        and kept.headers["content-type"] == "application/json"
    ]
    return any(fits(answer.json(), kept) for kept in candidates)


def every_request(client: httpx.Client, sandbox: Sandbox) -> list[tuple[str, httpx.Response]]:
    """Ask for all there is, in each state it has."""
    root = origin(client)
    answers = [("history", client.get("/model/history"))]
    form = {"file": ("a.jpg", picture(), "image/jpeg")}
    for prompt in ("", "sandbox:fail"):
        fresh = client.post("/model/generateVideo", json=order(prompt=prompt))
        data = fresh.json().get("data", fresh.json())
        answers += [("generate", fresh), ("prediction", client.get(f"/model/prediction/{data['id']}"))]
        answers.append(("history", client.get("/model/history", params={"size": 1})))
        sandbox.finish(data["id"])
        answers += [("prediction", client.get(f"/model/prediction/{data['id']}")) for _ in range(3)]
        answers.append(("history", client.get("/model/history", params={"size": 1})))
    return [
        *answers,
        ("upload", client.post("/model/uploadMedia", files=form)),
        ("calculate", client.post("/model/calculate", json=order())),
        ("balance", client.get(f"{root}/public/v1/balance")),
        ("models", client.get("/models")),
    ]


def refusals(client: httpx.Client) -> list[tuple[str, httpx.Response]]:
    """Ask for what there is not, or with a bad key."""
    bad = {"authorization": "Bearer bad"}
    return [
        ("generate", client.post("/model/generateVideo", json=order(fps=24))),
        ("generate", client.post("/model/generateVideo", json=order(model="none"))),
        ("generate", client.post("/model/generateVideo", json=order(), headers=bad)),
        ("generate", client.post("/model/generateVideo", json=order(duration=10))),
        ("upload", client.post("/model/uploadMedia", data={"x": "y"})),
        ("upload", client.post("/model/uploadMedia", headers=bad)),
        ("prediction", client.get("/model/prediction/none")),
        ("prediction", client.get("/model/prediction/none", headers=bad)),
        ("history", client.get("/model/history", headers=bad)),
        ("balance", client.get(f"{origin(client)}/public/v1/balance", headers=bad)),
    ]


def strange(answers: list[tuple[str, httpx.Response]]) -> list[tuple[str, int, Any]]:
    return [(name, answer.status_code, answer.json()) for name, answer in answers if not known(name, answer)]


def test_every_answer_is_of_a_known_shape() -> None:
    sandbox = Sandbox(seconds=3600)
    with account(sandbox) as client:
        assert strange(every_request(client, sandbox)) == []


def test_every_refusal_is_of_a_known_shape() -> None:
    with account(Sandbox(keys={"a-key"}, balance_usd=0.4)) as client:
        answers = refusals(client)
    assert {answer.status_code for _, answer in answers} == {400, 401, 402, 404}
    assert strange(answers) == []


@pytest.mark.parametrize(
    "style",
    [
        Style(),
        Style(envelope="bare"),
        Style(errors="string", failure_as_500=False),
        Style(total_as_text=True),
        Style(words=("processing", "pending")),
    ],
    ids=repr,
)
def test_other_styles_are_of_known_shapes_too(style: Style) -> None:
    sandbox = Sandbox(seconds=3600, style=style)
    with account(sandbox) as client:
        answers = every_request(client, sandbox)
    assert [one for one in strange(answers) if one[0] in {"generate", "upload"}] == []
    assert [one for one in strange(answers) if one[0] == "prediction"] == []


def test_a_shape_that_is_not_in_the_corpus_is_noticed() -> None:
    sandbox = Sandbox(seconds=3600)
    with account(sandbox) as client:
        answer = client.get(f"{origin(client)}/schema/minimax/hailuo-2.3/fast.json")
    assert strange([("models", answer)]) == [("models", 200, answer.json())]
