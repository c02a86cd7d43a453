"""What a file is, by its first bytes: its name and its declared type are not asked."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import InvalidPicture

if TYPE_CHECKING:
    from typing import BinaryIO

_HEAD_BYTES = 1024


class Kind(StrEnum):
    """A kind of picture that can be taken; the value is its name in messages."""

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


def sniff(file: BinaryIO) -> Kind:
    """Name the kind of picture in `file`, which is left at its start; raises `InvalidPicture` if it is none."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    kind = _by_signature(head) or _by_container(head)
    if kind is None:
        what, advice = _foreign(head)
        raise InvalidPicture(
            f"It is not a picture the model takes: judged by its content it is {what}. JPEG or PNG is needed: {advice}."
        )
    return kind


def _by_signature(head: bytes) -> Kind | None:
    return next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), None)


def _by_container(head: bytes) -> Kind | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind.WEBP
    # Two letters are a weak sign; the reserved words that follow a BMP's size are zero, and text has no zeros.
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
    return _text(head)


def _text(head: bytes) -> tuple[str, str]:
    if b"<svg" in head.lower():
        return "an SVG drawing", "export it as PNG"
    if b"<html" in head.lower() or b"<!doctype html" in head.lower():
        return "a web page (HTML)", "download the picture itself"
    # The head may end inside a character, which is no reason to call it binary.
    if b"\0" not in head and head.decode(errors="ignore").encode() in {head, head[:-1], head[:-2], head[:-3]}:
        return "text", "give the path of the picture itself"
    return "data of an unknown kind", _EXPORT
