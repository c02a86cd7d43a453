"""The way to the API: network, TLS, what answers there."""

from __future__ import annotations

import json
import socket
import ssl
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
import httpx

from atlascloud_video_mcp.cli.doctor.findings import fail, ok, skip, warn
from atlascloud_video_mcp.cloud.http import LARGEST_LIST, Patience, open_client, read_body
from atlascloud_video_mcp.errors import SettingsError
from atlascloud_video_mcp.network import is_loopback
from atlascloud_video_mcp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlascloud_video_mcp.cli.doctor.findings import Finding

USUAL = Settings().base_url
_PATIENCE = Patience(silence=8, connect=5)
_AT_MOST = 15.0  # seconds
_SUCCESS = 200
_NOT_REACHED = (skip("TLS", "the API was not reached"), skip("API", "it was not reached"))


async def way(settings: Settings, *, trust: ssl.SSLContext | None = None) -> Sequence[Finding]:
    """Whether the API can be reached, safely, and is what answers there.

    Args:
        settings: Where it is.
        trust: Whose certificates are believed; those that Python believes by itself unless said otherwise.
    """
    url = httpx.URL(settings.base_url)
    try:
        http = open_client(url, _PATIENCE, accept="application/json", trust=trust)
    except SettingsError as error:
        said, _, fix = str(error).partition(": ")
        return [fail("network", said, f"{fix[:1].upper()}{fix[1:]}"), *_NOT_REACHED]
    started = monotonic()
    try:
        # The list of models, which needs no key.
        with anyio.fail_after(_AT_MOST):
            async with http, http.stream("GET", f"{settings.base_url}/models") as response:
                network = ok("network", f"{url.host} answers in {monotonic() - started:.2f} s")
                stream = response.extensions.get("network_stream")
                secured = _secured(stream.get_extra_info("ssl_object") if stream else None)
                has_models = await _has_models(response)
    except (httpx.HTTPError, OSError) as error:
        return unreachable(error, url)
    return [network, secured, answer(response, has_models=has_models)]


def _secured(tls: ssl.SSLObject | None) -> Finding:
    if tls is None:
        return ok("TLS", "none, and none is needed on the way to this machine itself")
    certificate = tls.getpeercert() or {}
    return ok("TLS", f"{tls.version()}, and the certificate is good until {certificate.get('notAfter', 'who knows')}")


def unreachable(error: Exception, url: httpx.URL) -> Sequence[Finding]:
    """What a failure to reach the API means."""
    causes = [*_causes(error)]
    where = f"{url.host} port {url.port or {'https': 443}.get(url.scheme, 80)}"
    online = "Check the connection of this machine, its firewall and proxy (HTTPS_PROXY, NO_PROXY)"
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return [ok("network", f"{where} can be reached"), _insecure(cause)]
    wrong = "" if str(url) == USUAL else ", and ATLASCLOUD_BASE_URL"
    for cause in causes:
        match cause:
            case socket.gaierror():
                said = f"the name {url.host} cannot be found"
                return [fail("network", said, f"{online}{wrong}."), *_NOT_REACHED]
            case ConnectionRefusedError():
                proxy = "" if is_loopback(url.host) else ", or a proxy on the way,"
                return [fail("network", f"{where}{proxy} refuses connections", f"{online}{wrong}."), *_NOT_REACHED]
            case httpx.ProxyError():
                fix = "Check HTTPS_PROXY, ALL_PROXY and NO_PROXY."
                return [fail("network", "the proxy did not let the request through", fix), *_NOT_REACHED]
            case httpx.TimeoutException():
                return [fail("network", f"{where} does not answer", f"{online}{wrong}."), *_NOT_REACHED]
            case _:
                continue
    said = f"{where} cannot be reached ({type(error).__name__})"
    return [fail("network", said, f"{online}{wrong}."), *_NOT_REACHED]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and all that led to it."""
    if error is None:
        return
    yield error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _causes(each)
    yield from _causes(error.__cause__ or error.__context__)


def _insecure(error: ssl.SSLError) -> Finding:
    if isinstance(error, ssl.SSLCertVerificationError):
        fix = (
            "Check the clock of this machine. If a company's proxy or a virus scanner stands in between, name the file "
            "with its certificate in SSL_CERT_FILE."
        )
        return fail("TLS", f"the certificate is not believed ({error.verify_message})", fix)
    said = f"no safe connection comes about ({error.reason or type(error).__name__})"
    return fail("TLS", said, "Check ATLASCLOUD_BASE_URL, and whether a proxy stands in between.")


def answer(response: httpx.Response, *, has_models: bool) -> Finding:
    """Whether what answers is the API."""
    status = response.status_code
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        return warn("API", f"it is out of order or busy (status {status})", "Try again later.")
    if status == _SUCCESS and has_models:
        return ok("API", f"{response.url.host} answers as the Atlas Cloud API does")
    said = f"{response.url.copy_with(query=None)} answers with status {status}, and not as the Atlas Cloud API does"
    if str(response.url) == f"{USUAL}/models":
        return fail("API", said, "Look whether a proxy or a login page of the network answers in its place.")
    return fail("API", said, f"Unset ATLASCLOUD_BASE_URL, or set it to {USUAL}.")


async def _has_models(response: httpx.Response) -> bool:
    try:
        body: Any = json.loads(await read_body(response, LARGEST_LIST))
    except (ValueError, RecursionError):
        return False
    data = body.get("data", body) if isinstance(body, dict) else body
    return bool(data) and isinstance(data, list | dict)
