"""What a picture's numbers mean as colours, and their conversion to sRGB."""

from __future__ import annotations

import io
import math
import struct
from functools import cache, partial
from typing import TYPE_CHECKING, cast

from PIL import Image, ImageCms

if TYPE_CHECKING:
    from collections.abc import Callable

# The header of an ICC profile holds its length, its colour space and a signature (ICC.1, 7.2).
_SPACE, _MARK = slice(16, 20), slice(36, 40)
_TAGS, _TAG_BYTES = 132, 12
_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK"}

# ITU-T H.273, tables 2 and 3.
_BT709, _BT2020, _P3, _P3_DCI = 1, 9, 12, 11
_GAMMA_22, _GAMMA_28, _LINEAR, _PQ, _HLG = 4, 5, 8, 16, 18
_HDR = {_PQ: "PQ", _HLG: "HLG"}
# Red, green and blue in XYZ, adapted to the white of ICC (D50) by Bradford's matrix.
_COLORANTS = {
    _BT709: ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)),
    _BT2020: ((0.6735, 0.2790, -0.0019), (0.1657, 0.6753, 0.0300), (0.1251, 0.0456, 0.7969)),
    _P3: ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)),
}
_WHITE_D50 = (0.9642, 1.0, 0.8249)
_STEPS = 4096
# ITU-R BT.2408: white on paper, in candela per square metre; BT.2100: PQ's brightest, and an HLG display's.
_PAPER, _PQ_PEAK, _HLG_PEAK = 203, 10_000, 1_000
# Above this share of white, brightness is compressed, so that the brightest still differ.
_KNEE = 0.6
_OPAQUE = 255
_ROWS = 256  # of a strip


def usable_profile(profile: bytes, mode: str) -> bytes:
    """The ICC profile if it is valid, complete, without a trailer and for pixels of this mode; else nothing."""
    whole = len(profile) > _TAGS and int.from_bytes(profile[:4]) == len(profile) and profile[_MARK] == b"acsp"
    if not whole or profile[_SPACE] != _SPACES.get(mode):
        return b""
    return profile if _transform(profile, mode) else b""


def cicp_of(profile: bytes) -> bytes:
    """The numbers of ITU-T H.273 that an ICC profile holds (ICC.1:2022, 9.2.17), or nothing."""
    count = int.from_bytes(profile[128:132])
    for name, place, _ in struct.iter_unpack(">4sLL", profile[_TAGS : _TAGS + _TAG_BYTES * min(count, 100)]):
        if name == b"cicp":
            return profile[place + 8 : place + 12]
    return b""


def hdr_name(cicp: bytes) -> str:
    """The name of an HDR transfer function; nothing for any other."""
    return _HDR.get(cicp[1], "") if len(cicp) > 1 else ""


def profile_of_cicp(cicp: bytes) -> bytes:
    """An ICC profile for the colours that ITU-T H.273 numbers; nothing for sRGB's and unknown ones.

    For an HDR picture it also maps the brightness to that of sRGB.
    """
    if len(cicp) < 2:  # noqa: PLR2004 - primaries and transfer function
        return b""
    primaries = {_P3_DCI: _P3}.get(cicp[0], cicp[0])
    curve = _CURVES.get(cicp[1])
    if curve is None and primaries not in {_P3, _BT2020}:
        return b""
    return _matrix_profile(_COLORANTS.get(primaries, _COLORANTS[_BT709]), curve or _srgb)


def convert_to_srgb(
    image: Image.Image, profile: bytes, hdr: str, factor: int, notes: list[str]
) -> tuple[Image.Image, bool]:
    """Make 8-bit grey or sRGB pixels of a decoded picture, opaque and a `factor`-th as wide.

    It goes strip by strip, so that there is one whole copy and not one for each step. Adds to the notes what was done;
    returns whether the picture was transparent, too.
    """
    plain, lowest = None, _OPAQUE
    levels = _levels(image)
    for top in range(0, image.height, _ROWS * factor):
        strip = image.crop((0, top, image.width, min(top + _ROWS * factor, image.height)))
        strip = _in_srgb(levels(strip), profile)
        if strip.mode == "RGBA":
            lowest = min(lowest, cast("tuple[int, int]", strip.getchannel("A").getextrema())[0])
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip).convert("RGB")
        strip = strip.reduce(factor)
        plain = plain or Image.new(strip.mode, (-(-image.width // factor), -(-image.height // factor)))
        plain.paste(strip, (0, top // factor))
    if image.mode == "CMYK":
        notes.append("Converted from CMYK to RGB colours: the model takes RGB.")
    if lowest < _OPAQUE:
        notes.append("Laid on white: the model does not support transparency.")
    if hdr:
        notes.append(f"HDR brightness ({hdr}) mapped to that of sRGB.")
    elif profile and image.mode != "CMYK" and (_to_srgb(profile, "RGB") or _to_srgb(profile, "L")):
        notes.append("Colours converted to sRGB, by the picture's own colour profile.")
    return cast("Image.Image", plain), lowest < _OPAQUE


@cache
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform of pixels of a mode to sRGB; None where they are sRGB, or the profile is unusable."""
    if not profile or profile[_SPACE] != _SPACES[mode] or not (transform := _transform(profile, mode)):
        return None
    description = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.profile_description
    return None if "sRGB" in (description or "") else transform


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    target = "RGBA" if mode == "RGBA" else "RGB"
    try:
        return ImageCms.buildTransform(io.BytesIO(profile), ImageCms.createProfile("sRGB"), mode, target)
    except (ImageCms.PyCMSError, OSError):
        return None  # it is unreadable, or does not convert to other colours


def _srgb(value: float) -> float:
    """IEC 61966-2-1."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004


def _pq(value: float) -> float:
    """SMPTE ST 2084."""
    power = value ** (32 / 2523)
    light = (max(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)) ** (16384 / 2610)
    return _dimmed(light * _PQ_PEAK / _PAPER)


def _hlg(value: float) -> float:
    """ARIB STD-B67, on a display of 1,000 candela, for each channel."""
    scene = value * value / 3 if value <= 0.5 else (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12  # noqa: PLR2004
    return _dimmed(scene**1.2 * _HLG_PEAK / _PAPER)


def _dimmed(light: float) -> float:
    """Paper white becomes nearly white; what is brighter takes the rest of the range."""
    if light <= _KNEE:
        return light
    return _KNEE + (1 - _KNEE) * (1 - math.exp((_KNEE - light) / (1 - _KNEE)))


_CURVES: dict[int, Callable[[float], float]] = {
    _GAMMA_22: lambda value: value**2.2,
    _GAMMA_28: lambda value: value**2.8,
    _LINEAR: lambda value: value,
    _PQ: _pq,
    _HLG: _hlg,
}


def _matrix_profile(colorants: tuple[tuple[float, ...], ...], curve: Callable[[float], float]) -> bytes:
    """An ICC profile of three colorants and one curve (ICC.1:2001-04, 6.3.2)."""
    xyz = [_xyz(values) for values in (_WHITE_D50, *colorants)]
    levels = [round(65535 * min(curve(step / (_STEPS - 1)), 1)) for step in range(_STEPS)]
    trc = struct.pack(f">4s4xL{_STEPS}H", b"curv", _STEPS, *levels)
    description = struct.pack(">4s4xL6s77x", b"desc", 6, b"CICP\0\0")
    names = (b"desc", b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
    blocks = (description + bytes(-len(description) % 4), *xyz, trc, trc, trc)
    place, table = _TAGS + _TAG_BYTES * len(names), b""
    for name, block in zip(names, blocks, strict=True):
        table += struct.pack(">4sLL", name, place, len(block))
        place += len(block)
    head = struct.pack(">L4xL4s4s4s12x4s28x12s48x", place, 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp", xyz[0][8:])
    return head + struct.pack(">L", len(names)) + table + b"".join(blocks)


def _xyz(values: tuple[float, ...]) -> bytes:
    return struct.pack(">4s4x3l", b"XYZ ", *(round(value * 65536) for value in values))


def _levels(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """The conversion of a strip to 8-bit levels, in mode L, RGB, RGBA or CMYK."""
    final = "RGBA" if image.has_transparency_data else "L"
    if image.mode.startswith("I;16"):
        return lambda strip: strip.convert("I").point(lambda level: level * (1 / 256)).convert("L").convert(final)
    if final == "RGBA":
        return lambda strip: strip.convert(final)
    if image.mode in {"I", "F"}:
        return partial(_stretched, cast("tuple[float, float]", image.getextrema()))
    mode = {"1": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    return lambda strip: strip.convert(mode)


def _stretched(extrema: tuple[float, float], strip: Image.Image) -> Image.Image:
    """Measured values have no black and white: the lowest becomes black, the highest white."""
    low, high = extrema
    if not math.isfinite(high - low):
        raise ValueError("values that are not finite have no range")
    scale = _OPAQUE / ((high - low) or 1)
    return strip.convert("F").point(lambda level: level * scale - low * scale).convert("L")


def _in_srgb(strip: Image.Image, profile: bytes) -> Image.Image:
    if transform := _to_srgb(profile, strip.mode):
        return cast("Image.Image", ImageCms.applyTransform(strip, transform))
    return strip.convert("RGB") if strip.mode == "CMYK" else strip
