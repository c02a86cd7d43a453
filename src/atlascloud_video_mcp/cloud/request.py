"""The one way of every request to the API: key, limits, envelope, failure, and the tries of what costs nothing."""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self

import anyio
import httpx
from anyio.to_thread import run_sync

from atlascloud_video_mcp.cloud import http
from atlascloud_video_mcp.cloud.documents import Documents
from atlascloud_video_mcp.cloud.envelope import (
    Answer,
    Refusal,
    in_words,
    is_success,
    is_verdict,
    meaning,
    read_answer,
    unavailable,
)
from atlascloud_video_mcp.cloud.recent import Connections
from atlascloud_video_mcp.errors import KeyRejected
from atlascloud_video_mcp.network import canonical
from atlascloud_video_mcp.settings import KEYS_PAGE
from atlascloud_video_mcp.text import Mask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType
    from typing import Any

    from pydantic import SecretStr

LOST = (httpx.HTTPError, TimeoutError, ValueError)
"""What is raised when no usable answer came."""
_SOON_READ = 50_000  # bytes that are made sense of at once, and not in a thread


@dataclass(frozen=True)
class Patience(http.Patience):
    """How long requests may take and how often reads and uploads are tried. All times in seconds."""

    answer: float = 120.0
    """The longest time one request may take, all in all."""
    upload: float = 600.0
    """The same for an upload."""
    kept: float = 15.0
    """How long an idle connection is kept: the first pauses between two looks are longer than httpx's 5 s."""
    recent: float = 5.0
    """How long ago a connection may have been used that the paid request goes out on."""


class Connection:
    """A connection pool to the API; an async context manager.

    Args:
        base_url: Where the API lives, without a trailing slash.
        key: The bearer token; without it every call raises KeyRejected.
        patience: Time-outs and tries.
        sandbox: Whether it is the built-in emulator that is asked, as whoever started it knows.

    Raises:
        SettingsError: The environment's proxies or certificates cannot be used.
    """

    def __init__(
        self, base_url: str, key: SecretStr | None, *, patience: Patience | None = None, sandbox: bool = False
    ) -> None:
        self._key = key
        self.mask = Mask(key.get_secret_value() if key else None)
        """Hides the key."""
        self._patience = patience = patience or Patience()
        api = httpx.URL(base_url)
        self.trust = http.read_certificates()
        """Whose certificates are believed; read once for all who ask anything, which takes as long as a request."""
        self._connections = Connections(forgotten_after=patience.kept + patience.answer)
        self._http = http.open_client(api, patience, accept="application/json", trust=self.trust, kept=patience.kept)
        self._http.event_hooks = {"response": [self._connections.note]}
        self._paying = http.open_client(api, patience, accept="application/json", trust=self.trust, kept=0)
        self.documents = Documents(self._http, patience, self.mask)
        """What can be read without a key."""
        self.sandbox = sandbox
        """Whether the answers come from the built-in emulator."""

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
        return hashlib.sha256(f"{self.address} {key}".encode()).hexdigest()[:16]

    @property
    def address(self) -> str:
        """Where the API lives, in the one spelling that all ways to write it have in common."""
        return canonical(self.base_url)

    def serves(self, url: str) -> bool:
        """Whether a URL is on the API's own host, so that the API can read it whatever its scheme."""
        return url.startswith(f"{self.origin}/")

    def _beside(self, path: str) -> str:
        """The URL of what the API has not below its own path but beside it: /public/v1 beside /api/v1."""
        return f"{self.base_url.removesuffix('/api/v1')}{path}"

    async def _tried(self, send: Callable[[], Awaitable[Answer]], *, limit: float | None = None) -> Answer:
        """A request that costs nothing, tried again on everything that may pass, within the limit in seconds."""
        reply = Answer(0, {})
        passing = self._patience.passing(httpx.TransportError, TimeoutError, ValueError)
        try:
            with anyio.fail_after(limit or self._patience.altogether):
                async for attempt in self._patience.attempts(passing):
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
        paid: bool = False,
    ) -> Answer:
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
            recent = not paid or self._connections.all_answered_within(self._patience.recent)
            response = await (self._http if recent else self._paying).send(request, stream=True)
            async with aclosing(response):
                body = await http.read_body(response)
            if len(body) <= _SOON_READ:
                answer = read_answer(response, body, self.mask)
            else:
                answer = await run_sync(read_answer, response, body, self.mask, abandon_on_cancel=True)
        if is_success(answer.status) or is_verdict(answer):
            return answer
        raise Refusal(answer)
