"""The history of an account: which generations it lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .answers import Answers
    from .predictions import Prediction

PAGE_SIZE, LARGEST_PAGE = 20, 50
LONGEST_NUMBER = 9


def page(
    answers: Answers, predictions: Iterable[Prediction], query: Mapping[str, str], *, origin: str, now: float
) -> object:
    """Build the answer with one page; parameters it does not know are ignored, empty ones too.

    Source: npm atlascloud-mcp 1.7.0, type HistoryResponse; AtlasCloudAI/mcp-server on GitHub for `state` and
    `modelPrefix`.
    """
    number = _whole(query, "no", default=1, largest=10**6)
    size = _whole(query, "size", default=PAGE_SIZE, largest=LARGEST_PAGE)
    wanted = [prediction for prediction in predictions if _wanted(answers, prediction, query, now)]
    rows = [answers.row(prediction, origin, now) for prediction in wanted[(number - 1) * size : number * size]]
    return answers.history(rows, number=number, size=size, total=len(wanted))


def _wanted(answers: Answers, prediction: Prediction, query: Mapping[str, str], now: float) -> bool:
    facts = {
        "model": prediction.model,
        "status": answers.state(prediction, now),
        "state": _state(prediction, now),
    }
    same = all(query.get(name, "") in ("", fact) for name, fact in facts.items())
    return same and prediction.model.startswith(query.get("modelPrefix", ""))


def _state(prediction: Prediction, now: float) -> Literal["running", "succeeded", "failed"]:
    if not prediction.ended(now):
        return "running"
    return "succeeded" if prediction.succeeded(now) else "failed"


def _whole(query: Mapping[str, str], name: str, *, default: int, largest: int) -> int:
    text = query.get(name, "")
    return min(max(int(text[:LONGEST_NUMBER]), 1), largest) if text.isdecimal() else default
