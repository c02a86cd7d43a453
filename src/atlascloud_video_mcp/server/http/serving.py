"""The socket, and uvicorn, which stops as a team's balancer and its process manager expect."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import anyio
import uvicorn
from typing_extensions import override

from atlascloud_video_mcp.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp

    from atlascloud_video_mcp.server.stopping import Stopping

LINGER = 1.0
"""Seconds that a server which stops still takes calls: so long a balancer may need to hear of it."""
_CONNECTION_KEPT = 300  # seconds: longer than proxies keep theirs, for who closes first races with the next request
_LAST_CALL = 8  # seconds for what is under way, a call's patience


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address, port 0 to any that is free.

    Raises:
        SettingsError: The address is not ours to use.
    """
    with ExitStack() as unless_bound:
        try:
            # With its protocol named, asyncio lets no small answer wait for the client's acknowledgement.
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)[0]
            listener = unless_bound.enter_context(socket.socket(*found[:3]))
            if os.name != "nt":  # pragma: no branch - there it would let others take the address, too
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(found[4])
        except (OSError, UnicodeError) as error:
            said = getattr(error, "strerror", None) or "this is no host"
            raise SettingsError(
                f"cannot listen at {host}, port {port}: {said}. Give others with --host and --port."
            ) from error
        unless_bound.pop_all()
    return listener


class Server(uvicorn.Server):
    """uvicorn, which at SIGTERM or Ctrl-C first lets every call come to its end.

    Args:
        app: What is served.
        stopping: Told of the signal.
        on_start: Called once it serves.
        on_stop: Called at the signal.
        linger: How long calls are still taken then, seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        stopping: Stopping,
        on_start: Callable[[], None],
        on_stop: Callable[[], None],
        *,
        linger: float = LINGER,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_CONNECTION_KEPT,
                timeout_graceful_shutdown=_LAST_CALL,
            )
        )
        self._stopping = stopping
        self._on_start = on_start
        self._on_stop = on_stop
        self._linger = linger
        self._signals = 0
        self._ends_at = 0.0

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not the base class's: it would raise the signal again in the end, and the status would not be 0. Nor is
        # should_exit set, at which the SDK's event streams would break off.
        self._signals += 1
        self.force_exit = self._signals > 1

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()

    @override
    async def on_tick(self, counter: int) -> bool:
        if self._signals and not self._stopping.begun.is_set():
            self._stopping.begin()
            self._ends_at = anyio.current_time() + self._linger
            self._on_stop()
        lingers = anyio.current_time() < self._ends_at and not self.force_exit
        return await super().on_tick(counter) or (self._stopping.begun.is_set() and not lingers)
