"""Pictures on their way to the model: found, judged by content, and changed only where the model asks for it.

source   from the caller's words to bytes           decode   to plain 8-bit sRGB, upright
kinds    what the first bytes say                   colour   what its numbers mean
jpeg     take a JPEG apart without decoding it      convert  to the shape and size the model takes
entropy  whether a JPEG's pixel data is that        rules    the model's limits
png      take a PNG apart without decoding it       picture  all of that, in order
process  the same in a process that can be stopped  worker   that process
address  a picture on the web, which is not fetched
"""

from __future__ import annotations

from atlascloud_video_mcp.media.pictures.picture import Picture, open_picture
from atlascloud_video_mcp.media.pictures.rules import Fit, PictureRules

__all__ = ["Fit", "Picture", "PictureRules", "open_picture"]
