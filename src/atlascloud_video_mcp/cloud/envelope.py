"""What an answer of the API means: its envelope, its verdict, and our error for each refusal."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeGuard

import httpx

from atlascloud_video_mcp.cloud.http import Refused
from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.cloud.wire import reason
from atlascloud_video_mcp.errors import (
    AtlasError,
    BalanceTooLow,
    KeyRejected,
    NotAllowed,
    RateLimited,
    RequestRefused,
    ServiceUnavailable,
)
from atlascloud_video_mcp.network import opened, retry_after
from atlascloud_video_mcp.settings import KEYS_PAGE
from atlascloud_video_mcp.text import PredictionId, Quoted

if TYPE_CHECKING:
    from atlascloud_video_mcp.text import Mask

BILLING_PAGE = "https://www.atlascloud.ai/console/billing"

ASK_FIRST = (
    "Next: animate_image with the same arguments looks for it and pays nothing; only another take (take 2, say) is "
    "submitted anew and paid, so ask the user first."
)
_TROUBLE: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ProxyError, "the proxy refuses the connection"),
    (httpx.ConnectError, "no connection"),
    (httpx.ConnectTimeout, "no connection in time"),
    (httpx.PoolTimeout, "too many requests of our own at once"),
    (httpx.TimeoutException, "no answer in time"),
    (TimeoutError, "no answer in time"),
    (ValueError, "a malformed answer"),
)


_NO_MONEY = re.compile(r"\bbalance\b|\binsufficient (funds|credits?)\b|\btop[ -]?up\b", re.IGNORECASE)
_TURNED_AWAY = "1010"
"""Cloudflare's code for a browser signature that it rejects."""


_IDS = ("id", "prediction_id", "predictionId", "task_id", "taskId")
_WRAPPERS = ("data", "result", "prediction", "task")
_YES = frozenset({"success", "succeeded", "ok", "true"})
_LOWEST_STATUS = 100
_GUARDED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True)
class Answer:
    """An answer without its envelope."""

    status: int
    """The HTTP status, or the `code` inside where that says otherwise."""
    payload: dict[str, Any]
    enveloped: bool = False
    """Whether the payload was inside `data`, and so describes a prediction and not the request."""
    words: Quoted = field(default_factory=partial(Quoted, ""))
    """What the API says about a failure."""
    retry_after: float | None = None
    """Seconds."""
    request_id: PredictionId | None = None
    """With which the vendor's support finds the request."""
    from_guard: bool = False
    """Whether it came from the guard in front of the API and not from the API."""

    @property
    def names_prediction(self) -> bool:
        """Whether it holds a prediction's id, whatever else it says."""
        return self.enveloped and _names_one(self.payload)

    @property
    def prediction_status(self) -> Status:
        """The status of the prediction that it describes, which it need not name."""
        return Report.model_validate({**self.payload, "id": "any"}, context={"local": False}).status

    @property
    def said(self) -> str:
        """The answer as our messages quote it."""
        return f'{self.status}, in its own words: "{self.words}"' if self.words else f"status {self.status}"


class Refusal(Refused):
    """An answer that says no, before it is decided what that means for the caller."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, answer.retry_after)
        self.answer = answer


class MalformedAnswer(ValueError):
    """A success whose body is not the JSON object it should be."""

    def __init__(self, request_id: PredictionId | None) -> None:
        super().__init__("not the JSON object that was expected")
        self.request_id = request_id


def read_answer(response: httpx.Response, content: bytes, mask: Mask) -> Answer:
    """Unwrap an answer: `{code, message, data: {...}}`, or the bare object.

    Args:
        response: Its status and headers.
        content: Its body.
        mask: Hides the key, wherever the answer repeats it.

    Raises:
        Refusal: The answer is no, by its HTTP status or by the `code` inside.
        MalformedAnswer: A success whose body is not the JSON object it should be.
    """
    answer = _unwrap(response, content, mask)
    if _is_success(answer.status) or _is_verdict(answer):
        return answer
    raise Refusal(answer)


def _unwrap(response: httpx.Response, content: bytes, mask: Mask) -> Answer:
    status, headers = response.status_code, response.headers
    wait = retry_after(headers.get("Retry-After", ""))
    request_id = PredictionId.of(mask(headers.get("X-Request-ID")))
    try:
        # An invalid byte or a line break inside a string is no reason to lose an id.
        text = content.decode(json.detect_encoding(content), "replace")
        body = mask.json(text)
        body = {"data": body} if isinstance(body, list) else body
        payload = _payload(body)
        code = _code(body.get("code"), status, payload)
    except (ValueError, AttributeError, RecursionError) as error:
        if _is_success(status):
            raise MalformedAnswer(request_id) from error
        page = content.lstrip()[:1] == b"<" or "html" in headers.get("Content-Type", "")
        guarded = (page and status in _GUARDED) or "cf-mitigated" in headers
        return Answer(
            status,
            {},
            words=_guard_code(content),
            retry_after=wait,
            request_id=request_id,
            from_guard=guarded,
        )
    return Answer(
        code if _is_success(status) else status,
        payload,
        enveloped="data" in body,
        words=reason(body) or Quoted(""),
        retry_after=wait,
        request_id=request_id or PredictionId.of(body.get("request_id")),
        from_guard="cf-mitigated" in headers,
    )


def _payload(body: dict[str, Any]) -> dict[str, Any]:
    """What the answer is about; for a list its only item, and all of them as `items`."""
    data = opened(body.get("data", body))
    if isinstance(data, list):
        one = data[0] if len(data) == 1 and isinstance(data[0], dict) else {}
        return {"items": data, **one}
    if not isinstance(data, dict):
        return {}
    inside = (opened(data.get(name)) for name in _WRAPPERS)
    return data if _names_one(data) else next((each for each in inside if _names_one(each)), data)


def _names_one(payload: object) -> TypeGuard[dict[str, Any]]:
    """Whether it holds a prediction's id."""
    return isinstance(payload, dict) and any(PredictionId.of(payload.get(name)) for name in _IDS)


def _code(code: object, status: int, payload: dict[str, Any]) -> int:
    """The HTTP status that a `code` stands for; it may be text, and an unknown one does not outweigh an id.

    Raises:
        ValueError: It says neither yes nor no.
    """
    if code is None or str(code).strip().lower() in _YES:
        return status
    try:
        number = float(str(code))
    except ValueError:
        number = math.nan
    if math.isfinite(number) and number >= _LOWEST_STATUS:
        return int(number)
    if number == 0 or _names_one(payload):
        return status
    raise ValueError("neither yes nor no")


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _is_verdict(answer: Answer) -> bool:
    """Whether a server error is none, since its body is a prediction that has ended."""
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR or not (answer.enveloped or "id" in answer.payload):
        return False
    return answer.prediction_status is not Status.PROCESSING


def describe(error: Exception) -> str:
    """Why no usable answer came, in a few words."""
    return next((words for kind, words in _TROUBLE if isinstance(error, kind)), "the connection broke off")


def unavailable(reason: str, retry_after: float | None = None) -> ServiceUnavailable:
    """The error for an API that is out of reach or out of order."""
    when = f"in {retry_after:.0f} seconds" if retry_after else "later"
    message = f"Atlas Cloud cannot be reached at the moment ({reason}). Call again {when}."
    return ServiceUnavailable(message, retry_after=retry_after)


def meaning(refusal: Refusal) -> AtlasError:
    """Our error for a refusal.

    Source: Atlas Cloud docs, errors page.
    """
    answer = refusal.answer
    said, seconds = answer.said, answer.retry_after
    wait = f"{seconds:.0f} seconds" if seconds is not None else "a minute"
    match answer.status:
        case status if answer.from_guard or _TURNED_AWAY in answer.words or _is_redirect(status):
            return _meaning_of_intermediary(answer, wait)
        case 401:
            return KeyRejected(
                f"Atlas Cloud does not accept the API key ({said}). Renew it at {KEYS_PAGE} and set ATLASCLOUD_API_KEY."
            )
        case status if status == HTTPStatus.PAYMENT_REQUIRED or _mentions_balance(answer):
            return BalanceTooLow(f"The balance is too low ({said}). Top up at {BILLING_PAGE}, then call again.")
        case 403:
            return NotAllowed(f"This API key may not do that ({said}). Use another model or another key.")
        case 413:
            return RequestRefused(
                f"The picture is too large for Atlas Cloud ({said}). Give a smaller one.", status=answer.status
            )
        case 429:
            return RateLimited(f"Too many requests ({said}). Wait {wait}, then call again.", retry_after=seconds)
        case 451:
            return NotAllowed(f"Atlas Cloud does not serve this region ({said}). Use it from one that it serves.")
        case _ if refusal.transient:
            return unavailable(f"it answers {said}", seconds)
        case status:
            return RequestRefused(
                f"Atlas Cloud refused the request ({said}). Change it before calling again.", status=status
            )


def _is_redirect(status: int) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST


def _meaning_of_intermediary(answer: Answer, wait: str) -> AtlasError:
    """Our error for an answer of a guard, a proxy or a login page instead of the API."""
    if _is_redirect(answer.status):
        return RequestRefused(
            f"Something in place of Atlas Cloud redirects the request (status {answer.status}), as a "
            "moved address, a proxy or a login page does; it was not followed. Check ATLASCLOUD_BASE_URL and the "
            "network.",
            status=answer.status,
        )
    guard = f"({answer.said}); the API key is not the cause."
    if _TURNED_AWAY in answer.words:
        return NotAllowed(
            f"The guard in front of Atlas Cloud blocks this computer {guard} "
            "Use another network, without VPN or proxy, or a newer version of this server."
        )
    return RateLimited(
        f"The guard in front of Atlas Cloud blocked the request {guard} "
        f"Wait {wait}, then call again; if that does not help, use another network, without VPN or proxy.",
        retry_after=answer.retry_after,
    )


def _mentions_balance(answer: Answer) -> bool:
    client_error = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return client_error and _NO_MONEY.search(answer.words) is not None


def _guard_code(content: bytes) -> Quoted:
    """The error code of the guard in front of the API, which answers with a page or a line of text; else nothing."""
    code = re.search(rb"error(?: code)?:? (1\d{3})\b", content, re.IGNORECASE)
    return Quoted(f"error code {code[1].decode()}" if code else "")
