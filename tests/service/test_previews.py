"""Frames of a finished clip along with its answer: what a model sees, and what it is told where there is nothing."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import sys
from typing import TYPE_CHECKING

import av
import pytest
from mcp import Client
from mcp.types import ImageContent, Implementation
from PIL import Image

from atlascloud_sandbox.render import render
from atlascloud_video_mcp.media.clips import CannotPreview, CannotSave
from atlascloud_video_mcp.media.clips.video import Container, contact_sheet, read_container
from atlascloud_video_mcp.server.reporter import Reporter
from atlascloud_video_mcp.server.server import build_server
from clips_kit import answer, files, film, saver
from kit import ROCKET, animate, only_id, polls, service_at, text_of, until
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mcp.types import CallToolResult


def clip_of(picture: Image.Image, path: Path) -> Path:
    """A clip that moves over a picture."""
    render(picture, path, prompt="[Pan left]", seconds=1, short_side=min(picture.size), stop=lambda: False)
    return path


def sheet_of(clip: Path) -> Image.Image:
    jpeg = contact_sheet(clip)
    assert len(jpeg) < 100_000
    sheet = Image.open(io.BytesIO(jpeg))
    assert sheet.format == "JPEG"
    assert sheet.width <= 512
    return sheet


@pytest.mark.parametrize(
    ("size", "sheet"),
    [((640, 360), (512, 3 * 288 + 8)), ((360, 640), (3 * 168 + 8, 299)), ((64, 64), (512, 3 * 512 + 8))],
)
def test_frames_of_a_wide_clip_are_stacked_and_those_of_a_tall_one_stand_in_a_row(
    tmp_path: Path, size: tuple[int, int], sheet: tuple[int, int]
) -> None:
    picture = Image.linear_gradient("L").resize(size).convert("RGB")

    assert sheet_of(clip_of(picture, tmp_path / "clip.mp4")).size == sheet


def test_the_frames_are_of_the_beginning_the_middle_and_the_end(tmp_path: Path) -> None:
    picture = Image.linear_gradient("L").rotate(90).resize((640, 360)).convert("RGB")
    sheet = sheet_of(clip_of(picture, tmp_path / "clip.mp4")).convert("L")

    # The camera moves along a gradient, so each frame is of another brightness.
    means = [
        sum(sheet.crop((0, top, 512, top + 288)).histogram()[level] * level for level in range(256))
        for top in (0, 292, 584)
    ]
    assert means == sorted(means) or means == sorted(means, reverse=True)
    assert len(set(means)) == 3


def test_a_sheet_full_of_noise_is_made_to_fit(tmp_path: Path) -> None:
    noise = Image.frombytes("RGB", (512, 512), os.urandom(512 * 512 * 3))

    assert sheet_of(clip_of(noise, tmp_path / "clip.mp4")).width > 100


def test_of_a_clip_whose_sound_goes_on_longer_the_last_frames_are_shown(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    # PyAV leaves this one untyped.
    to_frame: Callable[[Image.Image], av.VideoFrame] = av.VideoFrame.from_image
    with av.open(str(clip), "w", format="mp4") as container:
        pictures, sound = container.add_stream("libx264", rate=10), container.add_stream("aac", rate=8000)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        for count in range(5):
            container.mux(pictures.encode(to_frame(Image.new("RGB", (64, 64)))))
            silence = av.AudioFrame("fltp", "mono", 8000)
            silence.sample_rate, silence.pts = 8000, count * 8000
            silence.planes[0].update(bytes(silence.planes[0].buffer_size))
            container.mux(sound.encode(silence))
        container.mux([*pictures.encode(None), *sound.encode(None)])

    assert sheet_of(clip).size == (512, 3 * 512 + 8)


def test_frames_are_shown_of_every_kind_of_film_that_is_saved(tmp_path: Path) -> None:
    clip = clip_of(Image.linear_gradient("L").resize((64, 64)), tmp_path / "clip.mp4")
    for container, name in ((Container.QUICKTIME, "a.mov"), (Container.MATROSKA, "a.mkv")):
        with av.open(str(clip)) as source, av.open(str(tmp_path / name), "w") as copy:
            stream = copy.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    copy.mux(packet)
        with (tmp_path / name).open("rb") as file:
            assert read_container(file, came_whole=True) is container
        assert contact_sheet(tmp_path / name, container)
        with pytest.raises(CannotPreview):
            contact_sheet(tmp_path / name, Container.WEBM if container is Container.QUICKTIME else Container.MP4)


@pytest.mark.parametrize("body", [film(), b"", b"#EXTM3U\n/etc/passwd\n"])
def test_what_cannot_be_decoded_has_no_preview(tmp_path: Path, body: bytes) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(body)

    with pytest.raises(CannotPreview, match="can"):
        contact_sheet(clip)


async def test_nothing_is_left_of_a_clip_that_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    body = clip_of(Image.new("RGB", (64, 64)), tmp_path / "clip.mp4").read_bytes()

    async with files(answer(200, body), answer(200, film())) as there, saver() as clips:
        assert await clips.preview(there.url)
        with pytest.raises(CannotPreview):
            await clips.preview(there.url)

    assert list((tmp_path / "scratch").iterdir()) == []


async def looked_at(client: Client, sandbox: Sandbox, base_url: str, **arguments: object) -> CallToolResult:
    """Have a clip made, and look at it once it is there."""
    await client.call_tool("animate_image", {"image": ROCKET, "wait_seconds": 0})
    prediction_id = await only_id(base_url)
    sandbox.finish(prediction_id)
    return await client.call_tool("get_prediction", {"prediction_id": prediction_id, "wait_seconds": 30} | arguments)


def client_at(base_url: str, name: str = "Zed") -> Client:
    server = build_server(lambda: service_at(base_url))
    return Client(server, client_info=Implementation(name=name, version="1"))


async def test_a_client_that_hands_images_to_its_model_as_text_is_given_none(sandbox: Sandbox, base_url: str) -> None:
    async with client_at(base_url, "@cline/core") as client:
        shown = await looked_at(client, sandbox, base_url, preview=True)

    assert [block.type for block in shown.content] == ["text"]
    assert (shown.structured_content or {})["status"] == "completed"


async def test_a_model_that_asks_for_it_sees_frames_and_the_answer_is_the_same(sandbox: Sandbox, base_url: str) -> None:
    async with client_at(base_url) as client:
        shown = await looked_at(client, sandbox, base_url, preview=True)
        plain = await client.call_tool("get_prediction", {"prediction_id": await only_id(base_url)})

    text, image = shown.content
    assert isinstance(image, ImageContent)
    assert image.mime_type == "image/jpeg"
    assert Image.open(io.BytesIO(base64.b64decode(image.data))).width <= 512
    assert [text] == plain.content
    assert shown.structured_content == plain.structured_content
    assert image.data not in json.dumps(shown.structured_content)


async def test_a_clip_that_is_not_finished_has_no_preview_yet(base_url: str) -> None:
    async with client_at(base_url) as client:
        await client.call_tool("animate_image", {"image": ROCKET, "wait_seconds": 0})
        wanted = {"prediction_id": await only_id(base_url), "wait_seconds": 0, "preview": True}
        result = await client.call_tool("get_prediction", wanted)

    assert len(result.content) == 1
    assert result.structured_content is not None
    assert result.structured_content["status"] == "processing"
    assert "The preview comes with the finished clip." in text_of(result)


async def test_a_clip_that_cannot_be_had_is_answered_for_without_preview(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="file", action="status", status=404, times=9))
    async with client_at(base_url) as client:
        result = await looked_at(client, sandbox, base_url, preview=True)
        later = await client.call_tool("get_prediction", {"prediction_id": await only_id(base_url)})

    assert not result.is_error
    assert result.structured_content is not None
    assert result.structured_content["video_url"]
    assert "There is no preview. The clip is no longer there (status 404)" in text_of(result)
    assert "preview" not in text_of(later)


async def test_without_the_extra_the_answer_says_how_to_install_it(
    sandbox: Sandbox, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client_at(base_url) as client:
        monkeypatch.setitem(sys.modules, "av", None)
        result = await looked_at(client, sandbox, base_url, preview=True)

    assert len(result.content) == 1
    assert "pip install 'PATH/TO/WHEEL.whl[preview]'" in text_of(result)
    assert all(request.endpoint != "file" for request in sandbox.received)


async def test_the_wait_for_a_preview_is_shown_and_100_comes_with_it(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="file", action="delay", seconds=0.5))
    async with service_at(base_url) as service:
        submitted = await animate(service, ROCKET)
        sandbox.finish(await only_id(base_url))
        await until(lambda: polls(sandbox) > 0)
        told: list[tuple[str, float]] = []

        async def show(message: str, fraction: float) -> None:
            told.append((message.split(",", maxsplit=1)[0].split(" after", maxsplit=1)[0], fraction))

        clip = await Reporter(show, heartbeat=0.05).wait(
            lambda progress: service.get_prediction(
                submitted.prediction_id, clip_deadline=math.inf, preview=True, progress=progress
            )
        )

    assert submitted.preview is None
    assert clip.preview
    *waiting, last = told
    assert list(last) == ["Finished", 1]
    assert waiting.count(("Taking frames of the clip", 0.99)) > 3
    assert all(fraction < 1 for _, fraction in waiting)


async def test_a_preview_is_not_worth_as_many_tries_as_a_clip_on_disk() -> None:
    async with files(answer(200, film()[:20], Content_Length=5000)) as there, saver() as clips:
        with pytest.raises(CannotSave):
            await clips.preview(there.url)

    assert len(there.requests) == 2
