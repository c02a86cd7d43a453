"""JPEG and PNG: let through byte for byte, or stripped of GPS data, or refused for their structure."""

from __future__ import annotations

import base64
import contextlib
import io
import random
import struct
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image, PngImagePlugin

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.pictures import Picture, PictureRules, open_picture
from atlascloud_video_mcp.pictures.anatomy import MAX_PARTS
from kit import PHOTOS

if TYPE_CHECKING:
    from pathlib import Path

ROCKET = (PHOTOS / "rocket.jpg").read_bytes()
COFFEE = (PHOTOS / "coffee.png").read_bytes()
DICE = random.Random(1)
PLACE = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" exif:GPSLatitude="48,51.5N"/>'
GPS_NOTE = "GPS data removed, with the rest of the metadata (EXIF, XMP), which does not go up."


def opened(data: bytes, rules: PictureRules | None = None) -> Picture:
    uri = "data:;base64," + base64.b64encode(data).decode()
    return open_picture(uri, rules=rules or PictureRules())


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidPicture) as caught:
        opened(data)
    return str(caught.value)


def assert_untouched(data: bytes) -> None:
    with opened(data) as picture:
        assert picture.file.read() == data
        assert picture.size_bytes == len(data)
        assert picture.notes == ()


def stripped(data: bytes) -> bytes:
    """Give what goes up in place of `data`, having seen that the pixels are the same and no place is told."""
    with opened(data) as picture:
        assert picture.notes == (GPS_NOTE, "The pixel data is unchanged.")
        sent = picture.file.read()
        assert len(sent) == picture.size_bytes
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(sent)) as after:
        assert after.tobytes() == before.tobytes()
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        assert not after.getexif()
    assert b"gps" not in sent.lower()
    return sent


def exif(*, gps: bool = False, orientation: int = 1) -> Image.Exif:
    tags = Image.Exif()
    tags[0x010F] = "A maker of cameras"
    tags[0x0112] = orientation
    if gps:
        tags.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    return tags


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gradient(mode: str = "RGB", size: tuple[int, int] = (400, 320)) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert(mode)


def segment(marker: int, payload: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + (len(payload) + 2).to_bytes(2) + payload


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    return jpeg[:2] + segment(marker, payload) + jpeg[2:]


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


def with_chunk(png: bytes, name: bytes, data: bytes) -> bytes:
    return png[:33] + chunk(name, data) + png[33:]


def png_of(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def header(width: int = 400, height: int = 320, depth: int = 8, colour: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, 0))


# --- Byte for byte


@pytest.mark.parametrize("name", ["rocket.jpg", "coffee.png", "hubble_deep_field.jpg"])
def test_photographs_go_up_byte_for_byte(name: str) -> None:
    path = PHOTOS / name
    with open_picture(str(path)) as picture:
        assert picture.file.tell() == 0
        assert picture.file.read() == path.read_bytes()
        assert picture.notes == ()
        assert picture.filename == name
        with Image.open(path) as image:
            assert (picture.width, picture.height) == image.size


def test_unusual_but_sound_pictures_go_up_byte_for_byte() -> None:
    jpeg = saved(gradient(), "JPEG")
    for data in (
        saved(gradient("L"), "JPEG"),
        saved(gradient(), "JPEG", progressive=True),
        saved(gradient(), "JPEG", restart_marker_blocks=1),
        saved(gradient("P"), "PNG"),
        saved(gradient("1"), "PNG"),
        saved(gradient("RGBA"), "PNG"),
        saved(Image.new("I;16", (400, 320), 40_000), "PNG"),
        png_of(header(), chunk(b"IDAT", b"zip"), chunk(b"IDAT", b"zap"), chunk(b"IEND", b"")),
        jpeg[:2] + b"\xff\xff\xff" + jpeg[2:],
        jpeg + b"appended by a telephone" * 100_000,
        saved(gradient(), "PNG") + b"appended",
    ):
        assert_untouched(data)


def test_a_name_decides_nothing(tmp_path: Path) -> None:
    for data, name, kind, sent_as in (
        (ROCKET, "a.png", "image/jpeg", "a.jpg"),
        (COFFEE, "b.txt", "image/png", "b.png"),
    ):
        (tmp_path / name).write_bytes(data)
        with open_picture(str(tmp_path / name)) as picture:
            assert (picture.content_type, picture.filename) == (kind, sent_as)


def test_metadata_without_a_place_goes_up_byte_for_byte() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a map, a flag")
    text.add_text("Comment", "a map, a flag", zip=True)
    text.add_itxt("Comment", "eine Karte, x ", "de", "Kommentar")
    text.add_itxt("Comment", "eine Karte", "de", "Kommentar", zip=True)
    text.add_text("Raw profile type exif", f"\nexif\n 99\n{exif().tobytes().hex()}")
    for data in (
        saved(gradient(), "JPEG", exif=exif(), comment=b"no place", xmp=b"<x:xmpmeta/>"),
        saved(gradient(), "PNG", exif=exif(), pnginfo=text),
        saved(gradient(), "JPEG", exif=exif(orientation=9)),
        with_segment(ROCKET, 0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0"),
        with_chunk(COFFEE, b"prVt", b"private"),
    ):
        assert_untouched(data)


def test_the_pixels_of_a_jpeg_are_not_decoded() -> None:
    start = ROCKET.index(b"\xff\xda") + 14
    noise = DICE.randbytes(len(ROCKET) - start - 2).replace(b"\xff", b"\xfe")
    garbage = ROCKET[:start] + noise + b"\xff\xd9"
    with Image.open(io.BytesIO(ROCKET)) as one, Image.open(io.BytesIO(garbage)) as other:
        assert one.tobytes() != other.tobytes()
    assert_untouched(garbage)


def test_the_pixels_of_a_png_are_not_decoded(tmp_path: Path) -> None:
    # 99 megapixels: past the size at which Pillow itself would warn.
    pixels = zlib.compress(bytes(9_900 * 1_251), 1)
    path = tmp_path / "large.png"
    path.write_bytes(png_of(header(9_999, 9_900, 1), chunk(b"IDAT", pixels), chunk(b"IEND", b"")))
    tracemalloc.start()
    try:
        with open_picture(str(path)) as picture:
            assert (picture.width, picture.height, picture.notes) == (9_999, 9_900, ())
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_large_file_is_read_into_memory_once(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png_of(header(), chunk(b"IDAT", bytes(19_000_000)), chunk(b"IEND", b"")))
    tracemalloc.start()
    try:
        open_picture(str(path)).close()
        assert tracemalloc.get_traced_memory()[1] < 19_000_000 + 5_000_000
    finally:
        tracemalloc.stop()


# --- GPS data


def test_gps_data_is_removed_from_a_jpeg_without_touching_a_pixel() -> None:
    profile = (PHOTOS / "chelsea.png").read_bytes()[:500]
    data = saved(gradient(), "JPEG", exif=exif(gps=True), xmp=PLACE, icc_profile=profile, comment=b"kept at home")
    sent = stripped(data)
    assert b"A maker of cameras" in data
    assert b"A maker of cameras" not in sent
    assert sent[sent.index(b"\xff\xda") :] == data[data.index(b"\xff\xda") :]


def test_gps_data_is_removed_from_a_png_without_touching_a_pixel() -> None:
    data = saved(gradient("RGBA"), "PNG", exif=exif(gps=True))
    sent = stripped(data)
    assert sent[sent.index(b"IDAT") :] == data[data.index(b"IDAT") :]


def test_a_place_is_found_wherever_programs_write_it() -> None:
    raw = f"\nexif\n 99\n{exif(gps=True).tobytes().hex()}".encode()
    raw_xmp = b"\nxmp\n 99\n" + PLACE.hex().encode()
    for data in (
        with_segment(ROCKET, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PLACE),
        with_segment(ROCKET, 0xED, b"Photoshop 3.0\0" + PLACE),
        with_segment(ROCKET, 0xFE, b"GPS-Position: 48.8, 2.3"),
        with_segment(with_segment(ROCKET, 0xE1, exif(gps=True).tobytes()), 0xE1, exif().tobytes()),
        with_chunk(COFFEE, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PLACE),
        with_chunk(COFFEE, b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PLACE)),
        with_chunk(COFFEE, b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw)),
        with_chunk(COFFEE, b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(raw_xmp)),
        with_chunk(COFFEE, b"tEXt", b"exif:GPSLatitude\x0048/1, 51/1"),
        with_chunk(COFFEE, b"prVt", PLACE),
    ):
        stripped(data)


def test_metadata_that_cannot_be_read_is_taken_to_tell_a_place() -> None:
    endless = b"II*\0\x08\0\0\0\0\0\x08\0\0\0"
    for data in (
        with_segment(ROCKET, 0xE1, b"Exif\0\0nonsense"),
        with_segment(ROCKET, 0xE1, b"Exif\0\0II*\0\xff\0\0\0"),
        with_segment(ROCKET, 0xE1, b"Exif\0\0" + endless),
        with_chunk(COFFEE, b"zTXt", b"Comment\0\0not compressed"),
        with_chunk(COFFEE, b"tEXt", b"Raw profile type exif\0\nexif\n 4\nno digits"),
        with_chunk(COFFEE, b"tEXt", b"Comment\0" + bytes(8_000_001)),
    ):
        with opened(data) as picture:
            assert picture.notes[0] == GPS_NOTE


def test_appended_pictures_and_videos_that_may_tell_a_place_stay_here() -> None:
    bare = saved(gradient(), "JPEG")
    for appended in (PLACE, b"....\xa9xyz....+48.85+002.29/", b"Exif\0\0...."):
        for filler in (b"", bytes((1 << 20) - 3)):
            assert stripped(bare + filler + appended) == bare
    sound = png_of(*(header(), chunk(b"IDAT", zlib.compress(bytes(401 * 320))), chunk(b"IEND", b"")))
    assert stripped(sound + PLACE) == sound


# --- Too large only for what comes with the pixels


def test_appended_data_above_the_limit_is_cut_off_before_any_pixel_is_touched() -> None:
    bare = saved(Image.open(io.BytesIO(ROCKET)), "JPEG", quality=90, comment=b"")
    now = f"{len(bare) / 1000:.1f} kB"
    with opened(bare + bytes(1_000_000), PictureRules(max_bytes=200_000)) as picture:
        assert picture.file.read() == bare
        assert picture.notes == (
            f"Metadata and appended data removed to fit the limit of 200.0 kB: 1.1 MB before, {now} now.",
            "The pixel data is unchanged.",
        )


# --- Animation


def test_an_animated_png_becomes_its_first_frame_losslessly() -> None:
    frames = [gradient("RGB"), Image.new("RGB", (400, 320), "red")]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    with opened(data) as picture:
        assert picture.notes[0].startswith("Animation removed: only the first frame goes up")
        with Image.open(picture.file) as still:
            assert not getattr(still, "is_animated", False)
            assert still.tobytes() == frames[0].tobytes()


# --- Truncated and damaged


@pytest.mark.parametrize("data", [ROCKET, COFFEE, saved(gradient(), "JPEG", progressive=True)])
def test_a_picture_cut_off_anywhere_is_refused(data: bytes) -> None:
    cuts = [*range(12, len(data), len(data) // 150), len(data) - 1, len(data) - 2]
    for cut in cuts:
        message = refusal(data[:cut])
        assert "is truncated: the file ends after" in message
        assert "Save or download it again" in message


def test_a_scan_that_ends_in_half_a_marker_is_truncated() -> None:
    start = ROCKET.index(b"\xff\xda") + 14
    for length in (0, 1, (1 << 16) - 1, 1 << 16):
        assert "is truncated" in refusal(ROCKET[:start] + bytes(length) + b"\xff")


def test_a_marker_that_lies_across_two_pieces_is_found() -> None:
    start = ROCKET.index(b"\xff\xda") + 14
    for length in range((1 << 16) - 3, (1 << 16) + 2):
        assert_untouched(ROCKET[:start] + bytes(length) + b"\xff\xd9")


def test_one_wrong_bit_anywhere_in_a_png_is_found() -> None:
    for place in range(8, len(COFFEE), len(COFFEE) // 97):
        data = bytearray(COFFEE)
        data[place] ^= 1
        with pytest.raises(InvalidPicture, match=r"damaged|truncated"):
            opened(bytes(data))


SOF = b"\xff\xc0"


def frame(payload: bytes) -> bytes:
    """Give the rocket with another frame header."""
    start = ROCKET.index(SOF)
    return ROCKET[:start] + segment(0xC0, payload) + ROCKET[start + 19 :]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (ROCKET[:2] + b"\xff\xe0\x00\x04abX" + ROCKET[2:], "a marker is missing at byte 8"),
        (ROCKET[:2] + b"\xff\xd8" + ROCKET[2:], "a marker is out of place at byte 2"),
        (ROCKET[:2] + b"\xff\xfe\0\1" + ROCKET[2:], "a segment has no length at byte 2"),
        (frame(b"\x08"), "its frame header is broken"),
        (frame(b"\x08" + bytes(4) + b"\x01" + bytes(3)), "its frame header is broken"),
        (frame(b"\x08\1\1\1\1\x03" + bytes(3)), "its frame header is broken"),
        (with_segment(ROCKET, 0xC0, b"\x08\2\0\2\0\x01" + bytes(3)), "its frame header is broken"),
        (ROCKET[:2] + ROCKET[ROCKET.index(b"\xff\xda") :], "pixels come before the frame header"),
        (ROCKET.replace(b"\xff\xda\x00\x0c\x03", b"\xff\xda\x00\x0c\x02"), "a scan header is broken"),
        (ROCKET.replace(b"\xff\xda\x00\x0c\x03", b"\xff\xda\x00\x02"), "a scan header is broken"),
        (ROCKET[: ROCKET.index(b"\xff\xda")] + b"\xff\xd9", "it ends before any pixels"),
        (ROCKET[:2] + segment(0xFE, b"") * MAX_PARTS + ROCKET[2:], "more than 200,000 segments"),
        (png_of(chunk(b"IDAT", b"")), "its header is missing or out of place"),
        (png_of(header(), header()), "its header is missing or out of place"),
        (png_of(header(), b"\xff\xff\xff\xffIDAT"), "at byte 33 a chunk should start"),
        (png_of(header(), b"\0\0\0\0I3AT"), "at byte 33 a chunk should start"),
        (png_of(header(), b"\0\0\0\0IDAT\0\0\0\0"), "the check sum of its IDAT chunk is wrong"),
        (png_of(chunk(b"IHDR", bytes(12))), "its header has the wrong length"),
        (png_of(header(0)), "its header makes no sense"),
        (png_of(header(depth=3)), "its header makes no sense"),
        (png_of(header(colour=5)), "its header makes no sense"),
        (png_of(header(), chunk(b"IEND", b"")), "its pixels or its palette are missing"),
        (png_of(header(colour=3), chunk(b"IDAT", b""), chunk(b"IEND", b"")), "its pixels or its palette are missing"),
        (png_of(header(), chunk(b"teXt", b"") * MAX_PARTS), "more than 200,000 chunks"),
    ],
)
def test_a_broken_structure_is_named(data: bytes, says: str) -> None:
    message = refusal(data)
    assert "picture is damaged: " in message
    assert says in message
    assert message.endswith("Save or export it again.")


def test_a_jpeg_of_a_rare_sort_is_refused_with_what_it_is() -> None:
    arithmetic = ROCKET.replace(SOF, b"\xff\xc9", 1)
    assert "rare sort (frame 9, 8 bits, 3 channels)" in refusal(arithmetic)
    assert "rare sort (frame 0, 12 bits, 3 channels)" in refusal(frame(b"\x0c\2\0\2\0\x03" + bytes(9)))
    assert "export it as an ordinary 8-bit JPEG or PNG" in refusal(frame(b"\x08\2\0\2\0\x02" + bytes(6)))


def test_random_damage_ends_in_a_verdict_never_in_a_crash() -> None:
    small = saved(gradient("RGB"), "JPEG", exif=exif(gps=True), progressive=True)
    for original in (small, saved(gradient("P"), "PNG", exif=exif(gps=True, orientation=6))):
        for _ in range(300):
            data = bytearray(original)
            for _ in range(DICE.randrange(1, 6)):
                data[DICE.randrange(len(data) // 3)] = DICE.randrange(256)
            with contextlib.suppress(InvalidPicture):
                opened(bytes(data)).close()
