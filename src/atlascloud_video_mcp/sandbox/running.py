"""The server: uvicorn on loopback, in a thread of its own, which stops at once when told to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from contextlib import AbstractContextManager

    from starlette.types import ASGIApp

    Refusing = Callable[[], AbstractContextManager[None]]

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


def _reserve(port: int) -> socket.socket:
    """Hold a port without listening at it: connections are refused, and nobody else is given the port."""
    reserved = socket.socket()
    # As for any listener: elsewhere than on Windows a port with old connections can be had only with this option.
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
    reserved.bind((HOST, port))
    return reserved


@contextlib.contextmanager
def serving(app: ASGIApp, listener: socket.socket, on_stop: Callable[[], None]) -> Iterator[Refusing]:
    """Serve the application on the socket, which is closed in the end, and give a way to refuse connections meanwhile.

    `on_stop` is called once no request is left, and is to end the threads that still work for them.
    """
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        timeout_keep_alive=60,  # seconds; uvicorn's own 5 are less than a pause between two looks, and than what gateways keep
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="error",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = _Server(config, listener, on_stop)
    thread = threading.Thread(target=server.run, args=([listener],), name="sandbox")
    thread.start()
    try:
        server.ready.wait()
        yield server.refusing
    finally:
        server.ready.wait()
        server.stop()
        thread.join()


class _Protocol(H11Protocol):
    """Lets the application reach its connection, which faults need."""

    # uvicorn's base class narrows the type in the same way, for the same reason: TCP is all it serves.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = self.app_state | {"transport": transport}
        # asyncio does this only for sockets that name their protocol, which those we accept do not. Without it every
        # answer waits 40 ms for an acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _Server(uvicorn.Server):
    """uvicorn as it is, but for waiting politely: its own loop ticks and shutdown take 0.2 seconds and more."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._listener = listener
        self._on_stop = on_stop
        self._lock = threading.Lock()
        self._stopped = False
        self._refusals = 0
        self.ready = threading.Event()

    def stop(self) -> None:
        """Stop from another thread."""
        with self._lock:
            self._stopped = True
            self._loop.call_soon_threadsafe(self._stopping.set)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Have no connection, and refuse new ones, for the while; from another thread."""
        self._run(self._close_door)
        try:
            yield
        finally:
            self._run(self._open_door)

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
            await super().startup([self._listener])

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

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self.ready.set()

    async def main_loop(self) -> None:
        while not self._stopping.is_set():
            # Refreshes the Date header, on every tick that is a multiple of ten.
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), DATE_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - we have our own
        await self._stop_accepting()
        # Connections first: a request that sees its client gone ends without complaint when it is cancelled.
        await self._hang_up()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        self._on_stop()
