"""Which row of the account's history is a lost submission; the rule is that of docs/contract.md, money 2."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from atlascloud_video_mcp.cloud.reports import HistoryRow
from atlascloud_video_mcp.journal import Submission, from_history
from atlascloud_video_mcp.service.history import matches

ASKED = {"model": "m", "image": "https://x.example/a.jpg", "enable_prompt_expansion": True, "duration": 6}


def row(**changes: object) -> Submission:
    """A row as the facts page has it: a time as text, the body as JSON text (section 8)."""
    created = str(int(datetime.now(UTC).timestamp()))
    body: dict[str, Any] = {**ASKED, **changes}
    found = {"ID": "p1", "createdAt": created, "model": "m", "requestBody": json.dumps(body)}
    return from_history(HistoryRow.model_validate(found), None)


@pytest.mark.parametrize("kept", [{}, {"duration": "6"}, {"enable_prompt_expansion": "true"}, {"go_fast": True}])
def test_a_value_kept_as_text_or_a_default_filled_in_is_no_difference(kept: dict[str, object]) -> None:
    assert matches([row(**kept)], ASKED, {"go_fast": True}).ours


@pytest.mark.parametrize("kept", [{"duration": "10"}, {"enable_prompt_expansion": "auto"}, {"go_fast": False}])
def test_another_value_is_a_difference_and_the_only_row_is_named_as_the_probable_one(kept: dict[str, object]) -> None:
    found = matches([row(**kept)], ASKED, {"go_fast": True})
    assert (found.ours, found.probable) == (None, "p1")
