"""What the tests of the sandbox share: a client, requests, pictures and bounded waiting. It holds no tests."""

from __future__ import annotations

import contextlib
import io
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import av
import httpx
from PIL import Image, ImageChops, ImageStat

from kit import STANDARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scripted_sandbox import Sandbox

PRO = "minimax/hailuo-2.3/i2v-pro"
FAST = "minimax/hailuo-2.3/fast"
# An empty context: the default one reads all certificates of the system, for every client anew.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PICTURE_URL = "https://pictures.example/cat.jpg"


@contextlib.contextmanager
def account(sandbox: Sandbox, **headers: str) -> Iterator[httpx.Client]:
    """Run the sandbox and give a client with a key; a header given as an empty string is left out."""
    wanted = {"authorization": "Bearer a-key", "user-agent": "sandbox-tests/1"} | headers
    with (
        sandbox.running() as base_url,
        httpx.Client(base_url=base_url, timeout=20, verify=NO_TLS, trust_env=False) as client,
    ):
        client.headers.clear()
        client.headers.update({name: value for name, value in wanted.items() if value})
        yield client


def origin(client: httpx.Client) -> str:
    """Tell scheme, host and port."""
    return str(client.base_url.copy_with(path="/")).rstrip("/")


def order(**changes: object) -> dict[str, Any]:
    """Give a good request body with changes; None leaves a field out."""
    body = {"model": STANDARD, "image": PICTURE_URL, "prompt": "[Push in]"} | changes
    return {name: value for name, value in body.items() if value is not None}


def submit(client: httpx.Client, **changes: object) -> str:
    """Start a generation and give its id."""
    answer = client.post("/model/generateVideo", json=order(**changes))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["id"])


def poll(client: httpx.Client, prediction_id: str) -> dict[str, Any]:
    """Look at a prediction."""
    answer = client.get(f"/model/prediction/{prediction_id}")
    assert answer.status_code == 200, answer.text
    payload: dict[str, Any] = answer.json()["data"]
    return payload


def reason(client: httpx.Client, prediction_id: str) -> str:
    """Tell why a prediction failed: HTTP 500 says so, and the reason stands beside the record (facts, section 4)."""
    answer = client.get(f"/model/prediction/{prediction_id}")
    body = answer.json()
    assert (answer.status_code, body["code"], body["data"]["status"]) == (500, 500, "failed"), answer.text
    assert not body["data"].keys() & {"error", "error_code", "price"}
    return str(body["message"]).removeprefix("Generation failed: ")


def rows(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    """Give the rows of a page of the history, which are null when there is none (facts, section 8)."""
    answer = client.get("/model/history", params=query)
    assert answer.status_code == 200, answer.text
    items = answer.json()["data"]["items"]
    assert items != []
    return items or []


def upload(client: httpx.Client, data: bytes, content_type: str = "image/jpeg", name: str = "picture.jpg") -> str:
    """Upload a picture and give its URL."""
    answer = client.post("/model/uploadMedia", files={"file": (name, data, content_type)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["download_url"])


def picture(width: int = 400, height: int = 320, form: str = "JPEG") -> bytes:
    """Draw a small picture."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, form)
    return buffer.getvalue()


def available(client: httpx.Client) -> float:
    """Tell the money left."""
    return float(client.get(f"{origin(client)}/public/v1/balance").json()["available"]["value"])


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for another thread, but not for ever."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come about"
        pause.wait(0.002)


def decode(data: bytes) -> tuple[list[Image.Image], float, str, str]:
    """Give all frames, the duration in seconds, and the names of codec and pixel format."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        assert len(container.streams) == 1
        # PyAV leaves this one untyped.
        to_image: Callable[[av.VideoFrame], Image.Image] = av.VideoFrame.to_image
        frames = [to_image(frame) for frame in container.decode(stream)]
        assert container.duration is not None
        return frames, container.duration / 1_000_000, stream.codec_context.name, str(stream.codec_context.pix_fmt)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Give the mean absolute difference of two frames, of 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3
