"""What a walk through a picture's structure finds, and a copy of it without what is best left behind."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.pictures.exif import names_place

if TYPE_CHECKING:
    from typing import BinaryIO

PIECE = 1 << 20
# A picture has some thousands of parts at most; more of them would only keep the walk busy.
MAX_PARTS = 200_000
# Long enough for every word that tells a place, and for what announces an embedded EXIF block.
_OVERLAP = 64


@dataclass
class Anatomy:
    """A picture's structure; sizes are pixels as stored, before any EXIF turn."""

    width: int = 0
    height: int = 0
    orientation: int = 1
    located: bool = False
    animated: bool = False
    cmyk: bool = False
    essence: list[tuple[int, int]] = field(default_factory=list)
    """Byte ranges that make the picture: all of it but metadata and what is appended."""

    def keep(self, start: int, end: int) -> None:
        """Count a byte range to the essence."""
        if self.essence and self.essence[-1][1] == start:
            start = self.essence.pop()[0]
        self.essence.append((start, end))

    @property
    def displayed(self) -> tuple[int, int]:
        """Width and height after the EXIF turn."""
        return turned_size((self.width, self.height), self.orientation)

    @property
    def essence_bytes(self) -> int:
        """How many bytes a copy without metadata has."""
        return sum(end - start for start, end in self.essence)


def turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Give width and height after the turn; the orientations 5 to 8 lay the picture on its side."""
    first_sideways = 5
    return (size[1], size[0]) if orientation >= first_sideways else size


def copy_essence(file: BinaryIO, anatomy: Anatomy) -> BinaryIO:
    """Copy the picture without its metadata, in memory; the caller bounds it by `essence_bytes`."""
    copy = io.BytesIO()
    for start, end in anatomy.essence:
        file.seek(start)
        copy.write(take(file, end - start))
    copy.seek(0)
    return copy


def take(file: BinaryIO, count: int) -> bytes:
    """Read exactly `count` bytes, or raise `InvalidPicture` for a truncated picture."""
    data = file.read(count)
    if len(data) < count:
        raise truncated(file)
    return data


def truncated(file: BinaryIO) -> InvalidPicture:
    """Make the error for a picture that ends too soon."""
    return InvalidPicture(
        f"The picture is truncated: the file ends after {file.tell():,} bytes, before the picture does. Save or "
        "download it again."
    )


def damaged(kind: str, what: str) -> InvalidPicture:
    """Make the error for a picture whose structure is broken."""
    return InvalidPicture(f"The {kind} picture is damaged: {what}. Save or export it again.")


def trailer_tells_place(file: BinaryIO) -> bool:
    """Look through what is appended to a picture, from here to the end of the file, for GPS data.

    Phones append whole pictures and videos; one with an EXIF block of its own counts, without a closer look.
    """
    tail = b""
    while piece := file.read(PIECE):
        window = tail + piece
        if names_place(window) or b"Exif\0\0" in window:
            return True
        tail = window[-_OVERLAP:]
    return False
