"""Documents that need no key: the list of models, and the schema of each, which lies on another host.

The addresses of the schemas come from the list. Only hosts of the vendor's are asked, and none is ever sent the key.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx

from atlascloud_video_mcp.cloud.http import VENDORS_HOSTS, Elsewhere, Hosts, Patience, Refused, follow, read_body
from atlascloud_video_mcp.network import Document, Unreadable, retry_after

if TYPE_CHECKING:
    from atlascloud_video_mcp.text import Mask

_TRIES = 2  # what cannot be had is done without


class Documents:
    """Reads documents over the API's connection pool.

    Args:
        http: The pool, whose base URL is the API's.
        patience: Pauses between tries.
        mask: Knows the key: a document that holds it is not kept.
    """

    def __init__(self, http: httpx.AsyncClient, patience: Patience, mask: Mask) -> None:
        self._http = http
        self._mask = mask
        self._hosts = Hosts(VENDORS_HOSTS, own=http.base_url)
        self._patience = replace(patience, tries=_TRIES)

    async def get(self, url: str, *, known: str | None, largest: int) -> Document | None:
        """Read one; None when it is the version that is at hand already.

        Source: RFC 9110, section 13, conditional requests.

        Args:
            url: Where it is, complete.
            known: The validator of the version at hand.
            largest: The most it may have, in bytes.

        Raises:
            Unreadable: It cannot be had, or lies where we do not look.
        """
        document = None
        try:
            async for attempt in self._patience.attempts(self._patience.passing(httpx.TransportError)):
                with attempt:
                    document = await self._once(url, known, largest)
        except Elsewhere as error:
            raise Unreadable(str(error)) from error
        except Refused as refused:
            raise Unreadable(f"is answered with status {refused.status}") from refused
        except httpx.HTTPError as error:
            raise Unreadable(f"cannot be reached ({type(error).__name__})") from error
        except ValueError as error:
            raise Unreadable(f"cannot be read: {error}") from error
        return document

    async def _once(self, url: str, known: str | None, largest: int) -> Document | None:
        async with aclosing(await follow(self._http, self._hosts, url, _condition(known))) as response:
            if response.status_code == HTTPStatus.NOT_MODIFIED:
                return None
            headers = response.headers
            if not response.is_success:
                raise Refused(response.status_code, retry_after(headers.get("Retry-After", "")))
            content = await read_body(response, largest)
        if self._mask.hides(content):
            raise Unreadable("repeats the API key")
        return Document(content, headers.get("ETag") or headers.get("Last-Modified"))


def _condition(known: str | None) -> dict[str, str]:
    if known is None:
        return {}
    return {"If-None-Match" if known.startswith(('"', "W/")) else "If-Modified-Since": known}
