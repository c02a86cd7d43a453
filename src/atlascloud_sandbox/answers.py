"""How answers are shaped: as the live API is known to give them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from .predictions import Prediction


class Refused(Exception):
    """A request the API answers with an HTTP error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Answers:
    """The shapes of the API's answers. A subclass gives others, within what the vendor's own parsers accept.

    `words` are the running status words, in order, spread over the generation's time; `done` is the word for success.
    `now` is a moment of `time.monotonic`. Sources: Atlas Cloud docs, predictions page; npm atlascloud-mcp 1.7.0; for
    failures and the history what was seen of the live service in 2026.
    """

    words: tuple[str, ...] = ("created", "processing")
    done: str = "completed"

    def wrap(self, data: object, *, code: int | str = 200, message: str = "success") -> object:
        """Wrap a payload."""
        return {"code": code, "message": message, "data": data}

    def refusal(self, status: int, message: str, request_id: str) -> dict[str, object]:
        """Build the error body of the media endpoints. Source: Atlas Cloud docs, errors page."""
        return {"code": status, "msg": message, "request_id": request_id, "data": None}

    def price(self, usd: Decimal) -> str | float:
        """Write a price."""
        return amount(usd)

    def link(self, prediction: Prediction, origin: str) -> str:
        """Tell where a finished clip is."""
        return f"{origin}/files/outputs/{prediction.id}.mp4"

    def submitted(self, prediction: Prediction, origin: str, now: float) -> dict[str, Any]:  # noqa: ARG002 - an end may show
        """Build the payload of a fresh submission."""
        return {
            "id": prediction.id,
            "status": self.words[0],
            "model": prediction.model,
            "created_at": rfc3339(prediction.created),
            "urls": {"get": f"{origin}/api/v1/model/prediction/{prediction.id}"},
        }

    def state(self, prediction: Prediction, now: float) -> str:
        """Tell the word for the state the prediction is in."""
        if prediction.ended(now):
            return self.done if prediction.failure is None else "failed"
        return self.words[min(int(prediction.progress(now) * len(self.words)), len(self.words) - 1)]

    def record(self, prediction: Prediction, origin: str, now: float) -> dict[str, Any]:
        """Build what is known of a prediction, as it is polled and as the history has it.

        `executionTime` and `timings` are in milliseconds, which is a guess; `metrics.predict_time` is in seconds.
        """
        if not prediction.ended(now):
            running = Answers.submitted(self, prediction, origin, now)
            return running | {"status": self.state(prediction, now), "outputs": []}
        if prediction.failure is None:
            return self.completed(prediction, origin)
        milliseconds = round(prediction.took * 1000)
        times = {"executionTime": milliseconds, "timings": {"inference": milliseconds}}
        return {"id": prediction.id, "status": "failed", "outputs": None} | times

    def completed(self, prediction: Prediction, origin: str) -> dict[str, Any]:
        """Build what is known of a prediction that has a clip."""
        return Answers.submitted(self, prediction, origin, prediction.due) | {
            "status": self.done,
            "outputs": [self.link(prediction, origin)],
            "has_nsfw_contents": [False],
            "price": self.price(prediction.billed),
            "completed_at": rfc3339(prediction.created + prediction.took),
            "executionTime": round(prediction.took * 1000),
            "metrics": {"predict_time": round(prediction.took, 3)},
        }

    def polled(self, prediction: Prediction, origin: str, now: float) -> tuple[int, object]:
        """Build the answer to a poll: HTTP status and body. A failure's reason stands beside the record, not in it."""
        record = self.record(prediction, origin, now)
        if record["status"] != "failed" or prediction.failure is None:
            return 200, self.wrap(record)
        return 500, {"code": 500, "message": f"Generation failed: {prediction.failure.message}", "data": record}

    def row(self, prediction: Prediction, origin: str, now: float) -> dict[str, Any]:
        """Build a row of the history. Source: AtlasCloudAI/mcp-server on GitHub, its parser of 2026-09-28."""
        return {
            "ID": prediction.id,
            "createdAt": str(int(prediction.created)),
            "model": prediction.model,
            "requestBody": prediction.text,
            "result": self.record(prediction, origin, now),
            "status": self.state(prediction, now),
        }

    def history(self, rows: Sequence[object], *, number: int, size: int, total: int) -> object:
        """Build a page of the history; its code is text, and no rows are null. Source as for `row`."""
        page = {"items": list(rows) or None, "pageNo": number, "pageSize": size, "total": total}
        return self.wrap(page, code="200")


def account_refusal(status: int, message: str, request_id: str) -> dict[str, object]:
    """Build the error body of the endpoints under /public. Source: Atlas Cloud docs, errors page."""
    return {"error": {"message": message, "type": "invalid_request_error", "code": status}, "request_id": request_id}


def amount(usd: Decimal) -> str:
    """Write an amount in full, with two decimals at least."""
    whole, _, cents = f"{usd:f}".partition(".")
    return f"{whole}.{cents.rstrip('0'):0<2}"


def rfc3339(seconds: float) -> str:
    """Write a Unix time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
