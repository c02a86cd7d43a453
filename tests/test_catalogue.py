from __future__ import annotations

import pytest

from atlascloud_video_mcp.catalogue import model_called
from atlascloud_video_mcp.errors import InvalidInput
from kit import STANDARD


def test_only_what_is_asked_for_is_sent() -> None:
    request = model_called(STANDARD).request(prompt="", duration=None, enable_prompt_expansion=None)

    assert request == {"model": STANDARD}


def test_all_that_is_asked_for_is_sent() -> None:
    request = model_called(STANDARD).request(prompt="wind", duration=10, enable_prompt_expansion=False)

    assert request == {"model": STANDARD, "prompt": "wind", "duration": 10, "enable_prompt_expansion": False}


def test_every_fault_is_named_in_one_answer() -> None:
    with pytest.raises(InvalidInput) as caught:
        model_called(STANDARD).request(prompt="x" * 2001, duration=3, enable_prompt_expansion=None)

    assert "2001 characters" in str(caught.value)
    assert "at most 2000" in str(caught.value)
    assert "duration is 3" in str(caught.value)
    assert "6 or 10 seconds" in str(caught.value)


def test_the_pro_model_takes_no_duration() -> None:
    with pytest.raises(InvalidInput, match="takes no duration: leave it out"):
        model_called("minimax/hailuo-2.3/i2v-pro").request(prompt=None, duration=6, enable_prompt_expansion=None)


def test_a_misspelled_model_gets_a_guess_and_the_list() -> None:
    with pytest.raises(InvalidInput, match=r"Did you mean minimax/hailuo-2\.3/i2v-standard\? Known are: "):
        model_called("minimax/hailuo-2.3/i2v-standart")


def test_a_model_like_none_of_ours_gets_the_list_only() -> None:
    with pytest.raises(InvalidInput, match=r"model 'xyz' here\. Known are: minimax"):
        model_called("xyz")
