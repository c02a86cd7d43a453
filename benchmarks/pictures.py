"""What hostile and large pictures take: seconds of processor and peak memory of the process that prepares each.

    python benchmarks/pictures.py

Linux and macOS only, where a process's children can be measured.
"""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import tempfile
import zlib
from dataclasses import asdict
from pathlib import Path

import pillow_heif
from PIL import Image

from atlascloud_video_mcp.media.pictures import PictureRules

DICE = random.Random(7)
# In a small process between: a child's peak counts from the size of what it was forked from.
MEASURE = """
import os, resource, subprocess, sys
subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL, env=os.environ | {"MALLOC_ARENA_MAX": "1"})
used = resource.getrusage(resource.RUSAGE_CHILDREN)
unit = 1e6 if sys.platform == "darwin" else 1e3
print(used.ru_utime + used.ru_stime, used.ru_maxrss / unit, file=sys.stderr)
"""
WORKER = [sys.executable, "-P", "-m", "atlascloud_video_mcp.media.pictures.process"]


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG's chunk."""
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


def png(width: int, height: int, colour: int, *chunks: bytes, depth: int = 8) -> bytes:
    """A PNG of a size."""
    head = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def zeros(count: int) -> bytes:
    """That many zeros, compressed."""
    stream, packed = zlib.compressobj(1), b""
    for _ in range(count // 10_000_000):
        packed += stream.compress(bytes(10_000_000))
    return packed + stream.compress(bytes(count % 10_000_000)) + stream.flush()


def pictures() -> dict[str, bytes]:
    """Name and bytes of each."""
    small = Image.linear_gradient("L").resize((640, 480)).convert("RGB")
    pixels = chunk(b"IDAT", zlib.compress(bytes(641 * 480)))
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9))
    progressive = saved(Image.new("RGB", (8_000, 6_000), "grey"), "JPEG", progressive=True)
    last = progressive.rindex(b"\xff\xda")
    scans = progressive[:-2] + progressive[last:-2] * 80 + b"\xff\xd9"
    webp = b"WEBPVP8L" + struct.pack("<LB", 25, 0x2F) + (0x3FFF | 0x3FFF << 14).to_bytes(4, "little") + bytes(20)
    orientation = Image.Exif()
    orientation[0x0112] = 6
    noise = Image.frombytes("RGB", (2_580, 2_580), DICE.randbytes(3 * 2_580**2))
    heic = io.BytesIO()
    pillow_heif.from_pillow(small.resize((8_064, 6_048))).save(heic, quality=50)
    return {
        "photograph, 640 x 480": saved(small, "JPEG"),
        "PNG, 20 MB, goes up as it is": saved(noise, "PNG"),
        "JPEG, 50 megapixels on its side": saved(
            Image.effect_noise((8_160, 6_144), 40).convert("RGB"), "JPEG", exif=orientation
        ),
        "JPEG, 108 megapixels": saved(Image.new("RGB", (12_000, 9_000), "grey"), "JPEG"),
        "PNG, 99 megapixels of 16-bit RGB": png(11_000, 9_000, 2, chunk(b"IDAT", zeros(66_001 * 9_000)), depth=16),
        "PNG, 75 megapixels, transparent": png(10_000, 7_500, 6, chunk(b"IDAT", zeros(40_001 * 7_500))),
        "PNG, claims 3,600 megapixels": png(60_000, 60_000, 0, chunk(b"IDAT", zeros(100_000_000))),
        "PNG, 640 x 480, inflates to 300 MB": png(640, 480, 0, chunk(b"IDAT", zeros(300_000_000))),
        "PNG, 400 compressed texts": png(640, 480, 0, text * 400, pixels),
        "PNG, 190,000 chunks": png(640, 480, 0, chunk(b"tEXt", b"") * 190_000, pixels),
        "WebP, 46 bytes, claims 268 megapixels": b"RIFF" + struct.pack("<L", len(webp)) + webp,
        "GIF, claims 4,295 megapixels": b"GIF89a\xff\xff\xff\xff" + saved(small.convert("P"), "GIF")[10:],
        "JPEG, 48 megapixels in 90 scans": scans,
        "JPEG, 19,000 segments of metadata": b"\xff\xd8"
        + b"\xff\xe1\0\x08Exif\0\0" * 19_000
        + saved(small, "JPEG")[2:],
        "TIFF, 95 megapixels, black and white": saved(Image.new("1", (10_000, 9_500)), "TIFF", compression="group4"),
        "AVIF, 24 megapixels": saved(Image.new("RGB", (6_000, 4_000), "grey"), "AVIF", speed=10),
        "HEIC, 48 megapixels": heic.getvalue(),
    }


def main() -> None:
    """Measure each in a process of its own."""
    print("| picture | file | processor | peak memory | what becomes of it |\n|---|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory() as directory:
        for name, data in {"nothing: what starting takes": b"", **pictures()}.items():
            path = Path(directory, "picture")
            path.write_bytes(data)
            task: dict[str, object] = {
                "image": str(path),
                "rules": asdict(PictureRules()),
                "allowed_dirs": [],
                "fit": None,
            }
            done = subprocess.run(
                [sys.executable, "-c", MEASURE, *WORKER],
                input=json.dumps(task).encode(),
                capture_output=True,
                check=True,
            )
            seconds, peak = map(float, done.stderr.split()[-2:])
            answer = done.stdout
            told = json.loads(answer[answer.rindex(b"\n") :]) if answer else {"refused": "ended"}
            outcome = told.get("refused") or " ".join(told["notes"]) or "as it is"
            print(f"| {name} | {len(data) / 1e6:.2f} MB | {seconds:.2f} s | {peak:.0f} MB | {outcome[:90]} |")


if __name__ == "__main__":
    main()
