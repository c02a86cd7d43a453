"""The MCP server: its tools and all that MCP asks of them."""

from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.server.sessions import take_over

__all__ = ["build_server", "take_over"]
