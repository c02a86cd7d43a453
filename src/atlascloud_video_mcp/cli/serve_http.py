"""The command `serve-http`: the tools for many people."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from atlascloud_video_mcp.app import service_opener
from atlascloud_video_mcp.errors import Exit, JournalUnusable, SettingsError
from atlascloud_video_mcp.network import is_loopback
from atlascloud_video_mcp.server.http.edge import Edge
from atlascloud_video_mcp.server.http.serving import Server, listen

if TYPE_CHECKING:
    import argparse
    import socket

    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.settings import Settings

_log = logging.getLogger(__name__)
_AT_THE_LATEST = 9.5  # seconds after the signal
_TOKENS = "give tokens out first (atlascloud-video-mcp team token add NAME), or bind to 127.0.0.1"


def run(options: argparse.Namespace, settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        SettingsError: It would not be safe, or not work, as the settings have it.
    """
    loopback = is_loopback(options.host)
    _require_safe(settings, loopback=loopback)
    with listen(options.host, options.port) as listener:
        anyio.run(_serve, options, settings, listener, loopback)


def _require_safe(settings: Settings, *, loopback: bool) -> None:
    for name, value in (
        ("ATLASCLOUD_DOWNLOAD_DIR", settings.download_dir),
        ("ATLASCLOUD_ALLOWED_DIRS", settings.allowed_dirs),
    ):
        if value:
            raise SettingsError(f"{name} is set, but over HTTP no files of this machine are read or written: unset it.")
    if loopback:
        return
    if not settings.database_url:
        raise SettingsError(
            f"beyond this machine tokens are needed, which stand in ATLASCLOUD_DATABASE_URL: set it and {_TOKENS}."
        )
    if not settings.public_url:
        raise SettingsError(
            "beyond this machine ATLASCLOUD_PUBLIC_URL is needed: the https address at which clients reach this server."
        )


async def _serve(options: argparse.Namespace, settings: Settings, listener: socket.socket, loopback: bool) -> None:  # noqa: FBT001 - anyio.run passes no names
    host, port = (f"[{options.host}]" if ":" in options.host else options.host), listener.getsockname()[1]
    here = f"http://{host}:{port}"
    edge = Edge(
        public_url=settings.public_url or here,
        secrets=settings.team_secret or _made_up(),
        loopback=loopback,
        max_wait=settings.max_wait,
        local=settings.sandbox or is_loopback(urlsplit(settings.base_url).hostname),
        clip_hosts=settings.clip_hosts,
    )
    opener = service_opener(settings, sandbox=settings.sandbox, speed=options.speed, local_files=False)
    async with AsyncExitStack() as stack:
        try:
            service = await stack.enter_async_context(opener())
            await _require_tokens(service.journal, edge)
        except JournalUnusable as error:
            raise SettingsError(str(error)) from error
        app = await stack.enter_async_context(edge.serving(service))
        server = Server(app, edge.stopping, lambda: _say(f"Serving MCP at {here}/mcp"), _end_in_time)
        await server.serve([listener])


async def _require_tokens(journal: Journal, edge: Edge) -> None:
    given = await journal.tokens() if journal.is_shared else []
    if any(each.revoked_at is None for each in given):
        return
    if not edge.loopback:
        raise SettingsError(f"beyond this machine tokens are needed, and there are none: {_TOKENS}.")
    open_to_all = edge.may_be_open and not given  # as People has it
    who = "whoever uses this machine may come in, and sees all predictions" if open_to_all else "nobody comes in"
    _log.warning("There are no tokens: %s.", who)


def _made_up() -> tuple[str, ...]:
    _log.warning("ATLASCLOUD_TEAM_SECRET is not set, so one was made up: servers that share a balancer need the same.")
    return (secrets.token_urlsafe(),)


def _end_in_time() -> None:
    """End the process before its manager would kill it, whatever hangs: a database for instance."""
    guard = threading.Timer(_AT_THE_LATEST, os._exit, (Exit.DONE,))
    guard.daemon = True
    guard.start()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is how a command reports
