"""Pictures on their way to the model: found, judged by content, and changed only where the model asks for it.

source   from the caller's words to a file in memory     entropy  whether a JPEG's pixel data is that
files    read a local file safely                        decode   to plain 8-bit sRGB, upright
kinds    what the first bytes say                        colour   what its numbers mean
jpeg     take a JPEG apart without decoding it           convert  to the shape and size the model takes
png      take a PNG apart without decoding it            rules    the model's limits
picture  all of that, in order                           child    the same in a process that can be stopped
"""

from __future__ import annotations

from atlascloud_video_mcp.pictures.picture import Picture, open_picture
from atlascloud_video_mcp.pictures.rules import Fit, PictureRules

__all__ = ["Fit", "Picture", "PictureRules", "open_picture"]
