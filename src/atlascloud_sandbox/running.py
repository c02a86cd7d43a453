"""The server: uvicorn on loopback, in a thread of its own, which stops at once when told to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

HOST = "127.0.0.1"
# Longer than a client would leave a connection idle: a server that closes first races with the next request.
KEEP_ALIVE_SECONDS = 300
DATE_SECONDS = 1.0
# The loop takes three turns to make a connection of what it has accepted.
ACCEPTING_TURNS = 3


def listen(port: int) -> socket.socket:
    """Open the listening socket, 0 for a free port; raises OSError, which names the port."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise OSError(error.errno, f"The sandbox cannot listen on {HOST} port {port}: {error.strerror}") from error


class _Protocol(H11Protocol):
    """Lets the application reach its connection, which faults need."""

    # uvicorn's base class narrows the type in the same way, for the same reason: TCP is all it serves.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = self.app_state | {"transport": transport}
        # asyncio does this only for sockets that name their protocol, which those we accept do not. Without it every
        # answer waits 40 ms for an acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Server(uvicorn.Server):
    """uvicorn as it is, but for waiting politely: its own loop ticks and shutdown take 0.2 seconds and more.

    `on_stop` is called once no request is left, and is to end the threads that still work for them.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket, on_stop: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="error",
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )
        self._listener = listener
        self._on_stop = on_stop
        self._ready = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Serve on the socket, which is closed in the end."""
        thread = threading.Thread(target=self.run, args=([self._listener],), name="sandbox")
        thread.start()
        try:
            self._ready.wait()
            yield
        finally:
            self._ready.wait()
            self._stop()
            thread.join()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, and say so."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._ready.set()

    async def main_loop(self) -> None:
        """Wait for the stop."""
        while not self._stopping.is_set():
            # Refreshes the Date header, on every tick that is a multiple of ten.
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), DATE_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - we have our own
        """End every connection, request and thread."""
        await self._stop_accepting()
        # Connections first: a request that sees its client gone ends without complaint when it is cancelled.
        await self._hang_up()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        self._on_stop()

    async def _stop_accepting(self) -> None:
        # A server that is closed drops, and never closes, what it has accepted but made no connection of as yet.
        with contextlib.suppress(NotImplementedError):  # on Windows, where that time is shorter
            self._loop.remove_reader(self._listener)
        for _ in range(ACCEPTING_TURNS):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        self._listener.close()

    async def _hang_up(self) -> None:
        while self.server_state.connections:
            for connection in self.server_state.connections:
                connection.transport.abort()
            await asyncio.sleep(0)
