"""How every request to the API is sent: key, limits, envelope, failure, and the retries of what costs nothing.

The paid request must not go out on a connection that may be old: a server may close an idle connection at the moment
in which a request leaves on it. A read is sent again then; of a paid request nobody knows whether it arrived.
"""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self
from urllib.parse import urlsplit

import anyio
import httpx
from anyio.to_thread import run_sync

from atlascloud_video_mcp.cloud import http
from atlascloud_video_mcp.cloud.documents import Documents
from atlascloud_video_mcp.cloud.envelope import Answer, Refusal, describe, meaning, read_answer, unavailable
from atlascloud_video_mcp.errors import KeyRejected
from atlascloud_video_mcp.network import is_loopback
from atlascloud_video_mcp.settings import KEYS_PAGE
from atlascloud_video_mcp.text import Mask

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any

    from pydantic import SecretStr

LOST = (httpx.HTTPError, TimeoutError, ValueError)
"""Raised when no usable answer came."""
_PORTS = {"http": 80, "https": 443}
_THIS_MACHINE = "127.0.0.1"
_NAMES_OF_THIS_MACHINE = frozenset({"localhost", "::1", _THIS_MACHINE})
_READ_AT_ONCE = 50_000  # bytes; a larger answer is read in a thread


@dataclass(frozen=True)
class ApiPatience(http.Patience):
    """The time and retry budget of requests to the API. All times in seconds."""

    answer: float = 120.0
    """The longest time one request may take, all in all."""
    upload: float = 600.0
    """The same for an upload."""
    kept: float = 15.0
    """How long an idle connection is kept: the first pauses between two looks are longer than httpx's 5 s."""
    recent: float = 5.0
    """How long ago the paid request's connection may have been used."""


class ApiClient:
    """A connection pool to the API; an async context manager.

    Args:
        base_url: Where the API lives, without a trailing slash.
        key: The bearer token; without it every call raises KeyRejected.
        patience: Time-outs and tries.
        sandbox: Whether the API is the built-in sandbox.

    Raises:
        SettingsError: The environment's proxies or certificates cannot be used.
    """

    def __init__(
        self, base_url: str, key: SecretStr | None, *, patience: ApiPatience | None = None, sandbox: bool = False
    ) -> None:
        self._key = key
        self.mask = Mask(key.get_secret_value() if key else None)
        """Hides the key."""
        self._patience = patience = patience or ApiPatience()
        api = httpx.URL(base_url)
        self.base_url = str(api).rstrip("/")
        """Where the API lives, without a trailing slash."""
        self.host = api.host
        """The API's host."""
        self._is_local = is_loopback(api.host)
        self.trust = http.read_certificates()
        """The trusted certificates; read once for everybody, since that takes as long as a request."""
        self._ages = ConnectionAges(forgotten_after=patience.kept + patience.answer)
        self._http = http.open_client(api, patience, accept="application/json", trust=self.trust, kept=patience.kept)
        self._http.event_hooks = {"response": [self._ages.note]}
        self._paying = http.open_client(api, patience, accept="application/json", trust=self.trust, kept=0)
        self.documents = Documents(self._http, patience, self.mask)
        """What can be fetched without a key."""
        self.sandbox = sandbox
        """Whether the API is the built-in sandbox."""

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        await self._paying.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._paying.__aexit__(kind, value, traceback)
        await self._http.__aexit__(kind, value, traceback)

    def require_key(self) -> SecretStr:
        """The key, for a call that needs one and is about to take time.

        Raises:
            KeyRejected: There is none.
        """
        if self._key is None:
            raise KeyRejected(
                f"No API key is set. Create one at {KEYS_PAGE} and put it into the environment as ATLASCLOUD_API_KEY."
            )
        return self._key

    @property
    def origin(self) -> str:
        """Scheme, host and port of the API."""
        mine = self._http.base_url
        return f"{mine.scheme}://{mine.netloc.decode('ascii')}"

    @property
    def account(self) -> str:
        """Identifies the account without revealing the key: one account's journal must not serve another."""
        key = self.require_key().get_secret_value()
        return hashlib.sha256(f"{self.address} {key}".encode()).hexdigest()[:16]

    @property
    def address(self) -> str:
        """Where the API lives, in its canonical spelling."""
        return _canonical(self.base_url)

    def serves(self, url: str) -> bool:
        """Whether a URL is at the API's own origin, so that the API can read it whatever its scheme."""
        return url.startswith(f"{self.origin}/")

    async def _tried(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        file: tuple[str, BinaryIO, str] | None = None,
        limit: float | None = None,
    ) -> Answer:
        """Send what costs nothing; tries again after everything that may pass, within the limit in seconds."""
        answer = Answer(0, {})
        passing = self._patience.passing(httpx.TransportError, TimeoutError, ValueError)
        try:
            with anyio.fail_after(limit or self._patience.altogether):
                async for attempt in self._patience.attempts(passing):
                    with attempt:
                        answer = await self._request(method, path, json=json, file=file, limit=limit)
        except LOST as error:
            raise unavailable(describe(error)) from error
        except Refusal as refusal:
            raise meaning(refusal) from refusal
        return answer

    async def _request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        file: tuple[str, BinaryIO, str] | None = None,
        limit: float | None = None,
        paid: bool = False,
    ) -> Answer:
        """Send one request: every request to the API goes through here, for key, time limit, size limit and envelope.

        Raises:
            Refusal: The answer is no, by its HTTP status or by the `code` inside.
            ValueError: The answer is not the JSON object it should be, or is too large.
        """
        headers = {"Authorization": f"Bearer {self.require_key().get_secret_value()}"}
        if file:
            file[1].seek(0)
        files = {"file": file} if file else None
        url = f"{self.base_url}{path}" if path.startswith("/") else path
        request = self._http.build_request(method, url, json=json, files=files, headers=headers)
        with anyio.fail_after(limit or self._patience.answer):
            recent = not paid or self._ages.all_answered_within(self._patience.recent)
            response = await (self._http if recent else self._paying).send(request, stream=True)
            async with aclosing(response):
                body = await http.read_body(response)
            if len(body) <= _READ_AT_ONCE:
                return read_answer(response, body, self.mask)
            return await run_sync(read_answer, response, body, self.mask, abandon_on_cancel=True)


class ConnectionAges:
    """When each connection of a pool last brought an answer.

    Args:
        forgotten_after: Seconds after which a connection has left the pool, whatever it was doing.
    """

    def __init__(self, *, forgotten_after: float) -> None:
        self._forgotten_after = forgotten_after
        self._answered: dict[object, float] = {}

    async def note(self, response: httpx.Response) -> None:
        """Take note of an answer; a response hook of httpx, called when its headers are there."""
        self._answered[response.extensions["network_stream"]] = anyio.current_time()

    def all_answered_within(self, seconds: float) -> bool:
        """Whether each one that may still be in the pool did: then whichever is taken did."""
        now = anyio.current_time()
        kept = {stream: at for stream, at in self._answered.items() if now - at < self._forgotten_after}
        self._answered = kept
        return all(now - at < seconds for at in kept.values())


def _canonical(address: str) -> str:
    """The canonical spelling of a web address, with a slash at its end."""
    url = urlsplit(address)
    host = (url.hostname or "").rstrip(".")
    host = _THIS_MACHINE if host in _NAMES_OF_THIS_MACHINE else host
    port = "" if url.port in {None, _PORTS.get(url.scheme)} else f":{url.port}"
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}{port}{url.path.rstrip('/')}/"
