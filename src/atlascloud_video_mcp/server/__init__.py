"""The MCP server: its tools and all that MCP asks of them."""

from atlascloud_video_mcp.server.server import build_server

__all__ = ["build_server"]
