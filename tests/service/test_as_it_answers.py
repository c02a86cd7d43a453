"""The API as it really answers: facts of its vendor's tools and of third parties, and what we make of each."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from atlascloud_video_mcp.cloud.body_fields import animated_in
from atlascloud_video_mcp.cloud.documents import clip_hosts
from atlascloud_video_mcp.cloud.reports import HistoryRow, Report, Status
from atlascloud_video_mcp.errors import (
    AtlasError,
    NotAllowed,
    RateLimited,
    RequestRefused,
    ServiceUnavailable,
    SubmissionUnknown,
)
from atlascloud_video_mcp.journal import VideoRequest, from_history
from atlascloud_video_mcp.media.clips import CannotSave, ClipSaver
from atlascloud_video_mcp.network import retry_after
from atlascloud_video_mcp.service.progress import Phase, Progress
from atlascloud_video_mcp.text import Link
from kit import REMOTE, ROCKET, STANDARD, animate, cloud_at, look, polls, requests_to, service_at
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from scripted_sandbox.faults import FaultEndpoint

NOW = 0.0
LATER = float("inf")
BODY = {"model": STANDARD, "image": REMOTE}
CLIP = "https://x.example/clip.mp4"


def says(endpoint: FaultEndpoint, body: object, status: int = 200, times: int = 1) -> Fault:
    text = body if isinstance(body, str) else json.dumps(body)
    return Fault(endpoint=endpoint, action="status", status=status, body=text, times=times)


def at(seconds_ago: float) -> str:
    return str(int(time.time() - seconds_ago))


@pytest.mark.parametrize(
    "body",
    [
        {"code": "success", "data": {"id": "p1"}},
        {"code": "200.0", "data": {"id": "p1"}},
        {"code": 0, "data": {"id": "p1"}},
        {"code": 200, "data": [{"id": "p1"}]},
        {"code": 200, "data": {"task_id": "p1"}},
        {"code": "all is well", "data": {"prediction_id": "p1", "id": "no id\n"}},
        {"code": 200, "data": {"data": {"id": "p1"}}},
        {"code": 200, "result": {"id": "p1"}},
        [{"id": "p1"}],
        '{"data": {"id": "p1", "model": "two\nlines"}}',
    ],
    ids=str,
)
async def test_an_id_in_hand_is_never_thrown_away(sandbox: Sandbox, base_url: str, body: object) -> None:
    sandbox.script(says("generate", body))

    async with cloud_at(base_url) as cloud:
        assert (await cloud.generate(BODY)).prediction_id == "p1"


async def test_an_id_inside_an_outage_is_the_submission(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(says("generate", {"code": 500, "message": "oops", "data": {"id": "p1"}}, status=502))

    async with cloud_at(base_url) as cloud:
        assert (await cloud.generate(BODY)).prediction_id == "p1"


# The usual failure of the live service: the reason stands in the envelope, and `data` has no `error`.
@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, {"code": 500, "message": "no luck", "data": {"status": "failed", "outputs": None}}, "no luck"),
        (200, {"code": 200, "message": "success", "data": {"status": "failed", "message": "too dark"}}, "too dark"),
        (
            200,
            {"code": 200, "data": {"status": "failed", "error_code": 1039}},
            "error code 1039: refused by moderation",
        ),
        (
            200,
            {"data": {"status": "failed", "message": "not possible", "error_code": 1039}},
            "not possible (error code 1039: refused by moderation)",
        ),
        (200, {"data": {"status": "failed", "message": "no moderation", "error_code": 1039}}, "no moderation"),
        (200, {"data": {"status": "failed", "message": "too dark", "error_code": 7}}, "too dark"),
        (200, {"data": {"status": "failed", "error_code": 7}}, "error code 7"),
        (200, {"data": {"status": "failed", "error": {"details": {"text": "too dark"}}}}, "too dark"),
    ],
)
async def test_the_reason_of_a_failure_is_found_wherever_it_stands(
    sandbox: Sandbox, base_url: str, status: int, body: object, said: str
) -> None:
    sandbox.script(says("prediction", body, status=status))

    async with cloud_at(base_url) as cloud:
        report = await cloud.prediction("p1")

    assert (report.status, report.error) == (Status.FAILED, said)


@pytest.mark.parametrize("status", [501, 520, 524, 530])
async def test_every_outage_of_a_read_or_an_upload_is_tried_again(sandbox: Sandbox, base_url: str, status: int) -> None:
    sandbox.script(says("prediction", "<html>", status=status), says("upload", "<html>", status=status))

    async with service_at(base_url) as service:
        await service.upload_image(ROCKET)
    async with cloud_at(base_url) as cloud:
        with pytest.raises(AtlasError, match="has no prediction"):
            await cloud.prediction("p1")

    assert (requests_to(sandbox, "prediction"), requests_to(sandbox, "upload")) == (2, 2)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [(403, "<!DOCTYPE html>", {}), (429, "<html>", {}), (403, '{"a": 1}', {"cf-mitigated": "challenge"})],
)
async def test_a_page_of_the_guard_is_not_blamed_on_the_key(
    sandbox: Sandbox, base_url: str, status: int, body: str, headers: dict[str, str]
) -> None:
    sandbox.script(says("generate", body, status=status).model_copy(update={"headers": headers}))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(RateLimited, match=r"blocked the .* the API key is not the cause.*Nothing was paid"):
            await cloud.generate(BODY)


async def test_a_guard_that_knows_this_computer_says_so_in_any_form(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(says("generate", "error code: 1010", status=403))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(NotAllowed, match="Use another network"):
            await cloud.generate(BODY)


async def test_trouble_within_a_wait_is_sat_out_and_told_as_progress(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        made = await animate(service, REMOTE, deadline=NOW)
        sandbox.script(Fault(endpoint="prediction", action="status", status=503, times=4))
        sandbox.finish(made.prediction_id)
        told: list[Progress] = []
        clip = await service.get_prediction(
            made.prediction_id, clip_deadline=anyio.current_time() + 20, progress=told.append
        )

    assert clip.status == "completed"
    assert Phase.IN_TROUBLE in {step.phase for step in told}


async def test_a_redirect_is_told_as_what_it_is_and_nothing_was_paid(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(says("generate", "", status=302), says("generate", "", status=303))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(RequestRefused, match=r"Check ATLASCLOUD_BASE_URL and .*\. Nothing was paid"):
            await cloud.generate(BODY)
        with pytest.raises(SubmissionUnknown):
            await cloud.generate(BODY)


@pytest.mark.parametrize("fault", [says("generate", "", 502), says("generate", "no JSON")], ids=["502", "nonsense"])
async def test_the_id_of_a_request_of_unknown_fate_is_told(sandbox: Sandbox, base_url: str, fault: Fault) -> None:
    sandbox.script(fault)

    async with cloud_at(base_url) as cloud:
        with pytest.raises(SubmissionUnknown, match=r"X-Request-ID [0-9a-f]{32}\."):
            await cloud.generate(BODY)


async def test_a_reason_that_speaks_of_paying_does_not_hide_that_nothing_was(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(says("upload", {"code": 422, "msg": "only paid accounts"}, status=422))

    async with service_at(base_url) as service:
        with pytest.raises(RequestRefused, match=r"only paid accounts.* Nothing was paid\."):
            await animate(service, ROCKET, deadline=NOW)


@pytest.mark.parametrize("value", ["9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_wait_of_ages_is_none(value: str) -> None:
    assert retry_after(value) is None


async def test_what_is_no_link_is_never_submitted_as_the_picture(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(says("upload", {"data": {"download_url": "see\nhttps://x.example/a.jpg"}}))

    async with service_at(base_url) as service:
        with pytest.raises(ServiceUnavailable, match=r"returned no URL for it\. .* Nothing was paid\."):
            await animate(service, ROCKET, deadline=NOW)

    assert sandbox.submissions == []


# History times are unix seconds as text (the vendor's parser, measured in production).
@pytest.mark.parametrize("age", [9 * 86_400, 120, None])
async def test_a_row_of_before_or_without_a_time_is_not_the_lost_submission(
    sandbox: Sandbox, base_url: str, age: float | None
) -> None:
    row = {"ID": "old", "requestBody": json.dumps(BODY)} | ({} if age is None else {"createdAt": at(age)})
    sandbox.script(
        Fault(endpoint="generate", action="reset_before"), says("history", {"data": {"items": [row]}}, times=99)
    )

    async with service_at(base_url, history_patience=0) as service:
        with pytest.raises(SubmissionUnknown) as caught:
            await animate(service, REMOTE, deadline=NOW)

    assert "may be it" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        BODY | {"duration": 6},
        BODY | {"duration": "6", "enable_prompt_expansion": False},
        BODY | {"enable_prompt_expansion": None, "trace": "x"},
    ],
    ids=str,
)
async def test_a_default_filled_in_and_a_number_as_text_are_no_difference(
    sandbox: Sandbox, base_url: str, body: object
) -> None:
    row = {"ID": "ours", "requestBody": json.dumps(body), "result": {"created_at": at(0)}}
    sandbox.script(Fault(endpoint="generate", action="reset_before"), says("history", {"data": {"items": [row]}}))

    async with service_at(base_url) as service:
        found = await animate(service, REMOTE, deadline=NOW)

    assert found.prediction_id == "ours"


@pytest.mark.parametrize(("rows", "named"), [(1, True), (2, False)])
async def test_the_one_row_that_may_be_the_lost_submission_is_named_and_not_joined(
    sandbox: Sandbox, base_url: str, rows: int, *, named: bool
) -> None:
    moved = json.dumps(BODY | {"image": "https://cdn.example/moved.jpg"})
    items = [{"ID": f"p{number}", "createdAt": at(0), "requestBody": moved} for number in range(rows)]
    sandbox.script(
        Fault(endpoint="generate", action="reset_before"), says("history", {"data": {"items": items}}, times=99)
    )

    async with service_at(base_url, history_patience=0) as service:
        for _ in range(2):
            with pytest.raises(SubmissionUnknown) as caught:
                await animate(service, REMOTE, deadline=NOW)
            assert ("get_prediction, prediction_id p0" in str(caught.value)) is named

    assert requests_to(sandbox, "generate") == 1


@pytest.mark.parametrize(
    ("query", "made", "ends"),
    [
        ("X-Tos-Date=20261128T000000Z&X-Tos-Expires=86400", None, "2026-11-29T00:00:00Z"),
        ("X-Amz-Date=20261128T000000Z&X-Amz-Expires=60", None, "2026-11-28T00:01:00Z"),
        ("X-Goog-Date=20261128T000000Z&X-Goog-Expires=60", None, "2026-11-28T00:01:00Z"),
        ("x-oss-date=20261128T000000Z&x-oss-expires=60", None, "2026-11-28T00:01:00Z"),
        ("Expires=1795850000&Signature=x", None, "2026-11-28T07:13:20Z"),
        ("X-Tos-Expires=86400", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"),
        ("Expires=60", "2026-11-28T00:00:00Z", "2026-11-28T00:01:00Z"),
        ("Expires=60", None, None),
        ("Expires=soon", None, None),
    ],
)
def test_a_signed_link_says_when_it_ends(query: str, made: str | None, ends: str | None) -> None:
    found = Link(f"{CLIP}?{query}").ends_at(datetime.fromisoformat(made) if made else None)
    assert found == (datetime.fromisoformat(ends) if ends else None)


def test_a_clip_is_gone_when_its_link_ends_or_after_fourteen_days() -> None:
    signed = f"{CLIP}?X-Tos-Date=20260102T000000Z&X-Tos-Expires=86400"
    made = {"id": "p", "status": "completed", "created_at": "2026-01-02T00:00:00Z"}

    assert Report.model_validate(made | {"outputs": [CLIP]}).expires_at(None) == datetime(2026, 1, 16, tzinfo=UTC)
    assert Report.model_validate(made | {"outputs": [signed]}).expires_at(None) == datetime(2026, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"price": "0.28"}, False),
        ({}, True),
        ({"price": 0}, False),
        ({"price": "0.28", "outputs": [f"{CLIP}?Expires=1795850000"]}, True),
    ],
)
async def test_a_completed_prediction_is_asked_for_again_where_something_can_have_changed(
    sandbox: Sandbox, base_url: str, tmp_path: Path, fields: dict[str, Any], *, asked: bool
) -> None:
    done = {"status": "completed", "outputs": [CLIP]} | fields
    sandbox.script(says("prediction", done), says("prediction", done | {"price": "0.30", "outputs": [f"{CLIP}?2"]}))

    for _ in range(2):
        async with service_at(base_url, directory=tmp_path) as service:
            seen = await look(service, "p1", deadline=NOW)

    assert polls(sandbox) == 1 + asked
    assert seen.cost_usd == (0.30 if asked else fields["price"] and 0.28)
    assert (seen.video_url == f"{CLIP}?2") is asked


@pytest.mark.parametrize(("status", "note"), [(404, "no longer has"), (401, "not be looked at"), (200, None)])
async def test_what_the_journal_knows_is_told_where_asking_again_gives_nothing(
    sandbox: Sandbox, base_url: str, tmp_path: Path, status: int, note: str | None
) -> None:
    sandbox.script(says("prediction", {"status": "completed", "outputs": [CLIP]}))
    sandbox.script(says("prediction", {"status": "pending"}, status=status))

    for _ in range(2):
        async with service_at(base_url, directory=tmp_path) as service:
            seen = await look(service, "p1", deadline=NOW)

    assert seen.video_url == CLIP
    assert note in " ".join(seen.notes or ()) if note else seen.notes is None


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_link_that_has_ended_is_renewed_once_by_the_api_when_a_clip_is_saved(
    base_url: str, sandbox: Sandbox, tmp_path: Path, status: int
) -> None:
    async with service_at(base_url, directory=tmp_path / "state") as service:
        made = await animate(service, REMOTE, deadline=NOW)
        sandbox.finish(made.prediction_id)
        clip = await look(service, made.prediction_id, deadline=NOW)
        newer = {"status": "completed", "price": "0.3", "outputs": [f"{clip.video_url}?newer"]}
        sandbox.script(Fault(endpoint="file", action="status", status=status), says("prediction", newer))
        saved = await service.save_video(made.prediction_id, str(tmp_path / "clips") + "/")
        sandbox.script(Fault(endpoint="file", action="status", status=status), says("prediction", newer))
        with pytest.raises(CannotSave, match="asked for a newer link, and gave none"):
            await service.save_video(made.prediction_id, str(tmp_path / "again") + "/")
        before = polls(sandbox)
        await look(service, made.prediction_id, deadline=NOW)

    assert saved.video_url == f"{clip.video_url}?newer"
    assert polls(sandbox) == before + 1


def test_a_price_of_zero_at_completion_is_not_final_where_more_was_quoted() -> None:
    done = Report.model_validate({"id": "p", "status": "completed", "outputs": [CLIP], "price": 0})

    assert done.cost(Decimal("0.28")) == Decimal("0.28")
    assert done.cost(None) == 0


def test_the_picture_that_is_told_is_the_one_that_was_animated() -> None:
    """A body of ours names it last; in one of others it is guessed by the names of the fields."""
    ours = {"input_image": "https://x.example/further.jpg", "first_frame": "https://x.example/animated.jpg"}

    assert animated_in(ours) == "https://x.example/animated.jpg"
    theirs = {"model": "m", "image": REMOTE, "reference_image": CLIP, "prompt": "x"}
    row = HistoryRow.model_validate({"ID": "p1", "requestBody": theirs})
    assert from_history(row, None).request == VideoRequest(image=REMOTE, prompt="x", model="m")


async def test_done_without_a_clip_is_never_final(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    bare = {"status": "completed", "outputs": [], "has_nsfw_contents": [True], "error": "late"}
    long_ago = Report.model_validate(bare | {"id": "p1"}).after(None, datetime(2026, 1, 1, tzinfo=UTC))
    async with service_at(base_url, directory=tmp_path) as service:
        made = await animate(service, REMOTE, deadline=NOW)
        sandbox.script(says("prediction", bare, times=9))
        seen = await look(service, made.prediction_id, deadline=NOW)

    given_up = long_ago.after(long_ago, datetime(2026, 1, 1, 0, 1, tzinfo=UTC))
    assert (seen.status, seen.provider_status) == ("processing", "completed")
    assert given_up.error == (
        "The API says completed but names no clip; has_nsfw_contents is true; it says: late. It may be charged, and "
        "can be looked at again."
    )
    assert given_up.may_change(None, None, datetime.now(UTC))


async def test_a_row_of_the_minutes_that_an_upload_took_is_not_the_lost_submission(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    """The intent is older than the sending, and only of the latter the history can tell."""
    row = {"ID": "anothers", "createdAt": at(300), "requestBody": json.dumps(BODY)}
    sandbox.script(Fault(endpoint="generate", action="reset_before"))
    async with service_at(base_url, directory=tmp_path, history_patience=0) as service:
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, deadline=NOW)
    begun = (datetime.now(UTC) - timedelta(minutes=10)).isoformat(timespec="microseconds")
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as db, db:
        db.execute("UPDATE entries SET created_at = ?", (begun,))
    sandbox.script(says("history", {"data": {"items": [row]}}, times=99))

    async with service_at(base_url, directory=tmp_path, history_patience=0) as service:
        with pytest.raises(SubmissionUnknown, match="does not show it"):
            await animate(service, REMOTE, deadline=NOW)


async def test_a_link_to_this_machine_in_a_row_of_the_live_api_is_no_picture_of_ours() -> None:
    row = {
        "ID": "p1",
        "requestBody": {"image": "http://127.0.0.1:8080/a.jpg", "images": ["http://[::1]/"], "prompt": "x"},
    }

    there = HistoryRow.model_validate(row, context={"local": False})
    here = HistoryRow.model_validate(row, context={"local": True})

    assert (animated_in(there.body), there.body) == (None, {"prompt": "x"})
    assert animated_in(here.body) == "http://[::1]/"


async def test_a_clip_at_an_address_that_is_not_asked_is_not_said_to_be_good_there(tmp_path: Path) -> None:
    async with ClipSaver(hosts=clip_hosts((), "https://api.atlascloud.ai/api/v1")) as saver:
        with pytest.raises(CannotSave, match="ATLASCLOUD_CLIP_HOSTS") as caught:
            await saver.save("https://169.254.169.254/a.mp4", str(tmp_path / "a.mp4"), name="a")

    assert "good" not in str(caught.value)
