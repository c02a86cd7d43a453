"""The network, TLS, what answers there, and what the API says of the key, the balance and the model."""

from __future__ import annotations

import json
import socket
import ssl
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
import httpx

from atlascloud_video_mcp.cli.doctor import Finding, State, fail, ok, skip, warn
from atlascloud_video_mcp.cloud.api import Cloud
from atlascloud_video_mcp.cloud.envelope import BILLING_PAGE, describe
from atlascloud_video_mcp.cloud.http import LARGEST_LIST, open_client, read_body
from atlascloud_video_mcp.cloud.request import ApiPatience
from atlascloud_video_mcp.errors import AtlasError, InvalidInput, KeyRejected, RateLimited, ServiceUnavailable
from atlascloud_video_mcp.models import Catalogue
from atlascloud_video_mcp.network import is_loopback
from atlascloud_video_mcp.settings import KEY_VARIABLE, KEYS_PAGE, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


_DEFAULT_URL = Settings().base_url
_PATIENCE = ApiPatience(tries=2, altogether=8, connect=5, silence=8, answer=8)
_NOT_REACHED = (skip("TLS", "the API was not reached"), skip("API", "the API was not reached"))


async def network(settings: Settings, *, patience: ApiPatience = _PATIENCE) -> list[Finding]:
    """Whether the API can be reached, and what it says of the account and the model."""
    found = await reach(settings)
    if any(finding.state is State.FAIL for finding in found):
        # What answers in the API's place, or at a wrong path, refuses even a valid key.
        names = [*(["key", "balance"] if settings.api_key else []), "catalogue"]
        return [*found, *(skip(name, "not checked: fix the above first") for name in names)]
    async with Cloud(settings.base_url, settings.api_key, patience=patience) as cloud:
        account = [await _key(cloud), await _balance(cloud)] if settings.api_key else []
        return [*found, *account, await _catalogue(cloud, settings.model)]


async def reach(settings: Settings, *, trust: ssl.SSLContext | None = None) -> list[Finding]:
    """Whether the API can be reached, safely, and is what answers there; `trust` replaces Python's certificates."""
    url = httpx.URL(settings.base_url)
    try:
        http = open_client(url, _PATIENCE, accept="application/json", trust=trust)
    except AtlasError as error:
        return [fail("network", str(error), "Fix or unset that variable."), *_NOT_REACHED]
    started = monotonic()
    try:
        with anyio.fail_after(15):
            async with http, http.stream("GET", f"{settings.base_url}/models") as response:  # needs no key
                reached = ok("network", f"{url.host} answers in {monotonic() - started:.2f} s")
                stream = response.extensions.get("network_stream")
                secured = _secured(stream.get_extra_info("ssl_object") if stream else None)
                has_models = await _has_models(response)
    except (httpx.HTTPError, OSError) as error:
        return unreachable(error, url)
    return [reached, secured, identified(response, has_models=has_models)]


def _secured(tls: ssl.SSLObject | None) -> Finding:
    if tls is None:
        return ok("TLS", "not used, and not needed for a server on this computer")
    certificate = tls.getpeercert() or {}
    return ok("TLS", f"{tls.version()}, certificate valid until {certificate.get('notAfter', 'an unknown date')}")


def unreachable(error: Exception, url: httpx.URL) -> list[Finding]:
    """What a failure to reach the API means."""
    where = f"{url.host} port {url.port or {'https': 443}.get(url.scheme, 80)}"
    causes = [*_causes(error)]
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return [ok("network", f"{where} can be reached"), _insecure(cause)]
    said = f"{where} cannot be reached: {describe(error)}"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        said = f"the name {url.host} cannot be resolved"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        said = f"{where}{'' if is_loopback(url.host) else ', or a proxy on the way,'} refuses connections"
    wrong = "" if str(url) == _DEFAULT_URL else ", and ATLASCLOUD_BASE_URL"
    fix = f"Check the internet connection, firewall and proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY){wrong}."
    return [fail("network", said, fix), *_NOT_REACHED]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
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
            "Check the clock of this computer. If a company proxy or a virus scanner intercepts connections, set "
            "SSL_CERT_FILE to the file with its certificate."
        )
        return fail("TLS", f"the certificate is not trusted ({error.verify_message})", fix)
    said = f"no secure connection could be made ({error.reason or type(error).__name__})"
    return fail("TLS", said, "Check ATLASCLOUD_BASE_URL, and whether a proxy intercepts connections.")


def identified(response: httpx.Response, *, has_models: bool) -> Finding:
    """Whether what answers is the API."""
    status = response.status_code
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        return warn("API", f"it is unavailable or busy (status {status})", "Try again later.")
    if status == httpx.codes.OK and has_models:
        return ok("API", f"{response.url.host} is the Atlas Cloud API")
    said = f"{response.url.copy_with(query=None)} answers with status {status}, but not as the Atlas Cloud API does"
    if str(response.url) == f"{_DEFAULT_URL}/models":
        return fail("API", said, "Check whether a proxy or a login page of the network answers in its place.")
    return fail("API", said, f"Unset ATLASCLOUD_BASE_URL, or set it to {_DEFAULT_URL}.")


async def _has_models(response: httpx.Response) -> bool:
    try:
        body: Any = json.loads(await read_body(response, LARGEST_LIST))
    except (ValueError, RecursionError):
        return False
    data = body.get("data", body) if isinstance(body, dict) else body
    return bool(data) and isinstance(data, list | dict)


async def _key(cloud: Cloud) -> Finding:
    try:
        await cloud.history()  # takes nothing but a valid key
    except KeyRejected:
        return fail("key", "Atlas Cloud rejects it", f"Create a new one at {KEYS_PAGE} and set {KEY_VARIABLE}.")
    except (RateLimited, ServiceUnavailable) as error:
        return skip("key", f"not checked: {error}")
    except AtlasError as error:
        return fail("key", str(error), f"Check your account: {KEYS_PAGE}")
    return ok("key", "accepted")


async def _balance(cloud: Cloud) -> Finding:
    try:
        left = await cloud.balance()
    except AtlasError as error:
        return skip("balance", f"not checked: {error}")
    if left <= 0:
        return fail("balance", f"no money left ({left:.2f} USD)", f"Top up at {BILLING_PAGE}.")
    return ok("balance", f"{left:.2f} USD left")


async def _catalogue(cloud: Cloud, model: str) -> Finding:
    """Whether the default model is available, and its rules can be read."""
    catalogue = Catalogue(cloud.documents.get, base_url=cloud.base_url, patience=_PATIENCE.altogether)
    try:
        known = await catalogue.model(model)
    except InvalidInput as error:
        return fail("catalogue", str(error), "Set ATLASCLOUD_MODEL to a model that is available, or unset it.")
    except ServiceUnavailable as error:
        return warn("catalogue", str(error), "Try again later.")
    if note := await catalogue.staleness_note(model):
        return warn("catalogue", note, "Nothing to do: the API checks every request itself.")
    return ok("catalogue", f"{known.model.id} is available, and its parameters are known")
