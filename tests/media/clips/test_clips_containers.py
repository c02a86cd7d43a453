from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.media.clips.video import Container, DamagedVideo, UnplayableVideo, read_container
from clips_kit import box, element, film, webm

if TYPE_CHECKING:
    from pathlib import Path

FTYP, MOOV, MDAT, MOOF = box(b"ftyp", b"isom"), box(b"moov", b"x"), box(b"mdat", b"film"), box(b"moof", b"x")
CUT = box(b"mdat", b"film")[:-1]


def told(content: bytes, *, came_whole: bool = True) -> Container:
    return read_container(io.BytesIO(content), came_whole=came_whole)


@pytest.mark.parametrize("came_whole", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        film(),
        FTYP + MDAT + MOOV,
        FTYP + MOOV + (0).to_bytes(4, "big") + b"mdat" + b"to the end",
        FTYP + MOOV + (1).to_bytes(4, "big") + b"mdat" + (20).to_bytes(8, "big") + b"film",
        film() + b"\0\0\0",
        film() + b"\xff" * 1000,
        film() + b"\0" * 4096,
        film() + box(b"free", b"x" * 9)[:-3],
        film() + (7).to_bytes(4, "big") + b"free",
        film() + b"<!-- served by a cache -->",
        film() + film(),
        FTYP + MOOV + MOOF + MDAT + MOOF + MDAT,
    ],
)
def test_a_whole_film_is_an_mp4_whatever_stands_behind_its_last_box(content: bytes, *, came_whole: bool) -> None:
    assert told(content, came_whole=came_whole) is Container.MP4


def test_films_of_quicktime_are_known_by_their_brand_or_by_having_none() -> None:
    assert told(box(b"ftyp", b"qt  \0\0\0\0") + MOOV + MDAT) is Container.QUICKTIME
    assert told(box(b"wide") + MDAT + MOOV) is Container.QUICKTIME
    assert told(MOOV + MDAT) is Container.QUICKTIME


@pytest.mark.parametrize("came_whole", [True, False])
@pytest.mark.parametrize(
    ("content", "container"),
    [
        (webm(), Container.WEBM),
        (webm(doctype=b"matroska"), Container.MATROSKA),
        (webm(unknown_sizes=True), Container.WEBM),
        (webm() + b"\0\0\0", Container.WEBM),
        (webm() + b"\xff" * 40, Container.WEBM),
    ],
)
def test_a_webm_is_known_by_its_document_type(content: bytes, container: Container, *, came_whole: bool) -> None:
    assert told(content, came_whole=came_whole) is container


def test_a_film_of_which_a_later_piece_is_cut_plays_and_is_taken_when_nothing_was_lost_on_the_way() -> None:
    for content in (FTYP + MOOV + MOOF + MDAT + MOOF + CUT, webm(clusters=2)[:-1]):
        assert told(content) in {Container.MP4, Container.WEBM}
        with pytest.raises(DamagedVideo, match="cut off") as caught:
            told(content, came_whole=False)
        assert not isinstance(caught.value, UnplayableVideo)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n<!DOCTYPE html><html></html>", "a web page or XML"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Error/>", "a web page or XML"),
        (b'{"code": 404, "message": "gone"}', "JSON"),
        (b"#EXTM3U\n", "a playlist"),
        (b"   ", "its first bytes are not those of an MP4, QuickTime or WebM video"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), r"a picture \(PNG\)"),
        (b"\x1f\x8b\x08\0" + bytes(20), "gzip data"),
        (film()[:-1], "cut off or damaged, at byte 32 of 1039"),
        (FTYP + MOOV + (1).to_bytes(4, "big") + b"mdat" + b"\0\0", "cut off or damaged, at byte 31 of 31"),
        (FTYP + MOOV + (7).to_bytes(4, "big") + b"mdat" + bytes(20), "cut off or damaged"),
        (FTYP + MDAT, "cut off or damaged"),
        (FTYP + MOOV, "cut off or damaged"),
        (FTYP + box(b"free") * 100_001 + MOOV + MDAT, "cut off or damaged"),
        (webm(clusters=0), "cut off or damaged"),
        (element(0x1A45DFA3, b"") + element(0x18538067, b"\xec\x80" * 100_001 + webm()), "cut off or damaged"),
        (webm()[:-1], "cut off or damaged"),
        (webm()[:5], "cut off or damaged, at byte 5 of 5"),
    ],
)
def test_what_came_whole_and_is_no_video_is_told_by_what_it_is(content: bytes, said: str) -> None:
    with pytest.raises(UnplayableVideo, match=said):
        told(content)


def test_nothing_is_not_called_unplayable_as_it_may_come_later() -> None:
    with pytest.raises(DamagedVideo, match=r"empty \(0 bytes\)") as caught:
        told(b"")
    assert not isinstance(caught.value, UnplayableVideo)


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("a.webm", "libvpx-vp9", ".webm"),
        ("a.mkv", "mpeg4", ".mkv"),
        ("a.mov", "mpeg4", ".mov"),
        ("a.mp4", "mpeg4", ".mp4"),
    ],
)
def test_files_that_libav_writes_are_known(tmp_path: Path, name: str, codec: str, container: str) -> None:
    write = """
import sys, av
with av.open(sys.argv[1], "w") as film:
    stream = film.add_stream(sys.argv[2], rate=10)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    for shade in range(5):
        frame = av.VideoFrame(64, 64, "yuv420p")
        film.mux(stream.encode(frame))
    film.mux(stream.encode(None))
"""
    pytest.importorskip("av")
    done = subprocess.run([sys.executable, "-c", write, tmp_path / name, codec], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("this libav has no such encoder")
    content = (tmp_path / name).read_bytes()

    for came_whole in (True, False):
        assert told(content, came_whole=came_whole) == container
    for cut in (content[:-10], content[: len(content) // 2]):
        with pytest.raises(DamagedVideo):
            told(cut, came_whole=False)


def test_numbers_of_elements_are_read_as_far_as_they_go() -> None:
    assert told(element(0x1A45DFA3, element(0x4282, b"webm")) + element(0x18538067, element(0x1F43B675, b"x" * 200)))
    with pytest.raises(UnplayableVideo):
        told(element(0x1A45DFA3, b"\0" * 20))
