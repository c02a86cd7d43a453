"""A server on its standard streams, spoken to in bare JSON lines, so that no client's own work is measured."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

LONGEST_LINE = 64 * 1024 * 1024
LEAVING_SECONDS = 5.0
# What would give the children another speed than their users see, or send them elsewhere than asked.
_NOT_INHERITED = ("PYTHON", "ATLASCLOUD_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NODE_OPTIONS")


def environment(**changes: str) -> dict[str, str]:
    """The environment of a child process: ours, without what would bend the measurement."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_NOT_INHERITED)}
    return kept | changes


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all its threads, to the nanosecond; Linux."""
    # CPUCLOCK_SCHED of another process, which Python has no name for. Source: Linux, posix-timers.h.
    return time.clock_gettime((~pid << 3) | 2)


def memory(pid: int, what: str = "VmRSS") -> int:
    """Bytes resident now, or at the highest point with `VmHWM`; Linux."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(f"{what}:"))


@dataclass
class Talk:
    """An open conversation with a server."""

    process: asyncio.subprocess.Process
    last_line: int = 0
    """Bytes of the last line that came."""
    _envelope: dict[str, Any] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self.process.pid

    async def hello(self, name: str = "benchmark") -> None:
        """Open the session as hosts of every age do."""
        client = {"name": name, "version": "1"}
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        await self.ask("initialize", params)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def probe(self) -> None:
        """Open the session as hosts of 2026 do; `ask` then says who asks, with each request."""
        self._envelope = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        await self.ask("server/discover")

    async def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and give its result; raises RuntimeError for an error, or when the server is gone."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": self._said_by(params or {})})
        message = await answer
        if "result" not in message:
            raise RuntimeError(f"{method}: {message.get('error')}")
        result: dict[str, Any] = message["result"]
        return result

    def _said_by(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**params, "_meta": self._envelope} if self._envelope else params

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool; raises RuntimeError when it fails."""
        result = await self.ask("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            raise RuntimeError(f"{tool}: {result['content']}")
        return result

    async def listen(self) -> None:
        """Hand every answer to whoever waits for it."""
        lines = self.process.stdout
        while lines and (line := await lines.readline()):
            self.last_line = len(line.rstrip())
            message = json.loads(line)
            if waiting := self._waiting.pop(message.get("id"), None):
                waiting.set_result(message)
        for waiting in self._waiting.values():
            waiting.set_exception(RuntimeError("the server has ended"))

    def _send(self, message: Mapping[str, Any]) -> None:
        if self.process.stdin:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")


@asynccontextmanager
async def server(command: Sequence[str], **variables: str) -> AsyncGenerator[Talk, None]:
    """Start a server with these environment variables; at the end it and all its children are gone."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(**variables),
        limit=LONGEST_LINE,
        start_new_session=True,
    )
    talk = Talk(process)
    listening = asyncio.create_task(talk.listen())
    try:
        yield talk
    finally:
        if process.stdin:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), LEAVING_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await listening


def text_of(result: Mapping[str, Any]) -> str:
    """All text blocks of a tool's answer."""
    return "\n".join(block["text"] for block in result["content"] if block["type"] == "text")
