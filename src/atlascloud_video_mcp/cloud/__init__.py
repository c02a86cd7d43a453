"""The Atlas Cloud media API."""

from atlascloud_video_mcp.cloud.client import Cloud, Patience

__all__ = ["Cloud", "Patience"]
