"""Whatever is put around or into a picture: its pixels go up, what was planted does not, and garbage never does."""

from __future__ import annotations

import base64
import io
import warnings
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures import open_picture

WORD = b"GPSLatitude=48.85;owner=Jane Doe"
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)

images = st.builds(
    lambda mode, width, height, spread: Image.effect_noise((width, height), spread).convert(mode),
    st.sampled_from(["L", "RGB"]),
    st.integers(301, 420),
    st.integers(301, 420),
    st.integers(0, 120),
)
payloads = st.binary(max_size=60).map(lambda noise: WORD + noise)


def sent(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    picture = open_picture("data:;base64," + base64.b64encode(data).decode())
    return picture.data, picture.notes


def pixels(data: bytes) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(data)).tobytes()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


@SETTINGS
@given(
    images,
    st.integers(30, 100),
    st.booleans(),
    st.lists(
        st.tuples(
            st.sampled_from([0xFE, *range(0xE0, 0xF0)]),
            st.sampled_from([b"", b"Exif\0\0", b"JFIF\0", b"ICC_PROFILE\0\1\1", b"Adobe"]),
            payloads,
        ),
        max_size=4,
    ),
    payloads,
)
def test_of_a_jpeg_only_the_picture_leaves(
    image: Image.Image,
    quality: int,
    progressive: bool,  # noqa: FBT001
    segments: list[tuple[int, bytes, bytes]],
    trailer: bytes,
) -> None:
    bare = saved(image, "JPEG", quality=quality, progressive=progressive)
    planted = b"".join(
        bytes([0xFF, marker]) + (len(start + data) + 2).to_bytes(2) + start + data for marker, start, data in segments
    )
    # An APP14 segment that says nothing of colours of its own, so that the pixels are the same with it and without.
    planted = planted.replace(b"Adobe", b"adobe")
    got, notes = sent(bare[:2] + planted + bare[2:] + trailer)
    assert pixels(got) == pixels(bare)
    assert WORD not in got
    assert notes == ()


@SETTINGS
@given(
    images,
    st.lists(
        st.tuples(
            st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"prVt", b"acTL", b"tIME", b"iCCP", b"cICP"]), payloads
        ),
        max_size=4,
    ),
    st.booleans(),
    payloads,
)
def test_of_a_png_only_the_picture_leaves(
    image: Image.Image,
    chunks: list[tuple[bytes, bytes]],
    late: bool,  # noqa: FBT001
    trailer: bytes,
) -> None:
    bare = saved(image, "PNG")
    place = len(bare) - 12 if late else 33
    planted = b"".join(chunk(name, data) for name, data in chunks)
    got, notes = sent(bare[:place] + planted + bare[place:] + trailer)
    assert pixels(got) == pixels(bare)
    assert WORD not in got
    assert notes == ()


@SETTINGS
@given(st.binary(min_size=1, max_size=3_000), st.integers(1, 60), st.booleans())
def test_garbage_in_place_of_the_pixels_never_leaves(noise: bytes, times: int, stuffed: bool) -> None:  # noqa: FBT001
    image = Image.effect_noise((400, 320), 60)
    jpeg, png = saved(image, "JPEG"), saved(image, "PNG")
    start = jpeg.index(b"\xff\xda") + 10
    garbage = noise * times
    coded = garbage.replace(b"\xff", b"\xff\0") if stuffed else garbage
    for data in (jpeg[:start] + coded + b"\xff\xd9", png[:33] + chunk(b"IDAT", garbage) + png[-12:]):
        try:
            got, _ = sent(data)
        except InvalidPicture:
            continue
        # What decodes all the same, with faults, is drawn anew: none of its bytes leave.
        assert len(noise) < 16 or noise not in got
