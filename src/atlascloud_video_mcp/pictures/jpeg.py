"""Walk a JPEG from marker to marker (ITU-T T.81, annex B) without decoding a pixel."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.pictures.anatomy import MAX_PARTS, Anatomy, damaged, take, trailer_tells_place, truncated
from atlascloud_video_mcp.pictures.exif import names_place, read_exif

if TYPE_CHECKING:
    from typing import BinaryIO

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
# Start of frame: baseline, extended and progressive, Huffman coded. The others - lossless, hierarchical, arithmetic -
# few decoders know. C4, C8 and CC in this row are no frames.
_FRAMES = range(0xC0, 0xC3)
_RARE_FRAMES = {*range(0xC3, 0xD0)} - {0xC4, 0xC8, 0xCC}
# TEM, the restart markers and a second SOI have no length and no place between segments.
_OUT_OF_PLACE = {0x00, 0x01, *range(0xD0, 0xD9)}

# In coded data FF is followed by a zero, by a restart marker's number, or by a fill byte; anything else ends the scan.
_END_OF_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SCAN_PIECE = 1 << 16
_GREY, _COLOUR, _CMYK = 1, 3, 4
_FRAME_HEADER, _SCAN_HEADER = struct.Struct(">BHHB"), 4


def walk_jpeg(file: BinaryIO) -> Anatomy:
    """Give the structure of the JPEG that starts where `file` stands; raises `InvalidPicture` if it is broken.

    What follows the end marker is tolerated: phones append gain maps, second pictures and videos.
    """
    walk = _Walk(file)
    walk.run()
    return walk.anatomy


class _Walk:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.anatomy = Anatomy()
        self.exif_seen = False
        self.scan_seen = False

    def run(self) -> None:
        take(self.file, 2)
        self.anatomy.keep(0, 2)
        for _ in range(MAX_PARTS):
            start = self.file.tell()
            marker = self.marker()
            if marker == _EOI:
                self.end(start)
                return
            self.segment(marker, start)
        raise damaged("JPEG", f"it has more than {MAX_PARTS:,} segments")

    def marker(self) -> int:
        if take(self.file, 1) != b"\xff":
            raise damaged("JPEG", f"a marker is missing at byte {self.file.tell() - 1:,}")
        while (code := take(self.file, 1)[0]) == 0xFF:  # noqa: PLR2004 - any number of fill bytes may precede a marker
            pass
        if code in _OUT_OF_PLACE:
            raise damaged("JPEG", f"a marker is out of place at byte {self.file.tell() - 2:,}")
        return code

    def segment(self, marker: int, start: int) -> None:
        length = int.from_bytes(take(self.file, 2))
        if length < 2:  # noqa: PLR2004 - the length counts its own two bytes
            raise damaged("JPEG", f"a segment has no length at byte {start:,}")
        payload = take(self.file, length - 2)
        if marker in _FRAMES or marker in _RARE_FRAMES:
            self.frame(marker, payload)
        elif marker == _SOS:
            self.scan(payload)
        elif _APP0 <= marker <= _APP15 or marker == _COM:
            self.metadata(marker, payload)
        if _is_essence(marker, payload):
            self.anatomy.keep(start, self.file.tell())

    def frame(self, marker: int, payload: bytes) -> None:
        if len(payload) < _FRAME_HEADER.size or self.anatomy.width:
            raise damaged("JPEG", "its frame header is broken")
        precision, height, width, components = _FRAME_HEADER.unpack_from(payload)
        if marker in _RARE_FRAMES or precision != 8 or components not in {_GREY, _COLOUR, _CMYK}:  # noqa: PLR2004 - bits
            raise InvalidPicture(
                f"The JPEG is of a rare sort (frame {marker - 0xC0}, {precision} bits, {components} channels) that "
                "the model does not take: export it as an ordinary 8-bit JPEG or PNG."
            )
        if not (width and height) or len(payload) != _FRAME_HEADER.size + 3 * components:
            raise damaged("JPEG", "its frame header is broken")
        self.anatomy.width, self.anatomy.height = width, height
        self.anatomy.cmyk = components == _CMYK

    def scan(self, payload: bytes) -> None:
        if not self.anatomy.width:
            raise damaged("JPEG", "pixels come before the frame header")
        if not payload or len(payload) != _SCAN_HEADER + 2 * payload[0]:
            raise damaged("JPEG", "a scan header is broken")
        self.scan_seen = True
        while piece := self.file.read(_SCAN_PIECE):
            if found := _END_OF_SCAN.search(piece):
                self.file.seek(found.start() - len(piece), 1)
                return
            if len(piece) > 1 and piece.endswith(b"\xff"):
                self.file.seek(-1, 1)  # its second half is in the next piece
        raise truncated(self.file)

    def metadata(self, marker: int, payload: bytes) -> None:
        if marker == _APP1 and payload.startswith(b"Exif\0\0"):
            exif = read_exif(payload)
            self.anatomy.located |= exif.located
            if not self.exif_seen:
                self.exif_seen = True
                self.anatomy.orientation = exif.orientation
        else:
            self.anatomy.located |= names_place(payload)

    def end(self, start: int) -> None:
        if not self.scan_seen:
            raise damaged("JPEG", "it ends before any pixels")
        self.anatomy.keep(start, self.file.tell())
        self.anatomy.located |= trailer_tells_place(self.file)


def _is_essence(marker: int, payload: bytes) -> bool:
    """Of the application segments only JFIF, the colour profile and Adobe's colour transform make the picture."""
    if marker == _APP2:
        return payload.startswith(b"ICC_PROFILE\0")
    return marker in {_APP0, _APP14} or not (_APP0 <= marker <= _APP15 or marker == _COM)
