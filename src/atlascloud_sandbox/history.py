"""The history of an account: which generations it lists, and in what form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from . import answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .answers import Style
    from .predictions import Prediction

PAGE_SIZE, LARGEST_PAGE = 20, 100
LONGEST_NUMBER = 9


def page(
    style: Style, predictions: Iterable[Prediction], query: Mapping[str, str], *, origin: str, now: float
) -> dict[str, Any]:
    """Build the payload of one page; parameters it does not know are ignored, empty ones too.

    Source: npm atlascloud-mcp 1.7.0, type HistoryResponse; AtlasCloudAI/mcp-server on GitHub for `state` and
    `modelPrefix`.
    """
    number = _whole(query, "no", default=1, largest=10**6)
    size = _whole(query, "size", default=PAGE_SIZE, largest=LARGEST_PAGE)
    items = [
        _item(style, prediction, origin, now) for prediction in predictions if _wanted(style, prediction, query, now)
    ]
    rows = items[(number - 1) * size : number * size]
    return {style.history_rows: rows, "pageNo": number, "pageSize": size, "total": len(items)}


def _wanted(style: Style, prediction: Prediction, query: Mapping[str, str], now: float) -> bool:
    facts = {
        "model": prediction.model,
        "status": answers.status_word(style, prediction, now),
        "state": _state(prediction, now),
    }
    same = all(query.get(name, "") in ("", fact) for name, fact in facts.items())
    return same and prediction.model.startswith(query.get("modelPrefix", ""))


def _state(prediction: Prediction, now: float) -> Literal["running", "succeeded", "failed"]:
    if not prediction.ended(now):
        return "running"
    return "succeeded" if prediction.succeeded(now) else "failed"


def _item(style: Style, prediction: Prediction, origin: str, now: float) -> dict[str, Any]:
    payload = answers.prediction_payload(style, prediction, origin, now)
    return {
        "ID": prediction.id,
        "createdAt": int(prediction.created),
        "model": prediction.model,
        "requestBody": prediction.text,
        "result": payload,
        "status": payload["status"],
    }


def _whole(query: Mapping[str, str], name: str, *, default: int, largest: int) -> int:
    text = query.get(name, "")
    return min(max(int(text[:LONGEST_NUMBER]), 1), largest) if text.isdecimal() else default
