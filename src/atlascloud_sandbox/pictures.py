"""The pictures that come in, and what the model thinks of them."""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass

from PIL import Image

MEGABYTE = 1024 * 1024
LARGEST = 20 * MEGABYTE
SHORTEST_SIDE = 300
NARROWEST, WIDEST = 2 / 5, 5 / 2
READERS = ("JPEG", "PNG")
# Pillow gives a JPEG that holds further pictures, as some cameras make them, a name of its own.
TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png"}
ALIASES = {"image/jpg": "image/jpeg"}
# Pillow reports broken PNG chunks as SyntaxError or ValueError; the warning is raised where warnings are errors.
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning)
_DATA_URI = re.compile(r"data:(?P<type>image/(?:jpeg|jpg|png));base64,(?P<data>.+)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    """Bytes with the content type they claim to have."""

    data: bytes
    content_type: str


def from_data_uri(uri: str) -> File:
    """Read a base64 data URI of a JPEG or PNG; raises ValueError for anything else."""
    match = _DATA_URI.fullmatch(uri)
    if match is None:
        raise ValueError("must be a base64 data URI of type image/jpeg or image/png")
    try:
        data = base64.b64decode(match["data"], validate=True)
    except binascii.Error as error:
        raise ValueError("holds broken base64") from error
    return File(data, match["type"].lower())


def objection(file: File) -> str | None:
    """Say why the model will not take the picture, or None when it will.

    Source: the model's schema as shipped in Atlas Cloud's public ComfyUI nodes; a content type that belies the bytes
    passes the upload and fails here (npm atlascloud-mcp 1.7.0).
    """
    if len(file.data) > LARGEST:
        return f"Image is {len(file.data)} bytes, the limit is {LARGEST}"
    try:
        with Image.open(io.BytesIO(file.data), formats=READERS) as picture:
            return _objection_to(picture, file.content_type)
    except UNREADABLE:
        return "Image could not be decoded as JPEG or PNG"


def content_type(data: bytes) -> str | None:
    """Tell what kind of picture the bytes are, None for anything but a JPEG or a PNG."""
    try:
        with Image.open(io.BytesIO(data), formats=READERS) as picture:
            return TYPES[str(picture.format)]
    except UNREADABLE:
        return None


def open_picture(file: File | None) -> Image.Image:
    """Decode the picture as a model sees it, which knows no EXIF; a gradient stands in for one that was never seen."""
    if file is None:
        return gradient()
    with Image.open(io.BytesIO(file.data)) as picture:
        return picture.convert("RGB")


def gradient() -> Image.Image:
    """Draw a picture on which every camera move can be seen."""
    slope = Image.linear_gradient("L")
    mixed = Image.merge("RGB", (slope, Image.radial_gradient("L"), slope.transpose(Image.Transpose.ROTATE_90)))
    return mixed.resize((1024, 768), Image.Resampling.BICUBIC)


def _objection_to(picture: Image.Image, claimed: str) -> str | None:
    actual = TYPES[str(picture.format)]
    if ALIASES.get(claimed, claimed) != actual:
        return f"Image is {actual} but was sent as {claimed}"
    width, height = picture.size
    if min(width, height) <= SHORTEST_SIDE:
        return f"Image is {width}x{height}, the short side must exceed {SHORTEST_SIDE} pixels"
    if not NARROWEST < width / height < WIDEST:
        return f"Image is {width}x{height}, the aspect ratio must lie between 2:5 and 5:2"
    picture.load()
    return None
