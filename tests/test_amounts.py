from __future__ import annotations

from decimal import Decimal

import pytest

from atlascloud_video_mcp.cloud.wire import dollars
from atlascloud_video_mcp.journal.budget import from_millionths, to_millionths
from atlascloud_video_mcp.text import in_dollars


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0.28, "0.28"),
        ("0.28", "0.28"),
        (" 1 ", "1"),
        (3, "3"),
        (0, "0"),
        (0.1 + 0.2, "0.300001"),
        ("0.0000001", "0.000001"),
        ({"value": "12.500000", "currency": "USD"}, "12.5"),
        ({"value": 7}, "7"),
    ],
)
def test_an_amount_is_read_in_every_shape_and_never_made_smaller(value: object, amount: str) -> None:
    assert dollars(value) == Decimal(amount)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "free",
        "nan",
        "sNaN",
        "inf",
        float("nan"),
        float("inf"),
        -1,
        "-0.01",
        "1e400",
        "1e-99999999999999999999",
        10**400,
        [1],
        {},
        {"value": "1", "currency": "eur"},
        {"value": -1},
    ],
)
def test_what_is_no_amount_is_none(value: object) -> None:
    assert dollars(value) is None


def test_a_balance_may_be_overdrawn() -> None:
    assert dollars({"value": "-1.25", "currency": "usd"}, debt=True) == Decimal("-1.25")


def test_an_amount_survives_being_written_as_a_whole_number() -> None:
    assert from_millionths(to_millionths(Decimal("999999999.999999"))) == Decimal("999999999.999999")


@pytest.mark.parametrize(
    ("amount", "words"),
    [("0.28", "$0.28"), ("0.300000", "$0.30"), ("12", "$12.00"), ("0.0475", "$0.0475"), ("-1.5", "-$1.50")],
)
def test_an_amount_is_told_as_people_write_it(amount: str, words: str) -> None:
    assert in_dollars(Decimal(amount)) == words
