"""From what the caller named to what goes up, and what was changed on the way."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from atlascloud_video_mcp.media.pictures.colour import cicp_of, hdr_name, usable_profile
from atlascloud_video_mcp.media.pictures.convert import JPEG, PNG, encode, shaped
from atlascloud_video_mcp.media.pictures.decode import Still, check_memory, orientation_in, turned_size
from atlascloud_video_mcp.media.pictures.entropy import flaw_of
from atlascloud_video_mcp.media.pictures.jpeg import CMYK, read_jpeg
from atlascloud_video_mcp.media.pictures.kinds import Kind, sniff
from atlascloud_video_mcp.media.pictures.png import read_png
from atlascloud_video_mcp.media.pictures.rules import PictureRules
from atlascloud_video_mcp.media.pictures.source import read_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atlascloud_video_mcp.media.pictures.decode import Decoded
    from atlascloud_video_mcp.media.pictures.rules import Fit

_EXTENSIONS = {JPEG: ".jpg", PNG: ".png"}
_HAILUO_RULES = PictureRules()


@dataclass(frozen=True)
class Picture:
    """A picture that is ready to go up: the very bytes that were checked.

    `width` and `height` are pixels as displayed. `notes` say what was changed and why; there are none when the pixels
    go up as they are.
    """

    data: bytes = field(repr=False)
    filename: str
    content_type: str
    width: int
    height: int
    notes: tuple[str, ...] = ()
    source_digest: str = ""
    """SHA-256 of the bytes that were named, before anything was taken out or changed."""

    @property
    def size_bytes(self) -> int:
        """How much goes up."""
        return len(self.data)

    @cached_property
    def digest(self) -> str:
        """What tells its bytes from any others: SHA-256, in hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class _Native:
    """A JPEG or PNG without what is no picture."""

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
    """Its pixels cannot go up as they are, whatever its size."""
    may_be_transparent: bool = False

    def fits(self, rules: PictureRules, target: tuple[int, int]) -> bool:
        """Whether the model takes it as it is."""
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
    """Find, check and where needed convert the picture that `image` names.

    `image` is an absolute or `~` path, a `file://` URI or a base64 `data:` URI. With `allowed_dirs`, files elsewhere
    are refused. `fit` says what to do with a shape that the model does not take. Blocks while it reads and converts.
    Raises `InvalidPicture`.
    """
    data, stem = read_source(image, allowed_dirs)
    return replace(_opened(data, stem, rules, fit), source_digest=hashlib.sha256(data).hexdigest())


def _opened(data: bytes, stem: str, rules: PictureRules, fit: Fit | None) -> Picture:
    match kind := sniff(data):
        case Kind.JPEG:
            return _native(_jpeg(data), stem, rules, fit, len(data))
        case Kind.PNG:
            return _native(_png(data), stem, rules, fit, len(data))
        case _:
            still = Still(data, kind, most_pixels=rules.max_pixels)
            rules.target(still.displayed, fit)
            return _converted(still.decode(), kind, stem, rules, fit, len(data))


def _jpeg(data: bytes) -> _Native:
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


def _png(data: bytes) -> _Native:
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
    """Let a JPEG or PNG through with its pixels as they are, or re-encode it."""
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
    return _picture(native.data, stem, JPEG if native.kind is Kind.JPEG else PNG, native.size, ())


def _converted(
    decoded: Decoded, kind: Kind, stem: str, rules: PictureRules, fit: Fit | None, old_bytes: int, flaw: str = ""
) -> Picture:
    pixels, shaping = shaped(decoded.pixels, rules, fit)
    lossless = kind is Kind.PNG and old_bytes <= rules.max_bytes
    encoded = encode(pixels, rules, lossless=lossless, old_bytes=old_bytes)
    notes = [*decoded.notes, *shaping, *encoded.notes]
    if flaw:
        notes.insert(0, f"The JPEG was slightly damaged ({flaw}): what can be seen of it was saved anew.")
    if kind not in {Kind.JPEG, Kind.PNG}:
        notes.insert(0, f"Converted from {kind}: the model takes JPEG and PNG only.")
    return _picture(encoded.data, stem, encoded.content_type, encoded.size, tuple(notes))


def _picture(data: bytes, stem: str, content_type: str, size: tuple[int, int], notes: tuple[str, ...]) -> Picture:
    return Picture(data, stem + _EXTENSIONS[content_type], content_type, *size, notes)
