"""Finished clips on their way to disk: fetched without the key, checked, and never put over another file.

saver       the use of it all        targets       from the caller's words to a directory and a name
fetch       the download, resumed    partial_file  the temporary file, and its publication
containers  what a file is           problems      the error, and what the system's own errors mean
frames      three of them, to look at
"""

from __future__ import annotations

from atlascloud_video_mcp.media.clips.fetch import Patience
from atlascloud_video_mcp.media.clips.problems import CannotPreview, CannotSave
from atlascloud_video_mcp.media.clips.saver import ClipSaver, SavedClip
from atlascloud_video_mcp.media.clips.targets import clip_name

__all__ = ["CannotPreview", "CannotSave", "ClipSaver", "Patience", "SavedClip", "clip_name"]
