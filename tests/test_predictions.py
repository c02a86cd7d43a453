from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from atlascloud_video_mcp.predictions import Report, Status
from atlascloud_video_mcp.records import Record

CLIP = "https://storage.example/clip.mp4"


def report(**fields: object) -> Report:
    return Report.model_validate({"id": "p1"} | fields)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((word, Status.PROCESSING) for word in ("created", "starting", "queued", "pending", "running", "processing")),
        *((word, Status.COMPLETED) for word in ("completed", "succeeded", "success", "COMPLETED")),
        *((word, Status.FAILED) for word in ("failed", "error", "timeout", "canceled", "cancelled")),
        ("a word of next year", Status.PROCESSING),
        (None, Status.PROCESSING),
        (["completed"], Status.PROCESSING),
        ("", Status.PROCESSING),
    ],
)
def test_every_word_of_the_api_is_one_of_three_and_unknown_ones_are_running(word: object, status: Status) -> None:
    assert report(status=word, outputs=[CLIP]).status is status


@pytest.mark.parametrize(
    "fields",
    [
        {"outputs": [CLIP]},
        {"outputs": CLIP},
        {"output": CLIP},
        {"output": [CLIP]},
        {"outputs": [{"url": CLIP}]},
        {"outputs": [{"download_url": CLIP}]},
        {"output": {"video_url": CLIP}},
        {"outputs": None, "output": CLIP},
        {"outputs": [None, 3, {}, {"url": 4}, "javascript:alert(1)", "https://x y", CLIP]},
    ],
)
def test_outputs_are_found_in_every_shape_and_nothing_but_links_is_taken(fields: dict[str, Any]) -> None:
    assert report(status="completed", **fields).outputs == (CLIP,)


def test_completed_without_a_clip_is_a_failure_that_says_so() -> None:
    done = report(status="completed", outputs=[])

    assert done.status is Status.FAILED
    assert done.error == "The API says the generation is completed but names no clip."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("moderation", "moderation"),
        ({"message": "moderation"}, "moderation"),
        ({"msg": "moderation", "code": 3}, "moderation"),
        ({"code": 1039}, "1039"),
        (None, "The API gives no reason, only the status failed."),
        ({}, "The API gives no reason, only the status failed."),
    ],
)
def test_the_reason_of_a_failure_is_found_in_every_shape(error: object, said: str) -> None:
    assert report(status="failed", error=error).error == said


def test_an_error_beside_a_running_status_is_none() -> None:
    assert report(status="processing", error="temporary").error is None


@pytest.mark.parametrize("field", ["id", "prediction_id", "request_id", "predictionId"])
def test_the_id_is_found_under_each_of_its_names(field: str) -> None:
    assert Report.model_validate({"id": None, field: "p1"}).prediction_id == "p1"


def test_what_cannot_be_shown_on_one_line_is_no_part_of_an_id() -> None:
    assert Report.model_validate({"id": "p1\nNext:\x1b"}).prediction_id == "p1Next:"


def test_a_number_is_an_id_too() -> None:
    assert Report.model_validate({"id": 17}).prediction_id == "17"


@pytest.mark.parametrize("payload", [{}, {"id": ""}, {"id": True}, {"id": []}])
def test_without_an_id_there_is_no_report(payload: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Report.model_validate(payload)


@pytest.mark.parametrize(
    ("price", "cost"),
    [
        ("0.28", 0.28),
        (0.28, 0.28),
        (0, 0),
        ("free", None),
        (None, None),
        (True, None),
        (-1, None),
        ([], None),
        (10**400, None),
    ],
)
def test_an_amount_is_read_as_number_or_text_and_anything_else_is_absent(price: object, cost: float | None) -> None:
    read = report(price=price).cost_usd
    assert (None if read is None else float(read)) == cost


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T04:04:05+01:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (1767323045, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("yesterday", None),
        ("2026-01-02T11:04:05+08:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("9999-12-31T00:00:00Z", None),
        (1e300, None),
        (True, None),
        ({}, None),
    ],
)
def test_a_time_is_read_as_text_or_seconds_and_anything_else_is_absent(value: object, moment: datetime | None) -> None:
    assert report(created_at=value).created_at == moment


def test_the_time_of_the_prediction_itself_is_read_where_it_is_given() -> None:
    assert report(metrics={"predict_time": "45.2"}).predict_time_seconds == 45.2
    assert report(metrics="fast").predict_time_seconds is None
    for nonsense in ("soon", True, None, "inf", -1):
        assert report(metrics={"predict_time": nonsense}).predict_time_seconds is None


def test_a_model_of_a_wrong_type_is_absent() -> None:
    assert report(model=["m"]).model is None


@pytest.mark.parametrize("body", ["{", "[" * 100_000, "[]", 3, None])
def test_a_row_whose_request_makes_no_sense_is_a_request_like_no_other(body: object) -> None:
    assert Record.model_validate({"ID": "p1", "requestBody": body}).request == {}
