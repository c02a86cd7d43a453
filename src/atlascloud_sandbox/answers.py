"""How answers are shaped: the envelope, refusals, and what a prediction looks like on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from decimal import Decimal

    from .predictions import Failure, Prediction


@dataclass(frozen=True, slots=True)
class Style:
    """How answers are shaped, within what the vendor's own parsers are known to accept.

    `words` are the running status words, in order, spread over the generation's time; `done` is the word for success.
    `unknown_for` is in seconds: so long after submission polling a new id gives 404. `history_rows` is the name under
    which the history has its rows. `prices` is for quotes and for what a prediction has cost.
    Source: Atlas Cloud docs, predictions page; npm atlascloud-mcp 1.7.0.
    """

    envelope: Literal["data", "string_code", "bare"] = "data"
    outputs: Literal["strings", "objects", "single"] = "strings"
    errors: Literal["string", "object"] = "string"
    words: tuple[str, ...] = ("created", "processing")
    done: str = "completed"
    failure_as_500: bool = False
    unknown_for: float = 0.0
    history_rows: Literal["items", "list"] = "items"
    prices: Literal["text", "number"] = "text"

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("Style.words must hold at least one running status word.")


class Refused(Exception):
    """A request the API answers with an HTTP error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def envelope(style: Style, data: object) -> object:
    """Wrap a payload as the style has it."""
    if style.envelope == "bare":
        return data
    return {"code": _code(style, 200), "message": "success", "data": data}


def refusal(style: Style, status: int, message: str, request_id: str) -> dict[str, object]:
    """Build the error body of the media endpoints. Source: Atlas Cloud docs, errors page."""
    return {"code": _code(style, status), "msg": message, "request_id": request_id, "data": None}


def account_refusal(status: int, message: str, request_id: str) -> dict[str, object]:
    """Build the error body of the endpoints under /public. Source: Atlas Cloud docs, errors page."""
    return {"error": {"message": message, "type": "invalid_request_error", "code": status}, "request_id": request_id}


def submitted(style: Style, prediction: Prediction, origin: str) -> dict[str, Any]:
    """Build the payload of a fresh submission. Source: Atlas Cloud docs, predictions page."""
    return {
        "id": prediction.id,
        "status": style.words[0],
        "model": prediction.model,
        "created_at": _rfc3339(prediction.created),
        "urls": {"get": _poll_url(prediction, origin)},
    }


def prediction_payload(style: Style, prediction: Prediction, origin: str, now: float) -> dict[str, Any]:
    """Build the payload of a poll at the `time.monotonic` moment `now`.

    `executionTime` is in milliseconds, which is a guess; `metrics.predict_time` is in seconds.
    Source: Atlas Cloud docs, predictions page; npm atlascloud-mcp 1.7.0.
    """
    payload = submitted(style, prediction, origin)
    payload |= {
        "status": status_word(style, prediction, now),
        "has_nsfw_contents": [],
        "price": price(style, prediction.cost(now)),
    }
    payload |= _outputs(style, prediction, origin, now)
    if not prediction.ended(now):
        return payload
    took = prediction.due - prediction.started
    payload |= {
        "completed_at": _rfc3339(prediction.created + took),
        "executionTime": round(took * 1000),
        "metrics": {"predict_time": round(took, 3)},
    }
    if prediction.failure is None:
        return payload | {"has_nsfw_contents": [False]}
    return payload | _error(style, prediction.failure)


def price(style: Style, usd: Decimal) -> str | float:
    """Write a price as the style has it."""
    return amount(usd) if style.prices == "text" else float(usd)


def amount(usd: Decimal) -> str:
    """Write an amount in full, with two decimals at least."""
    whole, _, cents = f"{usd:f}".partition(".")
    return f"{whole}.{cents.rstrip('0'):0<2}"


def status_word(style: Style, prediction: Prediction, now: float) -> str:
    """Tell the provider's word for the state the prediction is in."""
    if prediction.ended(now):
        return style.done if prediction.failure is None else "failed"
    return style.words[min(int(prediction.progress(now) * len(style.words)), len(style.words) - 1)]


def _outputs(style: Style, prediction: Prediction, origin: str, now: float) -> dict[str, Any]:
    urls = [f"{origin}/files/outputs/{prediction.id}.mp4"] if prediction.succeeded(now) else []
    if style.outputs == "single":
        return {"output": urls[0]} if urls else {}
    return {"outputs": urls if style.outputs == "strings" else [{"url": url} for url in urls]}


def _code(style: Style, status: int) -> int | str:
    return str(status) if style.envelope == "string_code" else status


def _error(style: Style, failure: Failure) -> dict[str, Any]:
    error = failure.message if style.errors == "string" else {"message": failure.message, "code": failure.code}
    return {"error": error} if failure.code is None else {"error": error, "error_code": failure.code}


def _poll_url(prediction: Prediction, origin: str) -> str:
    return f"{origin}/api/v1/model/prediction/{prediction.id}"


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
