"""Make a JPEG or PNG of a decoded picture, small enough for the model."""

from __future__ import annotations

import io
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import TYPE_CHECKING

from PIL import Image

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.pictures.rules import readable_size

if TYPE_CHECKING:
    from atlascloud_video_mcp.pictures.decode import Decoded
    from atlascloud_video_mcp.pictures.rules import PictureRules

JPEG, PNG = "image/jpeg", "image/png"
_QUALITIES = (95, 90, 85, 80, 75)
# Aim below the limit, and never waste a step on a barely smaller picture.
_AIM, _LARGEST_STEP = 0.95, 0.9


@dataclass(frozen=True)
class Encoded:
    """A finished JPEG or PNG."""

    data: bytes
    content_type: str
    size: tuple[int, int]
    notes: tuple[str, ...] = ()


def encode(decoded: Decoded, rules: PictureRules, *, lossless: bool, old_bytes: int) -> Encoded:
    """Encode as PNG if it is transparent or `lossless` is asked for, and fits; else as JPEG, made to fit."""
    transparent = decoded.pixels.mode == "RGBA"
    if (lossless or transparent) and (png := _png(decoded)) and len(png) <= rules.max_bytes:
        return Encoded(png, PNG, decoded.pixels.size)
    pixels = decoded.pixels
    notes: tuple[str, ...] = ()
    if transparent:
        pixels, notes = _on_white(pixels), ("Laid on white: with its transparency it would be too large.",)
    fitted = _fitted_jpeg(pixels, decoded.profile, rules, old_bytes)
    return Encoded(fitted.data, JPEG, fitted.size, notes + fitted.notes)


def _fitted_jpeg(pixels: Image.Image, profile: bytes | None, rules: PictureRules, old_bytes: int) -> Encoded:
    size = pixels.size
    for quality in _QUALITIES:
        data = _jpeg(pixels, profile, quality)
        if len(data) <= rules.max_bytes:
            break
    while len(data) > rules.max_bytes:
        pixels = _smaller(pixels, len(data), rules)
        data = _jpeg(pixels, profile, quality)
    if old_bytes <= rules.max_bytes and quality == _QUALITIES[0]:
        return Encoded(data, JPEG, size)
    scaled = "" if pixels.size == size else f" and scaled down from {_by(size)} to {_by(pixels.size)}"
    note = (
        f"Re-encoded as JPEG at quality {quality}{scaled} to fit the limit of {readable_size(rules.max_bytes)}: "
        f"{readable_size(old_bytes)} before, {readable_size(len(data))} now."
    )
    return Encoded(data, JPEG, pixels.size, (note,))


def _smaller(pixels: Image.Image, now_bytes: int, rules: PictureRules) -> Image.Image:
    short, long = sorted(pixels.size)
    least = rules.short_side_above + 1
    if short == least:
        raise InvalidPicture(
            f"Even at {_by(pixels.size)} px the picture takes {readable_size(now_bytes)}; the model takes at most "
            f"{readable_size(rules.max_bytes)} and no smaller side: pick a simpler picture."
        )
    factor = max(min(_LARGEST_STEP, _AIM * sqrt(rules.max_bytes / now_bytes)), least / short)
    # Rounded towards the square, so that a ratio within the limits stays within them.
    short, long = max(least, ceil(short * factor)), floor(long * factor)
    size = (long, short) if pixels.width >= pixels.height else (short, long)
    return pixels.resize(size, Image.Resampling.LANCZOS)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _on_white(pixels: Image.Image) -> Image.Image:
    white = Image.new("RGB", pixels.size, "white")
    white.paste(pixels, mask=pixels.getchannel("A"))
    return white


def _jpeg(pixels: Image.Image, profile: bytes | None, quality: int) -> bytes:
    out = io.BytesIO()
    # Without subsampling: the model sees the edges of colours as sharp as they were.
    pixels.save(out, "JPEG", quality=quality, subsampling=0, icc_profile=profile)
    return out.getvalue()


def _png(decoded: Decoded) -> bytes:
    out = io.BytesIO()
    decoded.pixels.save(out, "PNG", icc_profile=decoded.profile)
    return out.getvalue()
