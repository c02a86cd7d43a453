"""Pictures on their way to the model: found, judged by content, and changed only where the model asks for it.

address  a picture on the web
source   from the caller's words to its bytes           rules    the model's limits
files    read a local file safely                       kinds    what the first bytes say
jpeg     walk a JPEG without decoding it                exif     orientation and GPS
png      walk a PNG without decoding it                 convert  decode, turn, re-encode
"""

from __future__ import annotations

from atlascloud_video_mcp.pictures.address import web_address
from atlascloud_video_mcp.pictures.picture import Picture, open_picture
from atlascloud_video_mcp.pictures.rules import PictureRules

__all__ = ["Picture", "PictureRules", "open_picture", "web_address"]
