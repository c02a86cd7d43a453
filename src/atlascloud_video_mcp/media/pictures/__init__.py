"""Pictures on their way to the model: found, judged by content, and changed only where the model asks for it.

source  from the caller's words to bytes           decode   to plain 8-bit sRGB, upright
rules   the kinds and the limits of what is taken  colour   from a picture's colours to sRGB
jpeg    take a JPEG apart without decoding it      entropy  whether a JPEG's pixel data is that
png     take a PNG apart without decoding it       process  all of this in a process that can be stopped
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures.colour import cicp_of, hdr_name, usable_profile
from atlascloud_video_mcp.media.pictures.decode import Still, check_memory, orientation_in, turned_size
from atlascloud_video_mcp.media.pictures.entropy import flaw_of
from atlascloud_video_mcp.media.pictures.jpeg import CMYK, read_jpeg
from atlascloud_video_mcp.media.pictures.png import read_png
from atlascloud_video_mcp.media.pictures.rules import Fit, Kind, PictureRules, by, readable_size, sniff
from atlascloud_video_mcp.media.pictures.source import read_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atlascloud_video_mcp.media.pictures.decode import Decoded

__all__ = ["Fit", "Picture", "PictureRules", "open_picture"]

_QUALITIES = (95, 85, 75)
# Aim a little below the limit, in steps that are worth it.
_AIM, _LARGEST_STEP = 0.95, 0.9
_HAILUO_RULES = PictureRules()


@dataclass(frozen=True)
class Picture:
    """A picture that is ready to upload: the very bytes that were checked.

    `width` and `height` are pixels as displayed. `notes` say what was changed and why; there are none when the pixels
    are unchanged.
    """

    data: bytes = field(repr=False)
    filename: str
    content_type: str
    width: int
    height: int
    notes: tuple[str, ...] = ()
    source_digest: str = ""
    """SHA-256 of the original bytes, before anything was removed or changed."""

    @property
    def size_bytes(self) -> int:
        """How much is uploaded."""
        return len(self.data)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class _Native:
    """A JPEG or PNG without metadata."""

    kind: Kind
    data: bytes
    size: tuple[int, int]
    """As displayed."""
    orientation: int
    cicp: bytes = b""
    key: int | tuple[int, ...] | None = None
    decoder_bytes: int = 0
    flaw: str = ""
    must_change: bool = False
    """Its pixels must be re-encoded, whatever its size."""
    may_be_transparent: bool = False

    def fits(self, rules: PictureRules, target: tuple[int, int]) -> bool:
        """Whether the model accepts it as it is."""
        return (
            not (self.must_change or self.flaw or self.orientation != 1)
            and self.size == target
            and min(self.size) > rules.short_side_above
            and math.prod(self.size) <= rules.max_pixels
            and len(self.data) <= rules.max_bytes
        )


def open_picture(
    image: str, *, rules: PictureRules = _HAILUO_RULES, allowed_dirs: Sequence[Path] = (), fit: Fit | None = None
) -> Picture:
    """Find, check and, where needed, convert the picture that `image` names.

    `image` is an absolute or `~` path, a `file://` URI or a base64 `data:` URI. With `allowed_dirs`, files elsewhere
    are refused. `fit` says what to do with a shape that the model does not take. Blocks while it reads and converts.
    Raises `InvalidPicture`.
    """
    data, stem = read_source(image, allowed_dirs)
    return replace(_opened(data, stem, rules, fit), source_digest=hashlib.sha256(data).hexdigest())


def _opened(data: bytes, stem: str, rules: PictureRules, fit: Fit | None) -> Picture:
    match kind := sniff(data):
        case Kind.JPEG:
            return _native(_read_jpeg(data), stem, rules, fit, len(data))
        case Kind.PNG:
            return _native(_read_png(data), stem, rules, fit, len(data))
        case _:
            still = Still(data, kind, most_pixels=rules.max_pixels)
            rules.target(still.displayed, fit)
            return _converted(still.decode(), kind, stem, rules, fit, len(data))


def _read_jpeg(data: bytes) -> _Native:
    jpeg = read_jpeg(data)
    decoder_bytes = jpeg.coefficient_bytes if len(jpeg.scans) > 1 else 0
    check_memory((jpeg.width, jpeg.height), decoder_bytes + 2 * len(data))
    profile = usable_profile(jpeg.profile, {1: "L", CMYK: "CMYK"}.get(jpeg.components, "RGB"))
    clean = jpeg.clean(profile)
    orientation = orientation_in(jpeg.metadata, Kind.JPEG)
    return _Native(
        kind=Kind.JPEG,
        data=clean,
        size=turned_size((jpeg.width, jpeg.height), orientation),
        orientation=orientation,
        decoder_bytes=decoder_bytes,
        flaw=flaw_of(jpeg, clean) or jpeg.flaw,
        must_change=jpeg.components == CMYK or bool(hdr_name(cicp_of(profile))),
    )


def _read_png(data: bytes) -> _Native:
    png = read_png(data)
    size = png.width, png.height
    check_memory(size, png.decoded_bytes + len(data))
    png.check_pixels()
    orientation = orientation_in(png.metadata, Kind.PNG)
    profile = usable_profile(png.profile, "RGB" if png.is_coloured else "L")
    return _Native(
        kind=Kind.PNG,
        data=png.clean(profile),
        size=turned_size(size, orientation),
        orientation=orientation,
        cicp=png.cicp,
        key=png.key,
        must_change=bool(hdr_name(png.cicp or cicp_of(profile))),
        may_be_transparent=png.may_be_transparent,
    )


def _native(native: _Native, stem: str, rules: PictureRules, fit: Fit | None, old_bytes: int) -> Picture:
    """Pass a JPEG or PNG on with its pixels unchanged, or re-encode it."""
    fits = native.fits(rules, rules.target(native.size, fit))
    if not fits or native.may_be_transparent:
        still = Still(
            native.data,
            native.kind,
            most_pixels=rules.max_pixels,
            orientation=native.orientation,
            cicp=native.cicp,
            key=native.key,
            extra=native.decoder_bytes,
        )
        decoded = still.decode()
        if not fits or decoded.transparent:
            return _converted(decoded, native.kind, stem, rules, fit, old_bytes, native.flaw)
    return _picture(native.data, stem, native.kind, native.size)


def _converted(
    decoded: Decoded, kind: Kind, stem: str, rules: PictureRules, fit: Fit | None, old_bytes: int, flaw: str = ""
) -> Picture:
    """Encode a PNG as PNG, if that fits; everything else as JPEG, made to fit."""
    notes = [] if kind in {Kind.JPEG, Kind.PNG} else [f"Converted from {kind}: the model takes JPEG and PNG only."]
    if flaw:
        notes.append(f"The JPEG was slightly damaged ({flaw}): what can be seen of it was saved again.")
    notes += decoded.notes
    pixels = _shaped(decoded.pixels, rules, fit, notes)
    if kind is Kind.PNG and old_bytes <= rules.max_bytes and len(png := _encoded(pixels, "PNG")) <= rules.max_bytes:
        return _picture(png, stem, Kind.PNG, pixels.size, *notes)
    size = pixels.size
    for quality in _QUALITIES:
        data = _as_jpeg(pixels, quality)
        if len(data) <= rules.max_bytes:
            break
    while len(data) > rules.max_bytes:
        pixels = _smaller(pixels, len(data), rules)
        data = _as_jpeg(pixels, quality)
    note = f"Compressed as JPEG at quality {quality}"
    if pixels.size != size:
        note += f" and scaled down from {by(size)} to {by(pixels.size)} px"
    if max(old_bytes, len(data)) > rules.max_bytes or quality != _QUALITIES[0]:
        note += (
            f" to fit the limit of {readable_size(rules.max_bytes)}: {readable_size(old_bytes)} before, "
            f"{readable_size(len(data))} now"
        )
    return _picture(data, stem, Kind.JPEG, pixels.size, *notes, f"{note}.")


def _picture(data: bytes, stem: str, kind: Kind, size: tuple[int, int], *notes: str) -> Picture:
    extension, content_type = (".jpg", "image/jpeg") if kind is Kind.JPEG else (".png", "image/png")
    return Picture(data, stem + extension, content_type, *size, notes)


def _shaped(pixels: Image.Image, rules: PictureRules, fit: Fit | None, notes: list[str]) -> Image.Image:
    """Pad or crop what is too wide or too tall, then enlarge what is too small."""
    size = pixels.size
    if (target := rules.target(size, fit)) != size:
        if fit is Fit.PAD:
            pixels = ImageOps.pad(pixels, target, color="black")
            notes.append(f"Padded with black from {by(size)} to {by(target)} px, as fit asks.")
        else:
            pixels = ImageOps.fit(pixels, target)
            notes.append(f"Cropped to its middle from {by(size)} to {by(target)} px, as fit asks.")
    if min(target) <= rules.short_side_above:
        pixels = _scaled(pixels, (rules.short_side_above + 1) / min(target), rules)
        notes.append(
            f"Enlarged from {by(target)} to {by(pixels.size)} px: the model needs more than {rules.short_side_above}."
        )
    return pixels


def _smaller(pixels: Image.Image, now_bytes: int, rules: PictureRules) -> Image.Image:
    if min(pixels.size) == rules.short_side_above + 1:
        raise InvalidPicture(
            f"Even at {by(pixels.size)} px the picture takes {readable_size(now_bytes)}; the model takes at most "
            f"{readable_size(rules.max_bytes)}, and a side must not be shorter: pick a simpler picture."
        )
    return _scaled(pixels, min(_LARGEST_STEP, _AIM * math.sqrt(rules.max_bytes / now_bytes)), rules)


def _scaled(pixels: Image.Image, factor: float, rules: PictureRules) -> Image.Image:
    """Scale it, but not below the limit, and round towards the square: a ratio within the limits stays there."""
    short, long = sorted(pixels.size)
    least = rules.short_side_above + 1
    factor = max(factor, least / short)
    short, long = max(least, math.ceil(short * factor - 1e-9)), math.floor(long * factor + 1e-9)
    size = (long, short) if pixels.width >= pixels.height else (short, long)
    return pixels.resize(size, Image.Resampling.LANCZOS)


def _as_jpeg(pixels: Image.Image, quality: int) -> bytes:
    # Without subsampling: colour edges stay sharp.
    return _encoded(pixels, "JPEG", quality=quality, subsampling=0)


def _encoded(pixels: Image.Image, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    pixels.save(out, kind, **options)
    return out.getvalue()
