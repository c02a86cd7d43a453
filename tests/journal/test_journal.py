"""What the journal remembers and whom it lets submit; two journals on one directory stand for two processes."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from atlascloud_video_mcp.cloud.reports import Report
from atlascloud_video_mcp.journal import Claim, Journal, Stage, Submission, VideoRequest
from kit import TINY, as_sent, submission_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

REQUEST = {"model": "vendor/model", "image": "https://pictures.example/cat.jpg", "duration": 6}
HOST = "https://api.example/v1"
NOW = datetime.now(UTC)
BEGUN, ENDED = "2026-01-01T00:00:00Z", "2026-01-01T00:00:45Z"


def report(prediction_id: str = "p1", status: str = "processing", **fields: object) -> Report:
    outputs = ["https://clips.example/1.mp4"] if status == "completed" else []
    return Report.model_validate({"id": prediction_id, "status": status, "outputs": outputs, **fields})


@pytest.fixture
async def journal(any_place: Path | str | None) -> AsyncGenerator[Journal, None]:
    async with Journal(any_place) as journal:
        yield journal
        assert journal.warnings == ()


@pytest.fixture
async def ours(place: Path | str) -> AsyncGenerator[Journal, None]:
    async with Journal(place) as journal:
        yield journal


@pytest.fixture
async def theirs(place: Path | str) -> AsyncGenerator[Journal, None]:
    async with Journal(place) as journal:
        yield journal


async def sent(journal: Journal, key: str = "key", *, take: int = 1) -> str:
    claim = await journal.claim(key, take)
    assert claim.won
    await journal.mark_sending(as_sent(claim.submission.intent_id, REQUEST, ["turned upright"]))
    return claim.submission.intent_id


async def paid(journal: Journal, prediction_id: str = "p1", *, take: int = 1) -> str:
    intent_id = await sent(journal, take=take)
    await journal.mark_submitted(intent_id, report(prediction_id), NOW)
    return intent_id


async def prediction(journal: Journal, prediction_id: str = "p1") -> Submission:
    entry = await journal.submission_of(prediction_id)
    assert entry
    return entry


async def test_an_entry_tells_the_whole_way_from_intent_to_saved_clip(journal: Journal) -> None:
    claim = await journal.claim("key")
    assert claim == Claim(won=True, submission=claim.submission)
    intended = claim.submission
    assert (intended.stage, intended.body, intended.notes) == (Stage.INTENDED, {}, ())
    await journal.mark_sending(as_sent(intended.intent_id, REQUEST, ["turned upright"]))
    await journal.mark_submitted(intended.intent_id, report(), NOW)
    finished = report(status="completed", created_at=BEGUN, completed_at=ENDED, price="0.28")
    await journal.set_report("p1", finished)
    await journal.set_save_to("p1", "/clips")
    await journal.set_saved_path("p1", "/clips/cat.mp4")
    entry = await submission_of(journal, intended.intent_id)
    assert entry == await journal.submission_of("p1")
    assert entry == Submission(
        intent_id=intended.intent_id,
        key="key",
        stage=Stage.SUBMITTED,
        owner_alive=True,
        request=VideoRequest(str(REQUEST["image"]), duration=6, model="vendor/model", save_to="/clips"),
        body=REQUEST,
        notes=("turned upright",),
        created_at=intended.created_at,
        submitted_at=NOW,
        prediction_id="p1",
        report=finished,
        save_to="/clips",
        saved_path="/clips/cat.mp4",
    )


async def test_what_was_asked_for_is_kept_and_not_guessed_from_the_body(journal: Journal) -> None:
    asked = VideoRequest("https://pictures.example/cat.jpg", "It drifts", 6, "vendor/model", take=2)
    body = {
        "model": "vendor/model",
        "text": "It drifts",
        "length": "six",
        "further": "https://pictures.example/dog.jpg",
    }
    claim = await journal.claim("key", 2)
    await journal.mark_sending(replace(claim.submission, request=asked, body=body))
    await journal.mark_submitted(claim.submission.intent_id, report(), NOW)

    known = await prediction(journal)
    assert (known.request, known.body) == (asked, body)


def stored(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.glob("journal.sqlite3*"))


@pytest.mark.parametrize("image", [TINY, "/home/me/private.png", "~/private.png"])
async def test_of_a_local_picture_neither_bytes_nor_place_are_kept(tmp_path: Path, image: str) -> None:
    asked = VideoRequest(image, "It drifts", parameters={"end_image": image}, unlisted={"mask": image})
    async with Journal(tmp_path) as journal:
        claim = await journal.claim("key")
        await journal.mark_sending(replace(claim.submission, request=asked))
        await journal.mark_submitted(claim.submission.intent_id, report(), NOW)
        assert (await prediction(journal)).request == VideoRequest(prompt="It drifts")

    assert image.encode() not in stored(tmp_path)


async def test_what_is_not_there_is_none(journal: Journal) -> None:
    assert await submission_of(journal, "nothing") is None
    assert await journal.submission_of("nothing") is None
    assert await journal.knows(["nothing"]) == set()


async def test_a_file_name_that_is_no_unicode_survives(journal: Journal) -> None:
    path = os.fsdecode(b"/clips/caf\xe9.mp4")
    await journal.set_saved_path("p1", path)
    assert (await prediction(journal)).saved_path == path


async def test_another_process_joins_what_runs_and_does_not_own_it(ours: Journal, theirs: Journal) -> None:
    intent_id = await paid(ours)
    claim = await theirs.claim("key")
    assert (claim.won, claim.submission.intent_id, claim.submission.prediction_id) == (False, intent_id, "p1")
    assert claim.submission.owner_alive


@pytest.mark.parametrize("stage", ["intended", "sending", "unknown", "submitted"])
async def test_an_open_entry_of_a_living_process_is_joined(ours: Journal, theirs: Journal, stage: str) -> None:
    intent_id = (await ours.claim("key")).submission.intent_id
    if stage != "intended":
        await ours.mark_sending(as_sent(intent_id, REQUEST, []))
    if stage == "unknown":
        await ours.mark_unknown(intent_id)
    if stage == "submitted":
        await ours.mark_submitted(intent_id, report(), NOW)
    claim = await theirs.claim("key")
    assert (claim.won, claim.submission.intent_id, claim.submission.stage) == (False, intent_id, stage)


async def test_a_finished_clip_is_joined_as_long_as_it_exists(ours: Journal, theirs: Journal) -> None:
    fortnight = timedelta(days=14)
    for key, at in {"old": NOW - fortnight, "young": NOW - fortnight + timedelta(hours=1)}.items():
        await ours.mark_submitted(await sent(ours, key), report(key), at)
        await ours.set_report(key, report(key, "completed"))
    assert (await theirs.claim("young")).submission.prediction_id == "young"
    assert (await theirs.claim("old")).won


async def test_each_take_is_claimed_and_joined_by_itself(ours: Journal, theirs: Journal) -> None:
    assert await ours.next_take("key") == 1
    await paid(ours, "p1")
    await paid(theirs, "p3", take=3)
    claims = [await journal.claim("key", take) for journal in (ours, theirs) for take in (1, 3)]
    assert [claim.submission.prediction_id for claim in claims] == ["p1", "p3", "p1", "p3"]
    assert [claim.submission.take for claim in claims] == [1, 3, 1, 3]
    assert await ours.next_take("key") == 2
    assert (await ours.claim("key", 2)).won
    assert await ours.next_take("key") == 4


async def test_a_failed_generation_is_not_joined(journal: Journal) -> None:
    await paid(journal)
    await journal.set_report("p1", report(status="failed"))
    assert (await journal.claim("key")).won


async def test_a_refused_or_abandoned_request_is_not_joined(journal: Journal) -> None:
    await journal.mark_refused(await sent(journal))
    await journal.mark_abandoned((await journal.claim("key")).submission.intent_id)
    assert (await journal.claim("key")).won


async def test_other_keys_do_not_matter(journal: Journal) -> None:
    await sent(journal, "one")
    assert (await journal.claim("two")).won


async def test_twenty_tasks_of_two_processes_claim_and_one_wins(ours: Journal, theirs: Journal) -> None:
    claims: list[Claim] = []

    async def claim(journal: Journal) -> None:
        claims.append(await journal.claim("key"))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(claim, ours)
            tasks.start_soon(claim, theirs)
    assert len(claims) == 20
    assert sum(claim.won for claim in claims) == 1
    assert len({claim.submission.intent_id for claim in claims}) == 1


async def test_a_process_that_ended_before_sending_is_forgotten(place: Path | str, ours: Journal) -> None:
    async with Journal(place) as gone:
        intent_id = (await gone.claim("key")).submission.intent_id
        assert not isinstance(place, Path) or len(list((place / "owners").iterdir())) == 1
    assert not isinstance(place, Path) or list((place / "owners").iterdir()) == []
    assert (await ours.claim("key")).won
    entry = await submission_of(ours, intent_id)
    assert entry
    assert (entry.stage, entry.owner_alive) == (Stage.ABANDONED, False)


async def test_a_process_that_ended_while_sending_leaves_an_unknown(place: Path | str, ours: Journal) -> None:
    async with Journal(place) as gone:
        intent_id = await sent(gone)
    claim = await ours.claim("key")
    assert (claim.won, claim.submission.intent_id, claim.submission.stage) == (False, intent_id, Stage.UNKNOWN)
    assert (claim.submission.owner_alive, claim.submission.body) == (False, REQUEST)


async def test_an_unknown_blocks_its_take_whatever_becomes_of_another(journal: Journal) -> None:
    older = await sent(journal)
    await journal.mark_unknown(older)
    await paid(journal, take=2)
    assert (await journal.claim("key")).submission.intent_id == older
    assert (await journal.claim("key", 2)).submission.prediction_id == "p1"


async def test_the_right_to_send_is_lost_with_the_claim(ours: Journal, theirs: Journal) -> None:
    intent_id = (await ours.claim("key")).submission.intent_id
    assert not await theirs.mark_sending(as_sent(intent_id, REQUEST, []))
    await theirs.mark_abandoned(intent_id)
    assert not await ours.mark_sending(as_sent(intent_id, REQUEST, []))
    again = (await ours.claim("key")).submission.intent_id
    assert await ours.mark_sending(as_sent(again, REQUEST, []))
    assert not await ours.mark_sending(as_sent(again, REQUEST, []))
    assert not await ours.mark_sending(as_sent("nothing", REQUEST))


async def test_a_row_of_the_history_is_taken_by_one_take_and_not_while_another_is_being_sent(
    ours: Journal, theirs: Journal
) -> None:
    lost = [(await journal.claim("key", take)).submission.intent_id for take, journal in ((1, ours), (2, theirs))]
    for intent_id, journal in zip(lost, (ours, theirs), strict=True):
        await journal.mark_sending(as_sent(intent_id, {}, []))
    await ours.mark_unknown(lost[0])
    assert not await ours.mark_found(lost[0], report("p1"), NOW)  # it may be take 2, whose answer is on its way
    await theirs.mark_unknown(lost[1])
    assert await ours.mark_found(lost[0], report("p1"), NOW)
    assert not await theirs.mark_found(lost[1], report("p1"), NOW)
    assert await theirs.mark_found(lost[1], report("p2"), NOW)
    claims = [await ours.claim("key", take) for take in (1, 2)]
    assert [claim.submission.prediction_id for claim in claims] == ["p1", "p2"]


async def test_an_id_that_was_found_outlasts_a_late_verdict(ours: Journal, theirs: Journal) -> None:
    intent_id = await sent(ours)
    await theirs.mark_submitted(intent_id, report(), NOW)
    await ours.mark_unknown(intent_id)
    assert (await prediction(ours)).stage is Stage.SUBMITTED


async def test_a_prediction_of_somebody_else_is_remembered_and_joined_by_nobody(journal: Journal) -> None:
    await journal.set_report("p1", report(created_at=BEGUN))
    entry = await prediction(journal)
    assert (entry.key, entry.stage, entry.body) == ("", Stage.SUBMITTED, {})
    assert entry.submitted_at == datetime.fromisoformat(BEGUN)
    assert await journal.knows(["p1", "p2"]) == {"p1"}


async def test_what_was_noted_before_the_submission_was_known_is_kept(ours: Journal, theirs: Journal) -> None:
    intent_id = await sent(ours)
    finished = report(status="completed")
    await theirs.set_report("p1", finished)
    await theirs.set_save_to("p1", "/clips")
    await ours.mark_submitted(intent_id, report(), NOW)
    entry = await prediction(ours)
    assert (entry.intent_id, entry.report, entry.save_to) == (intent_id, finished, "/clips")


async def test_two_intents_with_one_prediction_hear_of_it_both(journal: Journal) -> None:
    older, newer = await paid(journal), await paid(journal, take=2)
    await journal.set_report("p1", report(status="failed"))
    entries = [await submission_of(journal, older), await journal.run(lambda it: it.submission(newer))]
    assert [entry.report for entry in entries if entry] == [report(status="failed")] * 2


async def test_an_id_is_remembered_though_its_intent_is_not(journal: Journal) -> None:
    await journal.mark_submitted("forgotten", report(), NOW)
    assert (await prediction(journal)).stage is Stage.SUBMITTED


async def test_a_late_answer_does_not_undo_the_end(journal: Journal) -> None:
    await paid(journal)
    await journal.set_report("p1", report(status="completed"))
    await journal.set_report("p1", report())
    assert (await prediction(journal)).report == report(status="completed")


async def test_the_same_report_is_written_once(tmp_path: Path) -> None:
    async with Journal(tmp_path) as ours:
        await paid(ours)
        versions = []
        with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as onlooker:
            for status in ("processing", "queued", "queued"):
                await ours.set_report("p1", report(status=status))
                versions.append(onlooker.execute("PRAGMA data_version").fetchone()[0])
    assert versions[0] < versions[1] == versions[2]


async def test_the_time_taken_is_recorded_once(journal: Journal) -> None:
    await paid(journal)
    finished = report(status="completed", created_at=BEGUN, completed_at=ENDED)
    for each in (
        report(created_at=BEGUN),
        finished,
        finished,
        finished.model_copy(update={"cost_usd": Decimal("0.28")}),
    ):
        await journal.set_report("p1", each)
    assert await journal.durations("vendor/model", 6) == [45.0]
    assert await journal.durations("vendor/model", 10) == []
    assert await journal.durations("vendor/model", None) == []


async def test_without_times_of_the_api_the_time_taken_counts_from_the_submission(journal: Journal) -> None:
    intent_id = (await journal.claim("key")).submission.intent_id
    await journal.mark_sending(as_sent(intent_id, {"model": "vendor/pro"}, []))
    await journal.mark_submitted(intent_id, report(), datetime.now(UTC) - timedelta(seconds=100))
    await journal.set_report("p1", report(status="completed"))
    assert await journal.durations("vendor/pro", None) == [pytest.approx(100, abs=30)]


@pytest.mark.parametrize("times", [(BEGUN, ENDED), (ENDED, BEGUN)])
async def test_nonsense_and_foreign_clips_teach_no_times(journal: Journal, times: tuple[str, str]) -> None:
    backwards = {"created_at": ENDED, "completed_at": BEGUN}
    await paid(journal)
    await journal.set_report("p1", report(status="completed", **backwards))
    await journal.set_report("p2", report("p2", "completed", created_at=times[0], completed_at=times[1]))
    assert await journal.durations("vendor/model", 6) == []


async def test_the_newest_times_come_first(journal: Journal) -> None:
    for number, second in enumerate(("10", "20", "30")):
        await paid(journal, f"p{number}", take=number + 1)
        ended = f"2026-01-01T00:00:{second}Z"
        await journal.set_report(f"p{number}", report(f"p{number}", "completed", created_at=BEGUN, completed_at=ended))
    assert await journal.durations("vendor/model", 6, most=2) == [30.0, 20.0]


async def test_bytes_that_went_up_of_late_are_found_at_the_same_host(journal: Journal) -> None:
    hour = timedelta(hours=1)
    assert await journal.upload("digest", within=hour, host=HOST) is None
    await journal.add_upload("digest", "https://up.example/old.jpg", host=HOST)
    await journal.add_upload("digest", "https://up.example/new.jpg", host=HOST)
    assert await journal.upload("digest", within=hour, host=HOST) == "https://up.example/new.jpg"
    assert await journal.upload("digest", within=timedelta(0), host=HOST) is None
    assert await journal.upload("digest", within=hour, host="http://127.0.0.1:1") is None


async def test_a_cancelled_task_still_writes_what_it_knows(journal: Journal) -> None:
    intent_id = await sent(journal)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await journal.mark_submitted(intent_id, report(), NOW)
    assert (await prediction(journal)).intent_id == intent_id
