"""Three frames of a clip on one small JPEG, so that a model can see what it made."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import TYPE_CHECKING

from atlascloud_video_mcp.media.clips.containers import Container
from atlascloud_video_mcp.media.clips.problems import CannotPreview

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import av
    from av.container import InputContainer
    from PIL import Image

_MOMENTS = (0.05, 0.5, 0.95)  # shares of the clip's length: often it fades in and out
_WIDEST = 512  # pixels
_DEMUXERS = {
    Container.MP4: "mp4",
    Container.QUICKTIME: "mov",
    Container.WEBM: "webm",
    Container.MATROSKA: "matroska",
}  # libav's
_GAP = 4  # pixels between frames
_LARGEST = 100_000  # bytes, exclusive
_QUALITIES = (85, 75, 60, 45, 30)
_MOST_PIXELS = 40_000_000  # of one frame
_MOST_DECODED = 600_000_000  # pixels, from a key frame on: 10 s of 1080p at 29 frames a second


def require_decoder() -> None:
    """Raise `CannotPreview` where clips cannot be decoded."""
    if not find_spec("av"):
        raise CannotPreview(
            "Previews need one more library: install this server with its extra, as in "
            "pip install 'PATH/TO/WHEEL.whl[preview]'."
        )


def contact_sheet(clip: Path, container: Container = Container.MP4) -> bytes:
    """Make the JPEG: at most 512 pixels wide, below 100 kB; frames of a wide clip are stacked, others stand in a row.

    Blocks while it decodes, for a second or so. Raises `CannotPreview`.
    """
    # Imported when first needed: together they take longer than a server may take to start.
    import av  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    try:
        # Of an open file and a named format: nothing in a clip can make libav open anything else.
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
    """The frame at a moment, or the last one there is before it."""
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
