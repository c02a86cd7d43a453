from __future__ import annotations

import io

import pytest

from atlascloud_video_mcp.clips.mp4 import Damaged, check_mp4
from clips_kit import box, film

FTYP, MOOV, MDAT = box(b"ftyp", b"isom"), box(b"moov", b"x"), box(b"mdat", b"film")


@pytest.mark.parametrize(
    "content",
    [
        film(),
        FTYP + MDAT + MOOV,
        FTYP + MOOV + (0).to_bytes(4, "big") + b"mdat" + b"to the end",
        FTYP + MOOV + (1).to_bytes(4, "big") + b"mdat" + (20).to_bytes(8, "big") + b"film",
    ],
    ids=["usual", "moov last", "size 0", "64-bit size"],
)
def test_boxes_that_cover_the_file_are_an_mp4(content: bytes) -> None:
    check_mp4(io.BytesIO(content))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"\n<!DOCTYPE html><html></html>", "a web page or XML"),
        (b'{"code": 404, "message": "gone"}', "JSON"),
        (b"   ", "no MP4: it does not begin with an ftyp box"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "no MP4: it does not begin with an ftyp box"),
        (film()[:-1], "cut off: a box at byte 32 goes on beyond the end at 1039"),
        (film() + b"\0\0\0", "cut off: a box at byte 1040"),
        (FTYP + MOOV + (1).to_bytes(4, "big") + b"mdat" + b"\0\0", "cut off"),
        (FTYP + MOOV + (7).to_bytes(4, "big") + b"mdat" + bytes(20), "claims 7 bytes, fewer than its header has"),
        (FTYP + MDAT, "without a moov box"),
        (FTYP + MOOV, "without a mdat box"),
        (FTYP + box(b"free") * 100_001, "more than 100000 boxes"),
    ],
)
def test_what_is_no_whole_mp4_is_told_by_what_it_is(content: bytes, said: str) -> None:
    with pytest.raises(Damaged, match=said):
        check_mp4(io.BytesIO(content))
