"""Never pay twice, never lose a clip that was paid for: submissions, joining, faults, restarts."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import AsyncExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from atlascloud_video_mcp.errors import (
    AtlasError,
    BalanceTooLow,
    InvalidInput,
    KeyRejected,
    NotAllowed,
    OutOfTime,
    RateLimited,
    RequestRefused,
    ServiceUnavailable,
    SubmissionUnknown,
)
from atlascloud_video_mcp.journal import Journal, Stage
from atlascloud_video_mcp.server.host_limits import limits_of
from atlascloud_video_mcp.server.tool_results import prediction_answer
from kit import (
    CANARY,
    REMOTE,
    ROCKET,
    STANDARD,
    TESTS,
    animate,
    look,
    patience_for,
    polls,
    service_at,
    steps_of,
    text_of,
    until,
)
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from atlascloud_video_mcp.service.results import Prediction

NOW = 0.0
LATER = 1e12


def uploads(sandbox: Sandbox) -> int:
    return sum(request.endpoint == "upload" for request in sandbox.received)


# What may befall the paid request, and whether the API then has it. After each, one more call must not pay again.
ACCEPTED = [
    Fault(endpoint="generate", action="reset_after"),
    Fault(endpoint="generate", action="delay_after", seconds=3),
    Fault(endpoint="generate", action="wrong_types", act=True),
    Fault(endpoint="generate", action="truncate"),
    Fault(endpoint="generate", action="drip", chunks=50, pause=0.2),
    *(Fault(endpoint="generate", action=action, act=True) for action in ("malformed", "html", "empty")),
    *(
        Fault(endpoint="generate", action="status", status=status, act=True)
        for status in (408, 500, 502, 503, 504, 520, 522, 524)
    ),
    Fault(endpoint="generate", action="status", status=500, act=True, body="<html>oops</html>"),
    Fault(endpoint="generate", action="status", status=200, act=True, body='{"code": 500, "message": "oops"}'),
    Fault(endpoint="generate", action="status", status=200, act=True, body='{"code": 200, "data": null}'),
]
LOST = [
    Fault(endpoint="generate", action="reset_before"),
    Fault(endpoint="generate", action="malformed"),
    Fault(endpoint="generate", action="html"),
    Fault(endpoint="generate", action="empty"),
    *(Fault(endpoint="generate", action="status", status=status) for status in (408, 500, 502, 503, 504)),
]
REFUSED = [
    (Fault(endpoint="generate", action="status", status=400), RequestRefused),
    (Fault(endpoint="generate", action="status", status=401), KeyRejected),
    (Fault(endpoint="generate", action="status", status=402), BalanceTooLow),
    (Fault(endpoint="generate", action="status", status=403), NotAllowed),
    (Fault(endpoint="generate", action="status", status=403, body="error code: 1010"), NotAllowed),
    (Fault(endpoint="generate", action="status", status=404), RequestRefused),
    (Fault(endpoint="generate", action="status", status=413), RequestRefused),
    (Fault(endpoint="generate", action="status", status=425), ServiceUnavailable),
    (Fault(endpoint="generate", action="status", status=429), RateLimited),
    (Fault(endpoint="generate", action="status", status=429, headers={"Retry-After": "7"}), RateLimited),
    (Fault(endpoint="generate", action="status", status=451), NotAllowed),
]
PASSING = [
    *(
        Fault(endpoint=endpoint, action=action)
        for endpoint in ("upload", "prediction")
        for action in ("reset_before", "reset_after", "truncate", "malformed", "html", "empty")
    ),
    *(
        Fault(endpoint=endpoint, action="status", status=status)
        for endpoint in ("upload", "prediction")
        for status in (408, 425, 429, 500, 502, 503, 504)
    ),
    *(Fault(endpoint=endpoint, action="delay", seconds=2) for endpoint in ("upload", "prediction")),
    Fault(endpoint="prediction", action="status", status=404),
    Fault(endpoint="prediction", action="status", status=400),
    Fault(endpoint="prediction", action="wrong_types"),
    Fault(endpoint="prediction", action="status", status=429, headers={"Retry-After": "0"}),
]


def named(fault: object) -> str:
    return f"{fault.endpoint}-{fault.action}-{fault.status}" if isinstance(fault, Fault) else ""


@pytest.mark.parametrize("fault", ACCEPTED, ids=named)
async def test_an_accepted_submission_whose_answer_is_lost_is_found_and_paid_once(
    sandbox: Sandbox, base_url: str, tmp_path: Path, fault: Fault
) -> None:
    sandbox.script(fault)

    async with service_at(base_url, directory=tmp_path, patience=patience_for(fault)) as service:
        found = await animate(service, ROCKET, prompt="wind", deadline=NOW)
    async with service_at(base_url, directory=tmp_path) as restarted:
        again = await animate(restarted, ROCKET, prompt="wind", deadline=NOW)
        seen = await look(restarted, found.prediction_id, deadline=NOW)

    assert len(sandbox.submissions) == 1
    assert found.prediction_id == again.prediction_id == seen.prediction_id == sandbox.accepted[0][0]
    assert not found.reused
    assert again.reused
    assert found.notes
    assert "found in the account's history" in found.notes[-1]


@pytest.mark.parametrize("fault", LOST, ids=named)
async def test_a_submission_that_never_arrived_stays_unknown_and_another_take_is_made(
    sandbox: Sandbox, base_url: str, tmp_path: Path, fault: Fault
) -> None:
    sandbox.script(fault)

    async with service_at(base_url, directory=tmp_path) as service:
        with pytest.raises(SubmissionUnknown, match="only another take"):
            await animate(service, REMOTE, deadline=NOW)
    async with service_at(base_url, directory=tmp_path) as restarted:
        with pytest.raises(SubmissionUnknown, match=r"An identical request was sent at .* only another take"):
            await animate(restarted, REMOTE, deadline=LATER)
        assert sandbox.submissions == []
        another = await animate(restarted, REMOTE, take=2, deadline=NOW)
        joined = await animate(restarted, REMOTE, take=2, deadline=NOW)

    assert len(sandbox.submissions) == 1
    assert (another.reused, joined.reused) == (False, True)
    assert another.prediction_id == joined.prediction_id


@pytest.mark.parametrize(("fault", "kind"), REFUSED, ids=named)
async def test_a_refused_submission_is_free_and_may_be_called_again(
    sandbox: Sandbox, base_url: str, tmp_path: Path, fault: Fault, kind: type[AtlasError]
) -> None:
    sandbox.script(fault)

    async with service_at(base_url, directory=tmp_path) as service:
        with pytest.raises(kind):
            await animate(service, REMOTE, deadline=NOW)
        assert sandbox.submissions == []
        made = await animate(service, REMOTE, deadline=NOW)

    assert not made.reused
    assert len(sandbox.submissions) == 1


@pytest.mark.parametrize("fault", PASSING, ids=named)
async def test_a_passing_fault_elsewhere_costs_nothing_but_time(
    sandbox: Sandbox, base_url: str, tmp_path: Path, fault: Fault
) -> None:
    sandbox.script(fault)

    async with service_at(base_url, directory=tmp_path, patience=patience_for(fault)) as service:
        submitted = await animate(service, ROCKET, deadline=NOW)
        sandbox.finish(submitted.prediction_id)
        clip = await look(service, submitted.prediction_id, deadline=LATER)

    assert clip.status == "completed"
    assert len(sandbox.submissions) == 1


async def test_a_submission_that_cannot_have_left_may_be_called_again(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        with sandbox.refusing(), pytest.raises(ServiceUnavailable, match="Nothing was submitted or paid"):
            await animate(service, REMOTE, deadline=NOW)
        assert not (await animate(service, REMOTE, deadline=NOW)).reused

    assert len(sandbox.submissions) == 1


async def test_a_history_that_lags_is_searched_with_patience(tmp_path: Path) -> None:
    sandbox = Sandbox(seconds=3600, history_lag=float("inf"))
    sandbox.script(Fault(endpoint="generate", action="reset_after"))

    with sandbox.running() as base_url:
        async with service_at(base_url, directory=tmp_path) as service:
            with pytest.raises(SubmissionUnknown):
                await animate(service, REMOTE, deadline=LATER)
            sandbox.show_history()
            joined = await animate(service, REMOTE, deadline=NOW)

    assert joined.reused
    assert len(sandbox.submissions) == 1


@pytest.mark.parametrize("skew", [-50, 3600])
async def test_clocks_that_differ_do_not_hide_a_submission(tmp_path: Path, skew: int) -> None:
    sandbox = Sandbox(seconds=3600, clock_skew=skew)
    sandbox.script(Fault(endpoint="generate", action="reset_after"))

    with sandbox.running() as base_url:
        async with service_at(base_url, directory=tmp_path) as service:
            found = await animate(service, REMOTE, deadline=NOW)

    assert found.prediction_id == sandbox.accepted[0][0]


async def test_a_history_that_cannot_be_read_leaves_it_unknown(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(
        Fault(endpoint="generate", action="reset_after"),
        Fault(endpoint="history", action="status", status=404, times=99),
    )

    async with service_at(base_url) as service:
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, deadline=NOW)


async def test_a_row_of_long_ago_or_of_another_request_is_not_taken_for_ours(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        known = await animate(service, REMOTE, deadline=NOW)
        sandbox.script(Fault(endpoint="generate", action="reset_before"))
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, take=2, deadline=NOW)
        rows = [
            {"ID": "old", "createdAt": 1, "requestBody": sandbox.submissions[0]},
            {"ID": "other", "requestBody": {"model": "m"}},
            {"ID": known.prediction_id, "requestBody": sandbox.submissions[0]},
        ]
        body = json.dumps({"data": {"items": rows}})
        sandbox.script(
            Fault(endpoint="generate", action="reset_before"),
            Fault(endpoint="history", action="status", status=200, body=body),
        )
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, take=3, deadline=NOW)


async def test_identical_requests_at_the_same_moment_from_two_processes_pay_once(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    made: list[Prediction] = []
    async with AsyncExitStack() as stack:
        patient = [service_at(base_url, directory=tmp_path, history_patience=60) for _ in range(2)]
        studios = [await stack.enter_async_context(service) for service in patient]

        async def make(number: int) -> None:
            made.append(await animate(studios[number % 2], ROCKET, prompt="wind", deadline=NOW))

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(make, number)

    assert len(sandbox.submissions) == 1
    assert uploads(sandbox) == 1
    assert len({prediction.prediction_id for prediction in made}) == 1
    assert sorted(prediction.reused for prediction in made) == [False] + [True] * 9


@pytest.mark.parametrize(
    "change",
    [{"prompt": "storm"}, {"duration": 10}, {"enable_prompt_expansion": True}, {"model": "minimax/hailuo-2.3/fast"}],
    ids=str,
)
async def test_a_request_that_differs_is_a_clip_of_its_own(
    sandbox: Sandbox, base_url: str, change: dict[str, object]
) -> None:
    async with service_at(base_url) as service:
        await animate(service, REMOTE, deadline=NOW)
        other = await animate(service, REMOTE, deadline=NOW, **change)  # type: ignore[arg-type]  # each of its own type

    assert not other.reused
    assert len(sandbox.submissions) == 2


async def test_an_identical_request_that_never_gets_submitted_is_not_waited_for_for_ever(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(Fault(endpoint="upload", action="delay", seconds=20, times=9))

    async with (
        service_at(base_url, directory=tmp_path) as first,
        service_at(base_url, directory=tmp_path) as second,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(partial(animate, first, ROCKET, deadline=LATER))
        await until(lambda: uploads(sandbox))
        with pytest.raises(OutOfTime, match="an identical request that is on its way: no result yet"):
            await animate(second, ROCKET, deadline=NOW, answer_by=anyio.current_time() + 6)
        tasks.cancel_scope.cancel()

    assert sandbox.submissions == []


async def test_a_lost_submission_is_found_behind_many_newer_ones(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(
        Fault(endpoint="generate", action="reset_after"), Fault(endpoint="history", action="status", status=404)
    )

    async with service_at(base_url, directory=tmp_path, history_patience=0) as service:
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, prompt="lost", deadline=NOW)
        for number in range(60):
            await animate(service, REMOTE, prompt=f"newer {number}", deadline=NOW)
        joined = await animate(service, REMOTE, prompt="lost", deadline=NOW)

    assert joined.prediction_id == sandbox.accepted[0][0]
    assert len(sandbox.submissions) == 61


async def test_a_history_without_end_is_not_read_for_ever(sandbox: Sandbox, base_url: str) -> None:
    rows = json.dumps({"data": {"items": [{"ID": "p1"}]}})
    sandbox.script(
        Fault(endpoint="generate", action="reset_before"),
        Fault(endpoint="history", action="status", status=200, body=rows, times=1000),
    )

    async with service_at(base_url, history_patience=0) as service:
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, deadline=NOW)

    assert sum(request.endpoint == "history" for request in sandbox.received) == 20


async def test_a_request_without_a_prompt_is_not_taken_for_one_with_a_prompt(sandbox: Sandbox, base_url: str) -> None:
    row = {"ID": "storm", "requestBody": {"model": STANDARD, "image": REMOTE, "prompt": "storm"}}
    sandbox.script(
        Fault(endpoint="generate", action="reset_before"),
        Fault(endpoint="history", action="status", status=200, body=json.dumps({"data": {"items": [row]}})),
    )

    async with service_at(base_url) as service:
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, deadline=NOW)


@pytest.mark.parametrize("status", [401, 403, 422])
async def test_a_refused_look_does_not_end_the_watch_of_what_was_paid(
    sandbox: Sandbox, base_url: str, tmp_path: Path, status: int
) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        first = await animate(service, REMOTE, save_to=str(tmp_path / "clips"), deadline=NOW)
        sandbox.script(Fault(endpoint="prediction", action="status", status=status))
        before = polls(sandbox)
        await until(lambda: polls(sandbox) > before + 1)
        sandbox.finish(first.prediction_id)
        await until(lambda: any(path.suffix == ".mp4" for path in (tmp_path / "clips").glob("*")))


async def test_one_answer_of_not_found_after_a_restart_does_not_hide_a_prediction(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        first = await animate(service, REMOTE, deadline=NOW)
    sandbox.script(Fault(endpoint="prediction", action="status", status=404))
    async with service_at(base_url, directory=tmp_path) as restarted:
        seen = await look(restarted, first.prediction_id, deadline=NOW)
        sandbox.finish(first.prediction_id)
        clip = await look(restarted, first.prediction_id, deadline=LATER)

    assert (seen.status, clip.status) == ("processing", "completed")


async def test_a_call_whose_time_is_up_while_the_clip_is_saved_gets_its_url(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(Fault(endpoint="file", action="delay", seconds=1))

    async with service_at(base_url) as service:
        first = await animate(service, REMOTE, save_to=str(tmp_path / "clips"), deadline=NOW)
        sandbox.finish(first.prediction_id)
        seen = await look(service, first.prediction_id, deadline=NOW)
        saved = await look(service, first.prediction_id, deadline=LATER)

    assert seen.saved_path is None
    assert seen.saving is True
    told = prediction_answer(seen, limits_of("goose"))
    assert (told.structured_content or {})["saving"] is True
    assert seen.video_url
    assert seen.video_url in text_of(told)
    assert "save_video" not in text_of(told)
    assert text_of(told).endswith(f"Next: get_prediction with prediction_id {seen.prediction_id}.")
    assert (told.meta or {})["atlascloud-video/pollIntervalMs"] == 3000
    assert saved.saved_path
    assert saved.saving is None


async def test_an_outage_at_the_first_look_at_a_foreign_prediction_is_told(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="status", status=503, times=8))

    async with service_at(base_url, retry_pause=0.01) as service:
        with pytest.raises(ServiceUnavailable, match="do not submit again"):
            await look(service, "p1", deadline=NOW)
        await until(lambda: polls(sandbox) == 9)


async def test_a_finished_clip_is_given_again_at_once_from_the_journal_and_saved_where_that_is_asked(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path / "state") as service:
        first = await animate(service, REMOTE, deadline=NOW)
        sandbox.finish(first.prediction_id)
        clip = await animate(service, REMOTE, deadline=LATER)
    before = polls(sandbox)
    async with service_at(base_url, directory=tmp_path / "state") as restarted:
        again = [await animate(restarted, REMOTE, deadline=NOW) for _ in range(3)]
        kept = await animate(restarted, REMOTE, save_to=str(tmp_path / "clips"), deadline=LATER)
        another = await animate(restarted, REMOTE, take=2, deadline=NOW)

    for told in (clip, *again, kept):
        assert (told.status, told.reused, told.take, told.video_url) == ("completed", True, 1, clip.video_url)
        assert told.notes
        assert re.fullmatch(
            r"The same request \(take 1\) was made at \d{4}-\d\d-\d\d \d\d:\d\d UTC, and this is its prediction: "
            r"nothing new was paid\. For another variation, which is paid: take 2\.",
            told.notes[0],
        )
    assert kept.saved_path
    assert await anyio.Path(kept.saved_path).exists()
    assert (another.reused, another.take, another.notes) == (False, 2, None)
    assert polls(sandbox) - before <= 1  # of the other take
    assert len(sandbox.submissions) == 2


async def test_a_clip_that_the_api_has_deleted_by_now_is_not_joined(base_url: str, tmp_path: Path) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        first = await animate(service, REMOTE, deadline=NOW)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE entries SET submitted_at = '2020-01-01T00:00:00.000000+00:00'")
    async with service_at(base_url, directory=tmp_path) as service:
        second = await animate(service, REMOTE, deadline=NOW)

    assert not second.reused
    assert second.prediction_id != first.prediction_id


async def test_a_submission_that_is_cut_off_by_the_end_of_the_studio_is_unknown_to_the_next(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(Fault(endpoint="generate", action="delay_after", seconds=0.2))

    with anyio.move_on_after(10) as scope:
        async with service_at(base_url, directory=tmp_path) as service, anyio.create_task_group() as tasks:
            tasks.start_soon(partial(animate, service, REMOTE, deadline=LATER))
            await until(lambda: sandbox.submissions)
            scope.cancel()
    async with service_at(base_url, directory=tmp_path) as service:
        joined = await animate(service, REMOTE, deadline=NOW)

    assert joined.reused
    assert len(sandbox.submissions) == 1


async def test_a_failed_generation_is_not_joined(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        first = await animate(service, REMOTE, prompt="sandbox:fail", deadline=NOW)
        sandbox.finish(first.prediction_id)
        await look(service, first.prediction_id, deadline=LATER)
        assert not (await animate(service, REMOTE, prompt="sandbox:fail", deadline=NOW)).reused


async def test_an_outage_while_following_a_joined_prediction_is_told_and_a_rejected_key_ends_it(
    sandbox: Sandbox, base_url: str
) -> None:
    # With such a pace the API is looked at only when a call asks for it.
    async with service_at(base_url, poll_interval=3600) as service:
        first = await animate(service, REMOTE, deadline=NOW)
        sandbox.script(Fault(endpoint="prediction", action="status", status=503, times=4))
        with pytest.raises(ServiceUnavailable, match="do not submit again"):
            await animate(service, REMOTE, deadline=NOW)
        sandbox.script(Fault(endpoint="prediction", action="status", status=401))
        with pytest.raises(KeyRejected, match="do not submit again"):
            await animate(service, REMOTE, deadline=LATER)
        sandbox.finish(first.prediction_id)
        assert (await animate(service, REMOTE, deadline=LATER)).status == "completed"

    assert len(sandbox.submissions) == 1


async def test_what_a_process_knew_is_known_to_the_next(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        first = await animate(service, ROCKET, prompt="wind", duration=10, deadline=NOW)
    async with service_at(base_url, directory=tmp_path) as second:
        seen = await look(second, first.prediction_id, deadline=NOW)
        sandbox.finish(first.prediction_id)
        clip = await look(second, first.prediction_id, deadline=LATER)
        sandbox.forget(first.prediction_id)
    before = polls(sandbox)
    async with service_at(base_url, directory=tmp_path) as third:
        remembered = await look(third, first.prediction_id, deadline=LATER)

    assert (seen.prompt, seen.duration, seen.image_url) == ("wind", 10, first.image_url)
    assert clip.status == "completed"
    assert remembered.video_url == clip.video_url
    assert polls(sandbox) == before


async def test_a_prediction_the_api_forgot_is_told_from_the_journal(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        first = await animate(service, REMOTE, deadline=NOW)
    sandbox.script(Fault(endpoint="prediction", action="status", status=401))
    async with Journal(tmp_path) as journal:
        entry = await journal.submission_of(first.prediction_id)
        assert entry
        assert entry.stage is Stage.SUBMITTED
        assert entry.report
        old = entry.report.model_copy(update={"created_at": None, "word": "queued"})
        await journal.set_report("foreign", old.model_copy(update={"prediction_id": "foreign"}))
    sandbox.script(Fault(endpoint="prediction", action="status", status=404))
    async with service_at(base_url, directory=tmp_path) as second:
        with pytest.raises(KeyRejected):
            await look(second, "foreign", deadline=NOW)
        seen = await look(second, "foreign", deadline=LATER)

    assert seen.status == "processing"
    assert seen.notes == ("The API no longer has this prediction; this is what the journal remembers of it.",)


async def test_the_same_bytes_are_uploaded_once_within_an_hour(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(await anyio.Path(ROCKET).read_bytes())

    async with service_at(base_url, directory=tmp_path / "state") as service:
        for image in (ROCKET, str(copy)):
            await animate(service, image, prompt=image[-5:], deadline=NOW)
    async with service_at(base_url, directory=tmp_path / "state", key="another") as other:
        await animate(other, ROCKET, deadline=NOW)

    assert uploads(sandbox) == 2
    assert len({body["image"] for body in sandbox.submissions[:2]}) == 1


async def test_a_failed_upload_leaves_nothing_to_join(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    sandbox.script(Fault(endpoint="upload", action="status", status=403))

    async with service_at(base_url, directory=tmp_path) as service:
        with pytest.raises(NotAllowed):
            await animate(service, ROCKET, deadline=NOW)
        assert not (await animate(service, ROCKET, deadline=NOW)).reused


async def test_a_journal_that_cannot_be_written_is_done_without_and_said(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    (tmp_path / "state").write_bytes(b"not a directory")

    async with service_at(base_url, directory=tmp_path / "state") as service:
        made = await animate(service, REMOTE, deadline=NOW)

    assert made.notes
    assert "journal" in made.notes[0].lower()
    assert len(sandbox.submissions) == 1


async def test_a_finished_clip_is_saved_where_it_was_asked_for_by_whichever_process_sees_the_end(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    target = tmp_path / "clips"
    async with service_at(base_url, directory=tmp_path / "state") as service:
        first = await animate(service, ROCKET, save_to=str(target), deadline=NOW)
    sandbox.finish(first.prediction_id)
    async with service_at(base_url, directory=tmp_path / "state") as second:
        clip = await look(second, first.prediction_id, deadline=LATER)
        kept = await second.save_video(first.prediction_id, str(target))

    assert clip.saved_path
    assert (await anyio.Path(clip.saved_path).read_bytes())[4:8] == b"ftyp"
    assert kept.saved_path == clip.saved_path
    assert [path.name for path in target.iterdir()] == [Path(clip.saved_path).name]


async def test_a_download_directory_gets_every_clip_and_a_joiner_may_ask_for_another_place(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, download_dir=tmp_path / "all") as service:
        first = await animate(service, ROCKET, deadline=NOW)
        sandbox.finish(first.prediction_id)
        clip = await look(service, first.prediction_id, deadline=LATER)
        kept = await service.save_video(first.prediction_id)
    async with service_at(base_url) as service:
        second = await animate(service, REMOTE, deadline=NOW)
        sandbox.finish(second.prediction_id)
        joined = await animate(service, REMOTE, save_to=str(tmp_path / "mine"), deadline=LATER)

    assert clip.saved_path
    assert Path(clip.saved_path).parent == tmp_path / "all"
    assert kept.saved_path == clip.saved_path
    assert joined.reused
    assert joined.saved_path
    assert Path(joined.saved_path).parent == tmp_path / "mine"


async def test_who_joins_a_finished_clip_and_wants_it_elsewhere_waits_for_it_to_be_there(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url) as service:
        first = await animate(service, REMOTE, save_to=str(tmp_path / "one"), deadline=NOW)
        sandbox.finish(first.prediction_id)
        await look(service, first.prediction_id, deadline=LATER)
        steps = await steps_of(service, REMOTE, save_to=str(tmp_path / "two"), deadline=LATER)

    assert [step.message.split(" after")[0] for step in steps] == ["Found", "Saving the clip", "Finished"]
    assert [step.fraction for step in steps] == [0.05, 0.99, 1]
    joined = steps[-1].prediction
    assert joined
    assert joined.saved_path
    assert Path(joined.saved_path).parent == tmp_path / "two"


async def test_a_clip_that_cannot_be_saved_is_a_note_and_its_url_is_told_all_the_same(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(Fault(endpoint="file", action="status", status=404, times=9))

    async with service_at(base_url) as service:
        first = await animate(service, REMOTE, save_to=str(tmp_path / "clips"), deadline=NOW)
        sandbox.finish(first.prediction_id)
        clip = await look(service, first.prediction_id, deadline=LATER)

    assert clip.video_url
    assert clip.saved_path is None
    assert clip.notes
    assert "expired" in clip.notes[0]


async def test_a_place_that_cannot_be_written_is_refused_before_anything_is_sent(
    sandbox: Sandbox, base_url: str
) -> None:
    async with service_at(base_url) as service:
        with pytest.raises(InvalidInput):
            await animate(service, REMOTE, save_to="clips", deadline=NOW)

    assert sandbox.received == []


async def test_saving_needs_a_finished_clip(base_url: str, tmp_path: Path) -> None:
    async with service_at(base_url) as service:
        first = await animate(service, REMOTE, deadline=NOW)
        with pytest.raises(InvalidInput, match="no clip to save: the prediction is processing"):
            await service.save_video(first.prediction_id, str(tmp_path))


KILLED = """
import sys, anyio
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from kit import REMOTE, animate, service_at

async def main():
    async with service_at(sys.argv[2], directory=Path(sys.argv[3])) as service:
        await animate(service, REMOTE, deadline=1e12)

anyio.run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    ("fault", "arrived"),
    [
        (Fault(endpoint="generate", action="delay", seconds=30), False),
        (Fault(endpoint="generate", action="delay_after", seconds=30), True),
        (None, True),
    ],
    ids=["before", "after", "watching"],
)
async def test_a_process_that_is_killed_while_it_submits_or_watches_leaves_the_right_verdict(
    sandbox: Sandbox, base_url: str, tmp_path: Path, fault: Fault | None, *, arrived: bool
) -> None:
    if fault:
        sandbox.script(fault)
    command = [sys.executable, "-c", KILLED, str(TESTS), base_url, str(tmp_path)]
    async with await anyio.open_process(command, stdout=subprocess.DEVNULL) as process:
        try:
            await until(lambda: any(request.endpoint == "generate" for request in sandbox.received))
            await until(lambda: polls(sandbox) > 0 if fault is None else len(sandbox.submissions) == arrived)
        finally:  # the process is waited for at the end of the block, in failure too
            process.send_signal(signal.SIGKILL)
    async with service_at(base_url, directory=tmp_path) as service:
        if arrived:
            joined = await animate(service, REMOTE, deadline=NOW)
            assert joined.reused
            assert joined.prediction_id == sandbox.accepted[0][0]
        else:
            with pytest.raises(SubmissionUnknown, match="only another take"):
                await animate(service, REMOTE, deadline=NOW)

    assert len(sandbox.submissions) == arrived


async def test_the_key_is_in_nothing_that_is_kept(base_url: str, tmp_path: Path) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        first = await animate(service, ROCKET, deadline=NOW)
        files = [path async for path in anyio.Path(tmp_path).rglob("*") if await path.is_file()]
        kept = b"".join([await path.read_bytes() for path in files])

    assert first.prediction_id.encode() in kept
    assert CANARY.encode() not in kept
