"""What an answer of the API means: its envelope, its verdict, and our error for each way of saying no."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from atlascloud_video_mcp.errors import (
    AtlasError,
    BalanceTooLow,
    KeyRejected,
    NotAllowed,
    RateLimited,
    RequestRefused,
    ServiceUnavailable,
)
from atlascloud_video_mcp.http import Refused
from atlascloud_video_mcp.network import sound
from atlascloud_video_mcp.predictions import Report, Status
from atlascloud_video_mcp.quoting import harmless
from atlascloud_video_mcp.settings import KEYS_PAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

BILLING_PAGE = "https://www.atlascloud.ai/console/billing"

ASK_FIRST = (
    "Calling again with the same arguments looks for it and pays nothing; only another take (take 2, say) is submitted "
    "anew and paid, so ask the user first."
)
_QUOTED = 200  # characters of the API's own words in a message of ours
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


class Refusal(Refused):
    """An answer other than the one asked for, before it is decided what that means for the caller."""

    def __init__(self, status: int, words: str, retry_after: float | None = None) -> None:
        super().__init__(status, retry_after)
        self.words = words

    @property
    def said(self) -> str:
        """The answer as our messages quote it."""
        return f'{self.status}, in its own words: "{self.words}"' if self.words else f"status {self.status}"


@dataclass(frozen=True)
class Answer:
    """An answer without its envelope."""

    status: int
    """The HTTP status, or the `code` inside where that says otherwise."""
    payload: Mapping[str, Any]
    enveloped: bool
    """Whether the payload came inside `data`, and so is about a prediction and not about the request."""
    words: str
    """What the API says about a failure, not yet made safe to show."""


def read_answer(status: int, content: bytes) -> Answer:
    """Take an answer out of its envelope: `{code, message, data: {...}}`, or the bare object.

    Raises:
        ValueError: A success whose body is not the JSON object it should be.
    """
    try:
        body = sound(json.loads(content))
        code = body.get("code")
        code = status if code is None else int(code)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        if is_success(status):
            raise ValueError("not the JSON object that was expected") from error
        return Answer(status, {}, enveloped=False, words=_words_of_no_json(content))
    payload = body.get("data", body)
    return Answer(
        code if is_success(status) else status,
        payload if isinstance(payload, dict) else {},
        enveloped="data" in body,
        words=_words(body),
    )


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
    return Report.model_validate({**payload, "id": "any"}).status


def shown(words: str, *, secret: str, most: int = _QUOTED) -> str:
    """Words of the API made safe to show in quotation marks, and without the key."""
    for _ in range(2):  # what is escaped may hold the key too
        for spelling in _spellings(secret):
            words = words.replace(spelling, "***")
        words = html.unescape(words)
    return harmless(words, most)


def _spellings(secret: str) -> tuple[str, ...]:
    """The key as it is, and as it stands in URLs and in base64."""
    return secret, quote(secret, safe=""), b64encode(secret.encode()).decode().rstrip("=")


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
    said, seconds = refusal.said, refusal.retry_after
    match refusal.status:
        case 401:
            return KeyRejected(
                f"Atlas Cloud does not accept the API key ({said}). Renew it at {KEYS_PAGE} and set ATLASCLOUD_API_KEY."
            )
        case status if status == HTTPStatus.PAYMENT_REQUIRED or _speaks_of_the_balance(refusal):
            return BalanceTooLow(f"The balance is too low ({said}). Top up at {BILLING_PAGE}, then call again.")
        case 403 if _TURNED_AWAY in refusal.words:
            return NotAllowed(
                f"The guard in front of Atlas Cloud turns this computer away ({said}); the API key has no part in it. "
                "Use another network, without VPN or proxy, or a newer version of this server."
            )
        case 403:
            return NotAllowed(f"This API key may not do that ({said}). Use another model or another key.")
        case 413:
            return RequestRefused(
                f"The picture is too large for Atlas Cloud ({said}). Give a smaller one.", status=refusal.status
            )
        case 429:
            wait = f"{seconds:.0f} seconds" if seconds is not None else "a minute"
            return RateLimited(f"Too many requests ({said}). Wait {wait}, then call again.", retry_after=seconds)
        case 451:
            return NotAllowed(f"Atlas Cloud does not serve this region ({said}). Use it from one that it serves.")
        case _ if refusal.transient:
            return unavailable(f"it answers {said}", seconds)
        case status:
            return RequestRefused(
                f"Atlas Cloud refused the request ({said}). Change it before calling again.", status=status
            )


def _speaks_of_the_balance(refusal: Refusal) -> bool:
    client_error = HTTPStatus.BAD_REQUEST <= refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return client_error and _NO_MONEY.search(refusal.words) is not None


def _words_of_no_json(content: bytes) -> str:
    """The error code of a guard in front of the API, which answers with a page or a line of text; else nothing."""
    code = re.search(rb"error(?: code)?:? (1\d{3})\b", content, re.IGNORECASE)
    return f"error code {code[1].decode()}" if code else ""


def _words(body: Mapping[str, Any]) -> str:
    error = body.get("error")
    found = [
        body.get("message"),
        body.get("msg"),
        body.get("title"),
        error.get("message") if isinstance(error, dict) else error,
    ]
    return next((item for item in found if isinstance(item, str) and item.strip()), "")
