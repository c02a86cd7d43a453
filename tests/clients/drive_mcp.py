"""The client of the Python SDK that the server itself is built on: the reference.

With `--legacy` it speaks the older protocol; with `--progress` it has a progress callback.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from hands import ARGUMENTS, COMMAND, ENV, OPTIONS, carry_out, text_of


async def main() -> None:
    """Drive it."""
    server = stdio_client(StdioServerParameters(command=COMMAND, args=ARGUMENTS, env=ENV))
    async with Client(server, mode="legacy" if "--legacy" in OPTIONS else "auto") as client:
        await client.list_tools()

        async def call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
            heard: list[float] = []

            async def hear(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
                heard.append(progress)

            listener = hear if "--progress" in OPTIONS else None
            result = await client.call_tool(tool, arguments, progress_callback=listener)
            return {"text": text_of(result.content), "structured": result.structured_content, "heard": len(heard)}

        await carry_out(version("mcp"), call)


asyncio.run(main())
