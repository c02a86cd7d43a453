"""The MCP Inspector's CLI, a run of it for every call, stopped with Ctrl-C."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
from pathlib import Path
from typing import Any

from hands import ARGUMENTS, COMMAND, ENV, carry_out, text_of

PACKAGE = Path(__file__).parent / "node_modules" / "@modelcontextprotocol" / "inspector"
TOOL_ERROR = 5  # its exit status when the result has isError


class InspectorError(Exception):
    """What the command says on stderr."""


async def run(*options: str) -> str:
    """Run the command; returns what it prints, which may be a tool's error too.

    Raises:
        InspectorError: It failed, with what it says.
    """
    program = ["node", str(PACKAGE / "clients" / "launcher" / "build" / "index.js"), "--cli", "--quiet"]
    process = await asyncio.create_subprocess_exec(
        *program,
        *("--format", "json", *options),
        *itertools.chain.from_iterable(("-e", f"{name}={value}") for name, value in ENV.items()),
        *("--", COMMAND, *ARGUMENTS),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.send_signal(signal.SIGINT)
        await process.wait()
        raise
    if process.returncode and not (process.returncode == TOOL_ERROR and out):
        # What follows the first sentence is about how long ago other things happened.
        raise InspectorError(json.loads(err)["error"]["message"].split(". ")[0])
    return out.decode()


async def call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call a tool."""
    options = ("--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments))
    result = json.loads(await run(*options))["result"]
    return {"text": text_of(result["content"]), "structured": result.get("structuredContent"), "heard": 0}


async def main() -> None:
    """Drive it, once it has found no fault with the tools' schemas."""
    await run("--method", "tools/list", "--strict")
    await carry_out(json.loads((PACKAGE / "package.json").read_text())["version"], call)


asyncio.run(main())
