"""The list of models: which animate pictures, what they cost, and which a query means."""

from __future__ import annotations

from typing import Any

import pytest

from atlascloud_video_mcp.models import CatalogEntry
from atlascloud_video_mcp.models.entries import closest, matching, read_entries
from atlascloud_video_mcp.models.schema import Malformed

BASE = "https://api.atlascloud.ai/api/v1"


def entry(**fields: object) -> dict[str, Any]:
    """An entry as the API has it."""
    side = {"base_price": "0.05", "unit": "second"}
    return {
        "model": "maker/model",
        "type": "Video",
        "displayName": "Model",
        "categories": ["Image-to-Video"],
        "tags": ["HOT"],
        "price": {"discount": "100", "actual": side, "origin": side},
        "schema": "https://static.atlascloud.ai/model/schema/maker-model.json",
        "display_console": True,
    } | fields


def only(**fields: object) -> CatalogEntry:
    [offer] = read_entries({"code": "200", "data": [entry(**fields)]}, BASE)
    return offer


def test_an_entry_says_what_a_model_is_and_costs() -> None:
    offer = only()

    assert (offer.id, offer.name, offer.price_usd, offer.price_unit) == ("maker/model", "Model", 0.05, "second")
    assert offer.schema == "https://static.atlascloud.ai/model/schema/maker-model.json"
    assert offer.animates is True


@pytest.mark.parametrize(
    "document",
    [
        [entry()],
        {"data": [entry()]},
        {"data": {"models": [entry()]}},
        {"data": {"items": [entry()], "total": 1}},
        {"models": [entry()]},
    ],
)
def test_the_list_is_found_in_whatever_envelope(document: object) -> None:
    assert [offer.id for offer in read_entries(document, BASE)] == ["maker/model"]


@pytest.mark.parametrize(
    "document", [None, 5, "text", {}, {"data": 5}, {"data": {"data": {"data": [entry()]}}}, [], {"data": []}, [5, {}]]
)
def test_a_document_without_models_is_malformed(document: object) -> None:
    with pytest.raises(Malformed):
        read_entries(document, BASE)


@pytest.mark.parametrize(
    "bad",
    [
        5,
        None,
        {},
        entry(model=None),
        entry(model=5),
        entry(model="two words"),
        entry(model="line\nbreak"),
        entry(model="x" * 200),
        entry(model=""),
        entry(display_console=False),
        entry(type="Image"),
        entry(type="Text"),
    ],
)
def test_what_is_no_video_model_on_show_is_skipped_and_the_others_stay(bad: object) -> None:
    document = [bad, entry(model="good/one"), bad, entry(model="good/two")]

    assert [offer.id for offer in read_entries(document, BASE)] == ["good/one", "good/two"]


def test_of_two_entries_with_one_id_the_first_counts() -> None:
    offers = read_entries([entry(displayName="First"), entry(model="b"), entry(displayName="Second")], BASE)

    assert [(offer.id, offer.name) for offer in offers] == [("b", "Model"), ("maker/model", "First")]


@pytest.mark.parametrize(
    ("fields", "animates"),
    [
        ({}, True),
        ({"categories": ["IMAGE_TO_VIDEO"]}, True),
        ({"categories": "image to video"}, True),
        ({"categories": ["Text-to-Video", "Image-to-Video"]}, True),
        ({"categories": [], "tags": ["I2V"]}, True),
        ({"categories": [], "model": "minimax/hailuo-2.3/i2v-pro"}, True),
        ({"categories": ["Video"], "model": "maker/model/img2vid"}, True),
        ({"categories": [], "model": "maker/reference-to-video"}, True),
        ({"categories": ["Text-to-Video"]}, False),
        ({"categories": [], "model": "maker/model/t2v"}, False),
        ({"categories": ["Video-to-Video"], "tags": None}, False),
        ({"categories": ["Video"]}, None),
        ({"categories": [], "tags": ["image", "to watch"]}, None),
        ({"categories": 5, "tags": {}, "type": None}, None),
    ],
)
def test_categories_tags_and_the_id_tell_what_a_model_does(fields: dict[str, object], animates: object) -> None:
    assert only(**fields).animates is animates


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ({"actual": {"base_price": "0.28"}}, (0.28, None)),
        ({"actual": {"base_price": 0.28, "unit": "second"}}, (0.28, "second")),
        ({"actual": {}, "origin": {"base_price": "0.3", "unit": "image"}}, (0.3, "image")),
        ({"base_price": "0.3", "unit": "second"}, (0.3, "second")),
        ({"actual": {"base_price": "0.3", "unit": 5}, "unit": "u" * 99}, (0.3, None)),
        ({"actual": {"base_price": "0.3"}, "unit": "u" * 99}, (0.3, "u" * 30)),
        ("0.5", (0.5, None)),
        (0, (0, None)),
        (None, (None, None)),
        (True, (None, None)),
        ("free", (None, None)),
        ("NaN", (None, None)),
        ({"actual": {"base_price": "-1"}}, (None, None)),
        ({"actual": {"base_price": 10**400}}, (None, None)),
        ({"actual": "cheap"}, (None, None)),
    ],
)
def test_a_price_is_read_in_whatever_form_it_comes(price: object, expected: tuple[object, object]) -> None:
    offer = only(price=price)

    assert (offer.price_usd, offer.price_unit) == expected


def test_an_entry_may_lack_all_but_its_id() -> None:
    [offer] = read_entries([{"id": "maker/model"}], BASE)

    assert offer == CatalogEntry("maker/model", "maker/model", animates=None)


def test_a_schema_may_be_named_by_its_path() -> None:
    assert only(schema="/schema/a.json").schema == "https://api.atlascloud.ai/schema/a.json"
    assert only(schema="").schema is None
    assert only(schema=5).schema is None


def test_a_name_is_one_line_and_not_long() -> None:
    assert only(displayName=" A\nname ").name == "A name"
    assert len(only(displayName="x" * 1000).name) == 60


ENTRIES = read_entries(
    [
        entry(model="kwaivgi/kling-v2.1/i2v-pro", displayName="Kling v2.1 Pro"),
        entry(model="kwaivgi/kling-v2.1/i2v-standard", displayName="Kling v2.1 Standard", tags=["NEW", "cheap"]),
        entry(model="minimax/hailuo-02/pro", displayName="Hailuo 02 Pro"),
        entry(model="minimax/hailuo-2.3/i2v-pro", displayName="Hailuo 2.3 Pro", organization="MiniMax"),
        entry(model="maker/turbo-hailuo-like", displayName="Like", profile="A model like Hailuo 2.3, for less"),
    ],
    BASE,
)


@pytest.mark.parametrize(
    ("query", "best", "count", "whole"),
    [
        ("", "kwaivgi/kling-v2.1/i2v-pro", 5, True),
        ("hailuo", "minimax/hailuo-02/pro", 3, True),
        ("Hailuo 2.3", "minimax/hailuo-2.3/i2v-pro", 2, True),
        ("minimax/hailuo-2.3/i2v-pro", "minimax/hailuo-2.3/i2v-pro", 1, True),
        ("MINIMAX/HAILUO-02/PRO", "minimax/hailuo-02/pro", 1, True),
        ("pro kling", "kwaivgi/kling-v2.1/i2v-pro", 1, True),
        ("i2v", "kwaivgi/kling-v2.1/i2v-pro", 5, True),
        ("cheap", "kwaivgi/kling-v2.1/i2v-standard", 1, True),
        ("klin", "kwaivgi/kling-v2.1/i2v-pro", 2, True),
        ("cheap hailuo", "minimax/hailuo-02/pro", 4, False),
        ("sora", None, 0, False),
        ("?!", "kwaivgi/kling-v2.1/i2v-pro", 5, True),
    ],
)
def test_a_query_finds_the_best_first(query: str, best: str | None, count: int, *, whole: bool) -> None:
    found, all_words = matching(ENTRIES, query)

    assert (found[0].id if found else None) == best
    assert len(found) == count
    assert all_words is whole


@pytest.mark.parametrize(
    ("model_id", "likely"),
    [
        ("minimax/hailuo-2.3/i2v-prp", ["minimax/hailuo-2.3/i2v-pro"]),
        ("hailuo-2.3-i2v-pro", ["minimax/hailuo-2.3/i2v-pro"]),
        ("kling", ["kwaivgi/kling-v2.1/i2v-pro", "kwaivgi/kling-v2.1/i2v-standard"]),
        ("xyz", []),
    ],
)
def test_a_misspelled_id_gets_those_that_are_like_it(model_id: str, likely: list[str]) -> None:
    assert closest(ENTRIES, model_id)[: len(likely) or None] == likely
