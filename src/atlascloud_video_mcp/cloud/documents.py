"""What is fetched without the key: documents here, clips in `media`; and the hosts that may be asked for either.

Documents are the list of models and the schema of each, whose address on another host comes from the list.

Source: RFC 9110 (sections 13 conditional requests, 15.4 redirection).
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx

from atlascloud_video_mcp.cloud.http import LONGEST_HOST_SHOWN, Elsewhere, Patience, Refused, read_body
from atlascloud_video_mcp.network import is_loopback, is_public_host, retry_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlascloud_video_mcp.text import Mask

_VENDORS_HOSTS = ("atlascloud.ai",)
_ANY_PUBLIC_HOST = "*"
_HTTPS = 443
_MOST_REDIRECTS = 5
_TRIES = 2  # a document is not needed enough for more


@dataclass(frozen=True)
class Hosts:
    """The hosts that documents or clips may be fetched from."""

    names: tuple[str, ...]
    """Host names, each with all subdomains; `*` for any public one."""
    own: httpx.URL | None = None
    """The API: its origin may be asked whatever that is."""

    def check(self, url: httpx.URL) -> None:
        """Raise Elsewhere for a URL that must not be asked."""
        host = url.raw_host.decode("ascii").lower().removesuffix(".")
        if url.userinfo:
            raise Elsewhere("has a user name or a password")
        if self.own and _same_origin(url, self.own):
            return
        where = f'leads to "{url.scheme}://{url.netloc.decode("ascii")[:LONGEST_HOST_SHOWN]}"'
        if url.scheme != "https" or url.port not in {None, _HTTPS}:
            raise Elsewhere(f"{where}, but only https at its usual port is asked")
        if not is_public_host(host):
            raise Elsewhere(f"{where}, which is not a public host")
        if not any(name in (_ANY_PUBLIC_HOST, host) or host.endswith(f".{name}") for name in self.names):
            raise Elsewhere(f"{where}, which is not an allowed host")


CLIP_HOSTS = Hosts(("aliyuncs.com", "atlascloud.ai", "volces.com"))
"""Where Atlas Cloud keeps clips.

Source: the vendor's atlas-saas-starter, route api/download; volces.com is where ByteDance's models put theirs.
"""


def clip_hosts(further: Iterable[str], api: str) -> Hosts:
    """Where clips may be fetched from: also further hosts, and the API's origin if it is on this machine."""
    own = httpx.URL(api)
    return Hosts((*CLIP_HOSTS.names, *further), own if is_loopback(own.host) else None)


def _same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether scheme, host and port are the same; all names of this machine count as one."""
    if (one.scheme, one.port) != (other.scheme, other.port):
        return False
    return one.host == other.host or (is_loopback(one.host) and is_loopback(other.host))


async def follow(http: httpx.AsyncClient, hosts: Hosts, url: str, headers: Mapping[str, str]) -> httpx.Response:
    """Request a URL, through redirects, each of which is checked; the response is open.

    Raises:
        Elsewhere: It is no URL, or leads to a host that we do not ask.
        httpx.HTTPError: No answer came.
    """
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Elsewhere("is not a URL") from error
    for _ in range(_MOST_REDIRECTS + 1):
        hosts.check(address)
        response = await http.send(http.build_request("GET", address, headers=headers), stream=True)
        if not response.has_redirect_location:
            return response
        await response.aclose()
        address = address.join(response.headers["Location"])
    raise Elsewhere(f"is redirected more than {_MOST_REDIRECTS} times")


@dataclass(frozen=True)
class Document:
    """A document as it came."""

    content: bytes
    validator: str | None
    """The server's name for this version, to ask for a newer one with; None when it gives none."""


class Unreadable(Exception):
    """A document cannot be fetched; the message says why, in a few words to follow "it"."""


class Documents:
    """Fetches documents over the API's connection pool.

    Args:
        http: The pool, whose base URL is the API's.
        patience: Pauses between tries.
        mask: Knows the key: a document that repeats it is refused.
    """

    def __init__(self, http: httpx.AsyncClient, patience: Patience, mask: Mask) -> None:
        self._http = http
        self._mask = mask
        self._hosts = Hosts(_VENDORS_HOSTS, own=http.base_url)
        self._patience = replace(patience, tries=_TRIES)

    async def get(self, url: str, *, known: str | None, largest: int) -> Document | None:
        """Fetch one; None when the `known` version is still current.

        Args:
            url: Its absolute URL.
            known: The validator of the known version.
            largest: Size limit in bytes.

        Raises:
            Unreadable: It cannot be fetched, or is on a host that we do not ask.
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
