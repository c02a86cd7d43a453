"""The limits a model sets for the picture it animates, and what may be done to meet them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from atlascloud_video_mcp.errors import InvalidPicture


class Fit(StrEnum):
    """What to do with a picture that is too wide or too tall for the model."""

    PAD = "pad"
    """Show the whole, between black bars."""
    CROP = "crop"
    """Show the middle."""


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
        """The shortest side that is enlarged; below it too little would be left to see."""
        return ceil(self.short_side_above / 3)

    def target(self, size: tuple[int, int], fit: Fit | None) -> tuple[int, int]:
        """The shape to pad or crop a picture of this size to, which is its own where that is within the limits.

        Raises:
            InvalidPicture: It is too small, or of another shape and nothing may be done about it.
        """
        width, height = size
        if min(size) < self.least_side:
            raise InvalidPicture(
                f"The picture is {by(size)} px: its short side is {min(size)} px; the model needs more than "
                f"{self.short_side_above} px, and below {self.least_side} px it is not enlarged: pick a larger one."
            )
        # Compared crosswise in integers: a float would let some pictures on the very limit through.
        (low_w, low_h), (high_w, high_h) = self.ratio_above, self.ratio_below
        narrow, wide = width * low_h <= low_w * height, width * high_h >= high_w * height
        if not (narrow or wide):
            return size
        if fit is None:
            raise InvalidPicture(
                f"The picture is {by(size)} px: its ratio of width to height is {width / height:.4g}; the model needs "
                f"more than {low_w}:{low_h} ({low_w / low_h:g}) and less than {high_w}:{high_h} ({high_w / high_h:g}): "
                'crop it, pick another one, or let animate_image do it with fit "crop" (the middle) or "pad" (the '
                "whole, with bars)."
            )
        if wide:
            most = (high_w * height - 1) // high_h
            return (width, width * high_h // high_w + 1) if fit is Fit.PAD else (most, height)
        most = (low_h * width - 1) // low_w
        return (height * low_w // low_h + 1, height) if fit is Fit.PAD else (width, most)


def by(size: tuple[int, int]) -> str:
    """Say width and height."""
    return f"{size[0]} x {size[1]}"


def readable_size(count: int) -> str:
    """Say a number of bytes in the unit a person would use."""
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def truncated(kind: str, count: int) -> InvalidPicture:
    """Make the error for a picture that ends too soon."""
    return InvalidPicture(
        f"The {kind} picture is truncated: the file ends after {count:,} bytes, before the picture does. Save or "
        "download it again."
    )


def damaged(kind: str, what: str) -> InvalidPicture:
    """Make the error for a picture whose structure is broken."""
    return InvalidPicture(f"The {kind} picture is damaged: {what}. Save or export it again.")
