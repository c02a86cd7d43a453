"""What leaves the service tells no key, and nothing that its caller cannot follow."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.media.pictures.rules import BY_FIT
from atlascloud_video_mcp.media.pictures.source import BY_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.service.progress import ProgressSink

_FROM_ELSEWHERE = {BY_FILE: "upload the picture by create_upload", BY_FIT: "let create_upload do it with fit"}
"""What to do instead, for who is on another machine."""


@contextmanager
def masked(cloud: Cloud, progress: ProgressSink, *, local_files: bool) -> Iterator[ProgressSink]:
    """A sink, and errors, that do not tell the key, and name no path to who is on another machine."""
    try:
        yield lambda told: progress(replace(told, subject=cloud.mask(told.subject)))
    except AtlasError as error:
        error.args = cloud.mask(error.args)
        for here, elsewhere in () if local_files else _FROM_ELSEWHERE.items():
            error.args = tuple(str(each).replace(here, elsewhere) for each in error.args)
        raise
