"""A camera move over a still picture, as a playable MP4."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import av
from PIL import Image, ImageDraw, ImageFont

from . import camera

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .camera import Move

FPS = 24
MARK = "SANDBOX"
BT709 = 1
TV_RANGE = 1


class RenderStopped(Exception):
    """The rendering was told to stop; what it has written so far is of no use."""


def render(
    picture: Image.Image, path: Path, *, prompt: str, seconds: int, short_side: int, stop: Callable[[], bool]
) -> None:
    """Write an H.264 clip of the picture to `path`: 24 frames a second, `short_side` pixels the short way.

    The move is chosen from the prompt. Raises RenderStopped, within a frame, once `stop` says so.
    """
    size = _frame_size(picture, short_side)
    # PyAV leaves this one untyped.
    to_frame: Callable[[Image.Image], av.VideoFrame] = av.VideoFrame.from_image
    frames = _frames(picture, size, camera.choose(prompt), seconds * FPS)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        _tag(stream.codec_context)
        for index, image in enumerate(frames):
            if stop():
                raise RenderStopped
            frame = to_frame(image).reformat(format="yuv420p", dst_colorspace="ITU709")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _tag(codec: av.VideoCodecContext) -> None:
    # Untagged, some players show the colours of a small clip and of a large one differently.
    codec.colorspace = codec.color_primaries = codec.color_trc = BT709
    codec.color_range = TV_RANGE


def _frame_size(picture: Image.Image, short_side: int) -> tuple[int, int]:
    scale = short_side / min(picture.size)
    # H.264 in yuv420p stores colour for 2x2 pixels, so both sides must be even.
    width, height = (max(2, 2 * round(side * scale / 2)) for side in picture.size)
    return width, height


def _frames(picture: Image.Image, size: tuple[int, int], move: Move, count: int) -> Iterator[Image.Image]:
    # Scaled once to what the closest view needs, so that the crop of each frame is cheap.
    source = picture.resize(
        (math.ceil(size[0] * move.closest), math.ceil(size[1] * move.closest)), Image.Resampling.LANCZOS
    )
    mark = _mark(size)
    place = size[0] - mark.width - mark.height // 3, size[1] - mark.height - mark.height // 3
    for index in range(count):
        box = move.box(index / (count - 1), *source.size)
        # A resize out of a fractional box moves smoothly; a crop would jump from pixel to pixel.
        frame = source.resize(size, Image.Resampling.BILINEAR, box=box)
        frame.paste(mark, place, mark)
        yield frame


def _mark(size: tuple[int, int]) -> Image.Image:
    """Draw white letters on a dark plate: readable on any picture."""
    font = ImageFont.load_default(max(9, min(size) // 22))
    left, top, right, bottom = map(round, font.getbbox(MARK))
    margin = (bottom - top) // 2
    plate = Image.new("RGBA", (right - left + 2 * margin, bottom - top + 2 * margin), (0, 0, 0, 0))
    draw = ImageDraw.Draw(plate)
    draw.rounded_rectangle((0, 0, plate.width - 1, plate.height - 1), radius=margin // 2, fill=(0, 0, 0, 150))
    draw.text((margin - left, margin - top), MARK, font=font, fill=(255, 255, 255, 235))
    return plate
