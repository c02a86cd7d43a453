"""The one way of every request to the API: key, limits, envelope, failure, and the tries of what costs nothing."""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import anyio
import httpx
import stamina

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.cloud.answers import (
    TRANSIENT,
    Refusal,
    in_words,
    is_success,
    is_verdict,
    meaning,
    read_answer,
    shown,
    unavailable,
)
from atlascloud_video_mcp.cloud.documents import Documents
from atlascloud_video_mcp.errors import KeyRejected, SettingsError
from atlascloud_video_mcp.network import is_loopback, retry_after
from atlascloud_video_mcp.settings import KEYS_PAGE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from pydantic import SecretStr

LOST = (httpx.HTTPError, TimeoutError, ValueError)
"""What is raised when no usable answer came."""
_LARGEST_ANSWER = 8_000_000  # bytes; the largest known answer, the model list, has 0.7 MB


@dataclass(frozen=True)
class Patience:
    """How long requests may take and how often reads and uploads are tried. All times in seconds."""

    tries: int = 4
    altogether: float = 20.0
    first_pause: float = 0.5
    longest_pause: float = 8.0
    connect: float = 10.0
    silence: float = 60.0
    """The longest time without a byte coming or going."""
    answer: float = 120.0
    """The longest time one request may take, all in all."""
    upload: float = 600.0
    """The same for an upload."""


class Connection:
    """A connection pool to the API; an async context manager.

    Args:
        base_url: Where the API lives, without a trailing slash.
        key: The bearer token; without it every call raises KeyRejected.
        patience: Time-outs and tries.

    Raises:
        SettingsError: The environment's proxies or certificates cannot be used.
    """

    def __init__(self, base_url: str, key: SecretStr | None, *, patience: Patience | None = None) -> None:
        self._key = key
        self._patience = patience = patience or Patience()
        self._retries: dict[str, Any] = {
            "attempts": patience.tries,
            "timeout": patience.altogether,
            "wait_initial": patience.first_pause,
            "wait_max": patience.longest_pause,
            "wait_jitter": patience.first_pause,
        }
        try:
            self._http = httpx.AsyncClient(
                base_url=base_url,
                headers={"User-Agent": f"atlascloud-video-mcp/{__version__}", "Accept": "application/json"},
                timeout=httpx.Timeout(patience.silence, connect=patience.connect),
                # A proxy of the environment cannot reach this machine's own loopback address.
                trust_env=not is_loopback(httpx.URL(base_url).host),
            )
        except (OSError, ValueError, httpx.InvalidURL) as error:
            raise SettingsError(
                "The proxy or certificate settings of the environment cannot be used "
                f"({type(error).__name__}): check HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."
            ) from error
        self.documents = Documents(self._http, self._retries)
        """What can be read without a key."""
        self.sandbox = False
        """Whether the answers come from the built-in emulator, as its answers say."""

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, value, traceback)

    def require_key(self) -> SecretStr:
        """The key, for whoever is about to spend time on a call that needs one.

        Raises:
            KeyRejected: There is none.
        """
        if self._key is None:
            raise KeyRejected(
                f"No API key is set. Create one at {KEYS_PAGE} and put it into the environment as ATLASCLOUD_API_KEY."
            )
        return self._key

    @property
    def host(self) -> str:
        """The API's host."""
        return self._http.base_url.host

    @property
    def base_url(self) -> str:
        """Where the API lives, without a trailing slash."""
        return str(self._http.base_url).rstrip("/")

    @property
    def origin(self) -> str:
        """Scheme, host and port of the API."""
        mine = self._http.base_url
        return f"{mine.scheme}://{mine.netloc.decode('ascii')}"

    @property
    def account(self) -> str:
        """Names the account without telling the key: what is remembered for one must not be used for another."""
        key = self.require_key().get_secret_value()
        return hashlib.sha256(f"{self._http.base_url} {key}".encode()).hexdigest()[:16]

    def serves(self, url: str) -> bool:
        """Whether a URL is on the API's own host, so that the API can read it whatever its scheme."""
        return url.startswith(f"{self.origin}/")

    def _beside(self, path: str) -> str:
        """The URL of what the API has not below its own path but beside it: /public/v1 beside /api/v1."""
        return f"{self.base_url.removesuffix('/api/v1')}{path}"

    async def _tried(
        self, send: Callable[[], Awaitable[Mapping[str, Any]]], *, limit: float | None = None
    ) -> Mapping[str, Any]:
        """A request that costs nothing, tried again on everything that may pass, within the limit in seconds."""
        reply: Mapping[str, Any] = {}
        deadline = anyio.current_time() + self._patience.altogether

        def worth_another_try(error: Exception) -> bool | float:
            if not isinstance(error, Refusal):
                return isinstance(error, (httpx.TransportError, TimeoutError, ValueError))
            if error.retry_after is None or error.status not in TRANSIENT:
                return error.status in TRANSIENT
            return error.retry_after if anyio.current_time() + error.retry_after < deadline else False

        try:
            with anyio.fail_after(limit or self._patience.altogether):
                async for attempt in stamina.retry_context(worth_another_try, **self._retries):
                    with attempt:
                        reply = await send()
        except LOST as error:
            raise unavailable(in_words(error)) from error
        except Refusal as refusal:
            raise meaning(refusal) from refusal
        return reply

    async def _request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        files: Mapping[str, tuple[str, BinaryIO, str]] | None = None,
        limit: float | None = None,
    ) -> Mapping[str, Any]:
        """Every request to the API goes through here: key, time limit, size limit, envelope, failure.

        Raises:
            Refusal: An answer that says no, by its HTTP status or by the `code` inside.
            ValueError: An answer that is not the JSON object it should be, or is too large.
        """
        key = self.require_key().get_secret_value()
        request = self._http.build_request(
            method, path, json=json, files=files, headers={"Authorization": f"Bearer {key}"}
        )
        with anyio.fail_after(limit or self._patience.answer):
            response = await self._http.send(request, stream=True)
            async with aclosing(response):
                body = await _limited(response)
        self.sandbox = "X-Atlascloud-Sandbox" in response.headers
        answer = read_answer(response.status_code, body)
        if is_success(answer.status) or is_verdict(answer):
            return answer.payload
        raise Refusal(
            answer.status, shown(answer.words, secret=key), retry_after(response.headers.get("Retry-After", ""))
        )


async def _limited(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > _LARGEST_ANSWER:
            raise ValueError("the answer is too large")
    return bytes(content)
