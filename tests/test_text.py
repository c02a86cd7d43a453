"""Types for what comes from outside: a field of such a type holds nothing else."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from atlascloud_video_mcp.text import Link, Mask, PredictionId


@pytest.mark.parametrize("text", ["", ".", "..", "a b", "a/b", "a\nb", "\u202ea", "x" * 129])
def test_what_is_no_id_can_be_no_field_that_holds_an_id(text: str) -> None:
    with pytest.raises(ValidationError, match="no id"):
        TypeAdapter(PredictionId).validate_python(text)
    assert PredictionId.of(text) is None


@pytest.mark.parametrize(
    "text", ["", "a.mp4", "http://x.example/a", "https://me:pw@x.example/a", "javascript:alert(1)"]
)
def test_what_is_no_link_can_be_no_field_that_holds_a_link(text: str) -> None:
    with pytest.raises(ValidationError, match="no link"):
        TypeAdapter(Link).validate_python(text)
    assert Link.of(text) is None


def test_a_key_in_json_text_inside_a_string_is_masked_however_it_is_spelled() -> None:
    told = Mask("canary-key-0xC0FFEE")({"body": '{"said": "canary\\u002dkey\\u002d0xC0FFEE"}'})

    assert "0xC0FFEE" not in told["body"]
