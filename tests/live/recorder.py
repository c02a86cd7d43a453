"""Stands between the server and the API: hands everything on, and writes each answer down, redacted."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from atlascloud_video_mcp.network import is_loopback
from shapes import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request

_HANDED_ON = ("authorization", "content-type", "accept", "user-agent", "if-none-match", "if-modified-since", "range")
_HANDED_BACK = ("content-type", "retry-after", "etag", "last-modified", "x-request-id", "content-range", "cf-mitigated")
_ENDPOINTS = {"uploadMedia": "upload", "generateVideo": "generate"}
_PATIENCE = httpx.Timeout(120, connect=10)


@dataclass(frozen=True)
class Answer:
    """An answer, redacted."""

    label: str
    """The endpoint, and of a prediction the word for its state."""
    body: Any


@dataclass
class Recorder:
    """Hands requests on to an API.

    Args:
        api: Its base URL, ending in /api/v1.
        key: What must not be written down.
        folder: Where the answers are written.
    """

    api: str
    key: str
    folder: Path
    answers: list[Answer] = field(default_factory=list)
    origin: str = ""

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._upstream = "{0.scheme}://{0.netloc}".format(urlsplit(self.api))
        # The sandbox's links lead to itself, and clips are fetched from the API's own origin only.
        self._is_local = is_loopback(urlsplit(self.api).hostname)
        self._http = httpx.AsyncClient(timeout=_PATIENCE, trust_env=not self._is_local)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve at a loopback port, always the same for a folder, whose journal knows it; gives the base URL.

        Raises:
            OSError: The port is taken.
        """
        known = self.folder / "port.txt"
        port = int(known.read_text(encoding="ascii")) if known.exists() else 0
        app = Starlette(routes=[Route("/{path:path}", self._hand_on, methods=["GET", "POST"])])
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        with socket.create_server(("127.0.0.1", port)) as listener:
            port = listener.getsockname()[1]
            known.write_text(str(port), encoding="ascii")
            self.origin = f"http://127.0.0.1:{port}"
            thread = threading.Thread(target=server.run, args=([listener],), name="recorder")
            thread.start()
            try:
                yield f"{self.origin}{urlsplit(self.api).path}"
            finally:
                server.should_exit = True
                thread.join()

    async def _hand_on(self, request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name in _HANDED_ON}
        url = f"{self._upstream}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
        body = self._moved(await request.body(), self.origin, self._upstream)
        answer = await self._http.request(request.method, url, headers=headers, content=body)
        if not request.url.path.startswith("/files/"):
            self._write(request, answer)
        given = {name: value for name, value in answer.headers.items() if name in _HANDED_BACK}
        return Response(self._moved(answer.content, self._upstream, self.origin), answer.status_code, given)

    def _moved(self, body: bytes, here: str, there: str) -> bytes:
        return body.replace(here.encode(), there.encode()) if self._is_local else body

    def _write(self, request: Request, answer: httpx.Response) -> None:
        *_, last = request.url.path.rstrip("/").split("/")
        groups = (group for group in ("prediction", "schema") if f"/{group}/" in request.url.path)
        endpoint = next(groups, _ENDPOINTS.get(last, last))
        secrets = {self.key: "***", quote(self.key, safe=""): "***", b64encode(self.key.encode()).decode(): "***"}
        secrets |= {spelling.rstrip("="): "***" for spelling in secrets}
        try:
            body = redacted(json.loads(answer.content), secrets, amounts=endpoint == "balance")
        except ValueError:
            body = redacted(answer.text[:2000], secrets)
        label = f"{endpoint} {_word(body)}".strip() if endpoint == "prediction" else endpoint
        if answer.is_error:
            label = f"{label} ({answer.status_code})"
        self.answers.append(Answer(label, body))
        headers = {name: redacted(value, secrets) for name, value in answer.headers.items() if name in _HANDED_BACK}
        kept = {
            "request": f"{request.method} {endpoint}",
            "status": answer.status_code,
            "headers": headers,
            "body": body,
        }
        path = self.folder / f"{next(self._numbers):03}-{endpoint}.json"
        path.write_text(json.dumps(kept, indent=2, ensure_ascii=False), encoding="utf-8")


def _word(body: Any) -> str:  # noqa: ANN401 - JSON
    data = body.get("data", body) if isinstance(body, dict) else None
    return str(data.get("status", "")) if isinstance(data, dict) else ""
