"""The way out: how requests are made, where they may lead, when they are tried again, how much is read of an answer.

The API, the documents that need no key, the clips and the doctor all go through here.

Sources: RFC 9110 (sections 8.4 content codings, 10.2.3 Retry-After, 15.4 redirection).
"""

from __future__ import annotations

import re
import socket
import zlib
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import anyio
import httpcore
import httpx
import stamina

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.errors import SettingsError
from atlascloud_video_mcp.network import is_loopback, is_public, is_public_host

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping

LARGEST = 1_000_000
"""Bytes that any answer may have, but for the list of models."""
LARGEST_LIST = 4_000_000
"""Bytes of the list of models; the real one has 0.7 MB."""
VENDORS_HOSTS = ("atlascloud.ai",)
ANY_PUBLIC_HOST = "*"

_BYTES_A_VALUE = 20  # of the limit; what is read into a value of Python's takes up to 200
_GZIP = 16 + zlib.MAX_WBITS
_MOST_REDIRECTS = 5
_LONGEST_TOLD = 100  # characters of a host
_HTTPS = 443
_NEXT_ADDRESS_AFTER = 2.0  # seconds
_MOST_CONNECTIONS = 100
_MOST_IDLE = 20
_IDLE_FOR = 5.0  # seconds


class Refused(Exception):
    """An answer other than the one asked for, by its HTTP status; `retry_after` is in seconds."""

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.retry_after = retry_after

    @property
    def transient(self) -> bool:
        """Whether the same read or upload may well succeed later."""
        return self.status in {408, 425, 429} or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class Elsewhere(Exception):
    """An address that is not asked; the message says why, in a few words that follow after "it"."""


@dataclass(frozen=True)
class Patience:
    """How long requests may take and how often they are tried. All times in seconds."""

    tries: int = 4
    altogether: float = 20.0
    """No new try is begun later than this."""
    first_pause: float = 0.5
    longest_pause: float = 8.0
    connect: float = 10.0
    silence: float = 60.0
    """The longest time without a byte coming or going."""

    def attempts(self, on: Any) -> Any:  # noqa: ANN401 - stamina's own types, which it does not publish
        """The tries of one request, made again `on` what stamina takes: types of errors, or a rule."""
        return stamina.retry_context(
            on,
            attempts=self.tries,
            timeout=self.altogether,
            wait_initial=self.first_pause,
            wait_max=self.longest_pause,
            wait_jitter=self.first_pause,
        )

    def passing(self, *kinds: type[Exception]) -> Callable[[Exception], bool | float]:
        """The rule for what costs nothing: again after errors of these kinds, and after a refusal that may pass.

        A `Retry-After` is waited for where there is time for it, and else is an end at once.
        """
        deadline = anyio.current_time() + self.altogether

        def worth_another_try(error: Exception) -> bool | float:
            if not isinstance(error, Refused):
                return isinstance(error, kinds)
            if error.retry_after is None or not error.transient:
                return error.transient
            return error.retry_after if anyio.current_time() + error.retry_after < deadline else False

        return worth_another_try


@dataclass(frozen=True)
class Hosts:
    """Where documents or clips may lie."""

    names: tuple[str, ...]
    """Hosts, and all below each; `*` for any public one."""
    own: httpx.URL | None = None
    """The API: what lies at its origin may be fetched whatever that is."""

    def check(self, url: httpx.URL) -> None:
        """Raise Elsewhere for a URL that must not be asked."""
        host = url.raw_host.decode("ascii").lower().removesuffix(".")
        if url.userinfo:
            raise Elsewhere("has a user name or a password")
        if self.own and same_origin(url, self.own):
            return
        where = f'leads to "{url.scheme}://{url.netloc.decode("ascii")[:_LONGEST_TOLD]}"'
        if url.scheme != "https" or url.port not in {None, _HTTPS}:
            raise Elsewhere(f"{where}, but only https at its usual port is asked")
        if not is_public_host(host):
            raise Elsewhere(f"{where}, which is no public host")
        if not any(name in (ANY_PUBLIC_HOST, host) or host.endswith(f".{name}") for name in self.names):
            raise Elsewhere(f"{where}, which is none of the hosts that are asked")


CLIP_HOSTS = Hosts(("aliyuncs.com", "atlascloud.ai", "volces.com"))
"""Where Atlas Cloud keeps clips.

Source: the vendor's atlas-saas-starter, route api/download; volces.com is where ByteDance's models put theirs.
"""


def clip_hosts(further: Iterable[str], api: str) -> Hosts:
    """Where clips may lie: on further hosts, and at the API's own origin where that is this machine."""
    own = httpx.URL(api)
    return Hosts((*CLIP_HOSTS.names, *further), own if is_loopback(own.host) else None)


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether scheme, host and port are the same; all names of this machine are one."""
    if (one.scheme, one.port) != (other.scheme, other.port):
        return False
    return one.host == other.host or (is_loopback(one.host) and is_loopback(other.host))


def open_client(
    api: httpx.URL | None,
    patience: Patience,
    *,
    accept: str,
    coding: str = "gzip",
    trust: ssl.SSLContext | None = None,
    kept: float = _IDLE_FOR,
) -> httpx.AsyncClient:
    """A connection pool that keeps no cookies, follows no redirects and knows no key.

    Args:
        api: Where the API lives, which is asked whatever its address is; every other host must have a public one.
        patience: Time-outs.
        accept: The media types wanted.
        coding: The one content coding wanted, besides none.
        trust: Whose certificates are believed; those of `read_certificates` unless said otherwise.
        kept: How long an idle connection is kept, seconds; 0: each request has one of its own.

    Raises:
        SettingsError: The environment's proxies or certificates cannot be used.
    """
    return httpx.AsyncClient(
        base_url=api or "",
        headers={"User-Agent": f"atlascloud-video-mcp/{__version__}", "Accept": accept, "Accept-Encoding": coding},
        timeout=httpx.Timeout(patience.silence, connect=patience.connect),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        transport=_Transport(trust or read_certificates(), api, kept),
    )


def read_certificates() -> ssl.SSLContext:
    """Whose certificates are believed, by the environment; to read them takes as long as a request.

    Raises:
        SettingsError: They cannot be used.
    """
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The certificates of the environment cannot be used ({type(error).__name__}): check SSL_CERT_FILE and "
            "SSL_CERT_DIR."
        ) from error


async def follow(http: httpx.AsyncClient, hosts: Hosts, url: str, headers: Mapping[str, str]) -> httpx.Response:
    """Ask for what lies at a URL, through redirects, each of which is checked; the response is open.

    Raises:
        Elsewhere: It is no URL, or leads to where we do not ask.
        httpx.HTTPError: No answer came.
    """
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Elsewhere("is no URL") from error
    for _ in range(_MOST_REDIRECTS + 1):
        hosts.check(address)
        response = await http.send(http.build_request("GET", address, headers=headers), stream=True)
        if not response.has_redirect_location:
            return response
        await response.aclose()
        address = address.join(response.headers["Location"])
    raise Elsewhere(f"is redirected more than {_MOST_REDIRECTS} times")


async def read_body(response: httpx.Response, largest: int = LARGEST) -> bytes:
    """The body of an answer that is JSON or short, inflated, and never more of it than the limit.

    Raises:
        ValueError: It is larger, of more JSON values than fit such a size, or coded otherwise than asked for.
    """
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip", "x-gzip"}:
        raise ValueError("the answer is coded in a way that was not asked for")
    inflater = None if coding == "identity" else zlib.decompressobj(_GZIP)
    content, received = bytearray(), 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        try:
            # With the limit nothing is left over unless it is reached.
            content += inflater.decompress(chunk, largest + 1 - len(content)) if inflater else chunk
        except zlib.error as error:
            raise ValueError("the answer is damaged") from error
        if max(received, len(content)) > largest:
            raise ValueError(f"the answer is larger than {largest / 1e6:g} MB")
    if inflater and received and not inflater.eof:
        raise ValueError("the answer is cut off")
    if sum(map(content.count, (b",", b"[", b"{"))) > largest // _BYTES_A_VALUE:
        raise ValueError("the answer has too many values")
    return bytes(content)


class _Transport(httpx.AsyncBaseTransport):
    """Straight to checked addresses, or through a proxy of the environment, which then resolves the names."""

    def __init__(self, trust: ssl.SSLContext, api: httpx.URL | None, kept: float) -> None:
        self._trust = trust
        self._limits = httpx.Limits(
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_IDLE if kept else 0,
            keepalive_expiry=kept,
        )
        self._direct = _Direct(trust, api, self._limits)
        self._named = getproxies()
        self._proxied: dict[str, httpx.AsyncHTTPTransport] = {}
        if api:
            self._way_to(api)  # a proxy that cannot be used is told of at once

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._way_to(request.url).handle_async_request(request)

    def _way_to(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        name = next((name for name in (url.scheme, "all") if name in self._named), None)
        # A proxy cannot reach this machine's own loopback address.
        if name is None or is_loopback(url.host) or proxy_bypass(url.netloc.decode("ascii")):
            return self._direct
        if name not in self._proxied:
            self._proxied[name] = _proxy(name, self._named[name], self._trust, self._limits)
        return self._proxied[name]

    async def aclose(self) -> None:
        for transport in (self._direct, *self._proxied.values()):
            await transport.aclose()


def _proxy(name: str, address: str, trust: ssl.SSLContext, limits: httpx.Limits) -> httpx.AsyncHTTPTransport:
    """The way through the proxy that a variable names, in the spellings that curl takes, too."""
    address = address if "://" in address else f"http://{address}"
    try:
        return httpx.AsyncHTTPTransport(verify=trust, limits=limits, proxy=re.sub("^socks:", "socks5:", address))
    except (ValueError, httpx.InvalidURL) as error:
        raise SettingsError(
            f"{name.upper()}_PROXY cannot be used: it takes the address of a proxy that begins with http://, "
            "https://, socks5:// or socks5h://."
        ) from error


class _Direct(httpx.AsyncHTTPTransport):
    """httpx's own transport, over connections to checked addresses."""

    def __init__(self, trust: ssl.SSLContext, api: httpx.URL | None, limits: httpx.Limits) -> None:
        super().__init__(verify=trust)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Checked(api),
        )


class _Checked(httpcore.AnyIOBackend):
    """Connects to the API, and else to public addresses only: what is checked is what is connected to.

    A name could lead elsewhere the next time it is resolved.
    """

    def __init__(self, api: httpx.URL | None) -> None:
        self._api = api

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as httpcore calls it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        async def connect(where: str, within: float | None) -> httpcore.AsyncNetworkStream:
            return await super(_Checked, self).connect_tcp(where, port, within, local_address, socket_options)

        if self._is_the_api(host, port):
            return await connect(host, timeout)
        *others, last = await _public_addresses(host, port, timeout)
        for address in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await connect(address, min(timeout or _NEXT_ADDRESS_AFTER, _NEXT_ADDRESS_AFTER))
        return await connect(last, timeout)

    def _is_the_api(self, host: str, port: int) -> bool:
        if self._api is None:
            return False
        mine = self._api.raw_host.decode("ascii")
        same_host = host == mine or (is_loopback(host) and is_loopback(mine))
        return same_host and port == (self._api.port or {"https": _HTTPS}.get(self._api.scheme, 80))


async def _public_addresses(host: str, port: int, within: float | None) -> list[str]:
    try:
        with anyio.fail_after(within):
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    if not all(map(is_public, addresses)):
        raise Elsewhere(f'leads to "{host[:_LONGEST_TOLD]}", whose address is not public')
    return addresses
