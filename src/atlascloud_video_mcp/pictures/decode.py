"""Decode a picture with Pillow into plain 8-bit grey, RGB or RGBA, upright and without metadata."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.pictures.anatomy import turned_size
from atlascloud_video_mcp.pictures.exif import read_exif
from atlascloud_video_mcp.pictures.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from PIL.ImageFile import ImageFile

    from atlascloud_video_mcp.pictures.rules import PictureRules


class _Tiff(TiffImagePlugin.TiffImageFile):
    """A TIFF whose size, which our rules have passed, is not held against Pillow's limit as well."""

    def load_prepare(self) -> None:
        self.im = Image.new(self.mode, self._tile_size).im
        super().load_prepare()


# Not Image.open: it holds every picture against limits of its own, which belong to the whole process, and speaks
# through the process's warning filters. The content has named the one decoder already.
_DECODERS: dict[Kind, Callable[[BinaryIO, str], ImageFile]] = {
    Kind.JPEG: JpegImagePlugin.JpegImageFile,
    Kind.PNG: PngImagePlugin.PngImageFile,
    Kind.WEBP: WebPImagePlugin.WebPImageFile,
    Kind.GIF: GifImagePlugin.GifImageFile,
    Kind.BMP: BmpImagePlugin.BmpImageFile,
    Kind.TIFF: _Tiff,
    Kind.AVIF: AvifImagePlugin.AvifImageFile,
}

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OPAQUE = 255
# The space an ICC profile is for stands in its header (ICC.1, 7.2.6).
_PROFILE_SPACE = slice(16, 20)
_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB "}


@dataclass(frozen=True)
class Decoded:
    """Upright pixels in mode L, RGB or RGBA, and the colour profile that fits them."""

    pixels: Image.Image
    profile: bytes | None
    notes: tuple[str, ...]


def decode(file: BinaryIO, kind: Kind, rules: PictureRules) -> Decoded:
    """Decode the first frame; the rules are applied to the header's size before any pixel is decoded."""
    notes = []
    file.seek(0)
    with _explained(kind):
        image = _decoder(kind)(file, "")
        orientation = _orientation(image)
        rules.check(*turned_size(image.size, orientation))
        if getattr(image, "is_animated", False):
            notes.append(f"Only the first picture of the {kind} is used: the model takes a still.")
        if isinstance(image, _Tiff) and (by_pillow := image.tag_v2.get(ExifTags.Base.Orientation)) in _TURNS:
            notes.append(_turned(by_pillow))
        image.load()
        profile = image.info.get("icc_profile")
        plain = _plain(image)
        if orientation in _TURNS:
            plain = plain.transpose(_TURNS[orientation])
            notes.append(_turned(orientation))
    # Comments and other text travel along in `info` and would be saved again.
    plain.info = {}
    return Decoded(plain, _fitting(profile, plain.mode), tuple(notes))


def _turned(orientation: int) -> str:
    return f"Turned upright as its EXIF orientation ({orientation}) says, since the model may not look at it."


@contextmanager
def _explained(kind: Kind) -> Iterator[None]:
    try:
        yield
    except InvalidPicture:
        raise
    except Exception as error:  # decoders fed with broken data raise anything, MemoryError included
        raise InvalidPicture(
            f"The {kind} picture cannot be decoded: it is truncated, damaged or of a rare sort. Save or export it "
            "again, as JPEG or PNG."
        ) from error


def _decoder(kind: Kind) -> Callable[[BinaryIO, str], ImageFile]:
    if kind is not Kind.HEIF:
        return _DECODERS[kind]
    try:
        from pillow_heif import HeifImageFile  # noqa: PLC0415 - an optional extra, needed for this kind only
    except ImportError as error:
        raise InvalidPicture(
            "HEIC pictures need an extra: install atlascloud-video-mcp[heif], or export the picture as JPEG or PNG."
        ) from error
    decoder: Callable[[BinaryIO, str], ImageFile] = HeifImageFile
    return decoder


def _orientation(image: ImageFile) -> int:
    # Pillow turns TIFF by itself while it loads, pillow_heif HEIC.
    exif = image.info.get("exif")
    return read_exif(exif).orientation if exif and not isinstance(image, _Tiff) else 1


def _plain(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        (lowest, _) = clear.getchannel("A").getextrema()
        return clear if lowest != _OPAQUE else clear.convert("RGB")
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if image.mode in {"I", "F"}:
        return _stretched(image)
    if image.mode == "CMYK":
        return _rgb_of_cmyk(image)
    return image.convert("L" if image.mode in {"1", "L"} else "RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Measurements have no black and white of their own: the lowest becomes black, the highest white."""
    low, high = cast("tuple[float, float]", image.getextrema())
    scale = _OPAQUE / ((high - low) or 1)
    return image.convert("F").point(lambda level: level * scale - low * scale).convert("L")


def _rgb_of_cmyk(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        try:
            inks = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, inks, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a broken profile costs exact colours, not the picture
        if converted:
            return converted
    return image.convert("RGB")


def _fitting(profile: bytes | None, mode: str) -> bytes | None:
    return profile if profile and profile[_PROFILE_SPACE] == _SPACES[mode] else None
