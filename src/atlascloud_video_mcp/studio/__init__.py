"""The use cases, free of MCP."""

from atlascloud_video_mcp.studio.steps import Step
from atlascloud_video_mcp.studio.studio import Studio

__all__ = ["Step", "Studio"]
