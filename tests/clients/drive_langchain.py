"""LangChain's MCP adapters, as an agent calls them: a server process of its own for every call.

With `--progress` the host has set a progress callback.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient

from hands import ARGUMENTS, COMMAND, ENV, OPTIONS, carry_out, text_of


async def main() -> None:
    """Drive it."""
    heard: list[float] = []

    async def hear(progress: float, _total: float | None, _message: str | None, _context: object) -> None:
        heard.append(progress)

    server = {"transport": "stdio", "command": COMMAND, "args": ARGUMENTS, "env": ENV}
    callbacks = Callbacks(on_progress=hear if "--progress" in OPTIONS else None)
    tools = {tool.name: tool for tool in await MultiServerMCPClient({"video": server}, callbacks=callbacks).get_tools()}

    async def call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        heard.clear()
        message = await tools[tool].ainvoke({"type": "tool_call", "id": "1", "name": tool, "args": arguments})
        # The structured content goes into the message's artifact, which no model sees.
        return {"text": text_of(message.content), "heard": len(heard)}

    await carry_out(version("langchain-mcp-adapters"), call)


asyncio.run(main())
