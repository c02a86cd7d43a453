"""What an answer of the API means: its envelope, its verdict, and our error for each way of saying no."""

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
from atlascloud_video_mcp.cloud.wire import opened, reason
from atlascloud_video_mcp.errors import (
    AtlasError,
    BalanceTooLow,
    KeyRejected,
    NotAllowed,
    RateLimited,
    RequestRefused,
    ServiceUnavailable,
)
from atlascloud_video_mcp.network import retry_after
from atlascloud_video_mcp.settings import KEYS_PAGE
from atlascloud_video_mcp.text import PredictionId, Quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    (ValueError, "an answer that makes no sense"),
)


_NO_MONEY = re.compile(r"\bbalance\b|\binsufficient (funds|credits?)\b|\btop[ -]?up\b", re.IGNORECASE)
_TURNED_AWAY = "1010"
"""Cloudflare's code for a browser signature it does not like."""


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
    """Whether the payload came inside `data`, and so is about a prediction and not about the request."""
    words: Quoted = field(default_factory=partial(Quoted, ""))
    """What the API says about a failure."""
    retry_after: float | None = None
    """Seconds."""
    request_id: PredictionId | None = None
    """By which the API's people find the request."""
    of_the_guard: bool = False
    """Whether not the API gave it, but what stands guard in front of it."""

    @property
    def names_prediction(self) -> bool:
        """Whether a prediction's id is in it, whatever else it says."""
        return self.enveloped and _names_one(self.payload)

    @property
    def said(self) -> str:
        """The answer as our messages quote it."""
        return f'{self.status}, in its own words: "{self.words}"' if self.words else f"status {self.status}"


class Refusal(Refused):
    """An answer other than the one asked for, before it is decided what that means for the caller."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, answer.retry_after)
        self.answer = answer


class Nonsense(ValueError):
    """A success whose body is not the JSON object it should be."""

    def __init__(self, request_id: PredictionId | None) -> None:
        super().__init__("not the JSON object that was expected")
        self.request_id = request_id


def read_answer(response: httpx.Response, content: bytes, mask: Mask) -> Answer:
    """Take an answer out of its envelope: `{code, message, data: {...}}`, or the bare object.

    Args:
        response: Its status and headers.
        content: Its body.
        mask: Hides the key, wherever the answer repeats it.

    Raises:
        Nonsense: A success whose body is not the JSON object it should be.
    """
    status, headers = response.status_code, response.headers
    wait = retry_after(headers.get("Retry-After", ""))
    request_id = PredictionId.of(mask(headers.get("X-Request-ID")))
    try:
        # A byte that is no UTF-8 or a line break inside a string is no reason to throw an id away.
        text = content.decode(json.detect_encoding(content), "replace")
        body = mask.json(text)
        body = {"data": body} if isinstance(body, list) else body
        payload = _payload(body)
        code = _code(body.get("code"), status, payload)
    except (ValueError, AttributeError, RecursionError) as error:
        if is_success(status):
            raise Nonsense(request_id) from error
        page = content.lstrip()[:1] == b"<" or "html" in headers.get("Content-Type", "")
        guarded = (page and status in _GUARDED) or "cf-mitigated" in headers
        return Answer(
            status,
            {},
            words=_words_of_no_json(content),
            retry_after=wait,
            request_id=request_id,
            of_the_guard=guarded,
        )
    return Answer(
        code if is_success(status) else status,
        payload,
        enveloped="data" in body,
        words=reason(body) or Quoted(""),
        retry_after=wait,
        request_id=request_id or PredictionId.of(body.get("request_id")),
        of_the_guard="cf-mitigated" in headers,
    )


def _payload(body: dict[str, Any]) -> dict[str, Any]:
    """What the answer is about; of a list its one item, and all of them as `items`."""
    data = opened(body.get("data", body))
    if isinstance(data, list):
        one = data[0] if len(data) == 1 and isinstance(data[0], dict) else {}
        return {"items": data, **one}
    if not isinstance(data, dict):
        return {}
    inside = (opened(data.get(name)) for name in _WRAPPERS)
    return data if _names_one(data) else next((each for each in inside if _names_one(each)), data)


def _names_one(payload: object) -> TypeGuard[dict[str, Any]]:
    """Whether a prediction's id is in it."""
    return isinstance(payload, dict) and any(PredictionId.of(payload.get(name)) for name in _IDS)


def _code(code: object, status: int, payload: dict[str, Any]) -> int:
    """The status that a `code` spells, which may be text, or none that HTTP knows; with an id in hand that is no no.

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


def is_success(status: int) -> bool:
    """Whether an HTTP status says yes."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def is_verdict(answer: Answer) -> bool:
    """Whether an outage is none: a server error whose body is a prediction that has ended."""
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR or not (answer.enveloped or "id" in answer.payload):
        return False
    return status_of(answer.payload) is not Status.PROCESSING


def status_of(payload: Mapping[str, Any]) -> Status:
    """Where a prediction stands by a payload that need not name it."""
    return Report.model_validate({**payload, "id": "any"}, context={"local": False}).status


def in_words(error: Exception) -> str:
    """What befell a request whose answer did not come."""
    return next((words for kind, words in _TROUBLE if isinstance(error, kind)), "the connection broke off")


def unavailable(reason: str, retry_after: float | None = None) -> ServiceUnavailable:
    """The error for an API that is out of reach or out of order."""
    when = f"in {retry_after:.0f} seconds" if retry_after else "later"
    message = f"Atlas Cloud cannot be reached at the moment ({reason}). Call again {when}."
    return ServiceUnavailable(message, retry_after=retry_after)


def meaning(refusal: Refusal) -> AtlasError:
    """Our error for an answer that says no.

    Source: Atlas Cloud docs, errors page.
    """
    answer = refusal.answer
    said, seconds = answer.said, answer.retry_after
    wait = f"{seconds:.0f} seconds" if seconds is not None else "a minute"
    match answer.status:
        case status if answer.of_the_guard or _TURNED_AWAY in answer.words or _is_redirect(status):
            return _of_what_stands_before_it(answer, wait)
        case 401:
            return KeyRejected(
                f"Atlas Cloud does not accept the API key ({said}). Renew it at {KEYS_PAGE} and set ATLASCLOUD_API_KEY."
            )
        case status if status == HTTPStatus.PAYMENT_REQUIRED or _speaks_of_the_balance(answer):
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


def _of_what_stands_before_it(answer: Answer, wait: str) -> AtlasError:
    """Our error for an answer that is not the API's own, but a guard's, a proxy's or a login page's."""
    if _is_redirect(answer.status):
        return RequestRefused(
            f"What answers in the place of Atlas Cloud sends the request elsewhere (status {answer.status}), as a "
            "moved address, a proxy or a login page does; it was not followed. Check ATLASCLOUD_BASE_URL and the "
            "network.",
            status=answer.status,
        )
    guard = f"({answer.said}); the API key has no part in it."
    if _TURNED_AWAY in answer.words:
        return NotAllowed(
            f"The guard in front of Atlas Cloud turns this computer away {guard} "
            "Use another network, without VPN or proxy, or a newer version of this server."
        )
    return RateLimited(
        f"The guard in front of Atlas Cloud turned the request away {guard} "
        f"Wait {wait}, then call again; if it stays so, use another network, without VPN or proxy.",
        retry_after=answer.retry_after,
    )


def _speaks_of_the_balance(answer: Answer) -> bool:
    client_error = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return client_error and _NO_MONEY.search(answer.words) is not None


def _words_of_no_json(content: bytes) -> Quoted:
    """The error code of a guard in front of the API, which answers with a page or a line of text; else nothing."""
    code = re.search(rb"error(?: code)?:? (1\d{3})\b", content, re.IGNORECASE)
    return Quoted(f"error code {code[1].decode()}" if code else "")
