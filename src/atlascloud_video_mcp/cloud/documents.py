"""Documents that need no key: the list of models, and the schema of each, which lies on another host.

The addresses of the schemas come from the list. Only hosts of the vendor's are asked, and none is ever sent the key.
"""

from __future__ import annotations

from contextlib import aclosing
from http import HTTPStatus
from typing import Any

import httpx
import stamina

from atlascloud_video_mcp.cloud.answers import is_success, is_transient
from atlascloud_video_mcp.network import Document, Unreadable, is_loopback

_VENDORS_HOSTS = ".atlascloud.ai"
_MOST_REDIRECTS = 3
_TRIES = 2  # what cannot be had is done without


class _Passing(Exception):
    """An answer that may be another one a moment later."""


class Documents:
    """Reads documents over the API's connection pool.

    Args:
        http: The pool, whose base URL is the API's.
        retries: Pauses between tries, as stamina takes them.
    """

    def __init__(self, http: httpx.AsyncClient, retries: dict[str, Any]) -> None:
        self._http = http
        self._retries = retries | {"attempts": _TRIES}

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
            async for attempt in stamina.retry_context((httpx.TransportError, _Passing), **self._retries):
                with attempt:
                    document = await self._once(url, known, largest)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, _Passing) as error:
            reason = str(error) if isinstance(error, _Passing) else f"cannot be reached ({type(error).__name__})"
            raise Unreadable(reason) from error
        return document

    async def _once(self, url: str, known: str | None, largest: int) -> Document | None:
        address = httpx.URL(url)
        for _ in range(_MOST_REDIRECTS + 1):
            self._check(address)
            request = self._http.build_request("GET", address, headers=_condition(known))
            response = await self._http.send(request, stream=True)
            async with aclosing(response):
                if not response.has_redirect_location:
                    return await _read(response, largest)
            address = address.join(response.headers["Location"])
        raise Unreadable("leads in circles")

    def _check(self, address: httpx.URL) -> None:
        """Refuse hosts that are neither the vendor's nor the API's own."""
        api = self._http.base_url
        same = (address.scheme, address.host, address.port) == (api.scheme, api.host, api.port)
        https = address.scheme == "https" and (address.host.endswith(_VENDORS_HOSTS) or address.host == api.host)
        loopback = address.scheme == "http" and is_loopback(address.host) and is_loopback(api.host)
        if address.userinfo or not (same or https or loopback):
            raise Unreadable("lies on a host that is not Atlas Cloud's")


def _condition(known: str | None) -> dict[str, str]:
    if known is None:
        return {}
    return {"If-None-Match" if known.startswith(('"', "W/")) else "If-Modified-Since": known}


async def _read(response: httpx.Response, largest: int) -> Document | None:
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return None
    if not is_success(response.status_code):
        answer = f"is answered with status {response.status_code}"
        raise _Passing(answer) if is_transient(response.status_code) else Unreadable(answer)
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > largest:
            raise Unreadable(f"is larger than {largest / 1e6:g} MB")
    headers = response.headers
    return Document(bytes(content), headers.get("ETag") or headers.get("Last-Modified"))
