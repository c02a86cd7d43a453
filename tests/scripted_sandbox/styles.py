"""Answers in other shapes than the usual ones, within what the vendor's own parsers are known to accept."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from atlascloud_sandbox.answers import Answers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from atlascloud_sandbox.predictions import Failure, Prediction


@dataclass(frozen=True, kw_only=True)
class Style(Answers):
    """How answers are shaped; what is not named here is as usual.

    `words` are the running status words, in order, spread over the generation's time; `done` is the word for success.
    `unknown_for` is in seconds: so long after submission polling a new id gives 404. `clip_after` and `price_after` are
    how many polls after the end find the record without its clip, or its price; infinite is for ever. Until it comes,
    the clip is missing as `no_clip` says, the price as `no_price` says. `nsfw` is what a finished record says of its
    clip. `signed_for` signs links, for so many seconds from each look on. With `at_once` the submit's answer is final.
    `failure_as_500` and `errors` say where a failure is told: as HTTP 500 or 200; outside the record or in it.
    Source: the API's facts, sections 3, 4, 6, 8 and 9.
    """

    envelope: Literal["data", "string_code", "bare"] = "data"
    outputs: Literal["strings", "objects", "single"] = "strings"
    errors: Literal["outside", "string", "object"] = "outside"
    words: tuple[str, ...] = ("created", "processing")
    done: str = "completed"
    failure_as_500: bool = True
    unknown_for: float = 0.0
    prices: Literal["text", "number"] = "text"
    clip_after: float = 0
    no_clip: Literal["empty", "null", "absent"] = "empty"
    price_after: float = 0
    no_price: Literal["absent", "null", "zero"] = "absent"
    nsfw: bool = False
    signed_for: int | None = None
    at_once: bool = False
    total_as_text: bool = False
    _looks: Counter[str] = field(default_factory=Counter, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("Style.words must hold at least one running status word.")

    def wrap(self, data: object, *, code: int | str = 200, message: str = "success") -> object:
        if self.envelope == "bare":
            return data
        return super().wrap(data, code=self._code(code), message=message)

    def refusal(self, status: int, message: str, request_id: str) -> dict[str, object]:
        return super().refusal(status, message, request_id) | {"code": self._code(status)}

    def price(self, usd: Decimal) -> str | float:
        return super().price(usd) if self.prices == "text" else float(usd)

    def link(self, prediction: Prediction, origin: str) -> str:
        link = super().link(prediction, origin)
        return link if self.signed_for is None else f"{link}?{_signature(self.signed_for)}"

    def submitted(self, prediction: Prediction, origin: str, now: float) -> dict[str, Any]:
        if self.at_once and prediction.ended(now):
            return self.record(prediction, origin, now)
        return super().submitted(prediction, origin, now)

    def record(self, prediction: Prediction, origin: str, now: float) -> dict[str, Any]:
        record = super().record(prediction, origin, now)
        if not prediction.ended(now):
            return self._with_outputs(record, "empty")
        if prediction.failure is None:
            looks = self._looks[prediction.id]
            record["has_nsfw_contents"] = [self.nsfw]
            return self._with_price(
                self._with_outputs(record, self.no_clip if 0 < self.clip_after >= looks else None), looks
            )
        if self.errors == "outside":
            return record
        whole = super().completed(prediction, origin) | {"status": "failed", "outputs": [], "has_nsfw_contents": []}
        del whole["price"]
        return whole | self._error(prediction.failure)

    def polled(self, prediction: Prediction, origin: str, now: float) -> tuple[int, object]:
        if now - prediction.started < self.unknown_for:
            return 404, self.refusal(404, "Prediction not found", uuid.uuid4().hex)
        self._looks[prediction.id] += prediction.ended(now)
        status, body = super().polled(prediction, origin, now)
        if status == 200 or not isinstance(body, dict):
            return status, body
        message = body["message"] if self.errors == "outside" else "Generation failed"
        if self.failure_as_500:
            return 500, body | {"code": self._code(500), "message": message}
        return 200, self.wrap(body["data"], message=message)

    def history(self, rows: Sequence[object], *, number: int, size: int, total: int) -> object:
        page = super().history(rows, number=number, size=size, total=total)
        payload: Any = page if self.envelope == "bare" else page["data"]  # type: ignore[index] # as `wrap` made it
        payload["total"] = str(total) if self.total_as_text else total
        return page

    def _code(self, code: int | str) -> int | str:
        return str(code) if self.envelope == "string_code" else code

    def _with_outputs(self, record: dict[str, Any], missing: str | None) -> dict[str, Any]:
        links = [] if missing else record["outputs"]
        if self.outputs == "single":
            del record["outputs"]
            return record | ({"output": links[0]} if links else {})
        if missing == "absent":
            del record["outputs"]
            return record
        forms: dict[str, Any] = {"strings": links, "objects": [{"url": link} for link in links]}
        return record | {"outputs": None if missing == "null" else forms[self.outputs]}

    def _with_price(self, record: dict[str, Any], looks: int) -> dict[str, Any]:
        if not 0 < self.price_after >= looks:
            return record
        del record["price"]
        missing: dict[str, dict[str, Any]] = {"absent": {}, "null": {"price": None}, "zero": {"price": 0}}
        return record | missing[self.no_price]

    def _error(self, failure: Failure) -> dict[str, Any]:
        error = failure.message if self.errors == "string" else {"message": failure.message, "code": failure.code}
        return {"error": error} if failure.code is None else {"error": error, "error_code": failure.code}


def _signature(seconds: int) -> str:
    """What a link of Volcano Engine's object storage is signed with."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return urlencode(
        {"X-Tos-Date": now, "X-Tos-Expires": seconds, "X-Tos-Signature": "0f3c1d", "X-Tos-SignedHeaders": "host"}
    )
