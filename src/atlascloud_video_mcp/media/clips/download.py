"""The download of one clip into a temporary file: retried, resumed where the server can, and checked.

Sources: RFC 9110 (sections 10.2.3 Retry-After, 13.1.5 If-Range, 14 range requests, 15.4 redirection).
"""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import anyio
import httpx
from anyio.to_thread import run_sync

from atlascloud_video_mcp.cloud import http
from atlascloud_video_mcp.cloud.documents import Hosts, follow
from atlascloud_video_mcp.cloud.http import Elsewhere, Refused
from atlascloud_video_mcp.media.clips.partial_file import CannotSave
from atlascloud_video_mcp.media.clips.video import DamagedVideo, UnplayableVideo
from atlascloud_video_mcp.network import retry_after

if TYPE_CHECKING:
    from atlascloud_video_mcp.media.clips.partial_file import PartialFile

_GONE = frozenset({401, 403, 404, 410})
_CODED = frozenset({"gzip", "x-gzip", "deflate"})
"""Decoded, but only one: with several on top of each other a small answer could become any size."""
_TELL_THE_END = ("Content-Length", "Transfer-Encoding")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)", re.IGNORECASE)


@dataclass(frozen=True)
class DownloadPatience(http.Patience):
    """How long a download may take and how often it is tried. Times are in seconds."""

    altogether: float = 60.0
    whole: float = 900.0
    """The longest time for all tries together."""
    largest: int = 4_000_000_000
    """Bytes a clip may have."""


class Download:
    """The download of one clip; `run` it once.

    Args:
        client: It must send no key.
        hosts: Where clips may lie.
        url: Where the clip is.
        part: The open temporary file.
        patience: Time-outs, tries, size.
    """

    def __init__(
        self, client: httpx.AsyncClient, hosts: Hosts, url: str, part: PartialFile, *, patience: DownloadPatience
    ) -> None:
        self._client = client
        self._hosts = hosts
        self._url = url
        self._part = part
        self._patience = patience
        self._etag = ""
        self._total: int | None = None
        self._decodes = True

    async def run(self) -> None:
        """Fill the file with a whole, checked clip.

        Raises:
            CannotSave: It cannot be fetched.
            OSError: It could not be written.
        """
        patience = self._patience
        passing = patience.passing(httpx.TransportError, httpx.DecodingError, DamagedVideo)
        with anyio.move_on_after(patience.whole):
            try:
                async for attempt in patience.attempts(passing):
                    with attempt:
                        await self._try()
            except httpx.HTTPError as error:
                raise CannotSave(f"The clip's download broke off ({type(error).__name__}): save it later.") from error
            except UnplayableVideo as error:
                raise CannotSave(
                    f"What came from the clip's URL is not the clip, {error}: call get_prediction for its URL, and "
                    "open that in a browser.",
                    url_good=False,
                ) from error
            except DamagedVideo as error:
                raise CannotSave(f"What came from the clip's URL is not the clip, {error}: save it later.") from error
            except Refused as refused:
                raise _meaning(refused) from refused
            except Elsewhere as error:
                raise CannotSave(
                    f"The clip is not fetched: its URL {error}. Open it yourself, or add a public host that you trust "
                    "to ATLASCLOUD_CLIP_HOSTS.",
                    url_good=False,
                ) from error
            return
        raise CannotSave(f"The clip was not on disk within {patience.whole:g} seconds: save it later.")

    async def _try(self) -> None:
        async with aclosing(await self._answer()) as response:
            await self._place(response)
            # Some servers compress though asked not to, and some only claim that they did.
            encoded = self._decodes and response.headers.get("Content-Encoding", "").lower() in _CODED
            self._total = None if encoded else self._total
            came_whole = any(name in response.headers for name in _TELL_THE_END)
            try:
                async for chunk in response.aiter_bytes() if encoded else response.aiter_raw():
                    self._check_size(self._part.size + len(chunk))
                    await run_sync(self._part.write, chunk)
            except httpx.HTTPError as error:
                if encoded:  # its length and ranges are not the clip's: it cannot be resumed
                    await run_sync(self._part.restart)
                self._decodes = self._decodes and not isinstance(error, httpx.DecodingError)
                raise
        if self._total is not None and self._part.size != self._total:
            raise DamagedVideo(f"it ends after {self._part.size} of {self._total} bytes")
        try:
            await run_sync(partial(self._part.check, came_whole=came_whole))
        except DamagedVideo:
            await run_sync(self._part.restart)
            raise

    async def _answer(self) -> httpx.Response:
        """Request what is missing, following redirects; the response is open."""
        headers = {}
        if self._part.size:
            headers["Range"] = f"bytes={self._part.size}-"
            if self._etag.startswith('"'):  # a weak one must not be used
                headers["If-Range"] = self._etag
        return await follow(self._client, self._hosts, self._url, headers)

    async def _place(self, response: httpx.Response) -> None:
        """Prepare the file for the body, which continues it or starts it again."""
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
                raise DamagedVideo("it changed while it was being fetched")
            case status:
                raise Refused(status, retry_after(response.headers.get("Retry-After", "")))
        self._check_size(self._total or 0)

    def _goes_on(self, response: httpx.Response) -> bool:
        """Whether a body is the rest of the same clip, as far as the server tells."""
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
