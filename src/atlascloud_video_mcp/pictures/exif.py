"""The two things in a picture's metadata that matter here: which way up it is, and whether it tells a place."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_ORIENTATION, _GPS_IFD = 0x0112, 0x8825
_UPRIGHT, _LAST_ORIENTATION = 1, 8
_MAX_DIRECTORIES = 8

# Names in XMP, in C2PA claims and in QuickTime atoms under which programs write where a picture was taken.
_PLACE = re.compile(
    rb"gps[-_: ]?(?:l[ao]|pos|coord|alt|dest|info|data)|com\.apple\.quicktime\.location|\xa9xyz", re.IGNORECASE
)


@dataclass(frozen=True)
class Exif:
    """`orientation` 1 to 8 as in EXIF; `located` when GPS data is there, or cannot be ruled out."""

    orientation: int = _UPRIGHT
    located: bool = False


def names_place(data: bytes) -> bool:
    """Say whether metadata of any format names GPS data."""
    return _PLACE.search(data) is not None


def read_exif(data: bytes) -> Exif:
    """Read an EXIF block (CIPA DC-008: a TIFF structure, with or without `Exif` and two zero bytes before it).

    A block that cannot be read counts as located: another program may make more of it.
    """
    tiff = data.removeprefix(b"Exif\0\0")
    try:
        tags = _directories(tiff)
    except (struct.error, ValueError):
        return Exif(located=True)
    orientation = tags.get(_ORIENTATION, _UPRIGHT)
    return Exif(
        orientation=orientation if _UPRIGHT <= orientation <= _LAST_ORIENTATION else _UPRIGHT,
        located=_GPS_IFD in tags or names_place(tiff),
    )


def _directories(tiff: bytes) -> dict[int, int]:
    """Give each tag's first 16 bits of value, over the chain of directories; the first one wins."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        raise ValueError("no TIFF header")
    tags: dict[int, int] = {}
    (offset,) = struct.unpack_from(f"{order}L", tiff, 4)
    for _ in range(_MAX_DIRECTORIES):
        (count,) = struct.unpack_from(f"{order}H", tiff, offset)
        for entry in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, value = struct.unpack_from(f"{order}H6xH2x", tiff, entry)
            tags.setdefault(tag, value)
        # Some writers leave out the link to the next directory, at the end of the block.
        link = tiff[offset + 2 + 12 * count :][:4]
        offset = struct.unpack(f"{order}L", link)[0] if len(link) == 4 else 0  # noqa: PLR2004 - a 32-bit link
        if not offset:
            return tags
    raise ValueError("directories without end")
