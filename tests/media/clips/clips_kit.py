"""What the tests of saving share: a file server that answers as told over a real socket, and small MP4 structures."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cloud.documents import clip_hosts
from atlascloud_video_mcp.media.clips import ClipSaver, DownloadPatience

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path

HASTY = DownloadPatience(altogether=30, first_pause=0.001, longest_pause=0.001, connect=2, silence=2, whole=30)


def box(kind: bytes, body: bytes = b"") -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def film(length: int = 1000, filling: bytes = b"\x17") -> bytes:
    return box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", b"about it") + box(b"mdat", filling * length)


def element(ident: int, body: bytes, *, unknown_size: bool = False) -> bytes:
    """An EBML element (RFC 8794) with a size of eight bytes."""
    size = (1 << 56) - 1 if unknown_size else len(body)
    return ident.to_bytes((ident.bit_length() + 7) // 8, "big") + ((1 << 56) | size).to_bytes(8, "big") + body


def webm(doctype: bytes = b"webm", *, clusters: int = 1, unknown_sizes: bool = False) -> bytes:
    """The structure of a WebM (RFC 9559), as live encoders write it where sizes are unknown."""
    pictures = element(0x1F43B675, b"frames" * 50, unknown_size=unknown_sizes) * clusters
    info = element(0x1549A966, b"about it")
    header = element(0x1A45DFA3, element(0x4286, b"\x01") + element(0x4282, doctype))
    return header + element(0x18538067, info + pictures, unknown_size=unknown_sizes)


def answer(status: int = 200, body: bytes = b"", /, **headers: object) -> bytes:
    """An HTTP answer; a header given as None is left out, a Content-Length that is not given is right."""
    given = {"Content_Length": len(body)} | headers
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items() if value is not None)
    return f"HTTP/1.1 {status} So\r\nConnection: close\r\n{lines}\r\n".encode() + body


def part_of(body: bytes, start: int, **headers: object) -> bytes:
    """The answer to a request for a range."""
    place = f"bytes {start}-{len(body) - 1}/{len(body)}"
    return answer(206, body[start:], **({"Content_Range": place} | headers))


@dataclass
class Files:
    """Gives each request the next answer, the last one again and again; `held` keeps the connection open after it."""

    origin: str
    answers: list[bytes] = field(default_factory=list)
    held: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[dict[str, str]] = field(default_factory=list)
    on_request: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"{self.origin}/clip.mp4?Signature=s3cret"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        self.requests.append({"target": head[0].split()[1]} | headers)
        self.on_request()
        writer.write(self.answers[min(len(self.requests), len(self.answers)) - 1])
        await writer.drain()
        self.answered.set()
        if self.held:
            await reader.read()
        writer.close()


_open: list[Files] = []


@asynccontextmanager
async def files(*answers: bytes, held: bool = False) -> AsyncGenerator[Files, None]:
    here = Files("", list(answers), held)
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    _open.append(here)
    try:
        yield here
    finally:
        _open.remove(here)
        server.close()


def saver(allowed_dirs: Sequence[Path] = (), patience: DownloadPatience = HASTY, api: str | None = None) -> ClipSaver:
    """A saver for an API at the origin of the file server that was opened last, unless it is told another."""
    return ClipSaver(allowed_dirs=allowed_dirs, patience=patience, hosts=clip_hosts((), api or _open[-1].origin))


def everything(directory: Path) -> list[str]:
    """All that is in a directory, hidden files too."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))
