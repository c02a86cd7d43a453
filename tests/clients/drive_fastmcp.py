"""The client of fastmcp, with its own defaults."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from hands import ARGUMENTS, COMMAND, ENV, carry_out, text_of


async def main() -> None:
    """Drive it."""
    heard: list[float] = []

    async def hear(progress: float, _total: float | None, _message: str | None) -> None:
        heard.append(progress)

    async with Client(StdioTransport(COMMAND, ARGUMENTS, env=ENV), progress_handler=hear) as client:
        await client.list_tools()

        async def call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
            heard.clear()
            result = await client.call_tool(tool, arguments)
            return {"text": text_of(result.content), "structured": result.structured_content, "heard": len(heard)}

        await carry_out(version("fastmcp-slim"), call)


asyncio.run(main())
