"""What an answer can do to the server: nothing that its user would feel. A process, its pipes, a real socket."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import os
import socketserver
import subprocess
import sys
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from atlascloud_video_mcp.cli.doctor import connectivity
from atlascloud_video_mcp.settings import Settings, read_settings
from clips_kit import files
from kit import CANARY, handed_on

if TYPE_CHECKING:
    from collections.abc import Iterator

MB = 1_000_000
PROCESSES = Path("/proc/self/status")
pytestmark = pytest.mark.skipif(not PROCESSES.exists(), reason="only Linux tells how much memory a process had")


def inflating(size: int) -> bytes:
    """Blanks, gzipped."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * MB) for _ in range(size // MB)) + packer.flush()


ONCE = inflating(600 * MB)
TWICE = gzip.compress(ONCE)
CALLS = [
    ("get_balance", {}),
    ("get_prediction", {"prediction_id": "p1", "wait_seconds": 1}),
    ("list_predictions", {}),
    ("list_models", {}),
]


def headers(**more: str) -> bytes:
    lines = {"Content-Type": "application/json", "Connection": "close"} | more
    return "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items()).encode()


def reply(body: bytes, **more: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + headers(Content_Length=str(len(body)), **more) + b"\r\n" + body


def filled(size: int, begin: bytes, item: bytes, end: bytes) -> bytes:
    return begin + item * ((size - len(begin)) // len(item)) + end


ROWS = b'{"code":200,"data":{"available":1,"id":"p1","status":"processing","items":['
BOMBS = {
    "inflated twice": (reply(TWICE, Content_Encoding="gzip, gzip"), b""),
    "inflated once": (reply(ONCE, Content_Encoding="gzip"), b""),
    "in another coding": (reply(TWICE, Content_Encoding="br"), b""),
    "without end": (b"HTTP/1.1 200 OK\r\n" + headers() + b"\r\n", b" " * 64_000),
    "all headers": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 10_000),
    "of empty objects": (reply(filled(990_000, ROWS, b"{},", b"{}]}}")), b""),
    "of rows": (reply(filled(990_000, ROWS, b'{"ID":"a","requestBody":"%s"},' % (b"x" * 50), b"{}]}}")), b""),
    "of objects in a text": (reply(filled(990_000, ROWS + b'{"ID":"a","requestBody":"[', b"{}  ", b'1]"}]}}')), b""),
    "deep": (reply(b"[" * 990_000), b""),
    "of models": (reply(filled(3_900_000, b"[", b'{"model":"a/image-to-video","x":"%s"},' % (b"y" * 40), b"{}]")), b""),
    "of one long word": (reply(b'{"code":200,"data":{"id":"p1","status":"%s"}}' % (b"\\u0041" * 160_000)), b""),
}  # fmt: skip


class Bomber(socketserver.StreamRequestHandler):
    """Answers each request with the next bomb, and goes on as long as that is read."""

    bombs: Iterator[tuple[bytes, bytes]]

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        first, again = next(self.bombs)
        with suppress(OSError):  # nobody reads any more
            self.wfile.write(first)
            while again:
                self.wfile.write(again)


@contextmanager
def bombing() -> Iterator[str]:
    """The address of an API that has nothing else to say."""
    Bomber.bombs = itertools.cycle(BOMBS.values())
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Bomber) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api/v1"
        server.shutdown()


def understood(**settings: str) -> Settings:
    return read_settings({f"ATLASCLOUD_{name}": value for name, value in settings.items()})


def peak(pid: int) -> int:
    """The most memory that a process has had, in bytes."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("VmHWM:"))


def begin_anew() -> None:
    """Forget the peak of this process."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


class Server:
    """A server on its pipes, in bare JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self.slowest = 0.0

    async def listen(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            message = json.loads(line)
            if "id" in message:
                self.waiting.pop(message["id"]).set_result(message)

    def send(self, method: str, number: int | None = None, **params: object) -> None:
        assert self.process.stdin
        message = {"jsonrpc": "2.0", "method": method, "params": params} | ({"id": number} if number else {})
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    async def ask(self, method: str, **params: object) -> Any:  # noqa: ANN401 - JSON
        number = len(self.waiting) + time.monotonic_ns()
        answer = self.waiting[number] = asyncio.get_running_loop().create_future()
        self.send(method, number, **params)
        return await answer

    async def ping(self) -> None:
        while True:
            begun = time.monotonic()
            await self.ask("ping")
            self.slowest = max(self.slowest, time.monotonic() - begun)
            await asyncio.sleep(0.02)


async def ended(server: Server) -> None:
    """Close its input and wait for its end."""
    assert server.process.stdin
    server.process.stdin.close()
    async with asyncio.timeout(10):
        await server.process.wait()


async def start(base_url: str, state: Path) -> tuple[Server, asyncio.Task[None]]:
    env = handed_on("COVERAGE_", "PATH") | {
        "ATLASCLOUD_BASE_URL": base_url,
        "ATLASCLOUD_API_KEY": CANARY,
        "ATLASCLOUD_STATE_DIR": str(state),
    }
    command = [sys.executable, "-m", "atlascloud_video_mcp"]
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=env, stdin=pipe, stdout=pipe, limit=16 * MB)
    server = Server(process)
    listening = asyncio.create_task(server.listen())
    client = {"name": "bombed", "version": "1"}
    await server.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
    server.send("notifications/initialized")
    await server.ask("tools/call", name="get_balance", arguments={})  # what is needed is loaded
    return server, listening


async def test_no_answer_takes_memory_or_the_servers_attention(tmp_path: Path) -> None:
    with bombing() as base_url:
        server, listening = await start(base_url, tmp_path)
        before = peak(server.process.pid)
        pinging = asyncio.create_task(server.ping())
        calls = [server.ask("tools/call", name=name, arguments=given) for name, given in CALLS * 3]
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*calls)
        pinging.cancel()
        grown = peak(server.process.pid) - before
        await ended(server)
        listening.cancel()

    assert max(len(json.dumps(answer)) for answer in answers) < 50_000
    assert grown < 100 * MB, f"{grown / MB:.0f} MB"
    assert server.slowest < 1, f"{server.slowest:.2f} s"


async def test_the_end_of_its_input_is_seen_under_bombs(tmp_path: Path) -> None:
    with bombing() as base_url:
        server, listening = await start(base_url, tmp_path)
        calls = [asyncio.create_task(server.ask("tools/call", name=name, arguments=given)) for name, given in CALLS * 3]
        await server.ask("ping")
        begun = time.monotonic()
        await ended(server)
        seconds = time.monotonic() - begun
        for task in (listening, *calls):
            task.cancel()

    assert seconds < 2, f"{seconds:.2f} s"


@pytest.mark.parametrize("kind", BOMBS)
async def test_doctor_reads_no_more_than_the_server(kind: str) -> None:
    async with files(BOMBS[kind][0] + BOMBS[kind][1] * 100) as there:
        begin_anew()
        before, begun = peak(os.getpid()), time.monotonic()

        findings = await connectivity.reach(understood(BASE_URL=there.origin))

        assert peak(os.getpid()) - before < 100 * MB
        assert time.monotonic() - begun < 10
    assert [finding.name for finding in findings] == ["network", "TLS", "API"]
