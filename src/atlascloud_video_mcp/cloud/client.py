"""The Atlas Cloud media API over HTTP: upload a picture, submit a generation, look at a prediction.

Source of the wire format: Atlas Cloud docs, pages predictions, upload-files and errors. Answers vary (with and without
an envelope, codes as numbers or text), so what is read is read leniently; what is sent is exact.
"""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, Self
from urllib.parse import quote

import anyio
import httpx
import stamina
from pydantic import ValidationError

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.cloud.answers import (
    ASK_FIRST,
    TRANSIENT,
    Refusal,
    in_words,
    is_success,
    is_verdict,
    meaning,
    read_answer,
    shown,
    status_of,
    unavailable,
)
from atlascloud_video_mcp.cloud.documents import Documents
from atlascloud_video_mcp.errors import (
    KeyRejected,
    PredictionNotFound,
    RequestRefused,
    ServiceUnavailable,
    SettingsError,
    SubmissionUnknown,
)
from atlascloud_video_mcp.network import is_loopback, retry_after
from atlascloud_video_mcp.predictions import Record, Report, Status
from atlascloud_video_mcp.settings import KEYS_PAGE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from pydantic import SecretStr

    from atlascloud_video_mcp.pictures import Picture

_LONGEST_WORD = 40  # characters of a status
_LARGEST_ANSWER = 8_000_000  # bytes; the largest known answer, the model list, has 0.7 MB
_NOT_YET_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_LOST = (httpx.HTTPError, TimeoutError, ValueError)
# Right after submission an id can be answered with 400 as well as 404; an id that is gone, with 404 or 410.
_ABSENT = frozenset({400, 404, 410})
# After these a submission may be running all the same: a time-out, and codes that mean success elsewhere.
_NO_VERDICT = frozenset({0, 1, 408})


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


class Cloud:
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
                f"No API key is set. Create one at {KEYS_PAGE}, put it into this server's environment "
                "as ATLASCLOUD_API_KEY, and restart the server."
            )
        return self._key

    @property
    def host(self) -> str:
        """The API's host."""
        return self._http.base_url.host

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

    @property
    def base_url(self) -> str:
        """Where the API lives, without a trailing slash."""
        return str(self._http.base_url).rstrip("/")

    def serves(self, url: str) -> bool:
        """Whether a URL is on the API's own host, so that the API can read it whatever its scheme."""
        return url.startswith(f"{self.origin}/")

    async def upload(self, picture: Picture) -> str:
        """Store a picture where the models can read it, streamed from its open file; returns its URL.

        Source: Atlas Cloud docs, upload-files: multipart field `file`.
        """

        async def once() -> Mapping[str, Any]:
            picture.file.seek(0)
            files = {"file": (picture.filename, picture.file, picture.content_type)}
            return await self._request("POST", "/model/uploadMedia", files=files, limit=self._patience.upload)

        reply = await self._tried(once, limit=self._patience.upload)
        link = next((reply[key] for key in ("download_url", "url") if reply.get(key)), None)
        if not isinstance(link, str):
            raise ServiceUnavailable("Atlas Cloud took the picture but gave no address for it. Call again later.")
        return link

    async def generate(self, body: Mapping[str, Any]) -> Report:
        """Submit a generation, which costs money: the request is sent once, and only a connection is tried again.

        Raises:
            SubmissionUnknown: The answer was lost or makes no sense, so the job may be running and paid.
            AtlasError: Anything else; nothing was accepted and nothing is paid.
        """
        reply: Mapping[str, Any] = {}
        try:
            async for attempt in stamina.retry_context(_NOT_YET_SENT, **self._retries):
                with attempt:
                    reply = await self._request("POST", "/model/generateVideo", json=body)
        except _NOT_YET_SENT as error:
            raise ServiceUnavailable(
                f"Atlas Cloud cannot be reached ({in_words(error)}). Nothing was submitted or paid: "
                "check the network, then call again."
            ) from error
        except _LOST as error:
            raise _unknown(f"no usable answer came ({in_words(error)})") from error
        except Refusal as refusal:
            if refusal.status in _NO_VERDICT or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise _unknown(f"it answered {refusal.said}") from refusal
            raise meaning(refusal).adding("Nothing was paid.") from refusal
        if not isinstance(reply.get("status") or "", str):
            raise _unknown("its answer makes no sense")
        try:
            return self._report(reply)
        except ValidationError as error:
            if status_of(reply) is Status.FAILED:
                raise RequestRefused("Atlas Cloud refused the generation at once. Nothing was paid.") from error
            raise _unknown("its answer names no prediction") from error

    async def prediction(self, prediction_id: str) -> Report:
        """Look at a prediction once.

        Raises:
            PredictionNotFound: The API does not know the id (in the first seconds after submission: not yet).
        """
        path = f"/model/prediction/{quote(prediction_id, safe='')}"
        try:
            reply = await self._tried(lambda: self._request("GET", path))
        except RequestRefused as error:
            if error.status not in _ABSENT:
                raise
            raise PredictionNotFound(
                f"Atlas Cloud knows no prediction {prediction_id!r} for this key. Check the id."
            ) from error
        return self._report({**reply, "id": prediction_id})

    async def history(self, page: int = 1) -> list[Record]:
        """The account's submissions, newest first, a page at a time; rows that make no sense are left out."""
        reply = await self._tried(lambda: self._request("GET", f"/model/history?no={page}&size=50"))
        rows: list[Any] = next((value for value in reply.values() if isinstance(value, list)), [])
        return [record for row in rows for record in _records(row)]

    def _report(self, payload: Mapping[str, Any]) -> Report:
        report = Report.model_validate(payload)
        safe = partial(shown, secret=self.require_key().get_secret_value())
        return report.model_copy(
            update={
                "word": safe(report.word, most=_LONGEST_WORD),
                "reason": report.reason and safe(report.reason),
                "model": report.model and safe(report.model),
            }
        )

    async def _tried(
        self, request: Callable[[], Awaitable[Mapping[str, Any]]], *, limit: float | None = None
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
                        reply = await request()
        except _LOST as error:
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


def _records(row: object) -> list[Record]:
    try:
        return [Record.model_validate(row)]
    except ValidationError:
        return []


def _unknown(reason: str) -> SubmissionUnknown:
    return SubmissionUnknown(
        f"It is not known whether Atlas Cloud accepted the request: {reason}. It may be running and paid. {ASK_FIRST}"
    )
