"""HTTP as all of this program uses it: the httpx set-up, the retry rule, addresses that are checked, bounded bodies.

The API, documents, clips and the doctor all go through here.

Sources: RFC 9110 (sections 8.4 content codings, 10.2.3 Retry-After).
"""

from __future__ import annotations

import re
import socket
import zlib
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import anyio
import httpcore
import httpx
import stamina

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.errors import SettingsError
from atlascloud_video_mcp.network import is_loopback, is_public

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

LARGEST = 1_000_000
"""Bytes that any answer may have, except the list of models."""
LARGEST_LIST = 4_000_000
"""Bytes of the list of models; the real one has 0.7 MB."""
_BYTES_A_VALUE = 20  # of the limit; each value takes up to 200 in Python
_GZIP = 16 + zlib.MAX_WBITS
LONGEST_HOST_SHOWN = 100  # characters of a host
_HTTPS = 443
_NEXT_ADDRESS_AFTER = 2.0  # seconds
_MOST_CONNECTIONS = 100
_MOST_IDLE = 20
_IDLE_FOR = 5.0  # seconds


class Refused(Exception):
    """An answer with an HTTP error status; `retry_after` is in seconds."""

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.retry_after = retry_after

    @property
    def transient(self) -> bool:
        """Whether the same read or upload may succeed later."""
        return self.status in {408, 425, 429} or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class Elsewhere(Exception):
    """An address that we do not ask; the message says why, in a few words to follow "it"."""


@dataclass(frozen=True)
class Patience:
    """How long requests may take and how often they are tried. All times in seconds."""

    tries: int = 4
    altogether: float = 20.0
    """No new try begins later than this."""
    first_pause: float = 0.5
    longest_pause: float = 8.0
    connect: float = 10.0
    silence: float = 60.0
    """The longest time without a byte coming or going."""

    def attempts(self, on: Any) -> Any:  # noqa: ANN401 - stamina's own types, which it does not publish
        """The tries of one request, retried `on` what stamina takes: types of errors, or a rule."""
        return stamina.retry_context(
            on,
            attempts=self.tries,
            timeout=self.altogether,
            wait_initial=self.first_pause,
            wait_max=self.longest_pause,
            wait_jitter=self.first_pause,
        )

    def passing(self, *kinds: type[Exception]) -> Callable[[Exception], bool | float]:
        """The retry rule for what costs nothing: after errors of these kinds, and after a transient refusal.

        A `Retry-After` is waited for if there is time for it; otherwise there is no other try.
        """
        deadline = anyio.current_time() + self.altogether

        def worth_another_try(error: Exception) -> bool | float:
            if not isinstance(error, Refused):
                return isinstance(error, kinds)
            if error.retry_after is None or not error.transient:
                return error.transient
            return error.retry_after if anyio.current_time() + error.retry_after < deadline else False

        return worth_another_try


def open_client(
    api: httpx.URL | None,
    patience: Patience,
    *,
    accept: str,
    coding: str = "gzip",
    trust: ssl.SSLContext | None = None,
    kept: float = _IDLE_FOR,
) -> httpx.AsyncClient:
    """A connection pool that keeps no cookies, follows no redirects and holds no key.

    Args:
        api: The API's base URL, which may have any address; every other host must have a public one.
        patience: Time-outs.
        accept: The media types to ask for.
        coding: The one content coding to ask for, besides none.
        trust: The trusted certificates; by default those of `read_certificates`.
        kept: Seconds that an idle connection is kept; 0: each request has its own connection.

    Raises:
        SettingsError: The environment's proxies or certificates cannot be used.
    """
    return httpx.AsyncClient(
        base_url=api or "",
        headers={"User-Agent": f"atlascloud-video-mcp/{__version__}", "Accept": accept, "Accept-Encoding": coding},
        timeout=httpx.Timeout(patience.silence, connect=patience.connect),
        cookies=_NoCookies(),
        transport=_Transport(trust or read_certificates(), api, kept),
    )


def read_certificates() -> ssl.SSLContext:
    """The certificates that the environment trusts; reading them takes as long as a request.

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


async def read_body(response: httpx.Response, largest: int = LARGEST) -> bytes:
    """The decoded body of an answer, never more than the limit.

    Raises:
        ValueError: It is larger, holds more JSON values than we would keep, or has a coding that was not asked for.
    """
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip", "x-gzip"}:
        raise ValueError("the answer is coded in a way that was not asked for")
    inflater = None if coding == "identity" else zlib.decompressobj(_GZIP)
    content, received = bytearray(), 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        try:
            # Within the limit, nothing is left undecoded.
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


class _NoCookies(CookieJar):
    """Keeps none, and so spends no time on answers without any."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Leave them out."""


class _Transport(httpx.AsyncBaseTransport):
    """Straight to checked addresses, or through a proxy of the environment, which then resolves the names."""

    def __init__(self, trust: ssl.SSLContext, api: httpx.URL | None, kept: float) -> None:
        self._trust = trust
        self._limits = httpx.Limits(
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_IDLE if kept else 0,
            keepalive_expiry=kept,
        )
        self._direct = _DirectTransport(trust, api, self._limits)
        self._named = getproxies()
        self._proxied: dict[str, httpx.AsyncHTTPTransport] = {}
        if api:
            self._transport_for(api)  # a proxy that cannot be used is reported at once

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._transport_for(request.url).handle_async_request(request)

    def _transport_for(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        name = next((name for name in (url.scheme, "all") if name in self._named), None)
        # A proxy cannot reach the loopback address of this machine.
        if name is None or is_loopback(url.host) or proxy_bypass(url.netloc.decode("ascii")):
            return self._direct
        if name not in self._proxied:
            self._proxied[name] = _proxy(name, self._named[name], self._trust, self._limits)
        return self._proxied[name]

    async def aclose(self) -> None:
        for transport in (self._direct, *self._proxied.values()):
            await transport.aclose()


def _proxy(name: str, address: str, trust: ssl.SSLContext, limits: httpx.Limits) -> httpx.AsyncHTTPTransport:
    """A transport through the proxy that a variable names, also in the spellings that curl accepts."""
    address = address if "://" in address else f"http://{address}"
    try:
        return httpx.AsyncHTTPTransport(verify=trust, limits=limits, proxy=re.sub("^socks:", "socks5:", address))
    except (ValueError, httpx.InvalidURL) as error:
        raise SettingsError(
            f"{name.upper()}_PROXY cannot be used: it takes the address of a proxy that begins with http://, "
            "https://, socks5:// or socks5h://."
        ) from error


class _DirectTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, over connections to checked addresses."""

    def __init__(self, trust: ssl.SSLContext, api: httpx.URL | None, limits: httpx.Limits) -> None:
        super().__init__(verify=trust)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_CheckedBackend(api),
        )


class _CheckedBackend(httpcore.AnyIOBackend):
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
            return await super(_CheckedBackend, self).connect_tcp(where, port, within, local_address, socket_options)

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
        raise Elsewhere(f'leads to "{host[:LONGEST_HOST_SHOWN]}", whose address is not public')
    return addresses
