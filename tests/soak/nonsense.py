"""API answers that make no sense, by the thousand: each must become a result or one of our errors."""

from __future__ import annotations

import asyncio
import io
import json
import random
import traceback
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
from PIL import Image
from pydantic import SecretStr

from atlascloud_video_mcp.cloud.api import Cloud
from atlascloud_video_mcp.cloud.reports import Report
from atlascloud_video_mcp.cloud.request import ApiPatience
from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.journal import Submission
from atlascloud_video_mcp.media.pictures import PictureRules, open_picture
from atlascloud_video_mcp.server.reporter import line
from atlascloud_video_mcp.service.pacing import Durations
from atlascloud_video_mcp.service.progress import Phase, Progress
from atlascloud_video_mcp.service.render import prediction

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

ONE_TRY = ApiPatience(tries=1, altogether=20, first_pause=0.001, longest_pause=0.001, connect=5, silence=5, answer=10)
NAMES = (
    *("code", "status", "data", "message", "msg", "error", "id", "ID", "prediction_id", "request_id", "outputs"),
    *("output", "url", "download_url", "video_url", "urls", "model", "created_at", "createdAt", "completed_at"),
    *("metrics", "predict_time", "price", "items", "list", "requestBody", "request_body", "result", "detail"),
)
WORDS = (
    *("", "completed", "COMPLETED", "failed", "processing", "success", "balance", "200", "0", "x" * 3000, "\u202e\x00"),
    *("https://a.example/c.mp4", "http://[", "javascript:alert(1)", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "\ud800", "a\udfffb", "\r\nSet-Cookie: a=b", "NaN"),
    '{"model": "m"}',
    "[" * 5000,
)
NUMBERS = (0, 1, -1, 200, 402, 404, 500, 10**9, 10**30, 10**400, -(10**4000), 1e308, -0.0, 0.5, 253402300800, -1e18)
STATUSES = (
    200,
    200,
    200,
    200,
    201,
    204,
    206,
    226,
    301,
    304,
    400,
    401,
    402,
    403,
    404,
    408,
    418,
    429,
    451,
    500,
    503,
    599,
)


class Nonsense:
    """A seeded source of answers, as raw HTTP."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.last = b""

    def answer(self) -> tuple[bytes, bool]:
        """The next answer, and whether the connection breaks after it."""
        status, body = self._dice.choice(STATUSES), self._body()
        if status in (204, 304):
            body = b""
        broken = self._dice.random() < 0.03
        length = len(body) + (50 if broken else 0)
        headers = f"HTTP/1.1 {status} Odd\r\nContent-Length: {length}\r\nContent-Type: application/json\r\n"
        if self._dice.random() < 0.1:
            headers += f"Retry-After: {self._dice.choice(('1e999', '-5', 'soon', '9' * 400, '0', 'nan', 'inf'))}\r\n"
        if self._dice.random() < 0.02:
            headers += "Content-Encoding: gzip\r\n"
        self.last = headers.encode() + b"\r\n" + body
        return self.last, broken

    def _body(self) -> bytes:
        dice = self._dice
        match dice.randrange(12):
            case 0:
                return dice.randbytes(dice.randrange(60))
            case 1:
                return dice.choice(
                    (b"", b"null", b"NaN", b"-Infinity", b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5000, b'"\\ud800"')
                )
            case 2:
                text = self._text(self._object(0))
                return text[: dice.randrange(len(text) + 1)]
            case 3:
                return self._text(self._value(0))
            case 4 | 5:
                return self._text(self._object(0))
            case _:
                data = {"id": self._value(3), "status": dice.choice(WORDS), **self._object(0)}
                return self._text({"code": dice.choice((200, "200", 0, 1, 500, None, "x")), "data": data})

    def _text(self, value: object) -> bytes:
        # half of them as escapes, half as bytes that are no UTF-8 where there are lone surrogates
        return json.dumps(value, ensure_ascii=self._dice.random() < 0.5).encode("utf-8", "surrogatepass")

    def _object(self, depth: int) -> dict[str, Any]:
        return {self._dice.choice(NAMES): self._value(depth + 1) for _ in range(self._dice.randrange(7))}

    def _value(self, depth: int) -> Any:  # noqa: ANN401 - JSON is of any type
        dice = self._dice
        match dice.randrange(9 if depth < 4 else 6):
            case 0 | 1:
                return dice.choice(WORDS)
            case 2 | 3:
                return dice.choice(NUMBERS)
            case 4:
                return dice.choice((None, True, False, float("nan"), float("inf")))
            case 5:
                return "".join(chr(dice.randrange(0x11000)) for _ in range(dice.randrange(9)))
            case 6:
                return [self._value(depth + 1) for _ in range(dice.randrange(4))]
            case _:
                return self._object(depth)


@asynccontextmanager
async def _served(nonsense: Nonsense) -> AsyncGenerator[str, None]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            broken = False
            while not broken:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if b"content-length:" in head:
                    await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                answer, broken = nonsense.answer()
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1"


async def feed(root: Path, *, answers: int, seed: int, key: str) -> tuple[Counter[str], list[str]]:
    """Have so many answers read; returns what they became, and what became none of the things it should."""
    became: Counter[str] = Counter()
    wrong: list[str] = []
    nonsense = Nonsense(seed)
    path = root / "small.jpg"
    Image.linear_gradient("L").resize((320, 320)).convert("RGB").save(path)
    async with _served(nonsense) as base_url, Cloud(base_url, SecretStr(key), patience=ONE_TRY) as cloud:
        picture = open_picture(str(path), rules=PictureRules())
        asks: dict[str, Callable[[], Awaitable[object]]] = {
            "prediction": lambda: cloud.prediction("p-1"),
            "generate": lambda: cloud.generate({"model": "m", "image": "https://a.example/b.jpg"}),
            "upload": lambda: cloud.upload(io.BytesIO(picture.data), picture.content_type),
            "history": cloud.history,
        }
        for number in range(answers):
            name = list(asks)[number % 4]
            try:
                with anyio.fail_after(15):
                    result = await asks[name]()
                said = _told(result)
            except AtlasError as error:
                said = str(error)
                said.encode()
                became[f"{name}: {type(error).__name__}"] += 1
            except Exception:  # noqa: BLE001 - this is what is looked for
                wrong.append(f"{name}: {traceback.format_exc(limit=-3)} after {nonsense.last[:600]!r}")
                continue
            else:
                became[f"{name}: {type(result).__name__}"] += 1
            if key in said:
                wrong.append(f"{name}: the key is told")
    return became, wrong


def _told(result: object) -> str:
    """What a client would be told of it."""
    if not isinstance(result, Report):
        return json.dumps(str(result))
    told = prediction(Submission(), result, datetime.now(UTC), durations=Durations(), sandbox=False)
    message, fraction = line(Progress(Phase.RENDERING, 0.05, prediction=lambda: told))
    whole = json.dumps([message, fraction, told.model_dump(mode="json")], allow_nan=False)
    (message + told.model_dump_json()).encode()
    return whole
