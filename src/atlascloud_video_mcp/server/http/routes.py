"""What is served beside MCP: whether it works, and where pictures go."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from atlascloud_video_mcp.errors import AtlasError, InvalidInput, JournalUnusable, UploadRefused
from atlascloud_video_mcp.server.tool_call import HTTP_CALLER

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.server.stopping import Stopping
    from atlascloud_video_mcp.service.service import VideoService

MOST_BYTES = 20_000_000
"""Of a picture."""
_LONGEST_PROBE = 75.0  # seconds: longer than the minute after which most proxies cut a silent answer
_FRESH = 1.0  # seconds that one look at the database serves all who ask


class Health:
    """Whether this process lives, and whether it can serve.

    Args:
        journal: What has to answer; None where there is no database.
        stopping: Once it has begun, no more calls are to come here.
    """

    def __init__(self, journal: Journal | None, stopping: Stopping) -> None:
        self._journal = journal
        self._stopping = stopping
        self._asking = anyio.Lock()
        self._until = -_FRESH
        self._seen: dict[str, object] = {}

    async def lives(self, _: Request) -> Response:
        """GET /healthz."""
        return JSONResponse({"status": "ok"})

    async def is_ready(self, _: Request) -> Response:
        """GET /readyz: with the clocks of this process and of the database at the same moment."""
        seen, stopping = await self._lately(), self._stopping.begun.is_set()
        ready = seen["database"] != "unavailable" and not stopping
        told = {"ready": ready, "stopping": stopping, **seen}
        return JSONResponse(told, status_code=200 if ready else 503, headers={"Cache-Control": "no-store"})

    async def _lately(self) -> dict[str, object]:
        async with self._asking:
            if anyio.current_time() >= self._until:
                self._seen = await self._look()
                self._until = anyio.current_time() + _FRESH
            return self._seen

    async def _look(self) -> dict[str, object]:
        database, its_time = "none", None
        if self._journal:
            try:
                database, its_time = "ok", await self._journal.check()
            except JournalUnusable:
                database = "unavailable"
        told = its_time.isoformat() if its_time else None
        return {"database": database, "time": datetime.now(UTC).isoformat(), "database_time": told}


class Probe:
    """POST /probe?seconds=N: an answer that is long in coming, to see whether what lies between lets it through."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            seconds = float(Request(scope).query_params.get("seconds", "0"))
        except ValueError:
            seconds = -1
        if 0 <= seconds <= _LONGEST_PROBE:
            with anyio.move_on_after(seconds):
                await self._stopping.begun.wait()
            answer = JSONResponse({"seconds": seconds})
        else:
            answer = JSONResponse({"error": f"seconds takes a number from 0 to {_LONGEST_PROBE:.0f}."}, status_code=400)
        await answer(scope, receive, send)


class PictureUpload:
    """PUT /upload/TICKET: a picture, as it is, to an address that create_upload gave out."""

    def __init__(self, service: VideoService) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        with TemporaryDirectory(prefix="atlascloud-video-upload-", ignore_cleanup_errors=True) as directory:
            answer = await self._take(Request(scope, receive), Path(directory) / "picture")
        await answer(scope, receive, send)

    async def _take(self, request: Request, file: Path) -> Response:
        try:
            if not await _store(request, file):
                return _refusal(413, f"A picture may have {MOST_BYTES:,} bytes at most: send a smaller one.")
            picture = await self._service.tickets.receive(
                request.path_params["ticket"], file, request.scope[HTTP_CALLER].person
            )
        except UploadRefused as error:
            return _refusal(403 if error.forbidden else 404, str(error))
        except InvalidInput as error:
            return _refusal(422, str(error).replace(str(file), "The picture"))
        except JournalUnusable:
            raise
        except AtlasError as error:
            return _refusal(502, str(error))
        except ClientDisconnect:
            return _refusal(400, "The picture did not arrive whole.")
        return JSONResponse(picture.model_dump(mode="json", exclude_none=True))


async def _store(request: Request, file: Path) -> bool:
    """Whether a body fits; one that does not is read on for a while, for a client that is cut off reads no answer."""
    size = 0
    async with await anyio.open_file(file, "wb") as disk:
        async for chunk in request.stream():
            size += len(chunk)
            if size > 3 * MOST_BYTES:
                break
            if size <= MOST_BYTES:
                await disk.write(chunk)
    return size <= MOST_BYTES


def _refusal(status: int, message: str) -> Response:
    # What is left of a body is not waited for.
    return JSONResponse({"error": message}, status_code=status, headers={"Connection": "close"})
