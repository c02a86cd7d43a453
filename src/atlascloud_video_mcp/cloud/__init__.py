"""The Atlas Cloud media API."""

from atlascloud_video_mcp.cloud.answers import ASK_FIRST
from atlascloud_video_mcp.cloud.client import Cloud, Patience

__all__ = ["ASK_FIRST", "Cloud", "Patience"]
