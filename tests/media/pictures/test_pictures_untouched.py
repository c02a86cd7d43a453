"""JPEG and PNG: let through with their pixels as they are and nothing else, or refused for what they hold."""

from __future__ import annotations

import base64
import contextlib
import io
import random
import struct
import warnings
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageCms

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures import Picture, PictureRules, open_picture
from kit import PHOTOS

if TYPE_CHECKING:
    from pathlib import Path

ROCKET = (PHOTOS / "rocket.jpg").read_bytes()
COFFEE = (PHOTOS / "coffee.png").read_bytes()
DICE = random.Random(1)
PLACE = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" exif:GPSLatitude="48,51.5N"/>'


def opened(data: bytes, rules: PictureRules | None = None) -> Picture:
    uri = "data:;base64," + base64.b64encode(data).decode()
    return open_picture(uri, rules=rules or PictureRules())


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidPicture) as caught:
        opened(data)
    return str(caught.value)


def stripped(data: bytes) -> bytes:
    """Give what goes up in place of `data`, having seen that the pixels are the same and nothing was told."""
    picture = opened(data)
    assert picture.notes == ()
    sent = picture.data
    assert len(sent) == picture.size_bytes
    with warnings.catch_warnings(), Image.open(io.BytesIO(sent)) as after:
        warnings.simplefilter("ignore")  # what is planted is not sound
        before = Image.open(io.BytesIO(data))
        assert after.tobytes() == before.tobytes()
        assert not after.getexif()
    assert b"gpslatitude" not in sent.lower()
    return sent


def pixel_data(data: bytes) -> bytes:
    """A JPEG from its first scan to its end, or a PNG's IDAT chunks."""
    if data.startswith(b"\xff\xd8"):
        return data[data.index(b"\xff\xda") : data.index(b"\xff\xd9", data.index(b"\xff\xda")) + 2]
    return data[data.index(b"IDAT") : data.index(b"IEND")]


def thirds(data: bytes) -> list[bytes]:
    step = len(data) // 3
    return [data[:step], data[step : 2 * step], data[2 * step :]]


def interlaced_rows() -> bytes:
    """The rows of a grey PNG of 400 x 320 black pixels, by Adam7."""
    passes = [(50, 40), (50, 40), (100, 40), (100, 80), (200, 80), (200, 160), (400, 160)]
    return b"".join(bytes((width + 1) * height) for width, height in passes)


def coffee() -> Image.Image:
    with Image.open(PHOTOS / "coffee.png") as image:
        return image.convert("RGB")


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


def header(width: int = 400, height: int = 320, depth: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, interlace))


# --- The pixels as they are


@pytest.mark.parametrize("name", ["rocket.jpg", "coffee.png", "hubble_deep_field.jpg"])
def test_the_pixel_data_of_photographs_goes_up_bit_by_bit(name: str) -> None:
    path = PHOTOS / name
    picture = open_picture(str(path))
    sent = picture.data
    assert pixel_data(sent) == pixel_data(path.read_bytes())
    assert picture.notes == ()
    assert picture.filename == name
    with Image.open(path) as image:
        assert (picture.width, picture.height) == image.size


def test_unusual_but_sound_pictures_go_up_as_they_are() -> None:
    jpeg = saved(gradient(), "JPEG")
    rows = bytes(401 * 320)
    for data in (
        saved(gradient("L"), "JPEG"),
        saved(gradient(), "JPEG", progressive=True),
        saved(gradient(), "JPEG", restart_marker_blocks=1),
        saved(gradient("P"), "PNG"),
        saved(gradient("1"), "PNG"),
        saved(gradient("RGBA"), "PNG"),
        saved(Image.new("I;16", (400, 320), 40_000), "PNG"),
        png_of(header(), *(chunk(b"IDAT", part) for part in thirds(zlib.compress(rows, 0))), chunk(b"IEND", b"")),
        png_of(header(interlace=1), chunk(b"IDAT", zlib.compress(interlaced_rows())), chunk(b"IEND", b"")),
        jpeg[:2] + b"\xff\xff\xff" + jpeg[2:],
        jpeg + b"appended by a telephone" * 100_000,
        saved(gradient(), "PNG") + b"appended",
    ):
        stripped(data)


@pytest.mark.parametrize("quality", [5, 75, 100])
@pytest.mark.parametrize("progressive", [False, True])
def test_no_sound_jpeg_is_taken_for_a_damaged_one(quality: int, progressive: bool) -> None:  # noqa: FBT001
    noise = Image.effect_noise((401, 333), 60)
    flat = Image.new("RGB", (400, 320), "white")
    for image in (noise, noise.convert("RGB"), flat, gradient(), Image.new("L", (301, 301), 128)):
        for options in ({}, {"optimize": True}, {"subsampling": 0}, {"restart_marker_blocks": 3}):
            stripped(saved(image, "JPEG", quality=quality, progressive=progressive, **options))


def test_a_name_decides_nothing(tmp_path: Path) -> None:
    for data, name, kind, sent_as in (
        (ROCKET, "a.png", "image/jpeg", "a.jpg"),
        (COFFEE, "b.txt", "image/png", "b.png"),
    ):
        (tmp_path / name).write_bytes(data)
        picture = open_picture(str(tmp_path / name))
        assert (picture.content_type, picture.filename) == (kind, sent_as)


def test_what_says_the_colours_goes_up_too() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("JPEG", "PNG"):
        picture = opened(saved(gradient(), kind, icc_profile=profile))
        with Image.open(io.BytesIO(picture.data)) as image:
            assert image.info["icc_profile"] == profile
    said = {b"cICP": bytes([12, 13, 0, 1]), b"gAMA": bytes(4), b"cHRM": bytes(32), b"sRGB": b"\0"}
    data = COFFEE
    for name, value in said.items():
        data = with_chunk(data, name, value)
    picture = opened(data)
    sent = picture.data
    assert picture.notes == ()
    assert all(chunk(name, value) in sent for name, value in said.items())


def test_a_profile_that_is_none_or_hides_something_stays_here() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for broken in (b"nonsense", profile + b"a private key", profile[:200] + bytes(len(profile) - 200)):
        for kind in ("JPEG", "PNG"):
            with Image.open(io.BytesIO(stripped(saved(gradient(), kind, icc_profile=broken)))) as image:
                assert "icc_profile" not in image.info
    grey = saved(gradient("L"), "JPEG", icc_profile=profile)  # a profile for other pixels
    assert b"ICC_PROFILE" not in stripped(grey)
    parts = segment(0xE2, b"ICC_PROFILE\0\1\2" + profile)
    assert b"ICC_PROFILE" not in stripped(ROCKET[:2] + parts + ROCKET[2:])
    assert b"iCCP" not in stripped(with_chunk(COFFEE, b"iCCP", b"name\0\0not compressed"))


# --- Only the picture leaves


def test_nothing_but_the_picture_leaves_a_jpeg() -> None:
    word = b"GPSLatitude 48.85 private"
    jpeg = saved(gradient(), "JPEG", exif=exif(gps=True), xmp=PLACE, comment=word)
    restart = segment(0xDD, b"\0\0")
    for planted in (
        segment(0xE1, b"Exif\0\xff" + word),
        segment(0xE1, b"FLIR\0" + word),
        segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\2\2" + word),
        segment(0xE0, b"JFXX\0\x10" + word),
        segment(0xE2, b"MPF\0" + word),
        segment(0xED, b"Photoshop 3.0\0" + word),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + word),
        segment(0xEE, b"Ado" + word),
        segment(0xFE, word),
        segment(0xDB, b"\3" + (word * 3)[:64] + word),
        segment(0xC4, b"\x13\0" + bytes([len(word)]) + bytes(14) + word + word),
        segment(0xDD, b"\0\5" + word) + restart,
        segment(0xF7, word),
    ):
        picture = opened(jpeg[:2] + planted + jpeg[2:] + word + jpeg)
        sent = picture.data
        assert picture.notes == ()
        assert b"private" not in sent
        assert b"A maker of cameras" not in sent
        assert pixel_data(sent) == pixel_data(jpeg)


def test_nothing_but_the_picture_leaves_a_png() -> None:
    word = b"GPSLatitude 48.85 private"
    pixels = zlib.compress(bytes(401 * 320))
    bare = png_of(header(), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    for planted in (
        chunk(b"eXIf", exif(gps=True).tobytes()[6:] + word),
        chunk(b"tEXt", b"Comment\0" + word),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PLACE + word),
        chunk(b"acTL", bytes(8)) + chunk(b"fcTL", bytes(26) + word),
        chunk(b"PLTE", (word * 3)[:75]),
        chunk(b"tRNS", word),
        chunk(b"cICP", word),
        chunk(b"prVt", word),
        chunk(b"sBIT", word),
        len(word).to_bytes(4) + b"tEXt" + word + b"\0\0\0\0",  # with a wrong check sum
    ):
        data = png_of(header(), planted, chunk(b"IDAT", pixels), chunk(b"fdAT", word), chunk(b"IEND", b"")) + word
        picture = opened(data)
        assert (picture.data, picture.notes) == (bare, ())
    for parts in ([pixels + word], [pixels, word], [pixels[:9], pixels[9:], b""]):
        sent = stripped(png_of(header(), *(chunk(b"IDAT", part) for part in parts), chunk(b"IEND", b"")))
        assert b"private" not in sent


def test_an_animated_png_becomes_its_first_frame_losslessly() -> None:
    frames = [gradient("RGB"), Image.new("RGB", (400, 320), "red")]
    sent = stripped(saved(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    with Image.open(io.BytesIO(sent)) as still:
        assert not getattr(still, "is_animated", False)


def test_appended_data_above_the_limit_is_cut_off_before_any_pixel_is_touched() -> None:
    bare = stripped(ROCKET)
    picture = opened(bare + bytes(1_000_000), PictureRules(max_bytes=200_000))
    assert picture.data == bare
    assert picture.notes == ()


# --- What is no picture does not leave


def test_a_jpeg_whose_pixels_are_something_else_is_refused() -> None:
    start = ROCKET.index(b"\xff\xda") + 14
    for planted in (
        b"-----BEGIN PRIVATE KEY-----\n" + b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 50,
        b"words of a diary " * 6_400,
        DICE.randbytes(50_000).replace(b"\xff", b"\xfe"),
        DICE.randbytes(400_000).replace(b"\xff", b"\xfe"),
        DICE.randbytes(100_000),
        b"",
    ):
        assert "JPEG picture is " in refusal(ROCKET[:start] + planted + b"\xff\xd9")


def test_text_of_the_very_length_of_a_picture_is_none() -> None:
    # Found by trial: of the table's shortest codes, so that it ends within the tolerance for damage.
    jpeg = saved(Image.effect_noise((304, 304), 90), "JPEG", quality=60)
    start, seen = jpeg.index(b"\xff\xda") + 10, set()
    text = b"The quick brown fox jumps over the lazy dog. " * 2_000
    for length in range(5_000, 50_000, 500):
        message = refusal(jpeg[:start] + text[:length] + b"\xff\xd9")
        seen.add(message.partition("damaged: ")[2].partition(". Save")[0])
    assert "text stands where its pixels should be" in seen


def test_a_png_whose_pixels_are_something_else_is_refused() -> None:
    key = b"-----BEGIN PRIVATE KEY-----\n" + b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 50
    rows = bytes(401 * 320)
    for coded, says in (
        (key, "does not decompress"),
        (b"", "breaks off"),
        (zlib.compress(rows)[:-5], "breaks off"),
        (zlib.compress(rows)[:-4] + b"oops", "does not decompress"),
        (zlib.compress(rows[:-1]), "fewer pixels than its header says"),
        (zlib.compress(rows + key), "more pixels than its header says"),
        (zlib.compress(b"\5" + rows[1:]), "its pixel data is invalid"),
        (zlib.compress(key * 80)[:50_000] + bytes(200_000), "more than its pixels"),
    ):
        assert says in refusal(png_of(header(), chunk(b"IDAT", coded), chunk(b"IEND", b"")))


# --- Slightly damaged


def test_a_jpeg_that_every_viewer_shows_is_saved_anew() -> None:
    sos = ROCKET.index(b"\xff\xda") + 14
    flipped = bytearray(ROCKET)
    flipped[sos + 60_000] ^= 4
    restarted = saved(coffee(), "JPEG", restart_marker_rows=1)
    gap = restarted.index(b"\xff\xd3")
    for data, why in (
        (ROCKET[:2] + b"\xff\xe0\x00\x04abX" + ROCKET[2:], "there is junk at byte 8"),
        (ROCKET[:2] + b"\xff\xfe\0\1" + ROCKET[2:], "a segment has no length at byte 4"),
        (ROCKET[:-2], "its end marker is missing"),
        (ROCKET[:-1], "its end marker is missing"),
        (ROCKET[:-2] + b"-----BEGIN PRIVATE KEY-----" + ROCKET[-2:], "there is something behind its pixels"),
        (ROCKET[:-400] + ROCKET[-2:], "its pixel data has gaps"),
        (restarted[:gap] + restarted[restarted.index(b"\xff\xd4", gap) :], "a part of its pixels is missing"),
        (restarted[:gap] + b"\xff\xd5" + restarted[gap + 2 :], "a part of its pixels is missing"),
    ):
        picture = opened(data)
        assert picture.notes[0] == f"The JPEG was slightly damaged ({why}): what can be seen of it was saved again."
        assert picture.notes[-1] == "Compressed as JPEG at quality 95."
        assert b"PRIVATE" not in picture.data


# --- Truncated and damaged


@pytest.mark.parametrize("data", [ROCKET, COFFEE, saved(gradient(), "JPEG", progressive=True)])
def test_a_picture_cut_off_anywhere_is_refused(data: bytes) -> None:
    cuts = [*range(12, len(data) - 20, len(data) // 150), len(data) - 20]
    for cut in cuts:
        message = refusal(data[:cut])
        assert "is truncated: the file ends after" in message or "pixel data breaks off" in message
        assert "again." in message


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
        (frame(b"\x08"), "its frame header is broken"),
        (frame(b"\x08" + bytes(4) + b"\x01" + bytes(3)), "its frame header is broken"),
        (frame(b"\x08\1\1\1\1\x03" + bytes(3)), "its frame header is broken"),
        (with_segment(ROCKET, 0xC0, b"\x08\2\0\2\0\x01" + bytes(3)), "its frame header is broken"),
        (ROCKET[:2] + ROCKET[ROCKET.index(b"\xff\xda") :], "pixels come before the frame header"),
        (ROCKET.replace(b"\xff\xda\x00\x0c\x03", b"\xff\xda\x00\x0c\x02"), "a scan header is broken"),
        (ROCKET.replace(b"\xff\xda\x00\x0c\x03", b"\xff\xda\x00\x02"), "a scan header is broken"),
        (ROCKET[: ROCKET.index(b"\xff\xda")] + b"\xff\xd9", "it ends before any pixels"),
        (ROCKET[:2] + segment(0xFE, b"") * 20_000 + ROCKET[2:], "more than 20,000 segments"),
        (png_of(chunk(b"IDAT", b"")), "its header is missing or out of place"),
        (png_of(header(), header()), "its header is missing or out of place"),
        (png_of(header(), b"\0\0\0\0IDAT\0\0\0\0"), "the checksum of its IDAT chunk is wrong"),
        (png_of(chunk(b"IHDR", bytes(12))), "its header has the wrong length"),
        (png_of(header(0)), "its header is invalid"),
        (png_of(header(depth=3)), "its header is invalid"),
        (png_of(header(colour=5)), "its header is invalid"),
        (png_of(header(), chunk(b"IEND", b"")), "its pixels or its palette are missing"),
        (png_of(header(colour=3), chunk(b"IDAT", b""), chunk(b"IEND", b"")), "its pixels or its palette are missing"),
        (png_of(header(), chunk(b"teXt", b"") * 200_000), "more than 200,000 chunks"),
    ],
)
def test_a_broken_structure_is_named(data: bytes, says: str) -> None:
    message = refusal(data)
    assert "picture is damaged: " in message
    assert says in message
    assert message.endswith("Save or export it again.")


def test_a_jpeg_of_a_rare_sort_is_refused_with_what_it_is() -> None:
    arithmetic = ROCKET.replace(SOF, b"\xff\xc9", 1)
    assert "rare kind (frame 9, 8 bits, 3 channels)" in refusal(arithmetic)
    assert "rare kind (frame 0, 12 bits, 3 channels)" in refusal(frame(b"\x0c\2\0\2\0\x03" + bytes(9)))
    assert "export it as an ordinary 8-bit JPEG or PNG" in refusal(frame(b"\x08\2\0\2\0\x02" + bytes(6)))


def test_random_damage_ends_in_a_verdict_never_in_a_crash() -> None:
    small = saved(gradient("RGB"), "JPEG", exif=exif(gps=True), progressive=True)
    for original in (small, saved(gradient("P"), "PNG", exif=exif(gps=True, orientation=6))):
        for _ in range(300):
            data = bytearray(original)
            for _ in range(DICE.randrange(1, 6)):
                data[DICE.randrange(len(data) // 3)] = DICE.randrange(256)
            with contextlib.suppress(InvalidPicture):
                opened(bytes(data))
