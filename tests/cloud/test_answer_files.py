"""The corpus of answers: whole, and each file says what it stands on."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from answer_files import ANSWERS, answer, answers, every_answer

if TYPE_CHECKING:
    from answer_files import Answer

OUTCOMES = {
    *("processing", "completed", "failed", "unknown", "ok", "no_link", "no_price"),
    *("refused", "transient", "unclear", "ended"),
}
CAUSES = {"request", "model", "key", "balance", "forbidden", "size", "rate", "region", "guard"}
ENDPOINTS = {"generate", "prediction", "upload", "history", "calculate", "balance", "models", "schema", "file", "any"}
MEANINGS = {
    *("outcome", "cause", "id", "word", "links", "reason", "error_code", "nsfw", "price", "available"),
    *("link_ends_at", "rows", "ids", "estimated"),
}
ALL = pytest.mark.parametrize("one", every_answer(), ids=str)


@ALL
def test_each_says_where_it_comes_from_and_what_it_means(one: Answer) -> None:
    assert one.endpoint in ENDPOINTS
    assert re.search(r"\bsections? \d|\bissue \d", one.source)
    assert one.confidence in {"H", "M", "L"}
    assert one.fact
    assert one.meaning["outcome"] in OUTCOMES
    assert one.meaning.keys() <= MEANINGS
    assert one.meaning.get("cause", "key") in CAUSES
    assert Decimal(one.meaning.get("price", "0")) >= 0
    assert ("assumption" in one.fact or "not known" in one.fact) <= (one.confidence != "H")


@ALL
def test_what_is_said_to_be_json_is(one: Answer) -> None:
    if one.headers["content-type"] == "application/json":
        assert json.loads(one.body) is not None


@ALL
def test_an_id_and_a_reason_stand_in_the_answer_itself(one: Answer) -> None:
    assert one.meaning.get("id", "") in one.body
    reason = one.meaning.get("reason", "")
    assert reason in one.body or "nothing else is said" in one.fact


def test_answers_are_found_by_endpoint_outcome_and_name() -> None:
    failed = answers("prediction", "failed")
    assert answer("prediction/failed-in-http-500") in failed
    assert {found.meaning["outcome"] for found in failed} == {"failed"}
    assert answer("any/guard-502-html") in answers("upload")
    assert {found.endpoint for found in answers("upload")} == {"upload", "any"}
    assert len(every_answer()) == sum(1 for _ in ANSWERS.rglob("*.toml"))


def test_a_byte_that_is_not_utf_8_goes_out_as_it_is() -> None:
    assert b"r\xe9ussi" in answer("generate/accepted-not-utf-8").content
