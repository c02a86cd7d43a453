"""The smallest server that the SDK makes: what every server in Python pays."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer

server = MCPServer("bare")


@server.tool()
def add(one: int, other: int) -> int:
    """Add two numbers."""
    return one + other


server.run("stdio")
