from __future__ import annotations

import pytest

from atlascloud_video_mcp.cloud.body_fields import duration_of, picture_of, picture_rank, prompt_of, takes_a_picture

PICTURE = "https://x.example/a.jpg"


@pytest.mark.parametrize(
    "name",
    ["image", "image_url", "imageUrl", "first_frame_image", "first_frame", "start_image", "images", "img_url", "photo"],
)
def test_the_picture_of_a_request_is_found_under_the_names_models_give_it(name: str) -> None:
    assert picture_of({"model": "m", "prompt": "https://x.example/no.jpg", name: PICTURE}) == PICTURE
    assert picture_of({name: [PICTURE, "https://x.example/b.jpg"]}) == PICTURE


@pytest.mark.parametrize(
    "name",
    [
        "last_frame_image",
        "end_image",
        "tail_image_url",
        "mask_image",
        "image_size",
        "num_images",
        "frame_rate",
        "frames",
    ],
)
def test_another_field_is_not_taken_for_the_picture_a_clip_starts_from(name: str) -> None:
    assert picture_rank(name) is None
    assert picture_of({name: PICTURE}) is None


def test_of_several_pictures_the_likeliest_is_the_one_that_is_animated() -> None:
    others = {"style_image": "https://x.example/s.jpg", "subject_image": "https://x.example/r.jpg"}

    assert picture_of(others | {"product_photo": PICTURE}) == "https://x.example/r.jpg"
    assert picture_of(others | {"image_url": PICTURE}) == PICTURE
    assert picture_of({"first_frame_image": "https://x.example/f.jpg", "image": PICTURE}) == PICTURE


@pytest.mark.parametrize(
    ("name", "takes"), [("end_image", True), ("last_frame", True), ("image_format", False), ("camera_fixed", False)]
)
def test_a_further_picture_is_told_from_what_is_said_about_pictures(name: str, *, takes: bool) -> None:
    assert takes_a_picture(name) is takes


@pytest.mark.parametrize("value", ["data:image/png;base64,AAAA", 5, None, [], [5], {"url": PICTURE}])
def test_what_is_no_web_address_is_not_shown_as_one(value: object) -> None:
    assert picture_of({"image": value}) is None


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"duration": 6}, 6),
        ({"duration": "10"}, 10),
        ({"duration": "5s"}, 5),
        ({"seconds": 8.0}, 8),
        ({"duration": 2.5}, None),
        ({"duration": True}, None),
        ({"duration": "long"}, None),
        ({}, None),
    ],
)
def test_the_duration_is_read_in_whatever_form_the_model_takes_it(body: dict[str, object], seconds: int | None) -> None:
    assert duration_of(body) == seconds


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ({"prompt": "wind"}, "wind"),
        ({"text_prompt": "wind"}, "wind"),
        ({"prompt": ["wind"]}, "wind"),
        ({"prompt": ["wind", "rain"]}, None),
        ({"prompt": 5}, None),
        ({}, None),
    ],
)
def test_the_prompt_is_read_in_whatever_form_the_model_takes_it(body: dict[str, object], prompt: str | None) -> None:
    assert prompt_of(body) == prompt
