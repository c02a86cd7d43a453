"""The catalogue of the sandbox: what is listed, what each model takes, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from kit import PHOTOS, STANDARD
from sandbox_kit import (
    FAST,
    PICTURE_URL,
    PRO,
    account,
    available,
    decode,
    difference,
    order,
    origin,
    poll,
    reason,
    rows,
    upload,
)
from sandbox_kit import submit as submit_order
from scripted_sandbox import Fault, Sandbox, Style
from scripted_sandbox.offers import MODELS

if TYPE_CHECKING:
    import httpx

LANTERN = "lantern/lantern-2/image-to-video"
FRAMES = "meridian/frames-1/image-to-video"
REFERENCE = "meridian/reference-1/reference-to-video"
TIDAL_PRO = "tidal/tidal-3-pro/image-to-video"
TIDAL_MINI = "tidal/tidal-3-mini/image-to-video"
ORCHARD = "orchard/still-life-1"
PREVIEW = "tidal/tidal-4-preview/image-to-video"
PAINT = "lantern/paint-1/text-to-image"
# Model, the field of its picture, and if that takes a list.
ANIMATING = [
    (STANDARD, "image", False),
    (PRO, "image", False),
    (FAST, "image", False),
    (LANTERN, "image_url", False),
    (FRAMES, "first_frame_image", False),
    (REFERENCE, "images", True),
    (TIDAL_PRO, "image", False),
    (TIDAL_MINI, "image", False),
    (ORCHARD, "image", False),
    (ORCHARD, "image", True),
    (PREVIEW, "image", False),
]


def least(model: str, **changes: object) -> dict[str, Any]:
    """The picture and the prompt, and what is to be changed; None leaves a field out."""
    field, listed = next((field, listed) for id_, field, listed in ANIMATING if id_ == model)
    picture = [PICTURE_URL] if listed else PICTURE_URL
    return order(**({"model": model, "image": None, field: picture} | changes))


def submit(client: httpx.Client, model: str, **changes: object) -> str:
    return submit_order(client, **({"image": None} | least(model, **changes)))


def entries(client: httpx.Client) -> dict[str, dict[str, Any]]:
    return {entry["model"]: entry for entry in client.get("/models").json()["data"]}


def document(client: httpx.Client, model: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(entries(client)[model]["schema"]).json()
    return answer


def quote(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/model/calculate", json=body)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_the_catalogue_needs_no_key_and_lists_more_than_what_animates_pictures() -> None:
    with account(Sandbox(), authorization="") as client:
        listed = entries(client)
    assert set(listed) == set(MODELS)
    assert {id_ for id_, _, _ in ANIMATING} < set(listed)
    assert {entry["type"] for entry in listed.values()} == {"Video", "Image"}
    assert [id_ for id_, entry in listed.items() if not entry["display_console"]] == [PREVIEW]


def test_the_catalogue_tells_what_a_model_does_in_every_way_that_is_seen() -> None:
    with account(Sandbox()) as client:
        listed = entries(client)
    told = {id_: (*entry["categories"], *entry["tags"]) for id_, entry in listed.items()}
    assert "Image-to-Video" in told[STANDARD]
    assert "IMAGE-TO-VIDEO" in told[LANTERN]
    assert "image_to_video" in told[FRAMES]
    assert listed[REFERENCE]["categories"] == []
    assert "IMAGE_TO_VIDEO" in told[REFERENCE]
    assert told[ORCHARD] == ("Video",)


@pytest.mark.parametrize("model", MODELS)
def test_each_schema_is_valid_and_for_its_own_model(model: str) -> None:
    with account(Sandbox()) as client:
        published = document(client, model)
    schemas = published["components"]["schemas"]
    Draft202012Validator.check_schema(schemas["Input"])
    assert set(schemas["Input"]["required"]) <= set(schemas["Input"]["properties"])
    assert schemas["Input"]["properties"]["model"]["default"] == model


def test_the_schemas_have_the_shapes_of_the_field() -> None:
    with account(Sandbox()) as client:
        documents = {model: document(client, model) for model in MODELS}
    inputs = {model: published["components"]["schemas"]["Input"] for model, published in documents.items()}
    properties = {model: described["properties"] for model, described in inputs.items()}
    assert properties[LANTERN]["duration"]["enum"] == ["5", "10"]
    assert {properties[FRAMES]["duration"][end] for end in ("minimum", "maximum")} == {4, 12}
    assert properties[FRAMES]["resolution"]["$ref"] == "#/components/schemas/Resolution"
    assert documents[FRAMES]["components"]["schemas"]["Resolution"]["enum"] == ["480p", "720p", "1080p"]
    assert properties[REFERENCE]["images"]["maxItems"] == 4
    assert [branch["type"] for branch in properties[REFERENCE]["duration"]["anyOf"]] == ["integer", "null"]
    assert properties[TIDAL_PRO]["provider"]["hidden"]
    assert properties[TIDAL_PRO]["watermark"]["disabled"]
    assert "default" in properties[TIDAL_PRO]["resolution"]
    assert "resolution" in inputs[TIDAL_PRO]["required"]
    assert list(documents[TIDAL_PRO]["paths"]) == ["/api/v1/model/generateImage"]
    assert [model for model, described in inputs.items() if "x-order-properties" not in described] == [TIDAL_MINI]
    assert "duration" not in properties[PRO]


@pytest.mark.parametrize(("model", "field", "listed"), ANIMATING)
def test_each_model_animates_with_nothing_but_a_picture_and_a_prompt(model: str, field: str, *, listed: bool) -> None:
    with account(Sandbox(seconds=0, short_side=96)) as client:
        url = upload(client, (PHOTOS / "rocket.jpg").read_bytes())
        body = order(model=model, image=None) | {field: [url, PICTURE_URL] if listed else url}
        price = quote(client, body)["price"]
        made = poll(client, submit_order(client, **({"image": None} | body)))
        frames, seconds, _, _ = decode(client.get(made["outputs"][0]).content)
        assert available(client) == pytest.approx(100 - float(price), abs=1e-9)
    assert (made["status"], made["price"]) == ("completed", price)
    assert seconds == pytest.approx(MODELS[model].seconds(body), abs=0.1)
    # The photograph, and not the gradient that stands for a picture that was never seen.
    assert difference(frames[0], decode(clip_of_gradient())[0][0].resize(frames[0].size)) > 20


def clip_of_gradient() -> bytes:
    with account(Sandbox(seconds=0, short_side=96)) as client:
        return client.get(poll(client, submit_order(client, model=TIDAL_MINI))["outputs"][0]).content


def test_a_model_that_makes_clips_of_text_makes_one() -> None:
    with account(Sandbox(seconds=0)) as client:
        made = poll(client, submit_order(client, model="meridian/frames-1/text-to-video", image=None, duration=4))
    assert (made["status"], made["price"]) == ("completed", "0.08")


@pytest.mark.parametrize(
    ("model", "changes", "complaints"),
    [
        (LANTERN, {"image": PICTURE_URL}, ["unknown parameter image"]),
        (
            LANTERN,
            {"image_url": None, "prompt": None},
            ["'image_url' is a required property", "'prompt' is a required property"],
        ),
        (LANTERN, {"duration": 5}, ["duration must fit type: string"]),
        (LANTERN, {"duration": "6"}, ["duration must fit enum: ['5', '10']"]),
        (LANTERN, {"cfg_scale": 1.1}, ["cfg_scale must fit maximum: 1"]),
        (LANTERN, {"cfg_scale": True}, ["cfg_scale must fit type: number"]),
        (LANTERN, {"negative_prompt": "x" * 501}, ["negative_prompt must fit maxLength: 500"]),
        (LANTERN, {"image_url": "cat.jpg"}, ["image_url must be an https URL"]),
        (FRAMES, {"duration": 3}, ["duration must fit minimum: 4"]),
        (
            FRAMES,
            {"duration": 13, "resolution": "8k"},
            ["duration must fit maximum: 12", "resolution must fit enum: ['480p'"],
        ),
        (FRAMES, {"last_frame_image": "cat.jpg"}, ["last_frame_image must be an https URL"]),
        (FRAMES, {"seed": 1.5}, ["seed must fit type: integer"]),
        (REFERENCE, {"images": PICTURE_URL}, ["images must fit type: array"]),
        (REFERENCE, {"images": []}, ["images must fit minItems: 1"]),
        (REFERENCE, {"images": [PICTURE_URL] * 5}, ["images must fit maxItems: 4"]),
        (REFERENCE, {"images": [PICTURE_URL, 5]}, ["images.1 must fit type: string"]),
        (REFERENCE, {"duration": 9}, ["duration must fit anyOf"]),
        (TIDAL_PRO, {"watermark": False}, ["watermark must fit enum: []"]),
        (TIDAL_PRO, {"duration": 8}, ["unknown parameter duration"]),
        (TIDAL_MINI, {"fps": 25}, ["fps must fit anyOf"]),
        (ORCHARD, {"image": 5}, ["image must fit anyOf"]),
        (PRO, {"prompt": "x" * 2001}, ["prompt must fit maxLength: 2000"]),
    ],
)
def test_each_model_refuses_what_its_own_schema_does_not_take(
    model: str, changes: dict[str, object], complaints: list[str]
) -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        body = least(model, **changes)
        answers = [client.post(f"/model/{endpoint}", json=body) for endpoint in ("generateVideo", "calculate")]
    for answer in answers:
        assert answer.status_code == 400
        for complaint in complaints:
            assert complaint in answer.json()["msg"]
    assert sandbox.submissions == []


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (LANTERN, {"duration": "10", "aspect_ratio": "9:16", "cfg_scale": 0, "negative_prompt": "rain"}),
        (FRAMES, {"duration": 12, "resolution": "480p", "seed": -1, "last_frame_image": PICTURE_URL}),
        (TIDAL_PRO, {"provider": "two", "resolution": "4k", "webhook_url": "https://example.com"}),
        (ORCHARD, {"motion": 0.1, "image": [PICTURE_URL, PICTURE_URL]}),
        (REFERENCE, {"seed": 7}),
    ],
)
def test_each_model_takes_what_its_own_schema_takes(model: str, changes: dict[str, object]) -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        submit(client, model, **changes)
        schema = document(client, model) | {"$ref": "#/components/schemas/Input"}
    assert sandbox.submissions == [least(model, **changes)]
    Draft202012Validator(schema).validate(least(model, **changes))


@pytest.mark.parametrize(
    ("model", "name"), [(FRAMES, "last_frame_image"), (REFERENCE, "duration"), (TIDAL_MINI, "seed")]
)
def test_null_is_taken_where_the_schema_takes_it(model: str, name: str) -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        answer = client.post("/model/generateVideo", json=least(model) | {name: None})
        other = client.post("/model/generateVideo", json=least(STANDARD) | {"duration": None})
    assert (answer.status_code, other.status_code) == (200, 400)


@pytest.mark.parametrize("bad", [0, 1])
def test_any_picture_of_a_list_that_the_model_will_not_take_fails_the_generation(bad: int) -> None:
    with account(Sandbox(seconds=0)) as client:
        urls = [PICTURE_URL, PICTURE_URL]
        urls[bad] = upload(client, b"no picture")
        assert "could not be decoded" in reason(client, submit(client, REFERENCE, images=urls))


@pytest.mark.parametrize(
    ("model", "changes", "price", "listed"),
    [
        (LANTERN, {}, "0.35", "0.35"),
        (LANTERN, {"duration": "10"}, "0.70", "0.70"),
        (FRAMES, {}, "0.08", "0.10"),
        (FRAMES, {"duration": 12, "resolution": "1080p"}, "0.48", "0.60"),
        (FRAMES, {"duration": 4, "resolution": "480p"}, "0.032", "0.04"),
        (REFERENCE, {"duration": 8}, "0.32", "0.32"),
        (TIDAL_PRO, {}, "3.20", "3.20"),
        (TIDAL_MINI, {}, "0.02", "0.02"),
        (ORCHARD, {}, "0.20", "0.20"),
    ],
)
def test_a_quote_is_for_the_very_body(model: str, changes: dict[str, object], price: str, listed: str) -> None:
    with account(Sandbox()) as client:
        assert quote(client, least(model, **changes)) == {"price": price, "origin_price": listed, "estimated": False}


def test_a_quote_says_when_the_model_is_to_choose_what_it_costs() -> None:
    with account(Sandbox()) as client:
        quotes = [quote(client, least(REFERENCE) | {"duration": seconds}) for seconds in (None, 4)]
    assert quotes == [
        {"price": "0.16", "origin_price": "0.16", "estimated": True},
        {"price": "0.16", "origin_price": "0.16", "estimated": False},
    ]


def test_a_picture_of_text_has_a_quote_but_is_no_video() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        body = order(model=PAINT, image=None)
        assert quote(client, body)["price"] == "0.01"
        answer = client.post("/model/generateVideo", json=body)
    assert (answer.status_code, answer.json()["msg"]) == (400, f"{PAINT} is not a video model")
    assert sandbox.submissions == []


def test_prices_can_come_as_numbers() -> None:
    with account(Sandbox(seconds=0, style=Style(prices="number"))) as client:
        prices = quote(client, least(FRAMES))
        made = poll(client, submit(client, FRAMES))
    assert (prices["price"], prices["origin_price"], made["price"]) == (0.08, 0.1, 0.08)


def test_a_clip_can_cost_something_else_than_its_quote() -> None:
    sandbox = Sandbox(seconds=3600, billed=1.25)
    with account(sandbox) as client:
        running, failing = submit(client, STANDARD), submit(client, STANDARD, prompt="sandbox:fail")
        before = available(client)
        for prediction_id in (running, failing):
            sandbox.finish(prediction_id)
        after = poll(client, running)["price"], available(client)
        prices = {row["ID"]: row["result"].get("price") for row in rows(client)}
    assert (before, after) == (99.4, ("0.375", 99.625))
    assert prices == {running: "0.375", failing: None}


def test_a_bill_that_makes_no_sense_is_refused() -> None:
    for billed in (-0.1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="billed"):
            Sandbox(billed=billed)


def test_the_catalogue_can_be_made_long() -> None:
    with account(Sandbox(seconds=0, fillers=400, filler_bytes=12_500)) as client:
        answer = client.get("/models")
        filler = "filler/model-0400/image-to-video"
        made = poll(client, submit_order(client, model=filler))
    assert len(answer.json()["data"]) == len(MODELS) + 400
    assert 5_000_000 < len(answer.content) < 5_500_000
    assert (made["model"], made["price"]) == (filler, "2.40")


@pytest.mark.parametrize("path", ["/api/v1/models", f"/schema/{FRAMES}.json"])
def test_who_has_the_catalogue_or_a_schema_is_not_sent_it_again(path: str) -> None:
    with account(Sandbox()) as client:
        url = f"{origin(client)}{path}"
        first = client.get(url)
        tag = first.headers["etag"]
        fresh = [client.get(url, headers={"if-none-match": value}) for value in (tag, f'"x", W/{tag}', "*")]
        stale = client.get(url, headers={"if-none-match": '"x"'})
    assert [(answer.status_code, answer.content) for answer in fresh] == [(304, b"")] * 3
    assert {answer.headers["etag"] for answer in fresh} == {tag}
    assert (stale.status_code, stale.content) == (200, first.content)


@pytest.mark.parametrize("endpoint", ["models", "schema", "calculate", "balance", "history"])
@pytest.mark.parametrize("action", ["status", "malformed", "html", "wrong_types", "empty"])
def test_faults_befall_every_endpoint_about_models_and_money(endpoint: Any, action: Any) -> None:  # noqa: ANN401 - literals
    sandbox = Sandbox(faults=[Fault(endpoint=endpoint, action=action, status=503)])
    with account(sandbox) as client:
        asked = {
            "models": ("GET", "/models", None),
            "schema": ("GET", f"{origin(client)}/schema/{STANDARD}.json", None),
            "calculate": ("POST", "/model/calculate", order()),
            "balance": ("GET", f"{origin(client)}/public/v1/balance", None),
            "history": ("GET", "/model/history", None),
        }
        method, url, body = asked[endpoint]
        bad, good = (client.request(method, url, json=body) for _ in range(2))
    assert sandbox.played.total() == 1
    assert bad.content != good.content
    assert good.status_code == 200
    assert good.json()
