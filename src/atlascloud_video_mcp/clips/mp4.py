"""Whether a file has the structure of a whole MP4, told without decoding it.

Source: ISO/IEC 14496-12 (ISO base media file format), sections 4.2 (boxes), 4.3 (ftyp), 8.1.1 (mdat), 8.2.1 (moov).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_HEADER = 8  # bytes: a 32-bit size and a type of four characters
_LONG_HEADER = 16  # bytes: the same, and a 64-bit size
_TO_THE_END = 0
_SIZE_FOLLOWS = 1
# A clip has a handful, a fragmented one two a second. It bounds the walk through a file made of nothing but headers.
_MOST_BOXES = 100_000


class Damaged(Exception):
    """A body that is no whole MP4; the message is a clause that says what it is instead."""


def check_mp4(file: BinaryIO) -> None:
    """Judge an open file by its top-level boxes, which must cover it exactly.

    Raises `Damaged`.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    _check_start(file.read(_LONG_HEADER))
    kinds = set()
    for count, kind in enumerate(_boxes(file, size)):
        if count >= _MOST_BOXES:
            raise Damaged(f"it is made of more than {_MOST_BOXES} boxes, which no clip is")
        kinds.add(kind)
    for needed, what in ((b"moov", "description of the film"), (b"mdat", "picture data")):
        if needed not in kinds:
            raise Damaged(f"it is an MP4 without a {needed.decode()} box, the {what}")


def _check_start(start: bytes) -> None:
    """Tell what was sent instead of an MP4 by its first bytes."""
    if not start:
        raise Damaged("it is empty (0 bytes)")
    if start.lstrip().startswith(b"<"):
        raise Damaged("it is a web page or XML, not a video")
    if start.lstrip().startswith((b"{", b"[")):
        raise Damaged("it is JSON, not a video")
    if start[4:8] != b"ftyp":
        raise Damaged("it is no MP4: it does not begin with an ftyp box")


def _boxes(file: BinaryIO, size: int) -> Iterator[bytes]:
    position = 0
    while position < size:
        file.seek(position)
        header = file.read(_LONG_HEADER)
        kind, least = header[4:8], _HEADER
        length = int.from_bytes(header[:4])
        if length == _SIZE_FOLLOWS:
            length, least = int.from_bytes(header[8:16]), _LONG_HEADER
        elif length == _TO_THE_END:
            length = size - position
        if len(header) < least or position + length > size:
            raise Damaged(f"it is cut off: a box at byte {position} goes on beyond the end at {size}")
        if length < least:
            raise Damaged(f"it is damaged: the box at byte {position} claims {length} bytes, fewer than its header has")
        yield kind
        position += length
