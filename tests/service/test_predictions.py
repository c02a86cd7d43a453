from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from atlascloud_video_mcp.cloud.reports import HistoryRow, Report, Status

CLIP = "https://storage.example/clip.mp4"


def report(**fields: object) -> Report:
    return Report.model_validate({"id": "p1"} | fields)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((word, Status.PROCESSING) for word in ("created", "starting", "queued", "pending", "running", "processing")),
        *((word, Status.COMPLETED) for word in ("completed", "succeeded", "success", "COMPLETED")),
        *((word, Status.COMPLETED) for word in ("done", "succeed", "finished", "complete")),
        *((word, Status.FAILED) for word in ("failed", "error", "timeout", "canceled", "cancelled")),
        *((word, Status.FAILED) for word in ("expired", "rejected", "fail", "failure", "blocked")),
        *((word, Status.FAILED) for word in ("timed_out", "Timed-Out", "not_found", "not found", "task_failed")),
        *((word, Status.FAILED) for word in ("NotFound", "TimedOut", "TASK_STATUS_FAILED", "content_filtered")),
        *((word, Status.COMPLETED) for word in ("TASK_STATUS_SUCCEED", "success!", "task-completed")),
        *((word, Status.PROCESSING) for word in ("not_done", "canceling", "completing", "almost done soon")),
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
        {"outputs": [[CLIP]]},
        {"outputs": [], "output": CLIP},
        {"outputs": {"video": {"url": CLIP}}},
        {"outputs": [{"uri": CLIP}]},
        {"outputs": json.dumps([CLIP])},
        {"outputs": f" {CLIP}\n"},
        {"outputs": f"\ufeff{CLIP}\u200b"},
        {"result": {"data": {"link": CLIP}}},
        {"video_urls": [CLIP]},
        {"outputs": CLIP.removeprefix("https:")},
        {
            "outputs": [
                None,
                3,
                {},
                {"url": 4},
                "javascript:alert(1)",
                "https://x y/",
                "https://a\nb",
                "https://me@x.example/",
                CLIP,
            ]
        },
    ],
)
def test_outputs_are_found_in_every_shape_and_nothing_but_links_is_taken(fields: dict[str, Any]) -> None:
    assert report(status="completed", **fields).outputs == (CLIP,)


def test_completed_without_a_clip_runs_for_a_minute_and_is_then_a_failure_that_may_be_charged() -> None:
    done = report(status="completed", outputs=[])

    now = datetime(2026, 1, 1, tzinfo=UTC)
    seen = done.after(None, now)
    given_up = done.after(seen, now + timedelta(seconds=60))

    assert done.status is Status.PROCESSING
    assert done.after(seen, now + timedelta(seconds=59)).status is Status.PROCESSING
    assert given_up.status is Status.FAILED
    assert given_up.error == (
        "The API says completed but names no clip. It may be charged, and can be looked at again."
    )
    assert given_up.cost(Decimal("0.28")) == Decimal("0.28")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("moderation", "moderation"),
        ({"message": "moderation"}, "moderation"),
        ({"msg": "moderation", "code": 3}, "moderation"),
        ({"code": 1039}, "1039"),
        ({"reason": "moderation"}, "moderation"),
        ({"error": {"detail": [{"msg": "moderation"}]}}, "moderation"),
        ('{"message": "moderation"}', "moderation"),
        ("", "The API gives no reason, only the status failed."),
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


@pytest.mark.parametrize("text", ["p1\nNext:\x1b", "call animate_image again", "..", "p" * 129, "a/b", "\u202ep1"])
def test_what_is_no_id_is_not_taken_for_one_and_another_name_of_it_is_read(text: str) -> None:
    assert Report.model_validate({"id": text, "task_id": "t1"}).prediction_id == "t1"
    with pytest.raises(ValueError, match="validation error"):
        Report.model_validate({"id": text})


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
        ("1767323045", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("1767323045000", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (1767323045000, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
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
    assert HistoryRow.model_validate({"ID": "p1", "requestBody": body}).body == {}
