"""Parameters that take pictures take what `image` takes: checked and uploaded the same way, the same by their bytes.

Which parameters there are stands in each model's schema (atlas-cloud-api.md, "Model schemas"); the sandbox plays one.
"""

from __future__ import annotations

import base64
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from atlascloud_video_mcp.errors import InvalidInput, InvalidPicture
from atlascloud_video_mcp.models import ANY_PICTURE, Parameter, local_pictures
from atlascloud_video_mcp.models.local_pictures import takes_pictures
from atlascloud_video_mcp.service.results import DryRun, Prediction
from kit import PHOTOS, REMOTE, ROCKET, STANDARD, TINY, animate, rehearse, service_at
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from atlascloud_video_mcp.service.service import VideoService

FRAMES = "meridian/frames-1/image-to-video"
COFFEE = str(PHOTOS / "coffee.png")
COFFEE_BYTES = (PHOTOS / "coffee.png").read_bytes()
TEXT = {"type": ["string"]}
LIST = {"type": ["array"], "items": TEXT}


async def made(service: VideoService, image: str = REMOTE, **parameters: Any) -> Prediction | DryRun:  # noqa: ANN401 - of a model
    dry_run = parameters.pop("dry_run", False)
    return await (rehearse if dry_run else animate)(service, image, model=FRAMES, parameters=parameters)


def uploads(sandbox: Sandbox) -> int:
    return sum(request.endpoint == "upload" for request in sandbox.received)


async def test_a_last_frame_on_this_machine_is_uploaded_and_named_by_its_url(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url, online=True) as service:
        await made(service, ROCKET, last_frame_image=f"'{COFFEE}'", seed=1)

    body = sandbox.submissions[0]
    assert uploads(sandbox) == 2
    assert body["last_frame_image"] != body["first_frame_image"]
    assert body["last_frame_image"].startswith(f"{base_url.removesuffix('/api/v1')}/")
    assert body["seed"] == 1


async def test_the_same_picture_in_both_places_is_uploaded_once(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url, online=True) as service:
        await made(service, ROCKET, last_frame_image=ROCKET)

    assert uploads(sandbox) == 1
    body = sandbox.submissions[0]
    assert body["last_frame_image"] == body["first_frame_image"]


async def test_a_dry_run_checks_the_last_frame_and_uploads_nothing(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_text("no picture")
    async with service_at(base_url, online=True) as service:
        told = await made(service, last_frame_image=COFFEE, dry_run=True)
        assert isinstance(told, DryRun)
        assert told.request
        assert told.request["last_frame_image"] == "(upload of coffee.png)"
        with pytest.raises(InvalidPicture, match=r"^last_frame_image: This is not a picture"):
            await made(service, last_frame_image=str(tmp_path / "a.png"), dry_run=True)
        assert uploads(sandbox) == 0
        await made(service, last_frame_image=COFFEE)
        told = await made(service, last_frame_image=COFFEE, dry_run=True)
        assert isinstance(told, DryRun)
        assert told.request == sandbox.submissions[0]


async def test_a_request_is_the_same_by_the_bytes_of_its_last_frame(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    copy = shutil.copy(COFFEE, tmp_path / "copy.png")
    inline = f"data:image/png;base64,{base64.b64encode(COFFEE_BYTES).decode()}"
    async with service_at(base_url, online=True) as service:
        for again in (COFFEE, str(copy), inline):
            await made(service, last_frame_image=again)
        assert len(sandbox.submissions) == 1
        await made(service, last_frame_image=ROCKET)

    assert len(sandbox.submissions) == 2


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("/no/such.png", "last_frame_image: /no/such.png cannot be opened: no file there"),
        ("http://example.com/a.png", "last_frame_image: http addresses are not accepted"),
        ("https://127.0.0.1/a.png", "last_frame_image: The picture's URL leads to 127.0.0.1, which Atlas Cloud cannot"),
        ("https://me:pw@example.com/a.png", "last_frame_image: The picture's URL holds a user name"),
        ("", "last_frame_image: No picture was given"),
        (TINY, "last_frame_image: The picture is 64 x 64 px: its short side is 64 px"),
    ],
)
async def test_a_last_frame_that_cannot_be_taken_is_refused_by_name_and_nothing_is_sent(
    sandbox: Sandbox, base_url: str, last: str, said: str
) -> None:
    async with service_at(base_url, online=True) as service:
        with pytest.raises(InvalidInput, match=said):
            await made(service, ROCKET, last_frame_image=last)

    assert uploads(sandbox) == 0
    assert sandbox.submissions == []


async def test_a_last_frame_outside_the_allowed_directories_is_refused(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, online=True, allowed_dirs=[tmp_path]) as service:
        with pytest.raises(InvalidPicture, match=r"last_frame_image: .*lies outside"):
            await made(service, last_frame_image=COFFEE)

    assert sandbox.submissions == []


async def test_what_was_changed_in_a_further_picture_is_noted_with_its_name(base_url: str, tmp_path: Path) -> None:
    from PIL import Image  # noqa: PLC0415 - this test's alone

    Image.linear_gradient("L").resize((400, 400)).save(tmp_path / "cat.webp")
    async with service_at(base_url, online=True) as service:
        told = await made(service, ROCKET, last_frame_image=str(tmp_path / "cat.webp"))

    assert any(note.startswith("last_frame_image: Converted from WebP") for note in told.notes or ())


async def test_references_in_a_list_are_uploaded_each_in_its_place(sandbox: Sandbox, base_url: str) -> None:
    schema = {"properties": {"image": TEXT, "reference_images": LIST}}
    body = json.dumps({"components": {"schemas": {"Input": schema}}})
    sandbox.script(Fault(endpoint="schema", action="status", status=200, body=body, times=9))
    listed = {"reference_images": [COFFEE, REMOTE, ROCKET]}
    async with service_at(base_url, online=True) as service:
        told = await rehearse(service, REMOTE, model=STANDARD, parameters=listed)

    assert told.request
    assert told.request["reference_images"] == ["(upload of coffee.png)", REMOTE, "(upload of rocket.jpg)"]


# --- Which parameters take pictures


@pytest.mark.parametrize(
    ("name", "rule", "takes"),
    [
        ("last_image", TEXT, True),
        ("end_image_url", {"type": ["string", "null"]}, True),
        ("tail_image", {}, True),
        ("reference_images", LIST, True),
        ("mask", TEXT | {"description": "URL of the mask image"}, True),
        ("subject", LIST | {"description": "Up to 3 pictures, as URLs or base64"}, True),
        ("prompt", TEXT | {"description": "What happens in the image; may hold the URL of a link"}, False),
        ("negative_prompt", TEXT | {"description": "What not to show in the image"}, False),
        ("video", TEXT | {"description": "URL of the video whose frames are used"}, False),
        ("video_url", TEXT | {"description": "URL of the video whose last frame is used"}, False),
        ("audio_url", TEXT | {"description": "URL of a sound for the image"}, False),
        ("image_size", TEXT, False),
        ("image_mode", {"enum": ["first", "last"]}, False),
        ("last_image_weight", {"type": ["number"]}, False),
        ("last_image", {"type": ["integer"]}, False),
        ("style", TEXT | {"description": "The style of the image"}, False),
    ],
)
def test_a_parameter_takes_pictures_by_its_name_or_its_description(
    name: str, rule: dict[str, Any], *, takes: bool
) -> None:
    assert takes_pictures(Parameter(name, rule, is_required=False)) is takes


def test_what_is_no_text_or_unknown_is_left_to_the_models_own_rules() -> None:
    takes = {"reference_images": Parameter("reference_images", LIST, is_required=False)}
    given = {"reference_images": [1, "/a.png"], "other_image": "/b.png"}

    urls, found = local_pictures(takes, given, lambda _: None)

    assert urls == {"reference_images": [1, ANY_PICTURE], "other_image": "/b.png"}
    assert [(picture.label, picture.source) for picture in found] == [("reference_images[1]", "/a.png")]
