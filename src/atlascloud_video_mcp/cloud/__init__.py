"""The Atlas Cloud media API."""

from atlascloud_video_mcp.cloud.answers import ASK_FIRST
from atlascloud_video_mcp.cloud.client import Cloud
from atlascloud_video_mcp.cloud.connection import Patience

__all__ = ["ASK_FIRST", "Cloud", "Patience"]
