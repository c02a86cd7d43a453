"""The clips: real video, fully decoded, and how they are served."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageStat

from atlascloud_sandbox.camera import choose
from atlascloud_sandbox.render import RenderStopped, render
from kit import PHOTOS
from sandbox_kit import FAST, PRO, account, decode, difference, origin, picture, poll, submit, upload
from scripted_sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path


def clip(client_sandbox: Sandbox, data: bytes, content_type: str, **changes: object) -> bytes:
    """Make a clip of a picture over the API."""
    with account(client_sandbox) as client:
        url = upload(client, data, content_type)
        [video] = poll(client, submit(client, image=url, **changes))["outputs"]
        return client.get(video).content


@pytest.mark.parametrize(
    ("photo", "content_type", "changes", "frames", "size"),
    [
        ("rocket.jpg", "image/jpeg", {}, 144, (144, 96)),
        ("coffee.png", "image/png", {"duration": 10}, 240, (144, 96)),
        ("hubble_deep_field.jpg", "image/jpeg", {"model": PRO}, 144, (110, 96)),
        ("rocket.jpg", "image/jpeg", {"model": FAST, "duration": 6, "prompt": None}, 144, (144, 96)),
    ],
)
def test_a_clip_is_playable_has_the_shape_of_the_picture_and_moves(
    photo: str, content_type: str, changes: dict[str, object], frames: int, size: tuple[int, int]
) -> None:
    data = clip(Sandbox(seconds=0, short_side=96), (PHOTOS / photo).read_bytes(), content_type, **changes)
    images, seconds, codec, pixels = decode(data)
    assert (len(images), seconds, codec, pixels) == (frames, frames / 24, "h264", "yuv420p")
    assert {image.size for image in images} == {size}
    assert difference(images[0], images[-1]) > 10 * difference(images[0], images[1])
    assert difference(images[0], images[-1]) > 3
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_picture_that_was_never_seen_is_stood_in_for_by_a_gradient() -> None:
    with account(Sandbox(seconds=0, short_side=96)) as client:
        [video] = poll(client, submit(client))["outputs"]
        images, *_ = decode(client.get(video).content)
    assert (len(images), images[0].size) == (144, (128, 96))
    assert difference(images[0], images[-1]) > 3


def test_a_photograph_that_exif_turns_is_animated_as_a_model_without_exif_sees_it() -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(io.BytesIO(picture(480, 320))).save(buffer, "JPEG", exif=exif)
    images, *_ = decode(clip(Sandbox(seconds=0, short_side=96), buffer.getvalue(), "image/jpeg"))
    assert images[0].size == (144, 96)


@pytest.mark.parametrize("colour", ["white", "black"])
def test_the_mark_stands_in_the_corner_of_light_and_dark_pictures(colour: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    still = Image.new("RGB", (400, 300), colour)
    render(still, path, prompt="", seconds=1, short_side=240, stop=lambda: False)
    frames, *_ = decode(path.read_bytes())
    corner, rest = (frames[0].crop(box).convert("L") for box in ((230, 200, 320, 240), (0, 0, 230, 200)))
    assert ImageStat.Stat(corner).stddev[0] > 30
    assert ImageStat.Stat(rest).stddev[0] < 1


@pytest.mark.parametrize(
    ("prompt", "other"),
    [
        ("", "[Push in]"),
        ("the camera is pushing slowly in on her face", "[Push in]"),
        ("The camera pulls back from the house", "[Pull out]"),
        ("zooming in", "[Zoom in]"),
        ("it zooms slowly out", "[Zoom out]"),
        ("camera panning smoothly to the left", "[Pan left]"),
        ("[Truck left]", "[Pan left]"),
        ("pans right to follow", "[Truck right]"),
        ("[Pedestal up] a bird", "[Tilt up]"),
        ("tilts gently down", "[Pedestal down]"),
        ("a panda looks left", "[Push in]"),
        ("the pan. A cat runs left", "[Push in]"),
        ("[Tilt up] and then [Pan left]", "[Tilt up]"),
    ],
)
def test_camera_words_and_commands_mean_the_same_move(prompt: str, other: str) -> None:
    assert choose(prompt) == choose(other)


def test_there_are_nine_moves() -> None:
    turns = [f"{verb} {way}" for verb in ("Pan", "Tilt") for way in ("left", "right", "up", "down")]
    commands = ["Push in", "Pull out", "Zoom in", "Zoom out", "Static shot", *turns]
    # A pan goes sideways only and a tilt up and down only; what is neither counts as the default.
    assert len({choose(f"[{command}]") for command in commands}) == 9


@pytest.mark.parametrize("command", ["Push in", "Pull out", "Zoom in", "Pan left", "Pan right", "Tilt up", "Tilt down"])
def test_a_move_is_slow_at_both_ends_and_never_leaves_the_picture(command: str) -> None:
    boxes = [choose(f"[{command}]").box(step / 100, 300, 200) for step in range(101)]
    steps = [max(abs(a - b) for a, b in zip(one, two, strict=True)) for one, two in pairwise(boxes)]
    assert steps[0] < steps[50] / 5
    assert steps[-1] < steps[50] / 5
    assert all(0 <= left < right <= 300 and 0 <= top < bottom <= 200 for left, top, right, bottom in boxes)


def test_the_picture_wanders_right_when_the_camera_pans_left(tmp_path: Path) -> None:
    still = Image.new("RGB", (400, 300), "black")
    still.paste("white", (190, 0, 210, 300))
    path = tmp_path / "clip.mp4"
    render(still, path, prompt="[Pan left]", seconds=1, short_side=96, stop=lambda: False)
    frames, *_ = decode(path.read_bytes())
    first, last = (
        frame.convert("L").crop((0, 0, 128, 60)).point(lambda v: 255 * (v > 128)) for frame in (frames[0], frames[-1])
    )
    first_box, last_box = first.getbbox(), last.getbbox()
    assert first_box is not None
    assert last_box is not None
    assert last_box[0] - first_box[0] > 20


def test_rendering_stops_within_a_frame(tmp_path: Path) -> None:
    answers = iter([False, False, True])
    with pytest.raises(RenderStopped):
        render(Image.new("RGB", (400, 300)), tmp_path / "a", prompt="", seconds=6, short_side=96, stop=answers.__next__)
    assert list(answers) == []


def test_a_clip_is_served_whole_in_part_and_by_its_head() -> None:
    with account(Sandbox(seconds=0, short_side=96)) as client:
        [video] = poll(client, submit(client))["outputs"]
        head = client.head(video)
        whole = client.get(video)
        part = client.get(video, headers={"range": "bytes=4-11"})
        beyond = client.get(video, headers={"range": "bytes=99999999-"})
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole.content)))
    assert (whole.headers["content-type"], whole.headers["accept-ranges"]) == ("video/mp4", "bytes")
    assert (part.status_code, part.content) == (206, whole.content[4:12])
    assert part.headers["content-range"] == f"bytes 4-11/{len(whole.content)}"
    assert beyond.status_code == 416


def test_a_clip_is_rendered_once_however_many_ask_for_it() -> None:
    with account(Sandbox(seconds=0, short_side=96)) as client:
        [video] = poll(client, submit(client))["outputs"]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(client.get, [video] * 4))
    assert len({answer.headers["last-modified"] + answer.headers["etag"] for answer in answers}) == 1
    assert len({answer.content for answer in answers}) == 1


def test_there_is_no_clip_before_the_generation_is_over() -> None:
    sandbox = Sandbox(seconds=3600, short_side=96)
    with account(sandbox) as client:
        prediction_id = submit(client)
        assert client.get(f"{origin(client)}/files/outputs/{prediction_id}.mp4").status_code == 404
        assert client.get(f"{origin(client)}/files/outputs/none.mp4").status_code == 404
