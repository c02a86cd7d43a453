"""Pictures the model takes, and those it fails on."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from kit import PHOTOS
from sandbox_kit import account, available, origin, picture, poll, reason, submit, upload
from scripted_sandbox import Sandbox


@pytest.mark.parametrize(
    ("data", "content_type", "why"),
    [
        (picture(form="PNG"), "image/jpeg", "Image is image/png but was sent as image/jpeg"),
        (picture(form="GIF"), "image/gif", "could not be decoded"),
        (b"no picture", "image/png", "could not be decoded"),
        (picture()[:-200], "image/jpeg", "could not be decoded"),
        (picture(form="PNG")[:60] + bytes(40), "image/png", "could not be decoded"),
        (picture(300, 320), "image/jpeg", "must exceed 300 pixels"),
        ((PHOTOS / "chelsea.png").read_bytes(), "image/png", "must exceed 300 pixels"),
        (picture(800, 320), "image/jpeg", "between 2:5 and 5:2"),
        (picture(320, 800), "image/jpeg", "between 2:5 and 5:2"),
        (picture() + bytes(20 * 1024 * 1024), "image/jpeg", "the limit is 20971520"),
    ],
    ids=["mismatch", "gif", "text", "cut-jpeg", "cut-png", "small", "chelsea", "wide", "tall", "heavy"],
)
def test_a_picture_outside_the_rules_is_accepted_and_fails_with_the_reason(
    data: bytes, content_type: str, why: str
) -> None:
    with account(Sandbox(seconds=0)) as client:
        assert why in reason(client, submit(client, image=upload(client, data, content_type)))
        assert available(client) == 100


def test_a_jpeg_with_a_second_picture_inside_is_a_jpeg() -> None:
    buffer, still = io.BytesIO(), Image.new("RGB", (400, 320))
    still.save(buffer, "MPO", save_all=True, append_images=[still])
    with account(Sandbox(seconds=0)) as client:
        assert poll(client, submit(client, image=upload(client, buffer.getvalue())))["status"] == "completed"


def test_a_bomb_of_a_picture_fails_at_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with account(Sandbox(seconds=0)) as client:
        assert "could not be decoded" in reason(client, submit(client, image=upload(client, picture())))


@pytest.mark.parametrize("size", [(799, 320), (320, 799), (301, 301)])
def test_a_picture_just_within_the_rules_is_animated(size: tuple[int, int]) -> None:
    with account(Sandbox(seconds=0)) as client:
        url = upload(client, picture(*size), "image/jpg")
        assert poll(client, submit(client, image=url))["status"] == "completed"


def test_an_upload_that_is_not_there_fails_at_the_model() -> None:
    with account(Sandbox(seconds=0)) as client:
        prediction_id = submit(client, image=f"{origin(client)}/files/uploads/none.jpg")
        assert reason(client, prediction_id) == "Image could not be fetched"
