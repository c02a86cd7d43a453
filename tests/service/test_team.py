"""Several people and several servers on one account: two services on one PostgreSQL stand for two replicas."""

from __future__ import annotations

import gc
import json
import math
import re
import time
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import TYPE_CHECKING

import anyio
import psycopg
import pytest
from PIL import Image

from atlascloud_video_mcp.cloud.reports import Report
from atlascloud_video_mcp.errors import (
    AtlasError,
    InvalidInput,
    InvalidPicture,
    JournalUnusable,
    NotAllowed,
    OverBudget,
    PredictionNotFound,
    SubmissionUnknown,
    UploadRefused,
)
from atlascloud_video_mcp.journal import Journal, Person
from atlascloud_video_mcp.media.pictures import Fit
from atlascloud_video_mcp.service import watch, watches
from atlascloud_video_mcp.service.progress import Phase
from kit import PHOTOS, REMOTE, ROCKET, STANDARD, TINY, animate, look, polls, rehearse, requests_to, service_at, until
from scripted_sandbox import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from atlascloud_video_mcp.journal.transaction import Transaction
    from atlascloud_video_mcp.service.progress import Progress
    from atlascloud_video_mcp.service.results import Prediction
    from atlascloud_video_mcp.service.service import VideoService
    from postgresql import Cluster
    from scripted_sandbox import Sandbox

ANN, BOB, EVE = Person("ann"), Person("bob", Decimal("0.30")), Person("eve", read_only=True)
FRAMES = "meridian/frames-1/image-to-video"
NEVER = 1000.0  # seconds between two polls, in a test that takes a few


def names_in(directory: Path) -> list[str]:
    return [each.name for each in directory.iterdir()]


@pytest.fixture
async def replica(base_url: str, database_url: str) -> AsyncGenerator[VideoService, None]:
    async with service_at(base_url, directory=database_url, local_files=False) as service:
        yield service


@pytest.fixture
async def other(base_url: str, database_url: str) -> AsyncGenerator[VideoService, None]:
    async with service_at(base_url, directory=database_url, local_files=False) as service:
        yield service


async def test_people_join_each_others_requests_and_see_only_what_they_asked_for(
    sandbox: Sandbox, replica: VideoService, other: VideoService
) -> None:
    first = await animate(replica, REMOTE, person=ANN)
    for attempt in (
        other.get_prediction(first.prediction_id, clip_deadline=0, person=BOB),
        other.recall(first.prediction_id, person=BOB),
    ):
        with pytest.raises(PredictionNotFound, match="You asked for no prediction"):
            await attempt
    rehearsed = {person.name: str((await rehearse(other, REMOTE, person=person)).notes) for person in (ANN, BOB)}
    assert f"(prediction {first.prediction_id})" in rehearsed["ann"]
    assert "(for somebody else)" in rehearsed["bob"]
    assert first.prediction_id not in rehearsed["bob"]
    joined = await animate(other, REMOTE, person=BOB)
    second = await animate(other, REMOTE, take=2, person=BOB)

    assert (joined.prediction_id, joined.reused) == (first.prediction_id, True)
    assert [prediction_id for prediction_id, _ in sandbox.accepted] == [first.prediction_id, second.prediction_id]
    listed = {
        person.name: {each.prediction_id for each in (await replica.list_predictions(person=person)).predictions}
        for person in (ANN, BOB, EVE)
    }
    assert listed == {"ann": {first.prediction_id}, "bob": {first.prediction_id, second.prediction_id}, "eve": set()}
    assert (await replica.get_prediction(second.prediction_id, clip_deadline=0, person=BOB)).status == "processing"
    assert (await replica.recall(second.prediction_id, person=BOB)).prediction_id == second.prediction_id


async def test_a_prediction_that_nobody_asked_for_through_the_team_is_not_found(
    base_url: str, sandbox: Sandbox, replica: VideoService
) -> None:
    async with service_at(base_url) as elsewhere:
        theirs = await animate(elsewhere, REMOTE)

    with pytest.raises(PredictionNotFound):
        await replica.get_prediction(theirs.prediction_id, clip_deadline=0, person=ANN)
    assert (await replica.list_predictions(person=ANN)).predictions == ()
    with sandbox.refusing():
        *_, note = (await replica.list_predictions(person=ANN)).notes
    assert note.startswith("The account's history was not read; the journal of the server was.")
    # without persons all is anybody's, as on one machine
    assert [each.prediction_id for each in (await replica.list_predictions()).predictions] == [theirs.prediction_id]


async def test_a_person_spends_no_more_than_the_token_allows_on_any_server(
    base_url: str, sandbox: Sandbox, database_url: str
) -> None:
    async with (
        service_at(base_url, directory=database_url, budget="0.70") as one,
        service_at(base_url, directory=database_url, budget="0.70") as two,
    ):
        await animate(one, REMOTE, person=BOB)
        with pytest.raises(OverBudget, match=r"\$0.30 of the \$0.30 that the token of bob allows") as refused:
            await animate(two, REMOTE, take=2, person=BOB)
        assert "ATLASCLOUD_BUDGET_USD" not in str(refused.value)
        await animate(two, REMOTE, person=BOB)  # joined: nothing is spent
        rehearsed = await rehearse(two, REMOTE, take=2, person=BOB)
        assert any("The budget would refuse it" in note for note in rehearsed.notes or ())
        await animate(two, REMOTE, take=2, person=ANN)
        with pytest.raises(
            OverBudget, match=r"that ATLASCLOUD_BUDGET_USD allows.* have whoever runs the server raise it"
        ):
            await animate(one, REMOTE, take=3, person=ANN)
        balance = await one.get_balance(person=BOB)
        assert (balance.spent_24h_usd, balance.budget_usd) == (0.3, 0.3)
        assert "All together spent $0.60 of $0.70 in these 24 hours." in (balance.notes or ())
    assert len(sandbox.submissions) == 2


async def test_prices_that_cannot_be_had_concern_a_persons_budget_only_for_what_the_person_asked_for(
    sandbox: Sandbox, replica: VideoService
) -> None:
    sandbox.script(Fault(endpoint="calculate", action="status", status=400))
    await animate(replica, REMOTE, person=ANN)
    await until(lambda: requests_to(sandbox, "calculate") == 1)
    await animate(replica, REMOTE, take=2, person=BOB)
    assert requests_to(sandbox, "calculate") == 2

    sandbox.script(Fault(endpoint="calculate", action="status", status=400, times=2))
    await animate(replica, REMOTE, take=3, person=Person("cleo"))
    await until(lambda: requests_to(sandbox, "calculate") == 3)
    with pytest.raises(OverBudget, match=r"the token of cleo sets a budget, and what the request of .* is not known"):
        await animate(replica, REMOTE, take=4, person=Person("cleo", Decimal(1)))


async def test_a_token_that_may_only_look_spends_and_uploads_nothing(sandbox: Sandbox, replica: VideoService) -> None:
    for call in (
        animate(replica, REMOTE, person=EVE),
        replica.upload_image(TINY, person=EVE),
        replica.tickets.create(EVE),
    ):
        with pytest.raises(NotAllowed, match="may look"):
            await call
    assert (await rehearse(replica, REMOTE, person=EVE)).status == "dry_run"
    assert {each.endpoint for each in sandbox.received} <= {"calculate", "history", "models", "schema"}


async def test_no_file_of_the_servers_own_machine_is_read_or_written(
    base_url: str, database_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=database_url, online=True, local_files=False) as replica:
        for image in (ROCKET, f"file://{ROCKET}", "~/cat.jpg", "cat.jpg"):
            with pytest.raises(InvalidPicture, match="Next: create_upload"):
                await animate(replica, image, person=ANN)
            with pytest.raises(InvalidPicture, match=r"^last_frame_image: .*Next: create_upload"):
                await animate(replica, REMOTE, parameters={"last_frame_image": image}, model=FRAMES, person=ANN)
        with pytest.raises(InvalidInput, match="save_to is not for this server"):
            await animate(replica, REMOTE, save_to=str(tmp_path), person=ANN)
        with pytest.raises(InvalidPicture, match="64 x 64 px"):  # in the call itself a picture may stand
            await animate(replica, TINY, person=ANN)


async def test_what_somebody_has_saved_on_their_own_machine_is_neither_saved_nor_told_over_http(
    base_url: str, sandbox: Sandbox, database_url: str, replica: VideoService, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=database_url) as at_a_desk:
        left = await animate(at_a_desk, REMOTE, save_to=f"{tmp_path}/left/")
        done = await animate(at_a_desk, REMOTE, take=2, save_to=f"{tmp_path}/done/")
        sandbox.finish(done.prediction_id)
        assert (await look(at_a_desk, done.prediction_id, deadline=math.inf)).saved_path
    sandbox.finish(left.prediction_id)

    for take in (1, 2):
        joined = await animate(replica, REMOTE, take=take, deadline=math.inf, person=ANN)
        assert (joined.status, joined.saved_path) == ("completed", None)
    listed = await replica.list_predictions(person=ANN)
    assert [each.saved_path for each in listed.predictions] == [None, None]
    assert names_in(tmp_path) == ["done"]


async def test_a_picture_comes_by_a_one_use_address_and_is_known_on_any_server(
    sandbox: Sandbox, replica: VideoService, other: VideoService
) -> None:
    ticket = (await replica.tickets.create(ANN)).ticket
    with pytest.raises(UploadRefused) as refused:
        await other.tickets.receive(ticket, PHOTOS / "rocket.jpg", BOB)
    assert refused.value.forbidden
    with pytest.raises(InvalidPicture):
        await other.tickets.receive(ticket, PHOTOS.parent / "kit.py")
    received = await other.tickets.receive(ticket, PHOTOS / "rocket.jpg", ANN)
    for used in (ticket, "never-made"):
        with pytest.raises(UploadRefused, match="was used or has expired") as refused:
            await replica.tickets.receive(used, PHOTOS / "rocket.jpg")
        assert not refused.value.forbidden

    made = await animate(replica, received.image, person=ANN)
    with pytest.raises(InvalidPicture, match="There is no picture"):
        await animate(replica, received.image, person=BOB)
    with pytest.raises(InvalidInput, match="fit belongs to create_upload"):
        await animate(replica, received.image, fit=Fit.PAD, person=ANN)
    assert sandbox.submissions[0]["image"] == made.image_url
    assert sum(each.endpoint == "upload" for each in sandbox.received) == 1


@pytest.mark.parametrize("strange", ["a\x00b", "a\ud800b", "../a", ""])
async def test_what_no_database_takes_as_text_is_not_found_and_keeps_nobody_from_working(
    replica: VideoService, strange: str
) -> None:
    with pytest.raises(PredictionNotFound, match="You asked for no prediction"):
        await replica.get_prediction(strange, clip_deadline=0, person=ANN)
    with pytest.raises(InvalidPicture, match="There is no picture"):
        await animate(replica, f"upload://{strange}", person=ANN)
    assert replica.journal.warnings == ()
    await replica.journal.check()


async def test_a_shape_that_is_not_taken_is_refused_with_what_can_be_done_from_elsewhere(
    replica: VideoService, tmp_path: Path
) -> None:
    wide = tmp_path / "wide.png"
    Image.new("RGB", (1200, 310)).save(wide)
    with pytest.raises(InvalidPicture, match=r"let create_upload do it with fit \"crop\""):
        await replica.tickets.receive((await replica.tickets.create(ANN)).ticket, wide)
    fitted = await replica.tickets.receive((await replica.tickets.create(ANN, Fit.CROP)).ticket, wide)
    assert fitted.width < 1200


async def test_a_picture_that_was_uploaded_too_long_ago_is_asked_for_again(
    database_url: str, replica: VideoService
) -> None:
    ticket = (await replica.tickets.create(ANN, Fit.CROP)).ticket
    received = await replica.tickets.receive(ticket, PHOTOS / "rocket.jpg")
    with psycopg.connect(database_url) as database:
        database.execute("UPDATE uploads SET uploaded_at = '2026-01-01T00:00:00.000000+00:00'")

    with pytest.raises(InvalidPicture, match=r"uploaded too long ago.*create_upload.* Nothing was paid"):
        await animate(replica, received.image, person=ANN)


async def test_a_prediction_is_polled_by_one_server_however_many_follow_it(
    base_url: str, sandbox: Sandbox, database_url: str
) -> None:
    async with (
        service_at(base_url, directory=database_url, poll_interval=NEVER) as watching,
        service_at(base_url, directory=database_url) as following,
    ):
        made = await animate(watching, REMOTE)
        before = polls(sandbox)
        told = await following.get_prediction(made.prediction_id, clip_deadline=anyio.current_time() + 1)

    assert told.status == "processing"
    assert polls(sandbox) == before


async def test_who_follows_is_woken_when_another_server_sees_the_end(
    base_url: str, sandbox: Sandbox, database_url: str, postgresql: Cluster
) -> None:
    async with (
        service_at(base_url, directory=database_url) as watching,
        service_at(base_url, directory=database_url, poll_interval=NEVER) as following,
    ):
        await until(lambda: postgresql.listeners(database_url) == 2)
        made = await animate(watching, REMOTE)
        begun: list[Progress] = []
        ended = []

        async def follow() -> None:
            deadline = anyio.current_time() + NEVER
            call = following.get_prediction(made.prediction_id, clip_deadline=deadline, progress=begun.append)
            ended.append(await call)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(follow)
                await until(lambda: any(each.phase is Phase.RENDERING for each in begun))
                sandbox.finish(made.prediction_id)
    assert ended[0].status == "completed"


async def test_what_a_server_leaves_is_watched_by_another_at_once(
    base_url: str, sandbox: Sandbox, database_url: str
) -> None:
    async with service_at(base_url, directory=database_url) as staying, AsyncExitStack() as leaving:
        gone = await leaving.enter_async_context(service_at(base_url, directory=database_url, poll_interval=NEVER))
        made = await animate(gone, REMOTE)
        before = polls(sandbox)
        await leaving.aclose()
        await until(lambda: polls(sandbox) > before)
        sandbox.finish(made.prediction_id)
        with anyio.fail_after(30):
            while (await staying.recall(made.prediction_id)).status != "completed":  # noqa: ASYNC110 - as until
                await anyio.sleep(0.02)


async def test_what_a_dead_server_leaves_is_taken_over_at_once_however_much_it_is(
    base_url: str, database_url: str
) -> None:
    async with Journal(database_url) as gone:
        await gone.check()

        def leave_many(it: Transaction) -> None:
            for number in range(350):
                it.set_report(f"p{number}", Report(id=f"p{number}"))

        await gone.run(leave_many)
    with psycopg.connect(database_url, autocommit=True) as database:
        owners = set(database.execute("SELECT DISTINCT owner FROM watches").fetchall())
        async with service_at(base_url, directory=database_url):
            with anyio.fail_after(3 * watches._ADOPT_EVERY):  # noqa: SLF001 - it would take that long a hundred at a time
                while owners & set(database.execute("SELECT DISTINCT owner FROM watches").fetchall()):  # noqa: ASYNC110
                    await anyio.sleep(0.02)


async def test_a_prediction_that_the_api_does_not_know_is_watched_by_nobody(
    database_url: str, replica: VideoService
) -> None:
    with pytest.raises(PredictionNotFound):
        await replica.get_prediction("never-made", clip_deadline=0)
    with psycopg.connect(database_url) as database:
        assert database.execute("SELECT * FROM watches").fetchall() == []


async def test_what_was_sent_is_told_and_kept_though_the_database_goes_away_meanwhile(
    base_url: str, sandbox: Sandbox, own_cluster: Cluster
) -> None:
    url = own_cluster.database()
    sandbox.script(Fault(endpoint="generate", action="delay_after", seconds=2))
    async with service_at(base_url, directory=url) as service:
        told: list[Prediction | AtlasError] = []

        async def call() -> None:
            try:
                told.append(await animate(service, REMOTE, person=ANN))
            except AtlasError as error:
                told.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await until(lambda: sandbox.submissions)
            await anyio.to_thread.run_sync(own_cluster.stop, "immediate")
        (prediction_id, _), *rest = sandbox.accepted
        assert rest == []
        assert prediction_id in str(told[0])
        assert "othing was" not in str(told[0])
        with pytest.raises(JournalUnusable, match="Nothing was sent or paid"):
            await animate(service, REMOTE, take=2, person=ANN)
        await anyio.to_thread.run_sync(own_cluster.start)
        await anyio.sleep(1.1)
        again = await animate(service, REMOTE, person=ANN)
    assert (again.prediction_id, again.reused) == (prediction_id, True)
    assert len(sandbox.submissions) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param("ALTER TABLE entries RENAME TO gone", id="at the claim"),
        pytest.param("ALTER TABLE durations RENAME TO gone", id="after the claim"),
        pytest.param("ALTER TABLE entries ADD CHECK (stage <> 'sending')", id="just before it is sent"),
    ],
)
async def test_a_database_that_fails_before_anything_was_sent_is_told_with_what_that_means_once(
    sandbox: Sandbox, database_url: str, replica: VideoService, trouble: str
) -> None:
    with psycopg.connect(database_url) as database:
        database.execute(trouble.encode())

    with pytest.raises(JournalUnusable, match="try again in a few seconds") as told:
        await animate(replica, REMOTE, person=ANN)

    assert len(re.findall("Nothing was (?:sent or )?paid", str(told.value))) == 1
    assert sandbox.submissions == []


_PUT_OUT = """
    CREATE FUNCTION put_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE schema_version SET version = 99;
        RETURN NULL;
    END $$;
    CREATE TRIGGER put_out AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION put_out()
"""


def out_of_use_after_insert(url: str, table: str) -> None:
    """Let the database be unusable, as if it were migrated, from the end of the transaction in which this happens."""
    with psycopg.connect(url) as database:
        database.execute((_PUT_OUT % table).encode())


def in_use_again(url: str) -> None:
    with psycopg.connect(url) as database:
        database.execute("DROP FUNCTION put_out CASCADE")
        database.execute("UPDATE schema_version SET version = 1")


async def test_who_joins_is_told_the_prediction_though_the_database_goes_away_after_the_claim(
    sandbox: Sandbox, database_url: str, replica: VideoService
) -> None:
    first = await animate(replica, REMOTE, person=ANN)
    out_of_use_after_insert(database_url, "askers")
    joined = await animate(replica, REMOTE, person=BOB)

    assert (joined.prediction_id, joined.reused) == (first.prediction_id, True)
    assert "For another variation, which is paid: another take." in str(joined.notes)
    assert len(sandbox.submissions) == 1


async def test_a_lost_request_is_never_told_as_unpaid_though_the_database_goes_away_during_the_search(
    sandbox: Sandbox, database_url: str, replica: VideoService
) -> None:
    body = {"model": STANDARD, "image": "https://pictures.example/other.jpg"}
    row = {"ID": "like-it", "requestBody": json.dumps(body), "createdAt": str(int(time.time()))}
    history = json.dumps({"data": {"items": [row]}})
    sandbox.script(
        Fault(endpoint="generate", action="reset_before"),
        Fault(endpoint="history", action="status", status=200, body=history, times=99),
    )
    with pytest.raises(SubmissionUnknown, match="may be running and paid") as told:
        await animate(replica, REMOTE, person=ANN)
    assert "like-it" not in str(told.value)  # it may be another's, and would not be found
    out_of_use_after_insert(database_url, "askers")
    with pytest.raises(SubmissionUnknown, match="may be running and paid") as told:
        await animate(replica, REMOTE, person=BOB)
    assert "othing was" not in str(told.value)


async def test_what_was_sent_is_watched_on_while_the_database_is_away(
    base_url: str, sandbox: Sandbox, database_url: str
) -> None:
    async with service_at(base_url, directory=database_url) as service:
        made = await animate(service, REMOTE)
        out_of_use_after_insert(database_url, "uploads")
        await service.journal.add_upload("digest", "https://x.example/1.jpg", host="")
        sandbox.finish(made.prediction_id)
        assert (await look(service, made.prediction_id, deadline=math.inf)).status == "completed"
        in_use_again(database_url)
        await anyio.sleep(1.1)  # it is left alone for a second
        assert (await service.recall(made.prediction_id)).status == "completed"


async def test_of_watches_that_are_over_only_the_latest_are_kept(
    base_url: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "_KEPT", 1)
    async with service_at(base_url) as service:
        made = []
        for take in range(1, 5):
            prediction = await animate(service, REMOTE, take=take)
            sandbox.finish(prediction.prediction_id)
            made.append(await look(service, prediction.prediction_id, deadline=math.inf))
        gc.collect()
        assert sum(isinstance(each, watch.Watch) for each in gc.get_objects()) == 2
        assert (await look(service, made[0].prediction_id)).status == "completed"


async def test_without_a_database_there_are_no_upload_addresses(base_url: str) -> None:
    async with service_at(base_url, local_files=False) as service:
        with pytest.raises(NotAllowed, match="set ATLASCLOUD_DATABASE_URL"):
            await service.tickets.create(None)


async def test_an_uploaded_picture_must_fit_the_model_as_it_is(database_url: str, replica: VideoService) -> None:
    received = await replica.tickets.receive((await replica.tickets.create(ANN)).ticket, PHOTOS / "rocket.jpg")
    with psycopg.connect(database_url) as database:  # as a model of other limits would find it
        database.execute("UPDATE pictures SET facts = jsonb_set(facts::jsonb, '{size_bytes}', '20000001')::text")

    with pytest.raises(InvalidPicture, match=r"640 x 427 px and 20,000,001 bytes; the model needs .* upload one"):
        await animate(replica, received.image, person=ANN)


async def test_word_of_what_nobody_here_watches_changes_nothing(replica: VideoService) -> None:
    made = await animate(replica, REMOTE)
    await anyio.to_thread.run_sync(replica.journal.heard, "made-elsewhere")
    await anyio.to_thread.run_sync(replica.journal.heard, made.prediction_id)
    assert (await look(replica, made.prediction_id)).status == "processing"
