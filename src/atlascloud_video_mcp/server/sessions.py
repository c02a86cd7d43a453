"""The SDK at work on a conversation that was opened without it."""

from __future__ import annotations

import io
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread
from mcp.os.win32.utilities import rebind_std_handle_to_fd
from mcp.server.stdio import stdio_server
from mcp.types.jsonrpc import JSONRPCRequest, jsonrpc_message_adapter
from pydantic import ValidationError
from typing_extensions import override

from atlascloud_video_mcp.server.stdio.pipe import Line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from anyio.abc import TaskGroup
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.server.mcpserver import MCPServer

    from atlascloud_video_mcp.server.stdio.pipe import Handover

READ_AT: ContextVar[float] = ContextVar("READ_AT")
"""When the line of the request that is being handled was read, on the clock of `time.monotonic`, asyncio's own.

The SDK hands the context in which a line came on to the handler of its request.
"""


def take_over(server: MCPServer[Any], handover: Handover) -> None:
    """Serve a conversation until the client leaves."""
    if sys.platform == "win32":  # pragma: no cover
        for descriptor in (0, 1):
            rebind_std_handle_to_fd(descriptor)  # os.dup2 does not, and what is started would write to the client
    anyio.run(_Conversation(server, handover).run)


class _Conversation:
    """Gives each line to the opening while that answers, and to one session from the first on that it does not.

    A probe that the opening does not answer gets a session of its own: it must not bind the one that lasts.
    """

    def __init__(self, server: MCPServer[Any], handover: Handover) -> None:
        self._server = server
        self._handover = handover
        self._opening = handover.opening
        self._session: MemoryObjectSendStream[Line] | None = None

    async def run(self) -> None:
        async with anyio.create_task_group() as tasks:
            self._handover.taken_over.set()
            while line := await to_thread.run_sync(self._handover.lines.get, abandon_on_cancel=True):
                await self._dispatch(line, tasks)
            if self._session:
                self._session.close()
            else:
                await self._write(self._opening.closing())

    async def _dispatch(self, line: Line, tasks: TaskGroup) -> None:
        if self._session is None:
            request = await self._unanswered(line)
            if request is None:
                return
            if not self._opening.binds(request):
                await self._answer_separately(line)
                return
            self._session, lines = anyio.create_memory_object_stream[Line]()
            tasks.start_soon(run_session, self._server, lines, self._write)
            for replayed in self._opening.replay(request):
                await self._session.send(Line(replayed, line.read_at))
        await self._session.send(line)

    async def _unanswered(self, line: Line) -> Mapping[str, Any] | None:
        """The request in a line, unless the opening answers it, or it asks for nothing."""
        answer = self._opening.answer(line.text)
        if answer is not None:
            await self._write(answer)
            return None
        try:
            message = jsonrpc_message_adapter.validate_json(line.text, by_name=False)
        except ValidationError:
            return None  # the SDK drops it too
        # Nothing was asked of the client, so nothing is answered, and no notification means anything yet.
        request = message if isinstance(message, JSONRPCRequest) else None
        return None if request is None else {"method": request.method, "params": request.params or {}}

    async def _answer_separately(self, line: Line) -> None:
        send, lines = anyio.create_memory_object_stream[Line](1)
        await send.send(line)

        async def write_and_close(answer: str) -> None:
            await self._write(answer)
            send.close()

        await run_session(self._server, lines, write_and_close)

    async def _write(self, text: str) -> None:
        if not self._opening.hides(text):
            await to_thread.run_sync(self._handover.pipe.write, text)


async def run_session(
    server: MCPServer[Any], lines: MemoryObjectReceiveStream[Line], write_line: Callable[[str], Awaitable[None]]
) -> None:
    """Run the SDK's own loop on lines until they end, as it would on stdin and stdout."""
    # An MCPServer runs on the process's own stdin and stdout; only what it is made of takes streams. The SDK's own
    # Client reaches for it by this name, too. Upstream: modelcontextprotocol/python-sdk, issue 1187.
    lowlevel = server._lowlevel_server  # noqa: SLF001
    async with lines, stdio_server(stdin=_Input(lines), stdout=_Output(write_line)) as (read, write):
        await lowlevel.run(read, write, lowlevel.create_initialization_options())


class _Input(anyio.AsyncFile[str]):
    """Lines as the file that the SDK reads."""

    def __init__(self, lines: MemoryObjectReceiveStream[Line]) -> None:
        super().__init__(io.StringIO())
        self._lines = lines

    @override
    async def readline(self) -> str:
        try:
            line = await self._lines.receive()
        except anyio.EndOfStream:
            return ""
        READ_AT.set(line.read_at)
        return line.text


class _Output(anyio.AsyncFile[str]):
    """The file that the SDK writes, line by line."""

    def __init__(self, write: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(io.StringIO())
        self._write = write

    @override
    async def write(self, b: str) -> int:
        await self._write(b)
        return len(b)
