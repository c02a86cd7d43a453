"""What a model takes, by its schema, and the requests made of it."""

from __future__ import annotations

from typing import Any

import pytest

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.media.pictures import PictureRules
from atlascloud_video_mcp.models import Model
from atlascloud_video_mcp.models.entries import BUILT_IN
from atlascloud_video_mcp.models.schema import Malformed, read_input
from kit import FAST, PRO, REMOTE, STANDARD

IMAGE = {"type": "string"}


def model(required: list[str] | None = None, **properties: object) -> Model:
    """A model that publishes these properties, and an image where they hold none."""
    known = properties if any("image" in name for name in properties) else {"image": IMAGE, **properties}
    schema = {"properties": known, "required": required or []}
    return Model.of("maker/model", read_input({"components": {"schemas": {"Input": schema}}}))


def fault_of(made: Model, **wish: Any) -> str:  # noqa: ANN401 - the arguments of a request
    with pytest.raises(InvalidInput) as caught:
        made.request(**wish)
    said = str(caught.value)
    assert said.startswith("Nothing was sent or paid. ")
    return said.removeprefix("Nothing was sent or paid. ")


def test_only_what_is_asked_for_is_sent() -> None:
    assert BUILT_IN[STANDARD].request(prompt="", parameters={"duration": None}) == {"model": STANDARD}


def test_all_that_is_asked_for_is_sent() -> None:
    request = BUILT_IN[STANDARD].request(prompt="wind", duration=10, enable_prompt_expansion=False)

    assert request == {"model": STANDARD, "prompt": "wind", "duration": 10, "enable_prompt_expansion": False}


def test_a_parameter_is_the_same_as_an_argument_or_among_the_parameters() -> None:
    fast = BUILT_IN[FAST]

    assert fast.request(duration=10) == fast.request(parameters={"duration": 10})
    assert fast.request(parameters={"go_fast": False})["go_fast"] is False


def test_every_fault_is_named_in_one_answer() -> None:
    said = fault_of(
        BUILT_IN[STANDARD],
        prompt="x" * 2001,
        duration=3,
        parameters={"seed": 1, "enable_prompt_expansion": "maybe", "model": PRO, "image": REMOTE},
    )

    assert "prompt has 2001 characters, above the limit of 2000" in said
    assert f"duration is 3, which is not allowed: {STANDARD} takes 6 or 10 seconds" in said
    assert f"seed is unknown to {STANDARD}" in said
    assert 'enable_prompt_expansion is "maybe", which is of the wrong type' in said
    assert "takes true or false" in said
    assert "model is among the parameters: give it as the argument model" in said
    assert "image is among the parameters: give it as the argument image" in said
    assert f"{STANDARD} takes prompt, duration, enable_prompt_expansion" in said
    assert "\n" not in said


def test_the_pro_model_takes_no_duration() -> None:
    assert fault_of(BUILT_IN[PRO], duration=6) == f"duration is 6: {PRO} takes no duration: leave it out."


def test_a_misspelled_parameter_gets_a_guess_and_the_list() -> None:
    said = fault_of(BUILT_IN[STANDARD], parameters={"durration": 6})

    assert said == (
        f"durration is unknown to {STANDARD} (did you mean duration?); "
        f"{STANDARD} takes prompt, duration, enable_prompt_expansion."
    )


def test_a_parameter_given_twice_is_a_fault_whatever_the_values() -> None:
    assert "duration is given twice" in fault_of(BUILT_IN[STANDARD], duration=6, parameters={"duration": 6})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"deep": [float("nan")]}])
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    assert "NaN, infinity, broken text" in fault_of(BUILT_IN[STANDARD], parameters={"prompt": value})
    assert "NaN, infinity, broken text" in fault_of(BUILT_IN[STANDARD], prompt="\ud800")


def test_names_that_nobody_would_give_a_parameter_are_quoted_and_not_all_told() -> None:
    said = fault_of(
        BUILT_IN[STANDARD], parameters={"two\nlines": 1} | {f"stranger_{number}": 1 for number in range(99)}
    )

    assert said.startswith('"two\\nlines" is unknown')
    assert "stranger_8 is unknown" in said
    assert "stranger_9 is unknown" not in said


@pytest.mark.parametrize(
    ("name", "rule", "sent"),
    [
        ("image", {"type": "string"}, REMOTE),
        ("image_url", {"type": "string", "format": "uri"}, REMOTE),
        ("first_frame_image", {}, REMOTE),
        ("image", {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, REMOTE),
        ("images", {"type": "array", "items": {"type": "string"}, "maxItems": 4}, [REMOTE]),
        ("start_image", {"type": "string", "nullable": True}, REMOTE),
    ],
)
def test_the_picture_goes_where_the_schema_takes_it(name: str, rule: dict[str, Any], sent: object) -> None:
    made = model([name], prompt=IMAGE, last_frame_image=IMAGE, **{name: rule})

    assert made.with_picture({"model": "maker/model"}, REMOTE) == {"model": "maker/model", name: sent}
    assert name not in [parameter.name for parameter in made.offered]
    assert "give it as the argument image" in fault_of(made, parameters={name: REMOTE})


def test_of_two_picture_fields_the_required_one_is_filled() -> None:
    made = model(["first_frame_image"], image=IMAGE, first_frame_image=IMAGE)

    assert made.picture.name == "first_frame_image"
    assert made.request(parameters={"image": REMOTE}) == {"model": "maker/model", "image": REMOTE}


@pytest.mark.parametrize(
    "properties",
    [
        {"prompt": {"type": "string"}, "last_image": {"type": "string"}},
        {"image": {"type": "string", "enum": ["on", "off"]}},
        {"image": {"type": "boolean"}},
        {"images": {"type": "array", "minItems": 2}},
    ],
)
def test_a_model_that_starts_from_no_single_picture_is_none_of_ours(properties: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="takes no picture"):
        Model.of("m", read_input({"properties": properties}))


@pytest.mark.parametrize(
    ("rule", "seconds", "sent"),
    [
        ({"type": "integer", "enum": [5, 10]}, 5, 5),
        ({"type": "string", "enum": ["5", "10"]}, 10, "10"),
        ({"type": "string", "enum": ["5s", "10s"]}, 10, "10s"),
        ({"type": "integer", "enum": ["5", "10"]}, 5, "5"),
        ({"type": "number", "minimum": 1, "maximum": 60}, 7, 7),
        ({"anyOf": [{"type": "integer", "minimum": 2, "maximum": 8}, {"type": "null"}]}, 8, 8),
        ({"allOf": [{"$ref": "#/components/schemas/Duration"}]}, 5, 5),
    ],
)
def test_the_duration_is_sent_as_the_model_spells_it(rule: dict[str, Any], seconds: int, sent: object) -> None:
    shared = {"Duration": {"type": "integer", "maximum": 8}}
    schema = {"properties": {"image": IMAGE, "duration": rule}}
    made = Model.of("m", read_input({"components": {"schemas": {"Input": schema, **shared}}}))

    assert made.request(duration=seconds)["duration"] == sent


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            {"type": "string", "enum": ["5", "10"]},
            "duration is 7, which is not allowed: maker/model takes 5 or 10 sec",
        ),
        (
            {"type": "integer", "minimum": 10, "maximum": 12},
            "is 7, below the minimum: maker/model takes a whole number (1",
        ),
        (
            {"anyOf": [{"type": "integer", "maximum": 6}, {"type": "null"}]},
            "is 7, above the maximum: maker/model takes a",
        ),
        ({"type": "integer", "minimum": 7, "exclusiveMinimum": True}, "at least 7 (itself not included)"),
        ({"type": "number", "exclusiveMaximum": 6.5}, "at most 6.5 (itself not included)"),
        (
            {"type": "integer", "multipleOf": 2},
            "is not a multiple of 2: maker/model takes a whole number (in",
        ),
        ({"const": 5}, "takes any value"),
        ({"type": "string"}, "is 7, which is of the wrong type: maker/model takes text"),
    ],
)
def test_a_duration_that_is_not_on_offer_is_told_with_what_is(rule: dict[str, Any], said: str) -> None:
    if "const" in rule:
        assert model(duration=rule).request(duration=7)["duration"] == 7
    else:
        assert said in fault_of(model(duration=rule), duration=7)


def test_a_duration_under_another_name_is_found() -> None:
    assert model(seconds={"type": "integer"}).request(duration=4) == {"model": "maker/model", "seconds": 4}


@pytest.mark.parametrize(
    ("rule", "given", "sent"),
    [
        ({"type": "integer"}, "5", 5),
        ({"type": "integer"}, 5.0, 5),
        ({"type": "number"}, 5.0, 5.0),
        ({"type": "boolean"}, "True", True),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
        ({"type": "array", "items": {"type": "string"}}, '["a"]', ["a"]),
        ({"type": "string"}, "5", "5"),
        ({}, "5", "5"),
        ({}, 5, 5),
    ],
)
def test_what_is_spelt_as_text_is_read_where_only_that_fits(rule: dict[str, Any], given: object, sent: object) -> None:
    assert model(p=rule).request(parameters={"p": given})["p"] == sent


@pytest.mark.parametrize(
    ("rule", "given", "said"),
    [
        ({"type": "integer"}, "soon", 'p is "soon", which is of the wrong type: maker/model takes a whole number'),
        ({"type": "integer"}, True, "p is true, which is of the wrong type"),
        ({"type": "string", "minLength": 3}, "a", "p has 1 characters, at least 3 are needed"),
        ({"type": "array", "minItems": 2, "maxItems": 3}, [1], "p has 1 items, at least 2 are needed"),
        ({"type": "array", "minItems": 2, "maxItems": 3}, [1], "maker/model takes a list (2 to 3 items)"),
        ({"type": "array", "maxItems": 1}, [1, 2], "p has 2 items, above the limit of 1"),
        ({"type": "array", "items": {"type": "integer", "minimum": 0}}, [1, -1], "p[1] is -1, below the minimum"),
        ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"a": "x"}, 'p.a is "x"'),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, {}, "p lacks 'a'"),
        ({"type": ["string", "null"], "enum": ["a", "b", None]}, "c", "not allowed: maker/model takes a or b"),
        ({"enum": [[1], {"b": 2}, 1.5, True, None]}, 5, 'takes [1], {"b": 2}, 1.5 or true'),
        ({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, "x", "takes a whole number or true or false"),
        ({"type": "string", "enum": [f"value {n}" for n in range(30)]}, "x", '"value 19" and 10 more'),
        ({"type": "string", "maxLength": 2}, "x" * 200, "has 200 characters, above the limit of 2"),
        ({"type": "integer"}, "x" * 200, f'is "{"x" * 59}..., which'),
        ({"type": "array", "items": {"type": "integer"}}, ["x"] * 100, "p[4]"),
    ],
)  # fmt: skip
def test_each_rule_is_applied_and_said(rule: dict[str, Any], given: object, said: str) -> None:
    assert said in fault_of(model(p=rule), parameters={"p": given})


def test_a_thousand_wrong_items_are_not_all_listed() -> None:
    rule = {"type": "array", "items": {"type": "integer"}}

    assert len(fault_of(model(p=rule), parameters={"p": ["x"] * 1000})) < 1000


def test_a_required_parameter_without_a_default_is_asked_for() -> None:
    made = model(["image", "prompt", "style"], prompt=IMAGE, style={"type": "string", "enum": ["ink", "oil"]})

    assert fault_of(made) == (
        "prompt is missing: maker/model takes text; style is missing: maker/model takes ink or oil."
    )


def test_nothing_that_the_caller_did_not_give_is_in_the_body() -> None:
    made = model(
        ["size", "webhook_url", "num_clips"],
        size={"type": "string", "default": "720p"},
        webhook_url={"type": "string", "default": "https://evil.example/", "hidden": True},
        num_clips={"type": "integer", "default": 40, "hidden": True},
        seed={"type": "integer", "default": 7},
    )

    assert made.request() == {"model": "maker/model"}
    assert made.request(parameters={"size": "4k"}) == {"model": "maker/model", "size": "4k"}
    assert "webhook_url is unknown to maker/model" in fault_of(made, parameters={"webhook_url": REMOTE})


def test_what_is_hidden_or_disabled_is_neither_asked_for_nor_offered() -> None:
    made = model(
        ["secret", "off"], secret={"type": "string", "x-hidden": True}, off={"disabled": True, "default": 1}, seed={}
    )

    assert made.request() == {"model": "maker/model"}
    assert [parameter.name for parameter in made.offered] == ["seed"]
    assert "off is unknown to maker/model; maker/model takes seed" in fault_of(made, parameters={"off": 1})


def test_a_further_picture_must_lie_where_the_api_can_read_it() -> None:
    further = {"end_image": IMAGE, "start_frames": {"type": "array", "items": {}}, "audio": {"format": "uri"}}
    made = model(["image"], image=IMAGE, **further)
    mine = "http://127.0.0.1:1/files/a.jpg"

    for name in ("end_image", "audio"):
        assert "an https URL, which upload_image gives" in fault_of(made, parameters={name: "/home/me/a.jpg"})
        assert made.request(parameters={name: REMOTE})[name] == REMOTE
        assert made.request(parameters={name: mine}, serves=lambda url: url == mine)[name] == mine
    assert made.request(parameters={"start_frames": [1]})["start_frames"] == [1]


def test_a_model_without_a_prompt_is_given_none() -> None:
    made = model(effect={"type": "string"})

    assert "takes no prompt: leave it out" in fault_of(made, prompt="wind")
    assert "takes no enable_prompt_expansion" in fault_of(made, enable_prompt_expansion=True)


def test_a_prompt_that_is_a_list_of_one_is_sent_as_such() -> None:
    assert model(prompt={"type": "array"}).request(prompt="wind")["prompt"] == ["wind"]


def test_the_order_of_the_parameters_is_the_documents() -> None:
    properties = {"a": {}, "image": IMAGE, "b": {}, "a b": {}, "model": {}}
    schema = {"properties": properties, "x-order-properties": ["b", "gone", "b", 5]}

    assert [each.name for each in Model.of("m", read_input(schema)).offered] == ["b", "a"]


@pytest.mark.parametrize(
    "document", [None, [], "text", {}, {"components": []}, {"components": {"schemas": {"Input": {"properties": {}}}}}]
)
def test_a_document_without_parameters_is_none(document: object) -> None:
    with pytest.raises(Malformed, match="describes no parameters"):
        read_input(document)


@pytest.mark.parametrize(
    "rule",
    [
        None,
        "text",
        {"type": "colour"},
        {"type": [5, {}]},
        {"enum": "abc"},
        {"enum": []},
        {"minimum": "0", "maximum": True, "multipleOf": 0, "maxLength": -1, "minItems": 1.5},
        {"minimum": float("inf"), "default": None, "description": 5},
        {"items": 5, "anyOf": {}, "allOf": 5, "properties": []},
        {"$ref": "#/components/schemas/Nowhere"},
        {"pattern": "(a+)+$"},
        {"type": "string", "maxLength": "ten"},
    ],
)
def test_a_malformed_rule_is_no_rule(rule: object) -> None:
    assert model(p=rule).request(parameters={"p": "value"})["p"] == "value"


def test_a_schema_that_refers_to_itself_has_an_end() -> None:
    endless = {"anyOf": [{"$ref": "#/components/schemas/Endless"}] * 12}
    schema = {"properties": {"image": IMAGE, "p": {"$ref": "#/components/schemas/Endless"}}}
    made = Model.of("m", read_input({"components": {"schemas": {"Input": schema, "Endless": endless}}}))

    assert made.request(parameters={"p": 1}) == {"model": "m", "p": 1}


@pytest.mark.parametrize(
    ("description", "rules"),
    [
        ("", PictureRules()),
        ("The image file size cannot exceed 10MB, and the image resolution should not be less than 300*300px",
         PictureRules(max_bytes=10_000_000, short_side_above=299)),
        ("Input image URL (jpg/jpeg/png, max 4.5 MB)", PictureRules(max_bytes=4_500_000)),
        ("The aspect ratio is greater than 1:4 and less than 4:1; Short side pixels greater than 200px; max 20MB",
         PictureRules(short_side_above=200, ratio_above=(1, 4), ratio_below=(4, 1))),
        ("the aspect ratio of the image should be between 1:2.5 ~ 2.5:1.", PictureRules()),
        ("Aspect ratio from 16:9 to 21:9", PictureRules()),
        ("ratio between 1:0 and 0:1, larger than 5000 MB", PictureRules()),
        ("bigger than 640 pixels", PictureRules(short_side_above=640)),
    ],
)  # fmt: skip
def test_the_limits_of_pictures_are_read_from_the_description(description: str, rules: PictureRules) -> None:
    assert model(image={"type": "string", "description": description}).pictures == rules


def test_what_is_known_of_a_model_beside_its_schema_holds_where_the_schema_is_silent() -> None:
    schema = read_input({"properties": {"image": IMAGE, "prompt": {"type": "string"}, "duration": {"enum": [6, 12]}}})
    made = Model.of(STANDARD, schema, base=BUILT_IN[STANDARD])

    assert made.request(duration=12)["duration"] == 12
    assert "above the limit of 2000" in fault_of(made, prompt="x" * 2001)


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({"type": "integer"}, "integer"),
        ({"anyOf": [{"type": "string"}, {"type": "array"}, {"type": "null"}]}, "string or array"),
        ({"type": "string", "anyOf": [{"maxLength": 5}]}, "string"),
        ({"enum": [1, 1.5]}, "integer or number"),
        ({}, "any"),
    ],
)
def test_the_type_of_a_parameter_is_said_in_a_word(rule: dict[str, Any], word: str) -> None:
    assert model(p=rule).takes["p"].type == word
