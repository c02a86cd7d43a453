"""The same requests as plain_async.py by hand on an asyncio stream: the floor, beneath any HTTP library."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BOUNDARY = "benchmark"


class Api:
    """One connection, one request at a time."""

    def __init__(self, base_url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._url = urlsplit(base_url)
        self._reader, self._writer = reader, writer

    async def ask(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> Any:  # noqa: ANN401 - JSON
        """Send a request and give what stands in `data` of its answer."""
        head = (
            f"{method} {self._url.path}/{path} HTTP/1.1\r\nHost: {self._url.netloc}\r\nUser-Agent: plain/1\r\n"
            f"Authorization: Bearer benchmark\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise RuntimeError(answer)
        length = int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return json.loads(await self._reader.readexactly(length)).get("data")


def form_of(picture: Path) -> bytes:
    """The picture as a browser would send it."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{picture.name}"\r\n'
    head += "Content-Type: image/jpeg\r\n\r\n"
    return head.encode() + picture.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


async def animate(api: Api, picture: Path, prompt: str) -> str:
    """Make one clip, asking for it until it is there."""
    form = form_of(picture)
    uploaded = await api.ask("POST", "model/uploadMedia", form, f"multipart/form-data; boundary={BOUNDARY}")
    wanted = {"model": "minimax/hailuo-2.3/i2v-standard", "image": uploaded["download_url"], "prompt": prompt}
    body = json.dumps(wanted).encode()
    await api.ask("POST", "model/calculate", body)
    prediction_id = (await api.ask("POST", "model/generateVideo", body))["id"]
    while True:
        looked = await api.ask("GET", f"model/prediction/{prediction_id}")
        if looked["status"] == "completed":
            return str(looked["outputs"][0])


async def main(base_url: str, *pictures: str) -> None:
    """Make one clip of each picture."""
    url = urlsplit(base_url)
    api = Api(base_url, *await asyncio.open_connection(url.hostname, url.port))
    await animate(api, Path(pictures[0]), "the first one opens the connection")
    begun, used = time.perf_counter(), time.process_time()
    for name in pictures[1:]:
        await animate(api, Path(name), name)
    count = len(pictures) - 1
    print(json.dumps([(time.perf_counter() - begun) / count, (time.process_time() - used) / count]))


asyncio.run(main(*sys.argv[1:]))
