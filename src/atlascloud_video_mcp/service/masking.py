"""What leaves the service tells no key, and nothing that its caller cannot follow."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.media.pictures.source import BY_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.service.progress import ProgressSink

_BY_ADDRESS = "upload the picture by create_upload"


@contextmanager
def masked(cloud: Cloud, progress: ProgressSink, *, local_files: bool) -> Iterator[ProgressSink]:
    """A sink, and errors, that do not tell the key, and name no path to who is on another machine."""
    try:
        yield lambda told: progress(replace(told, subject=cloud.mask(told.subject)))
    except AtlasError as error:
        error.args = cloud.mask(error.args)
        if not local_files:
            error.args = tuple(str(each).replace(BY_FILE, _BY_ADDRESS) for each in error.args)
        raise
