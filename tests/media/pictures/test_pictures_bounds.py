"""What a picture may take of the machine, and that its process ends with the call."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import cast

import anyio
import pytest
from PIL import Image

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures import Fit, Picture, PictureRules, open_picture
from atlascloud_video_mcp.media.pictures.process import answer, limit, prepare_picture
from kit import PHOTOS, ROCKET, TINY

RULES = PictureRules()
WORKER = [sys.executable, "-P", "-m", "atlascloud_video_mcp.media.pictures.process"]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def data_uri(data: bytes) -> str:
    return "data:;base64," + base64.b64encode(data).decode()


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


def png(width: int, height: int, *chunks: bytes, colour: int = 0) -> bytes:
    head = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


@cache
def bombs() -> dict[str, bytes]:
    pixels = chunk(b"IDAT", zlib.compress(bytes(401 * 320)))
    webp = b"WEBPVP8L" + struct.pack("<LB", 25, 0x2F) + (0x3FFF | 0x3FFF << 14).to_bytes(4, "little") + bytes(20)
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9))
    raw = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(1_000_000), 9))
    small = saved(Image.new("L", (400, 320)), "JPEG")
    progressive = saved(Image.new("L", (400, 320)), "JPEG", progressive=True)
    last = progressive.rindex(b"\xff\xda")
    return {
        "a WebP of 46 bytes": b"RIFF" + struct.pack("<L", len(webp)) + webp,
        "a PNG of a gigapixel": png(60_000, 60_000, chunk(b"IDAT", zlib.compress(bytes(1_000)))),
        "a PNG that inflates to more than its pixels": png(400, 320, chunk(b"IDAT", zlib.compress(bytes(30_000_000)))),
        "a PNG of text": png(400, 320, text * 200, raw * 200, pixels),
        "a PNG of chunks": png(400, 320, chunk(b"tEXt", b"") * 70_000, pixels),
        "a PNG with a profile that inflates": png(
            400, 320, chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(30_000_000))), pixels, colour=0
        ),
        "a JPEG of metadata": small[:2] + (b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)) * 60 + small[2:],
        "a JPEG of scans": progressive[:-2] + progressive[last:-2] * 5_000 + b"\xff\xd9",
        "a GIF of comments": b"GIF89a\x90\x01\x40\x01\0\0\0" + (b"!\xfe" + b"\xff" + bytes(255) + b"\0") * 3_000 + b";",
    }


@pytest.mark.parametrize("name", bombs())
def test_a_bomb_costs_neither_time_nor_memory(name: str) -> None:
    started = time.process_time()
    picture = None
    try:
        picture = open_picture(data_uri(bombs()[name]))
    except InvalidPicture as error:
        assert "picture" in str(error)  # noqa: PT017 - either outcome will do
    assert time.process_time() - started < 5
    assert picture is None or picture.size_bytes < 10_000


def test_a_picture_that_would_not_fit_into_memory_is_refused_by_its_header() -> None:
    # RFC 9649: the same size in a header of each of the three sorts.
    extended = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + 2 * (16_382).to_bytes(3, "little")
    lossy = b"VP8 " + bytes(7) + b"\x9d\x01\x2a" + 2 * (16_383).to_bytes(2, "little")
    webps = (b"RIFF" + bytes(4) + b"WEBP" + start for start in (extended, lossy))
    for data in (bombs()["a WebP of 46 bytes"], *webps):
        with pytest.raises(InvalidPicture, match=r"which take 4,\d\d\d MB to open; at most 560 MB are used for a"):
            open_picture(data_uri(data))


def worker(task: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(WORKER, input=task, capture_output=True, timeout=60, check=False)


def task_of(image: str, fit: str | None = None) -> dict[str, object]:
    return {"image": image, "rules": asdict(RULES), "allowed_dirs": [], "fit": fit}


async def prepared(image: str, fit: Fit | None = None) -> Picture:
    with anyio.fail_after(60):
        return await prepare_picture(image, rules=RULES, fit=fit)


async def test_a_process_of_its_own_gives_the_same_picture() -> None:
    for image in (ROCKET, str(PHOTOS / "chelsea.png")):
        one = await prepared(image)
        other = open_picture(image)
        assert one.data == other.data
        assert (one.filename, one.content_type, one.size_bytes) == (
            other.filename,
            other.content_type,
            other.size_bytes,
        )
        assert (one.width, one.height, one.notes) == (other.width, other.height, other.notes)


async def test_a_process_of_its_own_refuses_what_is_to_be_refused() -> None:
    with pytest.raises(InvalidPicture, match="its short side is 64 px"):
        await prepared(TINY)
    wide = data_uri(saved(Image.new("L", (1000, 320)), "PNG"))
    with pytest.raises(InvalidPicture, match="ratio of width to height"):
        await prepared(wide)
    picture = await prepared(wide, Fit.PAD)
    assert (picture.width, picture.height) == (1000, 401)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
async def test_a_call_that_is_cancelled_takes_its_process_with_it(tmp_path: Path) -> None:
    large = tmp_path / "large.tif"
    Image.new("L", (9_000, 9_000)).save(large)
    with anyio.move_on_after(0.3):
        await prepare_picture(str(large), rules=RULES)
    assert children() == []


def children() -> list[Path]:
    stats = [stat for stat in Path("/proc").glob("[0-9]*/stat") if stat.exists()]
    return [stat for stat in stats if stat.read_text().rpartition(")")[2].split()[1] == str(os.getpid())]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
async def test_a_process_that_was_ended_is_told_of_the_picture(tmp_path: Path) -> None:
    large = tmp_path / "large.tif"
    Image.new("L", (9_000, 9_000)).save(large)

    async def refused() -> None:
        with pytest.raises(InvalidPicture, match="takes more than 10 s of processor time to open"):
            await prepared(str(large))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(refused)
        while not (found := children()):
            await anyio.lowlevel.checkpoint()
        os.kill(int(found[0].parent.name), signal.SIGKILL)


async def test_a_mistake_of_ours_is_told_as_one() -> None:
    told, data = answer(task_of(ROCKET) | {"allowed_dirs": [], "image": 7})
    assert "Traceback" in told["crashed"]
    assert data == b""
    with pytest.raises(RuntimeError, match="Traceback"):
        await prepared(cast("str", 7))


@pytest.mark.skipif(sys.platform != "linux", reason="the system limits memory on Linux")
def test_what_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(100_000_000))
    task = json.dumps(task_of(str(tmp_path / "large.png")))
    script = (
        "import json, sys; from atlascloud_video_mcp.media.pictures import process; process.MOST_MEMORY = 50_000_000; "
        "process.limit(); print(json.dumps(process.answer(json.loads(sys.argv[1]))[0]))"
    )
    done = subprocess.run([sys.executable, "-c", script, task], check=True, timeout=60, capture_output=True)
    assert "takes more memory than one may" in json.loads(done.stdout)["refused"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits nothing here")
def test_where_the_system_counts_less_less_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import resource; from pathlib import Path; from atlascloud_video_mcp.media.pictures import process; "
        "process._MEMORY_STATUS = Path('/no/such'); process.limit(); print(resource.getrlimit(resource.RLIMIT_CPU)[0])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True)
    assert int(done.stdout) == 9
    monkeypatch.setitem(sys.modules, "resource", None)
    limit()


def test_the_bytes_are_followed_by_what_is_told_of_them() -> None:
    done = worker(json.dumps(task_of(ROCKET)).encode())
    data, _, told = done.stdout.rpartition(b"\n")
    assert json.loads(told)["filename"] == "rocket.jpg"
    assert data == open_picture(ROCKET).data


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count the processor's time")
def test_the_system_ends_a_process_that_takes_too_long_or_too_much() -> None:
    limited = "from atlascloud_video_mcp.media.pictures.process import limit; limit(); "
    for beyond in ("import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass",):
        done = subprocess.run([sys.executable, "-c", limited + beyond], check=False, timeout=60)
        assert done.returncode < 0
    if sys.platform == "linux":
        done = subprocess.run(
            [sys.executable, "-c", limited + "bytes(700_000_000)"], check=False, timeout=60, capture_output=True
        )
        assert b"MemoryError" in done.stderr
