"""Which pictures are taken: their kinds, told by content, and the limits that a model sets."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from atlascloud_video_mcp.errors import InvalidPicture

_HEAD_BYTES = 1024


class Fit(StrEnum):
    """What to do with a picture that is too wide or too tall for the model."""

    PAD = "pad"
    """Show the whole, between black bars."""
    CROP = "crop"
    """Show the middle."""


BY_FIT = "let animate_image do it with fit"
"""How to have it done; whoever knows that the caller's files are elsewhere puts something better in its place."""


@dataclass(frozen=True)
class PictureRules:
    """Limits on a picture as displayed, after any EXIF turn.

    The defaults are those of the Hailuo 2.3 image-to-video models, but for `max_pixels`, which is ours: it bounds what
    is sent as it is. Lengths are pixels; `short_side_above` and both ratios (width, height) are exclusive.
    """

    short_side_above: int = 300
    ratio_above: tuple[int, int] = (2, 5)
    ratio_below: tuple[int, int] = (5, 2)
    max_bytes: int = 20_000_000
    max_pixels: int = 100_000_000

    @property
    def least_side(self) -> int:
        """The shortest side that is enlarged: a smaller picture would show too little."""
        return ceil(self.short_side_above / 3)

    def target(self, size: tuple[int, int], fit: Fit | None) -> tuple[int, int]:
        """The size to pad or crop a picture to, to bring its shape within the limits; its own where it is.

        Raises:
            InvalidPicture: It is too small, or its shape is outside the limits and `fit` is None.
        """
        width, height = size
        if min(size) < self.least_side:
            raise InvalidPicture(
                f"The picture is {by(size)} px: its short side is {min(size)} px; the model needs more than "
                f"{self.short_side_above} px, and below {self.least_side} px it is not enlarged: pick a larger one."
            )
        # Compared in integers: with floats some pictures exactly on the limit would pass.
        (low_w, low_h), (high_w, high_h) = self.ratio_above, self.ratio_below
        narrow, wide = width * low_h <= low_w * height, width * high_h >= high_w * height
        if not (narrow or wide):
            return size
        if fit is None:
            raise InvalidPicture(
                f"The picture is {by(size)} px: its ratio of width to height is {width / height:.4g}; the model needs "
                f"more than {low_w}:{low_h} ({low_w / low_h:g}) and less than {high_w}:{high_h} ({high_w / high_h:g}): "
                f'crop it, pick another one, or {BY_FIT} "crop" (the middle) or "pad" (the '
                "whole, with bars)."
            )
        if wide:
            most = (high_w * height - 1) // high_h
            return (width, width * high_h // high_w + 1) if fit is Fit.PAD else (most, height)
        most = (low_h * width - 1) // low_w
        return (height * low_w // low_h + 1, height) if fit is Fit.PAD else (width, most)


def by(size: tuple[int, int]) -> str:
    """Width and height, as a message says them."""
    return f"{size[0]} x {size[1]}"


def readable_size(count: int) -> str:
    """A number of bytes in the unit that people use."""
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def truncated(kind: str, count: int) -> InvalidPicture:
    """The error for a picture that ends too soon."""
    return InvalidPicture(
        f"The {kind} picture is truncated: the file ends after {count:,} bytes, before the picture does. Save or "
        "download it again."
    )


def damaged(kind: str, what: str) -> InvalidPicture:
    """The error for a picture whose structure is broken."""
    return InvalidPicture(f"The {kind} picture is damaged: {what}. Save or export it again.")


class Kind(StrEnum):
    """A kind of picture that is accepted; the value is its name in messages."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    GIF = "GIF"
    BMP = "BMP"
    TIFF = "TIFF"
    AVIF = "AVIF"
    HEIF = "HEIC"


_SIGNATURES = (
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"GIF87a", Kind.GIF),
    (b"GIF89a", Kind.GIF),
    (b"II*\0", Kind.TIFF),
    (b"MM\0*", Kind.TIFF),
    (b"II+\0", Kind.TIFF),
    (b"MM\0+", Kind.TIFF),
)
# ISO/IEC 23008-12 and the AV1 image file format name these brands.
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"}
_AVIF_BRANDS = {b"avif", b"avis"}

# How raw files of cameras begin; other raw files are TIFF files, recognised by their first directory.
_RAW = (
    (b"FUJIFILMCCD-RAW", "RAF"),
    (b"IIU\0", "RW2"),
    (b"IIRO", "ORF"),
    (b"IIRS", "ORF"),
    (b"MMOR", "ORF"),
    (b"II*\0\x10\0\0\0CR\2", "CR2"),
    (b"FOVb", "X3F"),
)
# TIFF 6.0, DNG 1.7 and TIFF/EP: the tags, and a directory of a preview whose picture lies in another.
_SUBFILE_TYPE, _COMPRESSION, _MAKE, _OTHERS = 254, 259, 271, 330
_DNG_VERSION, _DNG_PRIVATE, _TIFF_EP = 0xC612, 0xC634, 0x9216
_REDUCED, _OLD_JPEG = 1, 6
_MOST_ENTRIES = 500

_EXPORT = "export it as JPEG or PNG"
_STILL = "take a still picture from it"
_FOREIGN = (
    (b"%PDF", "a PDF document", "export the page as JPEG or PNG"),
    (b"8BPS", "a Photoshop document", _EXPORT),
    (b"\0\0\1\0", "an icon file", _EXPORT),
    (b"\xff\x0a", "a JPEG XL picture", _EXPORT),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture", _EXPORT),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture", _EXPORT),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture", _EXPORT),
    (b"\x1a\x45\xdf\xa3", "a video (WebM or Matroska)", _STILL),
    (b"PK\x03\x04", "a ZIP archive", "take the picture out of it"),
)


def sniff(data: bytes) -> Kind:
    """The kind of picture in a file; raises `InvalidPicture` if it is not an accepted one."""
    head = data[:_HEAD_BYTES]
    if raw := _raw(data):
        raise InvalidPicture(
            f"This is a camera raw file ({raw}), which must be developed first: export it as JPEG or PNG."
        )
    kind = _kind_of(head)
    if kind is None:
        what, advice = _foreign(head)
        raise InvalidPicture(
            f"This is not a picture the model takes: by its content it is {what}. JPEG or PNG is needed: {advice}."
        )
    return kind


def _raw(data: bytes) -> str:
    """The name of a camera raw format; empty for any other file."""
    if data[4:12] == b"ftypcrx ":
        return "CR3"
    if name := next((name for signature, name in _RAW if data.startswith(signature)), ""):
        return name
    tags = _first_directory(data)
    if _DNG_VERSION in tags:
        return "DNG"
    preview = tags.get(_SUBFILE_TYPE) == _REDUCED or tags.get(_COMPRESSION) == _OLD_JPEG
    is_raw = tags.keys() & {_DNG_PRIVATE, _TIFF_EP} or (preview and {_MAKE, _OTHERS} <= tags.keys())
    return "NEF, ARW or alike" if is_raw else ""


def _first_directory(data: bytes) -> dict[int, int]:
    """The tags of a TIFF's first directory, with values where they are single numbers."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return {}
    start = int.from_bytes(data[4:8], "little" if order == "<" else "big")
    entries = data[start + 2 : start + 2 + 12 * _MOST_ENTRIES]
    count = int.from_bytes(data[start : start + 2], "little" if order == "<" else "big")
    usable = entries[: min(count, len(entries) // 12) * 12]
    found = struct.iter_unpack(f"{order}HHL4s", usable)
    return {tag: struct.unpack(f"{order}{'H2x' if kind == 3 else 'L'}", value)[0] for tag, kind, _, value in found}  # noqa: PLR2004 - SHORT


def _kind_of(head: bytes) -> Kind | None:
    if kind := next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), None):
        return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind.WEBP
    # Two letters prove little; but the reserved words after a BMP's size are zero, and text has no zeros.
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return Kind.BMP
    brands = _brands(head)
    if brands & _AVIF_BRANDS:
        return Kind.AVIF
    return Kind.HEIF if brands & _HEIF_BRANDS else None


def _brands(head: bytes) -> set[bytes]:
    if head[4:8] != b"ftyp":
        return set()
    box = head[: int.from_bytes(head[:4])]
    return {box[8:12], *(box[start : start + 4] for start in range(16, len(box), 4))}


def _foreign(head: bytes) -> tuple[str, str]:
    for signature, what, advice in _FOREIGN:
        if head.startswith(signature):
            return what, advice
    if head[4:8] in {b"ftyp", b"moov", b"mdat"}:
        return "a video (MP4 or QuickTime)", _STILL
    if head[:4] == b"RIFF":
        return "an AVI video or a sound", _STILL
    if b"<svg" in head.lower():
        return "an SVG drawing", "export it as PNG"
    if b"<html" in head.lower() or b"<!doctype html" in head.lower():
        return "a web page (HTML)", "download the picture itself"
    # The head may end inside a character, which does not make it binary.
    if b"\0" not in head and head.decode(errors="ignore").encode() in {head, head[:-1], head[:-2], head[:-3]}:
        return "text", "give the picture itself"
    return "data of an unknown kind", _EXPORT
