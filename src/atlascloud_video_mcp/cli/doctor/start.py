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

from atlascloud_video_mcp.cli.doctor.findings import fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anyio.abc import Process

    from atlascloud_video_mcp.cli.doctor.findings import Finding
    from atlascloud_video_mcp.cli.doctor.situation import Situation

SLOW = 3.0  # seconds; Cline's command line gives a server no longer, OpenAI's agents give it 5
_LIST = 2
_LONGEST_LINE = 1_000_000  # bytes
_AGAIN = "If the program was moved, updated or removed: install it, then run `atlascloud-video-mcp install CLIENT`."
_MESSAGES: tuple[Mapping[str, Any], ...] = (
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "doctor", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": _LIST, "method": "tools/list"},
)


async def start(situation: Situation, *, slow: float = SLOW) -> Sequence[Finding]:
    """Whether a client could start the server and see its tools, and how long that takes."""
    if not situation.words:
        return [fail("start", "the entry names no command", _AGAIN)]
    shown = " ".join(situation.words)
    started = monotonic()
    try:
        process = await anyio.open_process(
            situation.words,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=situation.bare_environ,
            cwd=Path(sys.executable).anchor,
        )
    except (OSError, ValueError) as error:
        return [fail("start", f"{shown} cannot be started ({type(error).__name__})", _AGAIN)]
    async with process:
        try:
            tools = await _tools(process)
            seconds = monotonic() - started
            return [await _died(process, situation) if tools is None else _answered(tools, seconds, shown, slow)]
        except ValueError as error:
            return [fail("start", f"something other than MCP came out of its stdout: {error}", "Please report this.")]
        finally:
            with suppress(ProcessLookupError):
                process.kill()


async def _tools(process: Process) -> list[Any] | None:
    """What it offers; None when it ends before it says so.

    Raises:
        ValueError: It wrote a line that is no message.
    """
    if process.stdin is None or process.stdout is None:
        raise AssertionError("they are pipes")  # pragma: no cover - as they were ordered
    lines = BufferedByteReceiveStream(process.stdout)
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead):
        await process.stdin.send("".join(f"{json.dumps(message)}\n" for message in _MESSAGES).encode())
        while True:
            line = await lines.receive_until(b"\n", _LONGEST_LINE)
            tools = _tools_in(line)
            if tools is not None:
                return tools
    return None


def _tools_in(line: bytes) -> list[Any] | None:
    try:
        message = json.loads(line)
        return list(message["result"]["tools"]) if message.get("id") == _LIST else None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(repr(line[:80])) from error


def _answered(tools: list[Any], seconds: float, shown: str, slow: float) -> Finding:
    said = f"{len(tools)} tools are listed after {seconds:.1f} s: {shown}"
    if seconds <= slow:
        return ok("start", said)
    fix = (
        f"Some clients give up after {SLOW:.0f} to 5 s. The first start after an installation is slow: run this again."
    )
    return warn("start", said, fix)


async def _died(process: Process, situation: Situation) -> Finding:
    """It ended without an answer: what it said last is why."""
    said = b"".join([part async for part in process.stderr]) if process.stderr else b""
    code = await process.wait()
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    last = "".join(letter if letter.isprintable() else " " for letter in lines[-1])[:300] if lines else "nothing"
    key = situation.settings.api_key
    last = last.replace(key.get_secret_value(), "***") if key else last
    return fail("start", f"the server ended with status {code} and said: {last}", f"Mend what it says. {_AGAIN}")
