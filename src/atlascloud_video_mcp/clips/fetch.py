"""The download of one clip into one temporary file: tried again, resumed where the server can, checked.

Sources: RFC 9110 (sections 10.2.3 Retry-After, 13.1.5 If-Range, 14 range requests, 15.4 redirection).
"""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import anyio
import httpx
import stamina
from anyio.to_thread import run_sync

from atlascloud_video_mcp.clips.mp4 import Damaged
from atlascloud_video_mcp.clips.problems import CannotSave
from atlascloud_video_mcp.network import is_loopback, retry_after
from atlascloud_video_mcp.paths import shown

if TYPE_CHECKING:
    from atlascloud_video_mcp.clips.part import Part

_TRANSIENT = frozenset({408, 425, 429})
_GONE = frozenset({401, 403, 404, 410})
_REDIRECTS = 5
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)", re.IGNORECASE)


@dataclass(frozen=True)
class Patience:
    """How long a download may take and how often it is tried. All times in seconds."""

    tries: int = 4
    altogether: float = 60.0
    """No new try is begun later than this."""
    first_pause: float = 0.5
    longest_pause: float = 8.0
    connect: float = 10.0
    silence: float = 60.0
    """The longest time without a byte coming."""
    whole: float = 900.0
    """The longest time for everything."""
    largest: int = 4_000_000_000
    """Bytes a clip may have."""


class Refused(Exception):
    """An answer other than the clip, by its HTTP status."""

    def __init__(self, status: int, retry_after: float | None) -> None:
        super().__init__(status)
        self.status = status
        self.retry_after = retry_after

    @property
    def transient(self) -> bool:
        """Whether the same request may well succeed later."""
        return self.status in _TRANSIENT or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class Download:
    """One clip on its way; `run` it once.

    Args:
        http: A client that sends no key.
        url: Where the clip is.
        part: The open temporary file.
        patience: Time-outs, tries, size.
        allow_loopback_http: Whether plain http will do on this machine, for the sandbox.
    """

    def __init__(
        self, http: httpx.AsyncClient, url: str, part: Part, *, patience: Patience, allow_loopback_http: bool
    ) -> None:
        self._http = http
        self._url = url
        self._part = part
        self._patience = patience
        self._allow_loopback_http = allow_loopback_http
        self._etag = ""
        self._total: int | None = None

    async def run(self) -> None:
        """Fill the part with a whole, checked clip.

        Raises:
            CannotSave: It cannot be had.
            OSError: The disk would not take it.
        """
        patience = self._patience
        deadline = anyio.current_time() + patience.altogether

        def worth_another_try(error: Exception) -> bool | float:
            if not isinstance(error, Refused):
                return isinstance(error, (httpx.TransportError, Damaged))
            if error.retry_after is None or not error.transient:
                return error.transient
            return error.retry_after if anyio.current_time() + error.retry_after < deadline else False

        attempts = stamina.retry_context(
            worth_another_try,
            attempts=patience.tries,
            timeout=patience.altogether,
            wait_initial=patience.first_pause,
            wait_max=patience.longest_pause,
            wait_jitter=patience.first_pause,
        )
        with anyio.move_on_after(patience.whole):
            try:
                async for attempt in attempts:
                    with attempt:
                        await self._try()
            except httpx.HTTPError as error:
                raise CannotSave(f"The clip's download broke off ({type(error).__name__}): save it later.") from error
            except Damaged as error:
                raise CannotSave(f"What came from the clip's URL is not the clip, {error}: save it later.") from error
            except Refused as refused:
                raise _meaning(refused) from refused
            return
        raise CannotSave(f"The clip was not on disk within {patience.whole:g} seconds: save it later.")

    async def _try(self) -> None:
        async with aclosing(await self._answer()) as response:
            await self._place(response)
            async for chunk in response.aiter_raw():
                self._check_size(self._part.size + len(chunk))
                await run_sync(self._part.write, chunk)
        if self._total is not None and self._part.size != self._total:
            raise Damaged(f"it ends after {self._part.size} of {self._total} bytes")
        try:
            await run_sync(self._part.check)
        except Damaged:
            await run_sync(self._part.restart)
            raise

    async def _answer(self) -> httpx.Response:
        """Ask for what is missing, following redirects; the response is open."""
        headers = {}
        if self._part.size:
            headers["Range"] = f"bytes={self._part.size}-"
            if self._etag.startswith('"'):  # a weak one must not be used
                headers["If-Range"] = self._etag
        url = self._checked(self._url)
        for _ in range(_REDIRECTS + 1):
            response = await self._http.send(self._http.build_request("GET", url, headers=headers), stream=True)
            if not response.has_redirect_location:
                return response
            await response.aclose()
            url = self._checked(url.join(response.headers["Location"]))
        raise CannotSave(f"The clip's URL is redirected more than {_REDIRECTS} times: save it later.")

    def _checked(self, address: str | httpx.URL) -> httpx.URL:
        """Refuse what is not encrypted; a name and password would become an Authorization header."""
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL as error:
            raise CannotSave("The clip's URL is none: call get_prediction for it.", url_good=False) from error
        safe = url.scheme == "https" or (url.scheme == "http" and self._allow_loopback_http and is_loopback(url.host))
        if not (safe and url.host) or url.userinfo:
            raise CannotSave(
                f"The clip is only fetched over https and without a password, but its URL leads to "
                f"{shown(f'{url.scheme}://{url.host}')}: call get_prediction for its URL.",
                url_good=False,
            )
        return url

    async def _place(self, response: httpx.Response) -> None:
        """Make the part ready for the body: it goes on where the part ends, or begins anew."""
        match response.status_code:
            case HTTPStatus.OK:
                await run_sync(self._part.restart)
                length = response.headers.get("Content-Length", "")
                self._total = int(length) if length.isdecimal() else None
                self._etag = response.headers.get("ETag", "")
            case HTTPStatus.PARTIAL_CONTENT if self._goes_on(response):
                pass
            case HTTPStatus.PARTIAL_CONTENT | HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE if self._part.size:
                await run_sync(self._part.restart)
                raise Damaged("it changed while it was being fetched")
            case status:
                raise Refused(status, retry_after(response.headers.get("Retry-After", "")))
        self._check_size(self._total or 0)

    def _goes_on(self, response: httpx.Response) -> bool:
        """Whether a body is the rest of the clip that was begun, as far as the server tells."""
        place = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not place or not 0 < self._part.size == int(place[1]):
            return False
        same_length = place[2] in ("*", str(self._total or place[2]))
        return same_length and response.headers.get("ETag", self._etag) == self._etag

    def _check_size(self, size: int) -> None:
        if size > self._patience.largest:
            raise CannotSave(
                f"The clip has {size} bytes or more, and at most {self._patience.largest} are saved: open its URL "
                "in a browser."
            )


def _meaning(refused: Refused) -> CannotSave:
    status = refused.status
    if status in _GONE:
        return CannotSave(
            f"The clip is no longer there (status {status}): it has expired, as Atlas Cloud keeps clips for 14 days, "
            "or its link has.",
            url_good=False,
            link_ended=True,
        )
    if refused.transient:
        when = "later" if refused.retry_after is None else f"in {refused.retry_after:.0f} seconds"
        return CannotSave(f"The clip cannot be fetched at the moment (status {status}): save it {when}.")
    return CannotSave(
        f"The clip's server refuses to send it (status {status}): call get_prediction for its URL.", url_good=False
    )
