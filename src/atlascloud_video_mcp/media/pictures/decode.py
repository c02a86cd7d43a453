"""Decode a picture with Pillow into plain 8-bit grey or sRGB, upright, opaque and without metadata."""

from __future__ import annotations

import io
import math
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures.colour import cicp_of, convert_to_srgb, hdr_name, profile_of_cicp
from atlascloud_video_mcp.media.pictures.rules import Kind, by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from PIL.ImageFile import ImageFile

MOST_MEMORY = 560_000_000
"""Bytes of memory for one picture: its file, its decoder and its pixels."""
# What is re-encoded is scaled down to this: resizing takes three copies, which fit into the memory.
_MOST_PIXELS = 36_000_000


class _Tiff(TiffImagePlugin.TiffImageFile):
    """A TIFF without Pillow's own limit on its size: our rules have passed it."""

    def load_prepare(self) -> None:
        self.im = Image.new(self.mode, self._tile_size).im
        super().load_prepare()


# Not Image.open: its limits and warnings are those of the whole process, and the kind is known already.
_DECODERS: dict[Kind, Callable[[BinaryIO, str], ImageFile]] = {
    Kind.JPEG: JpegImagePlugin.JpegImageFile,
    Kind.PNG: PngImagePlugin.PngImageFile,
    Kind.WEBP: WebPImagePlugin.WebPImageFile,
    Kind.GIF: GifImagePlugin.GifImageFile,
    Kind.BMP: BmpImagePlugin.BmpImageFile,
    Kind.TIFF: _Tiff,
    Kind.AVIF: AvifImagePlugin.AvifImageFile,
}
# Bytes per pixel that a decoder takes beside the picture itself: canvases, planes, a second copy to turn it.
_BESIDE = {Kind.WEBP: 12, Kind.GIF: 4, Kind.AVIF: 10, Kind.HEIF: 6}
# Bytes per pixel as Pillow stores it, by mode, and after the conversion; four of each in any other mode.
_PIXEL = {"1": (1, 1), "L": (1, 1), "P": (1, 4), "I;16": (2, 1), "I;16B": (2, 1)}

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# ISO/IEC 14496-12, 12.1.5: ITU-T H.273 numbers in a box of AVIF and HEIC; the main picture's come first.
_NCLX = re.compile(rb"colrnclx\0(.)\0(.)\0(.)", re.DOTALL)
_META_BYTES = 1 << 16


@dataclass(frozen=True)
class Decoded:
    """Pixels in mode L or RGB, and what was done to them on the way."""

    pixels: Image.Image
    transparent: bool
    notes: tuple[str, ...]


class Still:
    """An opened picture whose pixels are not decoded yet.

    Raises:
        InvalidPicture: It cannot be opened within the memory that a picture may take.
    """

    def __init__(
        self,
        data: bytes,
        kind: Kind,
        *,
        most_pixels: int,
        orientation: int = 0,
        cicp: bytes = b"",
        key: int | tuple[int, ...] | None = None,
        extra: int = 0,
    ) -> None:
        """Open it.

        Args:
            data: The file.
            kind: What it is.
            most_pixels: It is scaled down to this many.
            orientation: How to turn it, as in EXIF; 0: read it from the picture.
            cicp: Its colours as numbers of ITU-T H.273, where they are not in a box.
            key: Its transparent colour in 8 bits; Pillow does not convert it from other depths.
            extra: Further bytes of memory that its decoder takes.
        """
        self.kind = kind
        self.most_pixels = min(most_pixels, _MOST_PIXELS)
        if kind is Kind.WEBP:  # opening it already makes two canvases
            width, height = _webp_size(data)
            check_memory((width, height), len(data) + width * height * (4 + _BESIDE[kind]))
        with _explained(kind):
            self.image = _opened(data, kind)
            if key is not None:
                self.image.info["transparency"] = key
            self.orientation = orientation or _orientation_of(self.image)
            self.profile = self.image.info.get("icc_profile") or b""
        self.cicp = self._boxed_cicp(data) or cicp
        if not self.cicp and hdr_name(cicp_of(self.profile)):
            self.cicp = cicp_of(self.profile)
        self.full_size = self.image.size
        self._take_a_smaller_one()
        self.factor = math.ceil(math.sqrt(math.prod(self.image.size) / self.most_pixels))
        check_memory(self.full_size, len(data) + extra + self._pixel_bytes())

    def _boxed_cicp(self, data: bytes) -> bytes:
        found = _NCLX.search(data[:_META_BYTES]) if self.kind in {Kind.AVIF, Kind.HEIF} else None
        return b"".join(found.groups()) if found else b""

    def _pixel_bytes(self) -> int:
        """Bytes of memory that decoding and converting it take."""
        (stored, made), pixels = _PIXEL.get(self.image.mode, (4, 4)), math.prod(self.image.size)
        turned = stored if self.kind is Kind.TIFF and self.orientation != 1 else 0
        return pixels * (stored + turned + _BESIDE.get(self.kind, 0)) + pixels // self.factor**2 * made

    @property
    def displayed(self) -> tuple[int, int]:
        """Width and height upright."""
        return turned_size(self.full_size, self.orientation)

    @property
    def _hdr(self) -> str:
        """The name of its HDR transfer function, or nothing."""
        return hdr_name(self.cicp)

    def decode(self) -> Decoded:
        """Decode the first frame; to be called once."""
        image, notes = self.image, []
        with _explained(self.kind):
            if getattr(image, "is_animated", False):
                notes.append(f"Only the first picture of the {self.kind} is used: the model takes a still.")
            image.load()
            plain, transparent = convert_to_srgb(image, self._source_profile(), self._hdr, self.factor, notes)
            image.close()  # its pixels are half of what is in memory
            # Pillow turns TIFF by itself while it loads.
            if self.orientation in _TURNS and not isinstance(image, _Tiff):
                plain = plain.transpose(_TURNS[self.orientation])
        if self.orientation in _TURNS:
            notes.append(
                f"Turned upright as its EXIF orientation ({self.orientation}) says: the model may ignore that."
            )
        if math.prod(plain.size) < math.prod(self.full_size):
            notes.append(f"Scaled down from {by(self.displayed)} to {by(plain.size)} px: it has too many pixels.")
        # `info` holds comments and other text, which would be saved again.
        plain.info = {}
        return Decoded(plain, transparent, tuple(notes))

    def _source_profile(self) -> bytes:
        """A profile for the stored pixels; by ISO 22028-5 and PNG, HDR numbers override an ICC profile."""
        if self._hdr or (self.kind is Kind.PNG and self.cicp) or not self.profile:
            return profile_of_cicp(self.cicp)
        return cast("bytes", self.profile)

    def _take_a_smaller_one(self) -> None:
        """Let libjpeg decode a picture with too many pixels to half, a quarter or an eighth of its size."""
        width, height = self.full_size
        scale = next((scale for scale in (1, 2, 4) if width * height <= self.most_pixels * scale**2), 8)
        if self.kind is Kind.JPEG and scale > 1:
            self.image.draft(None, (width // scale, height // scale))


def check_memory(size: tuple[int, int], needed: int) -> None:
    """Refuse a picture of that many pixels if it needs too many bytes."""
    if needed > MOST_MEMORY:
        raise InvalidPicture(
            f"The picture has {math.prod(size) / 1e6:,.1f} megapixels ({by(size)}), which take {needed / 1e6:,.0f} MB "
            f"to open; at most {MOST_MEMORY / 1e6:,.0f} MB are used for a picture: scale it down."
        )


def turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height after the turn; orientations 5 to 8 are those of pictures on their side."""
    first_sideways = 5
    return (size[1], size[0]) if orientation >= first_sideways else size


def _orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8, as Pillow reads it from the main image's directory or from XMP."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - unreadable metadata raises many errors, and turns nothing
        return 1
    return orientation if orientation in _TURNS else 1


def orientation_in(metadata: bytes, kind: Kind) -> int:
    """The same from the metadata segments of a JPEG, or chunks of a PNG."""
    if not metadata:
        return 1
    out = io.BytesIO()
    Image.new("L", (1, 1)).save(out, kind.name)
    tiny = out.getvalue()
    head = 2 if kind is Kind.JPEG else 33  # the marker that starts it, or signature and header
    try:
        return _orientation_of(_DECODERS[kind](io.BytesIO(tiny[:head] + metadata + tiny[head:]), ""))
    except Exception:  # noqa: BLE001 - as above
        return 1


@contextmanager
def _explained(kind: Kind) -> Iterator[None]:
    try:
        yield
    except InvalidPicture:
        raise
    except Exception as error:  # decoders raise anything on broken data, MemoryError included
        raise InvalidPicture(
            f"The {kind} picture cannot be decoded: it is truncated, damaged, too large or of a rare format. Save or "
            "export it again, as JPEG or PNG."
        ) from error


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height by a WebP's header (RFC 9649, 2.5 to 2.7)."""
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case _:
            return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


def _opened(data: bytes, kind: Kind) -> ImageFile:
    if kind is not Kind.HEIF:
        return _DECODERS[kind](io.BytesIO(data), "")
    try:
        from pillow_heif import HeifImageFile  # noqa: PLC0415 - an optional extra, needed for this kind only
    except ImportError as error:
        raise InvalidPicture(
            "HEIC pictures need an extra: install atlascloud-video-mcp[heif], or export the picture as JPEG or PNG."
        ) from error
    decoder: Callable[[BinaryIO, str], ImageFile] = HeifImageFile
    return decoder(io.BytesIO(data), "")
