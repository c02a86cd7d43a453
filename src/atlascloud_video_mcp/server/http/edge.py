"""All that is served over HTTP, put together."""

from __future__ import annotations

from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp.server.auth.routes import build_resource_metadata_url
from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE, RequestBodyLimitMiddleware
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from atlascloud_video_mcp.network import is_loopback
from atlascloud_video_mcp.server.http.access import REMEMBERED, Door, People, security_of
from atlascloud_video_mcp.server.http.beats import SILENCE, Beats
from atlascloud_video_mcp.server.http.routes import Health, PictureUpload, Probe
from atlascloud_video_mcp.server.http.session_ids import SessionIds, Sessions
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.server.stopping import Stopping

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from atlascloud_video_mcp.service.service import VideoService

_METADATA = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True)
class Edge:
    """How the tools are served over HTTP."""

    public_url: str
    """The address that clients use; `/mcp` and `/upload` lie below it."""
    secrets: tuple[str, ...]
    """Seal what clients are given to bring back: the first seals, all open."""
    loopback: bool
    """Whether only this machine reaches us without a proxy; then its own names for itself are ours, too."""
    max_wait: float | None = None
    local: bool = False
    clip_hosts: tuple[str, ...] = ()
    stopping: Stopping = field(default_factory=Stopping)
    silence: float = SILENCE
    """The longest, of an answer, seconds."""
    remembered: float = REMEMBERED
    """How long a token is taken for what the database said it is, seconds."""

    @property
    def may_be_open(self) -> bool:
        """Whether nobody needs a token until the first is given out: nobody but this machine's users reaches us."""
        return self.loopback and is_loopback(urlsplit(self.public_url).hostname)

    @asynccontextmanager
    async def serving(self, service: VideoService) -> AsyncGenerator[ASGIApp, None]:
        """The application, with its background work, as long as the service is open."""
        database = service.journal if service.journal.is_shared else None
        people = People(database, may_be_open=self.may_be_open, remembered=self.remembered)
        security = security_of(self.public_url, loopback=self.loopback)
        resource = f"{self.public_url}/mcp"
        metadata_url = build_resource_metadata_url(AnyHttpUrl(resource))

        def behind_door(app: ASGIApp, *, needs_token: bool = True) -> ASGIApp:
            return Door(app, people, security, metadata_url, needs_token=needs_token)

        async def metadata(_: Request) -> Response:
            # Without authorization_servers: tokens are given out by hand. Source: RFC 9728, section 2.
            return JSONResponse({"resource": resource, "bearer_methods_supported": ["header"]})

        server = build_server(
            lambda: nullcontext(service),
            max_wait=self.max_wait,
            local=self.local,
            clip_hosts=self.clip_hosts,
            public_url=self.public_url,
            stopping=self.stopping,
        )
        server.streamable_http_app(stateless_http=True, transport_security=security)  # makes the manager
        manager, health = server.session_manager, Health(database, self.stopping)
        mcp = Sessions(Beats(manager.handle_request, self.silence), SessionIds(self.secrets))
        routes = [
            Route("/mcp", behind_door(RequestBodyLimitMiddleware(mcp, DEFAULT_MAX_REQUEST_BODY_SIZE))),
            Route("/probe", behind_door(Beats(Probe(self.stopping), self.silence)), methods=["POST"]),
            Route("/upload/{ticket}", behind_door(PictureUpload(service), needs_token=False), methods=["PUT"]),
            Route(_METADATA, metadata),
            Route(_METADATA + "/{path:path}", metadata),
            Route("/healthz", health.lives),
            Route("/readyz", health.is_ready),
        ]
        async with manager.run():
            yield Starlette(routes=routes, exception_handlers={HTTPException: _as_json})


async def _as_json(_: Request, error: Exception) -> Response:
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    return JSONResponse({"error": getattr(error, "detail", "")}, status_code=status, headers=headers)
