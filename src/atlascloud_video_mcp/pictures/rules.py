"""The limits a model sets for the picture it animates."""

from __future__ import annotations

from dataclasses import dataclass

from atlascloud_video_mcp.errors import InvalidPicture


@dataclass(frozen=True)
class PictureRules:
    """Limits on a picture as displayed, after any EXIF turn.

    The defaults are those of the Hailuo 2.3 image-to-video models, but for `max_pixels`, which is ours: it bounds the
    memory one picture can take. Lengths are pixels; `short_side_above` and both ratios (width, height) are exclusive.
    """

    short_side_above: int = 300
    ratio_above: tuple[int, int] = (2, 5)
    ratio_below: tuple[int, int] = (5, 2)
    max_bytes: int = 20_000_000
    max_pixels: int = 100_000_000

    def check(self, width: int, height: int) -> None:
        """Raise `InvalidPicture` if a picture of this many pixels would be refused."""
        self._check_pixels(width, height)
        self._check_short_side(width, height)
        self._check_ratio(width, height)

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self.max_pixels:
            raise InvalidPicture(
                f"The picture has {width * height / 1e6:,.1f} megapixels ({width} x {height}); "
                f"at most {self.max_pixels / 1e6:,g} megapixels are taken: scale it down."
            )

    def _check_short_side(self, width: int, height: int) -> None:
        short = min(width, height)
        if short <= self.short_side_above:
            raise InvalidPicture(
                f"The picture is {width} x {height} px: its short side is {short} px; the model needs more than "
                f"{self.short_side_above} px: scale it up or pick a larger one."
            )

    def _check_ratio(self, width: int, height: int) -> None:
        # Compared crosswise in integers: a float would let some pictures on the very limit through.
        (low_w, low_h), (high_w, high_h) = self.ratio_above, self.ratio_below
        if width * low_h <= low_w * height or width * high_h >= high_w * height:
            raise InvalidPicture(
                f"The picture is {width} x {height} px: its ratio of width to height is {width / height:.4g}; the "
                f"model needs more than {low_w}:{low_h} ({low_w / low_h:g}) and less than {high_w}:{high_h} "
                f"({high_w / high_h:g}): crop it or pick another one."
            )


def readable_size(count: int) -> str:
    """Say a number of bytes in the unit a person would use."""
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
