"""Check that a JPEG's pixel data is complete, and nothing but pixel data.

libjpeg fills gaps and skips surplus data, and hides its warnings. But it tells how much input it consumes: inside a
scan it waits for more, and behind one it looks for a marker.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from PIL import Image, JpegImagePlugin

from atlascloud_video_mcp.media.pictures.rules import damaged, truncated

if TYPE_CHECKING:
    from atlascloud_video_mcp.media.pictures.jpeg import Jpeg, Scan

_PIECE = 1 << 20
# At least as many bytes as the decoder reads ahead.
_AHEAD = 24
_PROBE = 5
# More than one part in this many of a scan, missing or surplus, is no slight damage.
_SLIGHT = 20
_GAPS, _BREAKS_OFF = "its pixel data has gaps", "its pixel data breaks off"
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_MOST_TEXT = 0.8


def flaw_of(jpeg: Jpeg, clean: bytes) -> str:
    """What is wrong with pixel data that decodes all the same; nothing where it is perfect.

    Raises:
        InvalidPicture: It is not pixel data, or not all of it is there.
    """
    checker = _Checker(clean)
    for scan in jpeg.scans:
        if flaw := checker.flaw(scan):
            coded = clean[scan.start : scan.end]
            if len(coded.translate(None, delete=_TEXT)) < (1 - _MOST_TEXT) * len(coded):
                raise damaged("JPEG", "text stands where its pixels should be")
            if flaw == _GAPS and not jpeg.ended:
                raise truncated("JPEG", len(clean))
            return flaw
    return ""


class _Checker:
    """Feeds a decoder, which makes a picture of an eighth of the size: more is not needed here."""

    def __init__(self, clean: bytes) -> None:
        try:
            image = JpegImagePlugin.JpegImageFile(io.BytesIO(clean), "")
        except (OSError, SyntaxError, ValueError, struct.error, IndexError) as error:
            raise damaged("JPEG", "its tables are broken") from error
        image.draft(None, (1, 1))
        image.load_prepare()
        # The only way to see how far a decoder gets; Pillow's incremental parser hides it for JPEG.
        tile = image.tile[0]
        self.decoder = Image._getdecoder(image.mode, "jpeg", tile.args, image.decoderconfig)  # noqa: SLF001
        self.decoder.setimage(image.im, tile.extents)
        self.clean = clean
        self.place = 0
        self.waiting = b""
        self.over = False

    def feed(self, data: bytes) -> bool:
        """Whether all of it was consumed."""
        if not self.over:
            self.waiting += data
            taken, error = self.decoder.decode(self.waiting)
            if error:
                raise damaged("JPEG", "its pixel data cannot be decoded")
            self.over = taken < 0
            self.waiting = self.waiting[max(taken, 0) :]
        return self.over or not self.waiting

    def go_to(self, place: int) -> None:
        for start in range(self.place, place, _PIECE):
            self.feed(self.clean[start : min(start + _PIECE, place)])
        self.place = place

    def is_looking_for_a_marker(self, probe: bytes) -> bool:
        """Only between scans is each single byte consumed at once: within one, the decoder needs several."""
        taken = [self.feed(probe[i : i + 1]) for i in range(len(probe))]
        return all(taken)

    def flaw(self, scan: Scan) -> str:
        slight = 2 * _AHEAD + (scan.end - scan.start) // _SLIGHT
        if self.is_over_at(scan.end - slight, scan):
            raise damaged("JPEG", "there is more than its pixels where they should be")
        has_more = self.is_over_at(scan.end - _PROBE - 3, scan)
        self.go_to(scan.end)
        self.feed(bytes(_AHEAD))
        if not self.is_looking_for_a_marker(bytes(_PROBE)):
            self.feed(bytes(slight))
            if not self.is_looking_for_a_marker(bytes(_PROBE)):
                raise damaged("JPEG", _BREAKS_OFF)
            return _GAPS
        if has_more:
            return "there is something behind its pixels"
        return "" if scan.restarts_in_order else "a part of its pixels is missing"

    def is_over_at(self, place: int, scan: Scan) -> bool:
        """Whether the scan is over at that place, or a little before it."""
        for start in range(place, max(scan.start, self.place) + _AHEAD, -1):
            probe = self.clean[start : start + _PROBE]
            if b"\xff" not in probe:  # a decoder waits for the byte behind an FF
                self.go_to(start)
                self.place += len(probe)
                return self.is_looking_for_a_marker(probe)
        return False
