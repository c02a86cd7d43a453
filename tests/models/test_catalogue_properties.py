"""Whatever a schema or a caller says, there is a request that can be sent or a refusal in one line."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.models import Model
from atlascloud_video_mcp.models.entries import matching, read_entries
from atlascloud_video_mcp.models.schema import Malformed, read_input
from kit import REMOTE

WORDS = ["string", "integer", "array", "object", "#/components/schemas/A", "image", "Video", "Image-to-Video", "0.28"]
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6)
)
KEYWORDS = st.sampled_from(
    [
        "type",
        "enum",
        "const",
        "items",
        "properties",
        "required",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "nullable",
        "hidden",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minItems",
        "default",
    ]
)
ENTRIES = st.sampled_from(
    ["data", "model", "type", "displayName", "price", "actual", "base_price", "unit", "categories", "tags", "schema"]
)


def nested(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Any JSON, of keys that mean something."""
    leaves = LEAVES | st.sampled_from(WORDS)
    return st.recursive(
        leaves, lambda each: st.lists(each, max_size=3) | st.dictionaries(keys, each, max_size=5), max_leaves=20
    )


NAMES = ["image", "images", "prompt", "duration", "p", "end_image"]


@settings(
    max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    properties=st.dictionaries(st.sampled_from(NAMES), nested(KEYWORDS), max_size=5),
    shared=nested(KEYWORDS),
    required=st.lists(st.sampled_from(NAMES), max_size=3),
    parameters=st.dictionaries(st.sampled_from([*NAMES, "x\ny"]), nested(st.text(max_size=3)), max_size=4),
    duration=st.none() | st.integers(),
)
def test_any_schema_and_any_parameters_make_a_request_or_a_refusal(
    properties: dict[str, Any],
    shared: object,
    required: list[str],
    parameters: dict[str, Any],
    duration: int | None,
) -> None:
    schema = {"properties": {"image": {}} | properties, "required": required}
    try:
        model = Model.of("maker/model", read_input({"components": {"schemas": {"Input": schema, "A": shared}}}))
    except Malformed:
        return
    said = [(each.type, each.allowed, each.takes, each.description) for each in model.offered]
    assert "\n" not in json.dumps(said, ensure_ascii=False)
    refusal = ""
    request: dict[str, Any] = {}
    try:
        request = model.request(prompt="wind", duration=duration, parameters=parameters)
    except InvalidInput as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert json.dumps(model.with_picture(request, REMOTE), ensure_ascii=False, allow_nan=False).encode()


@settings(
    max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(document=nested(ENTRIES), query=st.text(max_size=8))
def test_any_document_is_a_list_of_models_or_malformed(document: object, query: str) -> None:
    try:
        offers = read_entries(document, "https://api.atlascloud.ai/api/v1")
    except Malformed:
        return
    assert set(matching(offers, query)[0]) <= set(offers)
