"""Pictures on their way to the model: found, judged by content, and changed only where the model asks for it.

address  a picture on the web                            entropy  whether a JPEG's pixel data is that
source   from the caller's words to a file in memory     decode   to plain 8-bit sRGB, upright
files    read a local file safely                        rules    the model's limits
kinds    what the first bytes say                        colour   what its numbers mean
jpeg     take a JPEG apart without decoding it           convert  to the shape and size the model takes
png      take a PNG apart without decoding it            picture  all of that, in order
child    the same in a process that can be stopped
"""

from __future__ import annotations

from atlascloud_video_mcp.pictures.address import web_address
from atlascloud_video_mcp.pictures.picture import Picture, open_picture
from atlascloud_video_mcp.pictures.rules import Fit, PictureRules

__all__ = ["Fit", "Picture", "PictureRules", "open_picture", "web_address"]
