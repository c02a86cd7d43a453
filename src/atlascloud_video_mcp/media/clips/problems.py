"""Why a clip could not be saved, said so that it can be mended."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.media.directories import Replaced
from atlascloud_video_mcp.paths import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DENIED = "this server may not write there; allow it, or save elsewhere"
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space there, or save elsewhere",
    errno.EDQUOT: "the disk quota is used up; free some space there, or save elsewhere",
    errno.EFBIG: "the clip is larger than a file may be there; save elsewhere",
    errno.EROFS: "the file system is read-only; save elsewhere",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENAMETOOLONG: "the name is too long; give a shorter one",
    errno.ENOENT: "the directory has been removed meanwhile; save again",
}


class CannotSave(AtlasError):
    """A finished clip that is not on disk; the message says that its URL stays good, unless `url_good` is false."""

    def __init__(self, reason: str, *, url_good: bool = True, link_ended: bool = False) -> None:
        super().__init__(f"{reason} The clip itself stays good at its video_url." if url_good else reason)
        self.url_good = url_good
        self.link_ended = link_ended
        """Whether a newer link may help."""


class CannotPreview(AtlasError):
    """A finished clip of which no frames can be shown."""


@contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Turn what the system says about writing into `directory` into `CannotSave`."""
    try:
        yield
    except Replaced as error:
        raise CannotSave(
            f"{shown(directory)} was replaced by a link while the clip was being saved, or moved: choose another "
            "directory."
        ) from error
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0) or f"{error.strerror or type(error).__name__}; save elsewhere"
        raise CannotSave(f"The clip cannot be written to {shown(directory)}: {advice}.") from error
