"""What a fetched file is by its content, and three frames of it, so that a model can see what it made.

A video's structure is checked without decoding; data behind its last whole piece is ignored, as players do.
Sources: ISO/IEC 14496-12 (ISO base media file format), sections 4.2 (boxes), 4.3 (ftyp), 8.1.1 (mdat), 8.2.1 (moov);
QuickTime File Format Specification, "Atoms"; RFC 8794 (EBML), sections 4 and 6; RFC 9559 (Matroska), section 5.1.
"""

from __future__ import annotations

import io
import os
from enum import StrEnum
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import AtlasError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    import av
    from av.container import InputContainer
    from PIL import Image

# A clip has a handful, a fragmented one two a second. This bounds the walk through a file of headers only.
_MOST_PIECES = 100_000
_HEADER = 16  # bytes, at most: of a box a size and a type, 64-bit size included; of an element an id and a size

_SIZE_FOLLOWS = 1
_TO_THE_END = 0
# What a file begins with: QuickTime films older than 2001 have no ftyp.
_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_PIECES = frozenset({b"ftyp", b"moov", b"mdat", b"moof"})
_QUICKTIME = b"qt  "

_EBML, _DOCTYPE, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x4282, 0x18538067, 0x1F43B675

_OTHER_THINGS = (
    (b"<", "a web page or XML"),
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"#EXTM3U", "a playlist (HLS)"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"RIFF", "a picture, a sound or an AVI film (RIFF)"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"%PDF", "a PDF document"),
)

_MOMENTS = (0.05, 0.5, 0.95)  # fractions of the clip's length, which often fades in and out
_WIDEST = 512  # pixels
_GAP = 4  # pixels between frames
_LARGEST = 100_000  # bytes, exclusive
_QUALITIES = (85, 75, 60, 45, 30)
_MOST_PIXELS = 40_000_000  # of one frame
_MOST_DECODED = 600_000_000  # pixels, from a key frame on: 10 s of 1080p at 29 frames a second


class Container(StrEnum):
    """A kind of video file; the value is its file name extension."""

    MP4 = ".mp4"
    QUICKTIME = ".mov"
    WEBM = ".webm"
    MATROSKA = ".mkv"


# libav's names.
_DEMUXERS = {
    Container.MP4: "mp4",
    Container.QUICKTIME: "mov",
    Container.WEBM: "webm",
    Container.MATROSKA: "matroska",
}


class DamagedVideo(Exception):
    """A body that is not a whole video; the message is a clause that says what it is instead."""


class UnplayableVideo(DamagedVideo):
    """A body that is complete and not a video: trying again will not help."""


def read_container(file: BinaryIO, *, came_whole: bool) -> Container:
    """The kind of video in an open file.

    Args:
        file: What was fetched.
        came_whole: Whether the server told where the body ends; otherwise an end inside a piece means a broken
            download.

    Raises:
        DamagedVideo: It is cut off.
        UnplayableVideo: It is not a video.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(_HEADER)
    if not start:
        raise DamagedVideo("it is empty (0 bytes)")
    if int.from_bytes(start[:4]) == _EBML:
        container, cut_at = _read_matroska(file, size)
    elif start[4:8] in _FIRST_BOXES:
        container, cut_at = _read_mp4(file, size)
    else:
        bare = start.lstrip(b" \t\r\n\xef\xbb\xbf")
        what = next((f"it is {what}, not a video" for sign, what in _OTHER_THINGS if bare.startswith(sign)), None)
        raise UnplayableVideo(what or "its first bytes are not those of an MP4, QuickTime or WebM video")
    if container and (came_whole or cut_at is None):
        return container
    raise (UnplayableVideo if came_whole else DamagedVideo)(
        f"it is a video that is cut off or damaged, at byte {size if cut_at is None else cut_at} of {size}"
    )


def _read_mp4(file: BinaryIO, size: int) -> tuple[Container | None, int | None]:
    """The kind, if description and picture data are both there, and where a piece is cut off."""
    places: dict[bytes, int] = {}
    cut_at = None
    for kind, position, end in _boxes(file, size):
        if end <= size:
            places.setdefault(kind, position)
        elif kind in _PIECES:
            cut_at = position
    if not {b"moov", b"mdat"} <= places.keys():
        return None, cut_at
    if b"ftyp" not in places:
        return Container.QUICKTIME, cut_at
    file.seek(places[b"ftyp"] + 8)
    return Container.QUICKTIME if file.read(4) == _QUICKTIME else Container.MP4, cut_at


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """The kind, start and end of each box; the last may end behind the file."""
    position = 0
    for _ in range(_MOST_PIECES):
        file.seek(position)
        header = file.read(_HEADER)
        kind, least = header[4:8], 8
        length = int.from_bytes(header[:4])
        if length == _SIZE_FOLLOWS:
            length, least = int.from_bytes(header[8:16]), 16
        elif length == _TO_THE_END:
            length = size - position
        if len(header) < least or length < least:
            return
        yield kind, position, position + length
        position += length


def _read_matroska(file: BinaryIO, size: int) -> tuple[Container | None, int | None]:
    """The kind, if there is picture data, and where a piece is cut off."""
    kind, found, cut_at = b"", False, None
    for ident, start, end in _elements(file, 0, size):
        for inner, inner_start, inner_end in _elements(file, start, min(end, size)):
            if (ident, inner) == (_EBML, _DOCTYPE):
                file.seek(inner_start)
                kind = file.read(min(inner_end - inner_start, _HEADER)).rstrip(b"\0")
            elif (ident, inner) == (_SEGMENT, _CLUSTER):
                found = found or inner_end <= size
        if ident == _SEGMENT and end > size:
            cut_at = start
    container = Container.WEBM if kind == b"webm" else Container.MATROSKA
    return container if found else None, cut_at


def _elements(file: BinaryIO, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The id of each element, and where its content starts and ends; one of unknown size ends with its parent."""
    for _ in range(_MOST_PIECES):
        file.seek(position)
        header = file.read(_HEADER)
        ident, after = _number(header, 0)
        size, start = _number(header, after)
        if position >= end or not start:
            return
        bits = 7 * (start - after)
        size &= (1 << bits) - 1  # without the bit that marks the length
        stop = end if size == (1 << bits) - 1 else position + start + size
        yield ident, position + start, stop
        position = stop


def _number(header: bytes, at: int) -> tuple[int, int]:
    """A variable-length number and where it ends; 0 for both when there is none."""
    end = at + 9 - header[at].bit_length() if at < len(header) and header[at] else _HEADER + 1
    return (int.from_bytes(header[at:end]), end) if end <= len(header) else (0, 0)


class CannotPreview(AtlasError):
    """A finished clip whose frames cannot be shown."""


def contact_sheet(clip: Path, container: Container = Container.MP4) -> bytes:
    """Put three frames on a JPEG of at most 512 pixels in width and less than 100 kB: stacked if wide, else in a row.

    Blocks while it decodes, for a second or so. Raises `CannotPreview`.
    """
    # Imported when needed: together they take longer than a server may take to start.
    import av  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    try:
        # From an open file and with a fixed format: nothing in a clip can make libav open anything else.
        with clip.open("rb") as file, av.open(file, "r", format=_DEMUXERS[container]) as film:
            frames = _frames(film)
            if not frames:
                raise CannotPreview("No frame of the clip can be decoded.")
            wide = frames[0].width >= frames[0].height
            width = _WIDEST if wide else (_WIDEST - 2 * _GAP) // len(_MOMENTS)
            pictures = [_scaled(frame, width) for frame in frames]
    except (av.FFmpegError, ValueError, OSError) as error:
        raise CannotPreview(f"The clip cannot be decoded ({type(error).__name__}).") from error
    columns, rows = (1, len(pictures)) if wide else (len(pictures), 1)
    step = pictures[0].width + _GAP, pictures[0].height + _GAP
    sheet = Image.new("RGB", (columns * step[0] - _GAP, rows * step[1] - _GAP))
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (0, index * step[1]) if wide else (index * step[0], 0))
    return _small_jpeg(sheet)


def _frames(film: InputContainer) -> list[av.VideoFrame]:
    if not film.streams.video:
        return []
    film.streams.video[0].codec_context.options = {"max_pixels": str(_MOST_PIXELS)}
    length = (film.duration or 0) / 1_000_000  # libav counts in microseconds
    found = (_frame(film, share * length) for share in _MOMENTS)
    return [frame for frame in found if frame]


def _frame(film: InputContainer, seconds: float) -> av.VideoFrame | None:
    """The frame at a moment, or the last one before it."""
    stream = film.streams.video[0]
    film.seek(round(seconds * 1_000_000))
    frame = None
    decoded = 0
    for frame in film.decode(stream):
        decoded += frame.width * frame.height
        if decoded >= _MOST_DECODED or (frame.pts is not None and frame.time >= seconds):
            break
    return frame


def _scaled(frame: av.VideoFrame, width: int) -> Image.Image:
    height = max(1, min(3 * width, round(width * frame.height / frame.width)))
    # PyAV leaves this one untyped.
    to_image: Callable[[av.VideoFrame], Image.Image] = type(frame).to_image
    return to_image(frame.reformat(width, height, "rgb24"))


def _small_jpeg(sheet: Image.Image) -> bytes:
    while True:
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            sheet.save(buffer, "JPEG", quality=quality, optimize=True)
            if buffer.tell() < _LARGEST:
                return buffer.getvalue()
        sheet = sheet.reduce(2)
