"""Figures 7 to 9: what the work itself costs, in processor time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from figures import MILLION, Pairs, Row, Spread, in_turn
from installed import PROGRAMS
from talk import Talk, cpu_seconds, environment, memory, server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from installed import Commands

KEY = "benchmark"
PICTURE = "https://pictures.example/cat.jpg"
CLIPS = 40
DEAREST = 1.5
PROMISES = 3.5  # times the cost of the same requests with AsyncClient, for all that is checked and kept beside them
CROWD = 500
CROWDS = (50, 200, 1000)
CROWD_SPEED = 15.0
CROWD_MEMORY = 150 * MILLION
LARGE, SMALL = 19_900_000, 200_000  # bytes
UPLOAD_MEMORY = LARGE + 8 * MILLION  # it is read once, into memory, and sent from there


@contextlib.contextmanager
def api(**options: object) -> Iterator[str]:
    """Run the sandbox in a process of its own, so that its work is not counted as ours; gives its base URL."""
    command = (sys.executable, str(PROGRAMS / "api.py"), json.dumps(options))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()) as run:
        if run.stdout is None or run.stdin is None:
            raise RuntimeError("the sandbox has no streams")
        yield run.stdout.readline().strip()
        run.stdin.close()


@dataclass
class Workshop:
    """Where the measurements of one kind are taken: the API, and fresh state and pictures for each."""

    commands: Commands
    base_url: str
    folder: Path
    _count: int = 0

    def fresh(self) -> Path:
        """A new folder."""
        self._count += 1
        folder = self.folder / str(self._count)
        folder.mkdir(parents=True)
        return folder

    @asynccontextmanager
    async def server(self, state: Path, pace: str = "0.01") -> AsyncGenerator[Talk, None]:
        """Our server, ready for calls, at the quickest pace it takes or another."""
        variables = {
            "ATLASCLOUD_API_KEY": KEY,
            "ATLASCLOUD_BASE_URL": self.base_url,
            "ATLASCLOUD_STATE_DIR": str(state),
            "ATLASCLOUD_POLL_INTERVAL": pace,
        }
        async with server(self.commands.ours, **variables) as talk:
            await talk.hello()
            yield talk


def pictures(folder: Path, count: int) -> list[str]:
    """Photographs that differ in a pixel, so that none is known from before."""
    paths = [folder / f"{number}.jpg" for number in range(count)]
    with Image.open(Path(__file__).parent.parent / "tests" / "photos" / "rocket.jpg") as photo:
        for number, path in enumerate(paths):
            photo.putpixel((8 * number % photo.width, 8 * number // photo.width * 8), (255, 0, 0))
            photo.save(path, quality=92)
    return [str(path) for path in paths]


async def animate_rows(commands: Commands, folder: Path, runs: int) -> list[Row]:
    """Measure figure 7."""
    with api(seconds=0) as base_url:
        shop = Workshop(commands, base_url, folder)
        ours = partial(_ours, shop)
        wall, cpu = await in_turn(runs, ours, partial(_plain, shop, "plain.py"))
        asynchronous = partial(_plain, shop, "plain_async.py")
        _, cpu_async = await in_turn(runs, ours, asynchronous)
        _, cpu_floor = await in_turn(runs, partial(_plain, shop, "plain_streams.py"), asynchronous)
    work = "Processor time of `animate_image`, answered at once"
    return [
        _cost_row("7a", work, cpu, "30 lines of httpx"),
        _cost_row("7b", "Wall time of the same", wall, "30 lines of httpx"),
        _cost_row("7c", work, cpu_async, "the same lines with `AsyncClient`", PROMISES),
        _cost_row("7d", "The floor: the same requests on bare asyncio streams", cpu_floor, "`AsyncClient`"),
    ]


def _cost_row(number: str, figure: str, pairs: Pairs, name: str, most: float | None = None) -> Row:
    return Row(
        number,
        figure,
        Spread.of(pairs.first).text("ms", scale=1000, digits=1),
        f"{name}: {Spread.of(pairs.second).text('ms', scale=1000, digits=1)}",
        pairs.ratio.text(digits=2),
        "" if most is None else f"{most} or less",
        None if most is None else pairs.ratio.median <= most,
    )


async def _ours(shop: Workshop) -> tuple[float, float]:
    folder = shop.fresh()
    first, *others = pictures(folder, CLIPS + 1)
    async with shop.server(folder / "state") as talk:
        await talk.call("animate_image", image=first, prompt="the first one opens all", wait_seconds=60)
        begun, used = time.perf_counter(), cpu_seconds(talk.pid)
        for picture in others:
            await talk.call("animate_image", image=picture, prompt=picture, wait_seconds=60)
        return (time.perf_counter() - begun) / CLIPS, (cpu_seconds(talk.pid) - used) / CLIPS


async def _plain(shop: Workshop, program: str) -> tuple[float, float]:
    wall, cpu = await _run(program, shop.base_url, *pictures(shop.fresh(), CLIPS + 1))
    return wall, cpu


async def _run(program: str, *arguments: str) -> Any:  # noqa: ANN401 - what the program prints
    command = (sys.executable, str(PROGRAMS / program), *arguments)
    run = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment())
    output, _ = await run.communicate()
    return json.loads(output)


async def crowd_rows(commands: Commands, folder: Path, runs: int) -> list[Row]:
    """Measure figure 8."""
    crowds: list[Crowd] = []

    async def ours() -> tuple[float, float]:
        with api(speed=CROWD_SPEED, seed=8) as base_url:
            crowds.append(await _crowd(Workshop(commands, base_url, folder / str(len(crowds))), CROWD))
        return crowds[-1].cpu, crowds[-1].lag

    async def plain() -> tuple[float, float]:
        with api(speed=CROWD_SPEED, seed=8) as base_url:
            done = await _run("crowd.py", base_url, str(CROWD))
        return done["cpu"], done["lag"]

    cpu, lag = await in_turn(runs, ours, plain)
    peak = Spread.of([crowd.peak for crowd in crowds])
    grown = [await _alone(commands, folder / f"{count}", count) for count in CROWDS]
    finished = min(crowd.finished for crowd in crowds)
    return [
        _cost_row("8a", f"{CROWD} at once over one connection: processor time of each", cpu, "plain httpx", DEAREST),
        Row(
            "8b",
            "The same: finished",
            f"{finished} of {CROWD}",
            "",
            goal="none lost",
            met=finished == CROWD,
        ),
        Row(
            "8c",
            "The same: peak memory",
            peak.text("MB", scale=1 / MILLION),
            "",
            goal=f"below {CROWD_MEMORY // MILLION} MB",
            met=peak.highest < CROWD_MEMORY,
        ),
        Row(
            "8d",
            "The same: worst lag",
            Spread.of(lag.first).text("s", digits=2),
            f"plain httpx, a look every 2 s: {Spread.of(lag.second).text('s', digits=2)}",
            lag.ratio.text(digits=2),
        ),
        *(
            Row(
                f"8{letter}",
                f"{count} at once: of each",
                f"{one.cpu * 1000:.1f} ms, {(one.peak - grown[0].peak) / (count - CROWDS[0] or 1) / 1000:.0f} kB more",
                f"{CROWDS[0]} at once: {grown[0].cpu * 1000:.1f} ms",
                f"{one.cpu / grown[0].cpu:.2f}",
            )
            for letter, count, one in zip("efg", CROWDS, grown, strict=True)
        ),
    ]


async def _alone(commands: Commands, folder: Path, count: int) -> Crowd:
    with api(speed=CROWD_SPEED, seed=8) as base_url:
        return await _crowd(Workshop(commands, base_url, folder), count)


@dataclass(frozen=True)
class Crowd:
    """What became of many predictions: processor seconds of each, the worst lag in seconds, bytes, and how many."""

    cpu: float
    lag: float
    peak: int
    finished: int


async def _crowd(shop: Workshop, count: int) -> Crowd:
    lags: list[float] = []
    async with shop.server(shop.fresh() / "state", pace="0.5") as talk:
        used = cpu_seconds(talk.pid)

        async def one(number: int) -> None:
            arguments = {"image": PICTURE, "prompt": f"clip {number}", "wait_seconds": 600}
            facts = (await talk.call("animate_image", **arguments))["structuredContent"]
            lags.append(time.time() - datetime.fromisoformat(facts["completed_at"]).timestamp())

        await asyncio.gather(*(one(number) for number in range(count)))
        cpu = (cpu_seconds(talk.pid) - used) / count
        return Crowd(cpu, max(lags), memory(talk.pid, "VmHWM"), len(lags))


async def upload_rows(commands: Commands, folder: Path, runs: int) -> list[Row]:
    """Measure figure 9."""
    with api() as base_url:
        shop = Workshop(commands, base_url, folder)
        place = shop.fresh()
        large, small = _noise(place / "large.jpg", LARGE), _noise(place / "small.jpg", SMALL)
        peak = (await in_turn(runs, partial(_uploaded, shop, large), partial(_uploaded, shop, small)))[0]
    more = Spread.of([one - other for one, other in zip(peak.first, peak.second, strict=True)])
    row = Row(
        "9",
        f"Peak memory while uploading {LARGE / MILLION} MB",
        Spread.of(peak.first).text("MB", scale=1 / MILLION, digits=1),
        f"{SMALL / MILLION} MB: {Spread.of(peak.second).text('MB', scale=1 / MILLION, digits=1)}",
        f"{more.text('MB', scale=1 / MILLION, digits=1)} more",
        f"one copy, and at most {(UPLOAD_MEMORY - LARGE) // MILLION} MB more",
        more.median <= UPLOAD_MEMORY,
    )
    return [row]


async def _uploaded(shop: Workshop, picture: Path) -> tuple[float]:
    async with shop.server(shop.fresh() / "state") as talk:
        await talk.call("upload_image", image=str(picture))
        return (memory(talk.pid, "VmHWM"),)


def _noise(path: Path, size: int) -> Path:
    """A JPEG of a little less than this size; noise does not shrink, so its bytes go by its pixels."""
    width = 640
    bytes_per_pixel = _save_noise(path, width) / (width * width * 3 // 4)
    _save_noise(path, int((0.99 * size / bytes_per_pixel / 0.75) ** 0.5))
    return path


def _save_noise(path: Path, width: int) -> int:
    height = width * 3 // 4
    noise = Image.frombytes("RGB", (width, height), random.Random(9).randbytes(width * height * 3))
    noise.save(path, quality=92)
    return path.stat().st_size
