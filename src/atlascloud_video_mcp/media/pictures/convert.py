"""Make a JPEG or PNG of a decoded picture, of a shape and size that the model takes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures.rules import Fit, by, readable_size

if TYPE_CHECKING:
    from atlascloud_video_mcp.media.pictures.rules import PictureRules

JPEG, PNG = "image/jpeg", "image/png"
_QUALITIES = (95, 85, 75)
# Aim below the limit, and never waste a step on a barely smaller picture.
_AIM, _LARGEST_STEP = 0.95, 0.9


@dataclass(frozen=True)
class Encoded:
    """A finished JPEG or PNG."""

    data: bytes
    content_type: str
    size: tuple[int, int]
    notes: tuple[str, ...] = ()


def shaped(pixels: Image.Image, rules: PictureRules, fit: Fit | None) -> tuple[Image.Image, tuple[str, ...]]:
    """Pad or crop what is too wide or too tall, then enlarge what is too small; tells what was done."""
    size, notes = pixels.size, []
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
    return pixels, tuple(notes)


def encode(pixels: Image.Image, rules: PictureRules, *, lossless: bool, old_bytes: int) -> Encoded:
    """Encode as PNG if `lossless` is asked for, and fits; else as JPEG, made to fit."""
    if lossless and len(png := _saved(pixels, "PNG")) <= rules.max_bytes:
        return Encoded(png, PNG, pixels.size)
    size = pixels.size
    for quality in _QUALITIES:
        data = _jpeg(pixels, quality)
        if len(data) <= rules.max_bytes:
            break
    while len(data) > rules.max_bytes:
        pixels = _smaller(pixels, len(data), rules)
        data = _jpeg(pixels, quality)
    scaled = "" if pixels.size == size else f" and scaled down from {by(size)} to {by(pixels.size)} px"
    fitted = ""
    if max(old_bytes, len(data)) > rules.max_bytes or quality != _QUALITIES[0] or scaled:
        fitted = (
            f" to fit the limit of {readable_size(rules.max_bytes)}: {readable_size(old_bytes)} before, "
            f"{readable_size(len(data))} now"
        )
    note = f"Compressed as JPEG at quality {quality}{scaled}{fitted}."
    return Encoded(data, JPEG, pixels.size, (note,))


def _smaller(pixels: Image.Image, now_bytes: int, rules: PictureRules) -> Image.Image:
    least = rules.short_side_above + 1
    if min(pixels.size) == least:
        raise InvalidPicture(
            f"Even at {by(pixels.size)} px the picture takes {readable_size(now_bytes)}; the model takes at most "
            f"{readable_size(rules.max_bytes)} and no smaller side: pick a simpler picture."
        )
    return _scaled(pixels, min(_LARGEST_STEP, _AIM * sqrt(rules.max_bytes / now_bytes)), rules)


def _scaled(pixels: Image.Image, factor: float, rules: PictureRules) -> Image.Image:
    """Scale it, but not below the limit, rounded towards the square: a ratio within the limits stays within them."""
    short, long = sorted(pixels.size)
    least = rules.short_side_above + 1
    factor = max(factor, least / short)
    short, long = max(least, ceil(short * factor - 1e-9)), floor(long * factor + 1e-9)
    size = (long, short) if pixels.width >= pixels.height else (short, long)
    return pixels.resize(size, Image.Resampling.LANCZOS)


def _jpeg(pixels: Image.Image, quality: int) -> bytes:
    # Without subsampling: the model sees the edges of colours as sharp as they were.
    return _saved(pixels, "JPEG", quality=quality, subsampling=0)


def _saved(pixels: Image.Image, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    pixels.save(out, kind, **options)
    return out.getvalue()
