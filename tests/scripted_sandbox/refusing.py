"""A server that can refuse connections for a while."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

from atlascloud_sandbox.running import HOST, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from starlette.types import ASGIApp


class RefusingServer(Server):
    """A server with a door; `open_ones` lists those that run."""

    def __init__(
        self, app: ASGIApp, listener: socket.socket, on_stop: Callable[[], None], open_ones: list[RefusingServer]
    ) -> None:
        super().__init__(app, listener, on_stop)
        self._open_ones = open_ones
        self._lock = threading.Lock()
        self._stopped = False
        self._refusals = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with super().running():
            self._open_ones.append(self)
            try:
                yield
            finally:
                self._open_ones.remove(self)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Have no connection, and refuse new ones, for the while; from another thread."""
        self._run(self._close_door)
        try:
            yield
        finally:
            self._run(self._open_door)

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            super()._stop()

    def _run(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        # The lock keeps the loop alive until the step is done.
        with self._lock:
            if not self._stopped:
                asyncio.run_coroutine_threadsafe(step(), self._loop).result()

    async def _close_door(self) -> None:
        self._refusals += 1
        if self._refusals > 1:
            return
        port = self._listener.getsockname()[1]
        await self._stop_accepting()
        self._listener = _reserve(port)
        await self._hang_up()

    async def _open_door(self) -> None:
        self._refusals -= 1
        if self._refusals == 0:
            # Past our own start: what is set up there is there.
            await super(Server, self).startup([self._listener])


def _reserve(port: int) -> socket.socket:
    """Hold a port without listening at it: connections are refused, and nobody else is given the port."""
    reserved = socket.socket()
    # As for any listener: elsewhere than on Windows a port with old connections can be had only with this option.
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
    reserved.bind((HOST, port))
    return reserved
