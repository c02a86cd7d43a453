"""Faults by chance, and the count of what was played."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from sandbox_kit import account, order
from scripted_sandbox import Chaos, Fault, Sandbox

if TYPE_CHECKING:
    import httpx

BUSY = Fault(endpoint="*", action="status", status=503)
PAGE = Fault(endpoint="models", action="html")


def chaos(**changes: Any) -> Chaos:  # noqa: ANN401 - fields of Chaos
    return Chaos(**({"seed": 7, "share": 0.2, "actions": (BUSY,), "endpoints": ("models",)} | changes))


def models(client: httpx.Client, _: object = None) -> str:
    """Ask for the models and tell what came."""
    answer = client.get("/models")
    kind = answer.headers["content-type"].partition(";")[0]
    return f"{answer.status_code} {kind}"


def test_about_the_share_is_hit_and_every_hit_is_counted() -> None:
    sandbox = Sandbox(chaos=chaos())
    with account(sandbox) as client:
        seen = Counter(models(client) for _ in range(300))
    assert 40 <= seen["503 application/json"] <= 80
    assert sandbox.played == Counter({"models:status:503": seen["503 application/json"]})
    assert seen.total() == 300


@pytest.mark.parametrize(("share", "hits"), [(0.0, 0), (1.0, 20)])
def test_a_share_of_none_is_none_and_of_one_is_all(share: float, hits: int) -> None:
    sandbox = Sandbox(chaos=chaos(share=share))
    with account(sandbox) as client:
        assert [models(client) for _ in range(20)].count("503 application/json") == hits
    assert sandbox.played.total() == hits


def test_the_same_seed_plays_the_same_faults() -> None:
    runs = []
    for seed in (1, 1, 2):
        with account(Sandbox(chaos=chaos(seed=seed, share=0.5, actions=(BUSY, PAGE)))) as client:
            runs.append([models(client) for _ in range(40)])
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {"200 application/json", "503 application/json", "200 text/html"}


def test_only_the_endpoints_it_is_for_are_hit_and_only_by_what_fits_them() -> None:
    rubbish = Fault(endpoint="generate", action="malformed", act=True)
    sandbox = Sandbox(chaos=chaos(share=1, actions=(PAGE, rubbish), endpoints=("models", "generate")))
    with account(sandbox) as client:
        for _ in range(5):
            assert models(client) == "200 text/html"
            assert client.post("/model/generateVideo", json=order()).text.startswith('{"code": 200')
            assert client.get("/model/history").status_code == 200
    assert sandbox.played == Counter({"models:html": 5, "generate:malformed": 5})
    assert len(sandbox.accepted) == 5


def test_without_endpoints_every_one_is_hit_for_which_there_is_something() -> None:
    everywhere = Sandbox(chaos=Chaos(seed=1, share=1, actions=(BUSY,)))
    with account(everywhere) as client:
        assert [client.get(path).status_code for path in ("/models", "/model/history", "/nothing")] == [503] * 3
    somewhere = Sandbox(chaos=Chaos(seed=1, share=1, actions=(PAGE,)))
    with account(somewhere) as client:
        assert (models(client), client.get("/model/history").status_code) == ("200 text/html", 200)
    assert everywhere.played.keys() == {"models:status:503", "history:status:503", "other:status:503"}


def test_a_scripted_fault_goes_first_and_is_counted_too() -> None:
    scripted = Fault(endpoint="*", action="status", status=429, times=2)
    sandbox = Sandbox(faults=[scripted], chaos=chaos(share=1))
    with account(sandbox) as client:
        assert [client.get("/models").status_code for _ in range(3)] == [429, 429, 503]
    assert sandbox.played == Counter({"models:status:429": 2, "models:status:503": 1})


def test_the_times_of_a_template_do_not_count() -> None:
    with account(Sandbox(chaos=chaos(share=1, actions=(BUSY.model_copy(update={"after": 9}),)))) as client:
        assert {models(client) for _ in range(3)} == {"503 application/json"}


def test_the_count_is_right_when_many_ask_at_once_and_is_a_copy() -> None:
    sandbox = Sandbox(chaos=chaos(share=0.5, actions=(BUSY, PAGE)))
    with account(sandbox) as client, ThreadPoolExecutor(8) as pool:
        seen = Counter(pool.map(lambda number: models(client, number), range(200)))
    expected = {"models:status:503": seen["503 application/json"], "models:html": seen["200 text/html"]}
    assert sandbox.played == Counter(expected)
    sandbox.played.clear()
    assert sandbox.played == Counter(expected)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"share": 1.1}, "share"),
        ({"share": -0.1}, "share"),
        ({"actions": ()}, "actions"),
        ({"endpoints": ()}, "endpoints"),
        ({"endpoints": ("model",)}, "endpoints"),
        ({"actions": (PAGE,), "endpoints": ("models", "generate")}, "none of the actions is for generate"),
    ],
)
def test_a_chaos_that_could_not_be_meant_is_refused(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        chaos(**changes)
