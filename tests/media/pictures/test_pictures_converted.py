"""Pictures the model would not take: converted where that helps, refused with rule, value and next step where not."""

from __future__ import annotations

import base64
import contextlib
import io
import random
import struct
import sys
import tracemalloc
import warnings
import zlib
from typing import TYPE_CHECKING

import pillow_heif
import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures import Fit, Picture, PictureRules, open_picture
from atlascloud_video_mcp.media.pictures.colour import profile_of_cicp
from kit import PHOTOS

if TYPE_CHECKING:
    from pathlib import Path

DICE = random.Random(2)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3_CICP, PQ_CICP, HLG_CICP = bytes([12, 13, 0, 1]), bytes([9, 16, 0, 1]), bytes([9, 18, 0, 1])
COMPRESSED = "Compressed as JPEG at quality 95."


def opened(data: bytes, rules: PictureRules | None = None, fit: Fit | None = None) -> Picture:
    uri = "data:;base64," + base64.b64encode(data).decode()
    return open_picture(uri, rules=rules or PictureRules(), fit=fit)


def converted_from(kind: str) -> str:
    return f"Converted from {kind}: the model takes JPEG and PNG only."


def refusal(data: bytes, rules: PictureRules | None = None) -> str:
    with pytest.raises(InvalidPicture) as caught:
        opened(data, rules)
    return str(caught.value)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def coffee() -> Image.Image:
    with Image.open(PHOTOS / "coffee.png") as image:
        return image.convert("RGB")


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    channels = len(mode)
    return Image.frombytes(mode, (width, height), DICE.randbytes(width * height * channels))


def sent(picture: Picture) -> Image.Image:
    """Decode what goes up, having seen that it is what the picture says, within the rules and without metadata."""
    data = picture.data
    assert len(data) == picture.size_bytes
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert (picture.width, picture.height) == image.size
        assert image.get_format_mimetype() == picture.content_type
        assert picture.filename.endswith({"image/jpeg": ".jpg", "image/png": ".png"}[picture.content_type])
        assert not image.getexif()
        assert "comment" not in image.info
        return image


def colour_at(image: Image.Image, place: tuple[int, int]) -> tuple[int, int, int]:
    red, green, blue = (
        int(band.tobytes()[0]) for band in image.convert("RGB").crop((*place, place[0] + 1, place[1] + 1)).split()
    )
    return red, green, blue


def difference(one: Image.Image, other: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


def exif(orientation: int, *, gps: bool = False) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    if gps:
        tags.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.0)})
    return tags


# --- Other formats


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("WebP", "WEBP", {"exif": exif(1, gps=True), "icc_profile": SRGB}),
        ("BMP", "BMP", {}),
        ("TIFF", "TIFF", {"compression": "tiff_lzw", "icc_profile": SRGB}),
        ("TIFF", "TIFF", {"big_tiff": True}),
        ("AVIF", "AVIF", {"quality": 95, "speed": 10}),
        ("GIF", "GIF", {"comment": b"GPSLatitude"}),
    ],
)
def test_other_formats_become_jpeg(name: str, kind: str, options: dict[str, object]) -> None:
    picture = opened(saved(coffee(), kind, **options))
    assert picture.notes == (converted_from(name), COMPRESSED)
    image = sent(picture)
    assert "icc_profile" not in image.info
    assert difference(image, coffee()) < 8
    assert b"GPS" not in picture.data


def test_heic_becomes_jpeg() -> None:
    out = io.BytesIO()
    pillow_heif.from_pillow(coffee()).save(out, quality=95)
    picture = opened(out.getvalue())
    assert picture.notes == (converted_from("HEIC"), COMPRESSED)
    assert difference(sent(picture), coffee()) < 8


def test_heic_of_48_megapixels_as_phones_make_them_is_no_matter_of_memory() -> None:
    out = io.BytesIO()
    pillow_heif.from_pillow(coffee()).save(out)
    data = out.getvalue()
    size = b"ispe\0\0\0\0" + struct.pack(">LL", 600, 400)  # ISO/IEC 23008-12, 6.5.3
    assert size in data
    for width, height, said in ((8_064, 6_048, "cannot be decoded"), (12_000, 9_000, "MB are used for a picture")):
        claimed = data.replace(size, size[:8] + struct.pack(">LL", width, height))
        assert said in refusal(claimed)


def test_heic_without_its_extra_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    pillow_heif.from_pillow(coffee()).save(out)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # what the import system does for a package that is absent
    assert "install atlascloud-video-mcp[heif], or export the picture as JPEG or PNG" in refusal(out.getvalue())


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_of_several_pictures_the_first_is_used(kind: str) -> None:
    data = saved(coffee(), kind, save_all=True, append_images=[Image.new("RGB", (600, 400), "red")])
    picture = opened(data)
    assert picture.notes[1].startswith("Only the first picture of the ")
    assert difference(sent(picture), coffee()) < 8


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "GIF", "TIFF", "PNG"])
def test_transparency_is_laid_on_white(kind: str) -> None:
    image = coffee()
    image.putalpha(Image.linear_gradient("L").resize(image.size).point(lambda level: 255 * (level > 127)))
    picture = opened(saved(image, kind))
    assert "Laid on white: the model does not support transparency." in picture.notes
    laid = sent(picture)
    assert laid.mode == "RGB"
    assert min(colour_at(laid, (300, 10))) > 250
    assert difference(laid.crop((0, 210, 600, 400)), coffee().crop((0, 210, 600, 400))) < 8


def test_what_lies_under_a_transparent_colour_or_palette_entry_does_not_show() -> None:
    palette = Image.new("P", (400, 320), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    for image, transparency in ((palette, b"\xff\0"), (Image.new("L", (400, 320), 7), 7), (coffee(), (1, 2, 3))):
        picture = opened(saved(image, "PNG", transparency=transparency))
        laid = sent(picture)
        if image.mode == "RGB":  # the colour that would be transparent is nowhere
            assert picture.notes == ()
        else:
            assert laid.convert("RGB").getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize(("colour", "depth"), [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16)])
def test_a_transparent_colour_of_any_depth_is_laid_on_white(colour: int, depth: int) -> None:
    # PNG specification, 11.3.1.1: a tRNS chunk holds a colour in the picture's own depth.
    samples = 3 if colour else 1
    hidden, seen = (f"{value:0{depth}b}" for value in ((1 << depth) // 3, (1 << depth) - 1))
    rows = [b"\0" + int(level * samples * 400, 2).to_bytes(400 * samples * depth // 8) for level in (hidden, seen)]
    header = struct.pack(">LLBBBBB", 400, 320, depth, colour, 0, 0, 0)
    key = int(hidden, 2).to_bytes(2) * samples
    chunks = (
        (b"IHDR", header),
        (b"tRNS", key),
        (b"IDAT", zlib.compress(rows[0] * 160 + rows[1] * 160)),
        (b"IEND", b""),
    )
    picture = opened(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, data) for name, data in chunks))
    assert picture.notes == ("Laid on white: the model does not support transparency.",)
    assert sent(picture).getextrema() == ((255, 255),) * 3


def test_of_doubled_chunks_the_first_counts_and_a_palette_must_be_whole() -> None:
    plain, first = saved(Image.new("L", (400, 320), 7), "PNG"), chunk(b"gAMA", (45_455).to_bytes(4))
    picture = opened(plain[:33] + first + chunk(b"gAMA", (99_999).to_bytes(4)) + plain[33:])
    assert picture.data == plain[:33] + first + plain[33:]
    palette = saved(Image.new("P", (400, 320)), "PNG")
    assert "its palette has the wrong length" in refusal(palette[:33] + chunk(b"PLTE", b"\0\1") + palette[33:])


def test_an_alpha_channel_without_transparency_is_dropped_or_goes_up_as_it_is() -> None:
    picture = opened(saved(coffee().convert("RGBA"), "TIFF"))
    assert sent(picture).mode == "RGB"
    picture = opened(saved(coffee().convert("RGBA"), "PNG"))
    assert picture.notes == ()
    assert sent(picture).mode == "RGBA"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (400, 320), 1), 255),
        (Image.new("L", (400, 320), 77), 77),
        (Image.new("I;16", (400, 320), 40_000), 156),
        (Image.new("I", (400, 320), 70_000), 0),
        (Image.new("CMYK", (400, 320), (0, 0, 0, 127)), 128),
    ],
)
def test_odd_modes_keep_their_brightness(image: Image.Image, expected: int) -> None:
    picture = opened(saved(image, "TIFF"))
    assert sent(picture).convert("L").getpixel((200, 160)) == pytest.approx(expected, abs=1)


def test_measurements_are_stretched_from_black_to_white() -> None:
    picture = opened(saved(Image.linear_gradient("L").resize((400, 320)).convert("F"), "TIFF"))
    low, high = sent(picture).getextrema()
    assert (low, high) == (0, 255)


def test_measurements_without_an_end_have_no_middle_either() -> None:
    image = Image.new("F", (400, 320), 7.0)
    for value in (float("inf"), float("nan")):
        image.putpixel((0, 0), value)
        assert "cannot be decoded" in refusal(saved(image, "TIFF"))


# --- Turned upright


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_picture_is_turned_upright(kind: str, orientation: int) -> None:
    data = saved(coffee(), kind, exif=exif(orientation, gps=True), **({"quality": 95} if kind != "PNG" else {}))
    with Image.open(io.BytesIO(data)) as image:
        expected = ImageOps.exif_transpose(image)
    picture = opened(data)
    assert f"Turned upright as its EXIF orientation ({orientation})" in " ".join(picture.notes)
    assert picture.notes[-1].startswith("Turned" if kind == "PNG" else COMPRESSED)
    assert picture.content_type == ("image/png" if kind == "PNG" else "image/jpeg")
    turned = sent(picture)
    assert turned.size == expected.size
    assert difference(turned, expected) < 5


def test_a_tiff_which_pillow_turns_is_not_turned_twice() -> None:
    picture = opened(saved(coffee(), "TIFF", tiffinfo={0x0112: 6}))
    assert "Turned upright as its EXIF orientation (6)" in picture.notes[1]
    assert difference(sent(picture), coffee().transpose(Image.Transpose.ROTATE_270)) < 3


def test_a_heic_is_turned_by_its_container_and_not_by_its_exif_data_again() -> None:
    out = io.BytesIO()
    image = coffee()
    image.info["exif"] = exif(6).tobytes()
    # Turns the pixels, then asks for the same turn in the container (`irot`), then in EXIF.
    pillow_heif.from_pillow(image).save(out, quality=95)
    assert b"irot" in out.getvalue()
    picture = opened(out.getvalue())
    assert difference(sent(picture), coffee().transpose(Image.Transpose.ROTATE_180)) < 8


def tiff(*tags: tuple[int, int, int], following: int = 0, count: int | None = None) -> bytes:
    """An EXIF block with one directory: tag, type and value of each entry, and where the next one is said to be."""
    entries = b"".join(struct.pack("<HHLL", tag, kind, 1, value) for tag, kind, value in tags)
    return (
        struct.pack("<4sLH", b"II*\0", 8, len(tags) if count is None else count)
        + entries
        + struct.pack("<L", following)
    )


@pytest.mark.parametrize(
    "block",
    [
        tiff((0x0112, 3, 6), following=9_999),
        tiff((0x0112, 3, 6), following=8),
        tiff((0x0112, 3, 6), (0x8825, 4, 9_999)),
        tiff((0x0112, 3, 6), (0x8769, 4, 8)),
        tiff((0x0112, 4, 6)),
        b"Exif\0\0" + tiff((0x0112, 3, 6)),
    ],
)
def test_the_orientation_is_read_whatever_is_broken_behind_it(block: bytes) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        picture = opened(saved(coffee(), kind, exif=b"Exif\0\0" + block))
        assert sent(picture).size == (400, 600)


def test_the_orientation_of_a_thumbnail_is_not_that_of_the_picture() -> None:
    thumbnail = tiff((0x0100, 3, 1), following=26) + struct.pack("<HHHLLL", 1, 0x0112, 3, 1, 6, 0)
    for kind in ("JPEG", "PNG"):
        picture = opened(saved(coffee(), kind, exif=b"Exif\0\0" + thumbnail))
        assert (picture.width, picture.notes) == (600, ())


def test_nonsense_for_an_orientation_turns_nothing() -> None:
    for block in (
        tiff((0x0112, 3, 9)),
        tiff((0x0112, 3, 0)),
        tiff((0x0112, 2, 6)),
        b"nonsense",
        b"II*\0\xff\xff\xff\xff",
    ):
        for kind in ("JPEG", "PNG"):
            picture = opened(saved(coffee(), kind, exif=b"Exif\0\0" + block))
            assert (picture.width, picture.notes) == (600, ())


def test_an_orientation_in_xmp_or_in_a_late_or_doubled_chunk_counts() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    png = saved(coffee(), "PNG")
    upright, turned = (chunk(b"eXIf", tiff((0x0112, 3, way))) for way in (1, 6))
    raw = b"Raw profile type exif\0\nexif\n 26\n" + (b"Exif\0\0" + tiff((0x0112, 3, 6))).hex().encode()
    for data in (
        saved(coffee(), "JPEG", xmp=xmp),
        png[:-12] + turned + png[-12:],
        png[:33] + upright + png[33:-12] + turned + png[-12:],
        png[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp) + png[33:],
        png[:33] + chunk(b"tEXt", raw) + png[33:],
    ):
        picture = opened(data)
        assert sent(picture).size == (400, 600)
        assert "EXIF orientation (6)" in " ".join(picture.notes)


def test_the_limits_apply_to_the_picture_as_displayed() -> None:
    rules = PictureRules(ratio_above=(1, 1), ratio_below=(9, 1))
    opened(saved(coffee(), "JPEG", exif=exif(1)), rules)
    assert "ratio of width to height" in refusal(saved(coffee(), "JPEG", exif=exif(6)), rules)
    assert "400 x 600 px" in refusal(saved(coffee(), "WEBP", exif=exif(6)), rules)


# --- CMYK


def test_a_cmyk_jpeg_becomes_rgb() -> None:
    for profile in (None, b"a broken profile"):
        picture = opened(saved(coffee().convert("CMYK"), "JPEG", quality=95, icc_profile=profile))
        assert picture.notes == ("Converted from CMYK to RGB colours: the model takes RGB.", COMPRESSED)
        image = sent(picture)
        assert "icc_profile" not in image.info
        assert difference(image, coffee()) < 3


def grey_inks() -> bytes:
    """Make an ICC profile (ICC.1) by which every mixture of inks is one and the same grey."""
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9L", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table += ramp * 4 + bytes([128]) * 16 * 3 + ramp * 3
    size = 128 + 4 + 12 + len(table)
    head = struct.pack(">L4sL4s4s4s12s4s", size, bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp")
    white = struct.pack(">3L", 0xF6D6, 0x10000, 0xD32D)
    return head + bytes(28) + white + bytes(48) + struct.pack(">L4sLL", 1, b"A2B0", 144, len(table)) + table


def test_cmyk_colours_are_those_of_the_pictures_own_profile() -> None:
    picture = opened(saved(coffee().convert("CMYK"), "JPEG", icc_profile=grey_inks()))
    image = sent(picture)
    assert "icc_profile" not in image.info
    assert len(image.getcolors() or []) == 1


# --- Colours


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


def png_with(cicp: bytes, image: Image.Image, orientation: int = 1) -> bytes:
    data = saved(image, "PNG", exif=exif(orientation))
    return data[:33] + chunk(b"cICP", cicp) + data[33:]


def test_a_wide_gamut_stays_what_it_is_said_to_be_where_no_pixel_is_touched() -> None:
    picture = opened(png_with(P3_CICP, Image.new("RGB", (400, 320), (200, 100, 50))))
    assert picture.notes == ()
    assert chunk(b"cICP", P3_CICP) in picture.data


def test_what_is_re_encoded_becomes_srgb_by_its_cicp_or_profile() -> None:
    # Display P3's (200, 100, 50) in sRGB, by the matrices of both: (215, 93, 31).
    image = Image.new("RGB", (400, 320), (200, 100, 50))
    profile = profile_of_cicp(P3_CICP)
    for data in (
        png_with(P3_CICP, image, orientation=3),
        saved(image, "WEBP", lossless=True, icc_profile=profile),
        saved(image, "TIFF", icc_profile=profile),
        saved(image, "JPEG", quality=100, subsampling=0, exif=exif(3), icc_profile=profile),
        nclx(saved(image, "AVIF", quality=100, subsampling="4:4:4"), P3_CICP),
    ):
        picture = opened(data)
        assert "Colours converted to sRGB, by the picture's own colour profile." in picture.notes
        out = sent(picture)
        assert "icc_profile" not in out.info
        assert out.getpixel((200, 160)) == pytest.approx((215, 93, 31), abs=3)


def nclx(avif: bytes, cicp: bytes) -> bytes:
    """The same AVIF with other numbers in its colour box."""
    place = avif.index(b"colrnclx") + 8
    numbers = b"".join(number.to_bytes(2) for number in cicp[:2])
    return avif[:place] + numbers + avif[place + 4 :]


@pytest.mark.parametrize(("cicp", "name", "paper"), [(PQ_CICP, "PQ", 148), (HLG_CICP, "HLG", 191)])
def test_hdr_is_mapped_to_the_brightness_of_srgb(cicp: bytes, name: str, paper: int) -> None:
    # BT.2408: white paper, 203 candela per square metre, is 58 % of PQ and 75 % of HLG.
    image = Image.new("RGB", (400, 320), (paper,) * 3)
    image.paste((255,) * 3, (0, 0, 100, 100))
    for data in (
        png_with(cicp, image),
        nclx(saved(image, "AVIF", quality=100, subsampling="4:4:4"), cicp),
        saved(image, "JPEG", quality=100, icc_profile=with_cicp_tag(SRGB, cicp)),
    ):
        picture = opened(data)
        assert f"HDR brightness ({name}) mapped to that of sRGB." in picture.notes
        out = sent(picture).convert("RGB")
        assert 225 <= colour_at(out, (200, 160))[1] <= 245
        assert colour_at(out, (50, 50))[1] >= 250


def with_cicp_tag(profile: bytes, cicp: bytes) -> bytes:
    """An ICC profile with one tag more (ICC.1:2022, 9.2.17), in place of the copyright's."""
    place = profile.index(b"cprt", 128)
    grown = profile + b"cicp" + bytes(4) + cicp
    entry = struct.pack(">4sLL", b"cicp", len(profile), 12)
    return len(grown).to_bytes(4) + grown[4:place] + entry + grown[place + 12 :]


def test_other_transfer_functions_are_known_and_the_rest_is_taken_for_srgb() -> None:
    image = Image.new("RGB", (400, 320), (90, 90, 90))
    for transfer, expected in ((8, 160), (4, 89), (5, 66), (13, 90), (2, 90)):
        picture = opened(png_with(bytes([1, transfer, 0, 1]), image, orientation=3))
        assert colour_at(sent(picture), (9, 9))[0] == pytest.approx(expected, abs=2)
    picture = opened(png_with(bytes([11, 13, 0, 1]), image, orientation=3))
    assert picture.notes[0].startswith("Colours converted")


# --- Made to fit


def test_a_jpeg_above_the_limit_is_re_encoded_at_the_best_quality_that_fits() -> None:
    data = saved(noise(500, 400), "JPEG", quality=100, subsampling=0)
    picture = opened(data, PictureRules(max_bytes=400_000))
    assert sent(picture).size == (500, 400)
    assert picture.size_bytes <= 400_000
    (note,) = picture.notes
    assert "Compressed as JPEG at quality 85 to fit" in note
    assert f"to fit the limit of 400.0 kB: {len(data) / 1000:.1f} kB before" in note
    assert f"{picture.size_bytes / 1000:.1f} kB now" in note


def test_a_png_above_the_limit_becomes_a_jpeg() -> None:
    picture = opened(saved(noise(500, 400), "PNG"), PictureRules(max_bytes=400_000))
    assert picture.content_type == "image/jpeg"
    assert "601.3 kB before" in picture.notes[0]
    assert sent(picture).size == (500, 400)


def test_what_quality_alone_does_not_fit_is_scaled_down() -> None:
    picture = opened(saved(noise(500, 1240), "PNG"), PictureRules(max_bytes=300_000))
    assert "at quality 75 and scaled down from 500 x 1240 to " in picture.notes[0]
    image = sent(picture)
    assert image.width > 300
    assert picture.size_bytes <= 300_000
    assert PictureRules().target(image.size, None) == image.size


def test_a_picture_that_cannot_fit_is_refused() -> None:
    message = refusal(saved(noise(500, 400), "PNG"), PictureRules(max_bytes=5_000))
    assert "Even at 377 x 301 px" in message or "Even at 376 x 301 px" in message
    assert "at most 5.0 kB" in message
    assert "pick a simpler picture" in message


def test_sizes_are_said_in_readable_units() -> None:
    assert "at most 500 bytes" in refusal(saved(noise(500, 400), "PNG"), PictureRules(max_bytes=500))


# --- The limits


def test_a_short_side_of_100_to_300_pixels_is_enlarged() -> None:
    picture = open_picture(str(PHOTOS / "chelsea.png"))
    assert picture.notes == ("Enlarged from 451 x 300 to 452 x 301 px: the model needs more than 300.",)
    assert sent(picture).size == (452, 301)
    for size, enlarged in (((100, 100), (301, 301)), ((249, 100), (749, 301)), ((100, 249), (301, 749))):
        picture = opened(saved(Image.new("L", size), "PNG"))
        assert sent(picture).size == enlarged
    opened(saved(Image.new("L", (301, 301)), "PNG"))


def test_a_short_side_below_100_pixels_is_refused() -> None:
    assert refusal(saved(Image.new("L", (200, 99)), "PNG")) == (
        "The picture is 200 x 99 px: its short side is 99 px; the model needs more than 300 px, and below 100 px it is "
        "not enlarged: pick a larger one."
    )


@pytest.mark.parametrize(
    ("size", "says"), [((1000, 400), "2.5; the model needs"), ((400, 1000), "0.4; the model needs")]
)
def test_a_ratio_of_exactly_the_limit_is_refused_without_fit(size: tuple[int, int], says: str) -> None:
    message = refusal(saved(Image.new("L", size), "PNG"))
    assert says in message
    assert "more than 2:5 (0.4) and less than 5:2 (2.5): crop it" in message
    assert 'fit "crop" (the middle) or "pad"' in message
    nearer = (size[0] - 1, size[1]) if size[0] > size[1] else (size[0], size[1] - 1)
    opened(saved(Image.new("L", nearer), "PNG"))


@pytest.mark.parametrize(
    ("size", "padded", "cropped"),
    [
        ((1000, 400), (1000, 401), (999, 400)),
        ((1000, 320), (1000, 401), (799, 320)),
        ((320, 2000), (801, 2000), (320, 799)),
        ((1000, 120), (1000, 401), (749, 301)),
        ((120, 1000), (401, 1000), (301, 749)),
    ],
)
def test_what_is_too_wide_or_tall_is_padded_or_cropped(
    size: tuple[int, int], padded: tuple[int, int], cropped: tuple[int, int]
) -> None:
    image = Image.new("RGB", size, "white")
    image.paste("red", (size[0] // 2 - 10, size[1] // 2 - 10, size[0] // 2 + 10, size[1] // 2 + 10))
    for fit, expected in ((Fit.PAD, padded), (Fit.CROP, cropped)):
        picture = opened(saved(image, "PNG"), fit=fit)
        assert f"{'Padded with black' if fit is Fit.PAD else 'Cropped to its middle'} from" in picture.notes[0]
        out = sent(picture)
        assert out.size == expected
        assert PictureRules().target(out.size, None) == out.size
        assert out.getpixel((expected[0] // 2, expected[1] // 2)) == (255, 0, 0)
        assert out.getpixel((expected[0] - 1, expected[1] - 1)) == ((0, 0, 0) if fit is Fit.PAD else (255, 255, 255))
    picture = opened(saved(coffee(), "PNG"), fit=Fit.CROP)
    assert picture.notes == ()


def with_size(kind: str, side: int) -> bytes:
    """Give a small picture whose header claims to be a square of `side` pixels."""
    data = bytearray(saved(Image.new("L", (400, 320)), kind))
    little = kind in {"GIF", "BMP"}
    width = {"PNG": 4, "GIF": 2, "JPEG": 2, "BMP": 4}[kind]
    place = {"PNG": 16, "GIF": 6, "JPEG": data.find(b"\xff\xc0") + 5, "BMP": 18}[kind]
    data[place : place + 2 * width] = side.to_bytes(width, "little" if little else "big") * 2
    if kind == "PNG":
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    return bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP"])
def test_too_many_pixels_are_refused_before_they_are_decoded(kind: str) -> None:
    assert "3,600.0 megapixels (60000 x 60000), which take " in refusal(with_size(kind, 60_000))


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "AVIF", "JPEG", "PNG"])
def test_more_pixels_than_are_taken_are_scaled_down(kind: str) -> None:
    picture = opened(saved(coffee(), kind), PictureRules(max_pixels=200_000, short_side_above=150))
    assert sent(picture).size == (300, 200)
    assert "Scaled down from 600 x 400 to 300 x 200 px: it has too many pixels." in picture.notes


def test_a_photograph_of_108_megapixels_is_made_to_fit() -> None:
    picture = opened(saved(Image.new("L", (12_000, 9_000), 99), "JPEG"))
    assert (picture.width, picture.height) == (6_000, 4_500)
    assert picture.notes[0] == "Scaled down from 12000 x 9000 to 6000 x 4500 px: it has too many pixels."


def test_pillows_own_limits_do_not_show() -> None:
    # Between Pillow's warning (89 megapixels) and our limit, decoded for real.
    data = saved(Image.new("1", (10_000, 9_500)), "TIFF", compression="group4")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = opened(data)
        assert (picture.width, picture.height) == (5_000, 4_750)


def test_a_small_tiff_with_a_gigantic_tile_is_refused_without_allocating_it() -> None:
    # Width, length, bits, no compression, black is zero, one sample, tile width, tile length, offset, byte count.
    tags = {256: 400, 257: 320, 258: 8, 259: 1, 262: 1, 277: 1, 322: 65_520, 323: 65_520, 324: 200, 325: 60_000}
    entries = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in tags.items())
    data = struct.pack("<4sLH", b"II*\0", 8, len(tags)) + entries + bytes(60_200)
    tracemalloc.start()
    try:
        assert "cannot be decoded" in refusal(data)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


# --- No pictures


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"I am no picture.", "it is text."),
        ("Grüße".encode() * 300, "it is text."),
        (b"%PDF-1.7 ...", "it is a PDF document. JPEG or PNG is needed: export the page"),
        (b'<?xml version="1.0"?><svg>', "it is an SVG drawing. JPEG or PNG is needed: export it as PNG"),
        (b"<!DOCTYPE html><p>", "it is a web page (HTML). JPEG or PNG is needed: download the picture itself"),
        (
            b"\0\0\0\x18ftypisom\0\0\0\0isommp41",
            "it is a video (MP4 or QuickTime). JPEG or PNG is needed: take a still",
        ),
        (b"\x1a\x45\xdf\xa3....", "it is a video (WebM or Matroska)"),
        (b"RIFF....AVI LIST", "it is an AVI video or a sound"),
        (b"8BPS....", "it is a Photoshop document. JPEG or PNG is needed: export it as JPEG or PNG"),
        (b"\x7fELF\0\0", "it is data of an unknown kind"),
        (b"BMW is a make of cars", "it is text."),
        (b"FUJIFILMCCD-RAW 0201", "a camera raw file (RAF), which must be developed first: export it"),
        (b"IIU\0\x18\0\0\0", "raw file (RW2)"),
        (b"IIRO\x08\0\0\0", "raw file (ORF)"),
        (b"II*\0\x10\0\0\0CR\2\0", "raw file (CR2)"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "raw file (CR3)"),
        (tiff((254, 4, 1), (271, 2, 0), (0xC612, 1, 4)), "raw file (DNG)"),
        (tiff((254, 4, 1), (271, 2, 0), (330, 4, 99)), "raw file (NEF, ARW or alike)"),
        (tiff((259, 3, 6), (271, 2, 0), (330, 4, 99)), "raw file (NEF, ARW or alike)"),
        (tiff((271, 2, 0), (0xC634, 4, 99)), "raw file (NEF, ARW or alike)"),
    ],
)
def test_what_is_no_picture_is_named_by_its_content(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(data)
    with pytest.raises(InvalidPicture) as caught:
        open_picture(str(tmp_path / "picture.png"))
    assert says in str(caught.value)


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_truncated_picture_of_another_format_is_refused(kind: str) -> None:
    data = saved(coffee(), kind)
    for cut in (40, len(data) // 2, len(data) - len(data) // 10):
        message = refusal(data[:cut])
        assert "picture cannot be decoded: it is truncated, damaged" in message
        assert "Save or export it again, as JPEG or PNG" in message


def test_random_damage_to_other_formats_ends_in_a_verdict() -> None:
    for kind in ("WEBP", "GIF", "BMP", "TIFF"):
        original = saved(coffee().resize((320, 310)), kind)
        for _ in range(12):
            data = bytearray(original)
            for _ in range(3):
                data[DICE.randrange(12, 600)] = DICE.randrange(256)
            with contextlib.suppress(InvalidPicture):
                opened(bytes(data))
