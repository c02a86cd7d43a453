"""From what the caller named to what goes up, and what was changed on the way."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from atlascloud_video_mcp.pictures.anatomy import Anatomy, copy_essence
from atlascloud_video_mcp.pictures.convert import JPEG, PNG, encode
from atlascloud_video_mcp.pictures.decode import decode
from atlascloud_video_mcp.pictures.jpeg import walk_jpeg
from atlascloud_video_mcp.pictures.kinds import Kind, sniff
from atlascloud_video_mcp.pictures.png import walk_png
from atlascloud_video_mcp.pictures.rules import PictureRules, readable_size
from atlascloud_video_mcp.pictures.source import Source, open_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

_EXTENSIONS = {JPEG: ".jpg", PNG: ".png"}
_HAILUO_RULES = PictureRules()


@dataclass(frozen=True)
class Picture:
    """A picture that is ready to go up; a context manager that closes its file.

    `file` stands at its start and is the very file that was checked. `width` and `height` are pixels as displayed.
    `notes` say what was changed and why; there are none when the bytes go up untouched.
    """

    file: BinaryIO
    filename: str
    content_type: str
    size_bytes: int
    width: int
    height: int
    notes: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self.file.close()


def open_picture(image: str, *, rules: PictureRules = _HAILUO_RULES, allowed_dirs: Sequence[Path] = ()) -> Picture:
    """Find, check and where needed convert the picture that `image` names.

    `image` is an absolute or `~` path, a `file://` URI or a base64 `data:` URI. With `allowed_dirs`, files elsewhere
    are refused. Blocks while it reads and converts. Raises `InvalidPicture`, and then leaves nothing open.
    """
    source = open_source(image, allowed_dirs)
    picture = None
    try:
        picture = _prepared(source, rules)
    finally:
        if picture is None or picture.file is not source.file:
            source.file.close()
    return picture


def _prepared(source: Source, rules: PictureRules) -> Picture:
    kind = sniff(source.file)
    if kind is Kind.JPEG:
        return _native(source, kind, walk_jpeg(source.file), rules)
    if kind is Kind.PNG:
        return _native(source, kind, walk_png(source.file), rules)
    return _converted(source, kind, rules, ())


def _native(source: Source, kind: Kind, anatomy: Anatomy, rules: PictureRules) -> Picture:
    """Let a JPEG or PNG through as it is, or copied without metadata, or if nothing else helps re-encoded."""
    rules.check(*anatomy.displayed)
    size = _length(source.file)
    notes = []
    if anatomy.cmyk:
        notes.append("Converted from CMYK to RGB colours: the model takes RGB.")
    if anatomy.located:
        notes.append("GPS data removed, with the rest of the metadata (EXIF, XMP), which does not go up.")
    if anatomy.cmyk or anatomy.orientation != 1 or anatomy.essence_bytes > rules.max_bytes:
        return _converted(source, kind, rules, tuple(notes))
    if anatomy.animated:
        notes.append("Animation removed: only the first frame goes up, since the model takes a still.")
    if size > rules.max_bytes:
        notes.append(
            f"Metadata and appended data removed to fit the limit of {readable_size(rules.max_bytes)}: "
            f"{readable_size(size)} before, {readable_size(anatomy.essence_bytes)} now."
        )
    content_type = JPEG if kind is Kind.JPEG else PNG
    if notes:
        notes.append("The pixel data is unchanged.")
    file = copy_essence(source.file, anatomy) if notes else source.file
    return _picture(file, source.stem, content_type, anatomy.displayed, tuple(notes))


def _converted(source: Source, kind: Kind, rules: PictureRules, notes: tuple[str, ...]) -> Picture:
    size = _length(source.file)
    decoded = decode(source.file, kind, rules)
    encoded = encode(decoded, rules, lossless=kind is Kind.PNG and size <= rules.max_bytes, old_bytes=size)
    target = "JPEG" if encoded.content_type == JPEG else "PNG"
    if kind not in {Kind.JPEG, Kind.PNG}:
        why = "the model takes JPEG and PNG only. Metadata (EXIF, GPS) does not go up."
        notes = (f"Converted from {kind} to {target}: {why}", *notes)
    file = io.BytesIO(encoded.data)
    return _picture(file, source.stem, encoded.content_type, encoded.size, notes + decoded.notes + encoded.notes)


def _picture(file: BinaryIO, stem: str, content_type: str, size: tuple[int, int], notes: tuple[str, ...]) -> Picture:
    length = _length(file)
    file.seek(0)
    return Picture(file, stem + _EXTENSIONS[content_type], content_type, length, *size, notes)


def _length(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)
