"""The server, started as a desktop program would: an empty PATH, the root directory, a bare environment."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from atlascloud_video_mcp.cli.console import plain
from atlascloud_video_mcp.cli.doctor import Finding, fail, ok, warn

if TYPE_CHECKING:
    from anyio.abc import Process

    from atlascloud_video_mcp.cli.doctor.target import CheckTarget

_SLOW = 3.0  # seconds; Cline's command line gives a server no longer, OpenAI's agents give it 5
_LIST = 2
_GIVE_UP = "Some clients give up after 3 to 5 s. The first start after an installation is slow: try again."
_AGAIN = "If the program was moved, updated or removed, install it and run `atlascloud-video-mcp install CLIENT`."
_CLIENT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "doctor", "version": "1"}}
_MESSAGES = (
    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": _CLIENT},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": _LIST, "method": "tools/list"},
)


async def start(target: CheckTarget, *, slow: float = _SLOW) -> list[Finding]:
    """Whether a client could start the server and list its tools, and how long that takes."""
    if not target.command:
        return [fail("start", "the entry has no command", _AGAIN)]
    shown = " ".join(target.command)
    started = monotonic()
    try:
        process = await anyio.open_process(
            target.command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=target.environ, cwd=Path(sys.executable).anchor
        )
    except (OSError, ValueError) as error:
        return [fail("start", f"{shown} cannot be started ({type(error).__name__})", _AGAIN)]
    async with process:
        try:
            tools = await _tools(process)
        except ValueError as error:
            return [fail("start", f"it wrote something other than MCP to stdout: {error}", "Please report this.")]
        else:
            seconds = monotonic() - started
            if tools is None:
                return [await _exited(process, target)]
            said = f"{len(tools)} tools listed after {seconds:.1f} s: {shown}"
            return [ok("start", said) if seconds <= slow else warn("start", said, _GIVE_UP)]
        finally:
            with suppress(ProcessLookupError):
                process.kill()


async def _tools(process: Process) -> list[Any] | None:
    """Its tools; None when it exits before it lists them. Raises ValueError for a line that is not a message."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("they are pipes")  # pragma: no cover - as they were ordered
    lines = BufferedByteReceiveStream(process.stdout)
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead):
        await process.stdin.send("".join(f"{json.dumps(message)}\n" for message in _MESSAGES).encode())
        while True:
            line = await lines.receive_until(b"\n", 1_000_000)
            try:
                message = json.loads(line)
                if message.get("id") == _LIST:
                    return list(message["result"]["tools"])
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise ValueError(repr(line[:80])) from error
    return None


async def _exited(process: Process, target: CheckTarget) -> Finding:
    """It exited without an answer: the last line that it wrote says why."""
    said = b"".join([part async for part in process.stderr]) if process.stderr else b""
    code = await process.wait()
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    last = plain(lines[-1])[:300] if lines else "nothing"
    for secret in target.settings.secrets:
        last = last.replace(secret, "***")
    return fail("start", f"the server exited with status {code} and wrote: {last}", f"Fix what it says. {_AGAIN}")
