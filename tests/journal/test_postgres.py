"""What only a journal in a database has: leases and a fence, its absence, its versions, its own spelling."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import anyio
import psycopg
import pytest

from atlascloud_video_mcp.cloud.reports import Report
from atlascloud_video_mcp.errors import JournalUnusable
from atlascloud_video_mcp.journal import Journal, Person, SpendingRequest, Stage, Submission
from atlascloud_video_mcp.journal.postgres.connection import connect, spelled
from atlascloud_video_mcp.journal.postgres.tables import STEPS, migrate
from kit import submission_of, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from atlascloud_video_mcp.journal.transaction import Transaction
    from postgresql import Cluster

NOW = datetime.now(UTC)
LONG = 3600.0  # seconds of a lease that nothing renews within a test


@pytest.fixture
async def ours(database_url: str) -> AsyncGenerator[Journal, None]:
    async with Journal(database_url, lease=LONG) as journal:
        yield journal


@pytest.fixture
async def theirs(database_url: str) -> AsyncGenerator[Journal, None]:
    async with Journal(database_url, lease=LONG) as journal:
        yield journal


def change(url: str, statement: str) -> None:
    with psycopg.connect(url) as database:
        database.execute(statement.encode())


def lose_leases(url: str) -> None:
    """As if all processes had been stopped for longer than that."""
    change(url, "UPDATE owners SET until = clock_timestamp() - interval '1 second'")


async def claimed(journal: Journal, key: str = "key") -> Submission:
    claim = await journal.claim(key)
    assert claim.won
    return replace(claim.submission, body={"model": "vendor/model"})


async def paid(journal: Journal, prediction_id: str, key: str = "key") -> Submission:
    submission = await claimed(journal, key)
    assert await journal.mark_sending(submission)
    await journal.mark_submitted(submission.intent_id, Report(id=prediction_id), NOW)
    return submission


async def test_who_was_stopped_longer_than_the_lease_does_not_send_what_another_has_claimed(
    database_url: str, ours: Journal, theirs: Journal
) -> None:
    stopped = await claimed(ours)
    lose_leases(database_url)
    assert await theirs.mark_sending(await claimed(theirs))

    assert not await ours.mark_sending(stopped)
    assert (await ours.claim("key")).submission.stage is Stage.SENDING


async def test_a_lease_that_is_over_sends_nothing_also_when_nobody_else_has_claimed(
    database_url: str, ours: Journal
) -> None:
    stopped = await claimed(ours)
    lose_leases(database_url)

    assert not await ours.mark_sending(stopped)
    await ours.mark_abandoned(stopped.intent_id)  # as whoever is told so does
    assert await ours.mark_sending(await claimed(ours))


async def test_a_lease_is_renewed_as_long_as_the_process_lives(database_url: str, theirs: Journal) -> None:
    async with Journal(database_url, lease=1.5) as living:
        submission = await claimed(living)
        await anyio.sleep(3)  # two leases
        assert (await theirs.claim("key")).submission.owner_alive
        assert await living.mark_sending(submission)


async def test_a_lease_is_renewed_though_what_is_heard_cannot_be_told(database_url: str, theirs: Journal) -> None:
    told = threading.Event()

    def fail(_: str) -> None:
        told.set()
        raise ValueError

    async with Journal(database_url, lease=1.5) as living:
        await claimed(living)
        living.heard = fail
        await anyio.sleep(0.5)  # it listens by now
        await paid(theirs, "p1", "other")
        assert await anyio.to_thread.run_sync(told.wait, 20)
        await anyio.sleep(3)  # two leases
        assert (await theirs.claim("key")).submission.owner_alive


async def test_a_dead_processs_watches_are_taken_over_and_a_living_ones_are_not(
    database_url: str, ours: Journal, theirs: Journal
) -> None:
    await paid(ours, "p1")
    assert len(await theirs.adopt("", 10)) == 0
    known = await theirs.watched_elsewhere("p1")
    assert known is not None
    assert known.prediction_id == "p1"
    assert await ours.watched_elsewhere("p1") is None
    lose_leases(database_url)
    async with Journal(database_url, lease=LONG) as third:  # its own lease is good
        assert await third.adopt("", 10) == ["p1"]
        assert await third.watched_elsewhere("p1") is None
        assert await ours.watched_elsewhere("p1") is not None
        await third.set_report("p1", Report.model_validate({"id": "p1", "status": "failed"}))
        assert await third.watched_elsewhere("p1") is not None  # it has ended: there is nothing to ask for


async def test_a_clip_that_was_missing_is_asked_for_by_whoever_is_asked_though_its_watcher_lives(
    database_url: str, ours: Journal, theirs: Journal
) -> None:
    await paid(ours, "p1")
    nameless = Report.model_validate({"id": "p1", "status": "completed"})
    await ours.set_report("p1", nameless)
    await ours.set_report("p1", nameless.model_copy(update={"no_clip_since": NOW - timedelta(seconds=61)}))
    await ours.set_report("p1", nameless)
    known = await theirs.submission_of("p1")
    assert known is not None
    assert known.report is not None
    assert known.report.clip_missing

    assert await theirs.watched_elsewhere("p1") is None
    assert await ours.watched_elsewhere("p1") is None
    with psycopg.connect(database_url) as database:  # nobody goes on looking
        assert database.execute("SELECT * FROM watches").fetchall() == []


async def test_who_listens_to_a_database_that_hangs_comes_to_an_end(own_cluster: Cluster) -> None:
    journal = Journal(own_cluster.database(), lease=0.3)
    await journal.check()
    store = journal._store  # noqa: SLF001 - its end is to be timed apart from the rest
    pulse = store._pulse  # type: ignore[attr-defined]  # noqa: SLF001
    with own_cluster.frozen():
        await anyio.sleep(1)  # it is in the midst of a beat by now
        with anyio.fail_after(15):
            await anyio.to_thread.run_sync(pulse.end, abandon_on_cancel=True)
    async with journal:
        pass


async def test_what_others_write_is_heard(
    database_url: str, postgresql: Cluster, ours: Journal, theirs: Journal
) -> None:
    heard: list[str] = []
    told = threading.Event()
    await ours.check()
    await theirs.check()

    def hear(prediction_id: str) -> None:
        heard.append(prediction_id)
        told.set()

    ours.heard = theirs.heard = hear
    await until(lambda: postgresql.listeners(database_url) == 2)
    await paid(ours, "p1")
    assert await anyio.to_thread.run_sync(told.wait, 20)
    assert set(heard) == {"p1"}


async def test_while_the_database_is_away_nothing_is_paid_and_what_was_paid_is_kept(own_cluster: Cluster) -> None:
    url = own_cluster.database()
    terms = SpendingRequest("mine", Decimal("0.30"), Decimal(100))
    async with Journal(url, lease=LONG) as journal:
        sent = await claimed(journal, "sent")
        assert await journal.mark_sending(sent)
        unsent = await claimed(journal, "unsent")
        own_cluster.stop("immediate")
        with pytest.raises(JournalUnusable, match=r"^Nothing was sent or paid\. The journal's database cannot be used"):
            await journal.claim("new", terms=terms)
        with pytest.raises(JournalUnusable, match=r"^The journal's database .* try again in a few seconds"):
            await journal.submission_of("p1")
        await journal.mark_submitted(sent.intent_id, Report(id="p1"), NOW)
        await journal.set_report("p1", Report.model_validate({"id": "p1", "status": "failed"}))
        await journal.mark_abandoned(unsent.intent_id)
        warned = journal.warnings
        assert len(warned) == 1
        own_cluster.start()
        await anyio.sleep(1.1)  # it is left alone for a second

        known = await journal.submission_of("p1")
        assert known is not None
        assert known.intent_id == sent.intent_id
        assert not known.is_unfinished
        assert (await journal.claim("unsent", terms=terms)).won
        assert journal.warnings == ()
    async with Journal(url) as other:
        assert (await other.submission_of("p1")) is not None


async def test_a_database_that_was_restarted_in_between_is_not_noticed(own_cluster: Cluster) -> None:
    async with Journal(own_cluster.database(), lease=LONG) as journal:
        submission = await claimed(journal)
        own_cluster.stop()
        own_cluster.start()
        assert await journal.mark_sending(submission)


async def test_a_database_that_hangs_is_waited_for_some_seconds_and_then_left_alone(own_cluster: Cluster) -> None:
    async with Journal(own_cluster.database(), lease=LONG) as journal:
        await journal.check()
        refused = []

        async def look() -> None:
            with pytest.raises(JournalUnusable):
                await journal.check()
            refused.append(anyio.current_time())

        begun = anyio.current_time()
        with own_cluster.frozen():
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(look)
        assert max(refused) - begun < 15
        await anyio.sleep(1.1)
        await journal.check()


def cut_at_commit(journal: Journal, url: str, *, before: bool) -> None:
    """End the journal's session around the next commit, so that nobody knows whether it took place."""
    store = journal._store  # noqa: SLF001 - no public door leads to this moment
    connection = store._db  # type: ignore[attr-defined]  # noqa: SLF001
    execute = connection.raw.execute

    def cut(statement: bytes | str, *arguments: object, **more: object) -> object:
        if statement != "COMMIT":
            return execute(statement, *arguments, **more)
        if not before:
            execute(statement)
        pid = connection.raw.info.backend_pid
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        return execute("SELECT 1")

    connection.raw.execute = cut


@pytest.mark.parametrize("before", [True, False], ids=["undone", "done"])
async def test_a_claim_or_a_mark_whose_commit_was_not_confirmed_is_made_once(
    database_url: str, ours: Journal, *, before: bool
) -> None:
    await ours.check()
    cut_at_commit(ours, database_url, before=before)
    submission = await claimed(ours)
    cut_at_commit(ours, database_url, before=before)
    assert await ours.mark_sending(submission)
    cut_at_commit(ours, database_url, before=before)
    await ours.mark_submitted(submission.intent_id, Report(id="p1"), NOW)

    with psycopg.connect(database_url) as database:
        assert database.execute("SELECT stage, prediction_id FROM entries").fetchall() == [("submitted", "p1")]


async def test_a_claim_of_which_nobody_knows_whether_it_stands_is_given_up(own_cluster: Cluster) -> None:
    url = own_cluster.database()
    async with Journal(url, lease=LONG) as journal:
        await journal.check()

        def work(it: Transaction) -> None:
            it.claim("key")
            own_cluster.stop("immediate")

        with pytest.raises(JournalUnusable):
            await journal.run(work)
        own_cluster.start()
        await anyio.sleep(1.1)
        assert (await journal.claim("key")).won


@contextmanager
def cut_off(journal: Journal) -> Iterator[None]:
    """As if the network, not the database, were down."""
    store = journal._store  # noqa: SLF001 - no public door leads to this state
    store._left_alone_until = float("inf")  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield
    finally:
        store._left_alone_until = 0.0  # type: ignore[attr-defined]  # noqa: SLF001


async def test_a_late_word_does_not_undo_what_others_have_heard_meanwhile(own_cluster: Cluster) -> None:
    url = own_cluster.database()
    async with Journal(url, lease=LONG) as away:
        mine = await paid(away, "p1")
        await away.run(lambda it: it.check())
        async with Journal(url, lease=LONG) as other:
            with cut_off(away):
                await away.set_report("p1", Report.model_validate({"id": "p1", "status": "queued"}))
                done = {"id": "p1", "status": "completed", "outputs": ["https://clips.example/1.mp4"]}
                await other.set_report("p1", Report.model_validate(done))
            await away.check()
            known = await submission_of(other, mine.intent_id)
        change(url, "DELETE FROM owners")
        async with Journal(url, lease=LONG) as third:
            assert await third.adopt("", 10) == []  # it has ended: nobody is to look at it again
    assert known is not None
    assert not known.is_unfinished


async def test_what_is_heard_of_anothers_prediction_while_the_database_is_away_is_told_of_that_one(
    database_url: str, ours: Journal, theirs: Journal
) -> None:
    mine = await paid(ours, "p1")
    await theirs.check()
    with cut_off(theirs):
        await theirs.set_report("p1", Report.model_validate({"id": "p1", "status": "failed"}))
    await theirs.check()
    with cut_off(theirs):
        await theirs.set_saved_path("p1", "/clips/1.mp4")
    await theirs.check()

    known = await ours.submission_of("p1")
    assert known is not None
    assert (known.intent_id, known.is_unfinished, known.saved_path) == (mine.intent_id, False, "/clips/1.mp4")
    with psycopg.connect(database_url) as database:
        assert database.execute("SELECT COUNT(*) FROM entries").fetchone() == (1,)
        assert database.execute("SELECT * FROM watches").fetchall() == []


async def test_what_was_noted_before_it_was_known_whose_it_is_is_taken_up_while_the_database_is_away(
    ours: Journal,
) -> None:
    submission = await claimed(ours)
    assert await ours.mark_sending(submission)
    with cut_off(ours):  # somebody looks at a row of the history, and then the answer that has its id comes
        await ours.set_report("p1", Report.model_validate({"id": "p1", "status": "queued"}))
        await ours.mark_submitted(submission.intent_id, Report(id="p1"), NOW)

    known = await ours.submission_of("p1")
    assert known is not None
    assert (known.intent_id, known.stage) == (submission.intent_id, Stage.SUBMITTED)


async def test_what_is_owed_is_paid_back_on_leaving(own_cluster: Cluster) -> None:
    url = own_cluster.database()
    async with Journal(url, lease=LONG) as journal:
        sent = await claimed(journal)
        await journal.mark_sending(sent)
        own_cluster.stop()
        await journal.mark_submitted(sent.intent_id, Report(id="p1"), NOW)
        own_cluster.start()
        await anyio.sleep(1.1)
    async with Journal(url) as other:
        assert await other.submission_of("p1") is not None


async def test_leaving_while_the_database_is_away_is_no_trouble(own_cluster: Cluster) -> None:
    async with Journal(own_cluster.database()) as journal:
        await journal.check()
        own_cluster.stop("immediate")


async def test_a_database_without_tables_or_of_another_version_is_refused_with_what_to_do(
    postgresql: Cluster,
) -> None:
    url = postgresql.empty_database()
    async with Journal(url) as journal:
        with pytest.raises(JournalUnusable, match="run atlascloud-video-mcp team migrate"):
            await journal.check()
    assert migrate(url) == (0, len(STEPS))
    assert migrate(url) == (len(STEPS), len(STEPS))
    change(url, "UPDATE schema_version SET version = version + 1")
    async with Journal(url) as journal:
        with pytest.raises(
            JournalUnusable, match=r"^Nothing was sent or paid\..*newer version.*Update this installation"
        ):
            await journal.claim("key")
    with pytest.raises(JournalUnusable, match="newer version"):
        migrate(url)
    change(url, "DELETE FROM schema_version")
    async with Journal(url) as journal:
        with pytest.raises(JournalUnusable, match="its version is 0"):
            await journal.check()


def test_a_database_that_is_not_there_cannot_be_migrated() -> None:
    with pytest.raises(JournalUnusable, match="could not be migrated"):
        migrate("postgresql://nobody:secret-word@127.0.0.1:9/nothing")


async def test_tokens_are_in_force_until_they_are_revoked(ours: Journal, theirs: Journal) -> None:
    assert await ours.tokens() == []
    assert await ours.add_token("ann", "digest-1", Decimal("20.5"), False)  # noqa: FBT003
    assert not await theirs.add_token("ann", "digest-2", None, True)  # noqa: FBT003
    assert await theirs.person_of("digest-1") == Person("ann", Decimal("20.5"))
    assert await theirs.person_of("digest-2") is None
    assert await theirs.revoke_token("ann")
    assert not await theirs.revoke_token("ann")
    assert await ours.person_of("digest-1") is None
    assert await ours.add_token("ann", "digest-2", None, True)  # noqa: FBT003
    assert [(each.person.read_only, each.revoked_at is None) for each in await ours.tokens()] == [
        (False, False),
        (True, True),
    ]


async def test_a_ticket_is_good_once_and_for_a_time(ours: Journal) -> None:
    later = datetime.now(UTC) + timedelta(minutes=1)
    await ours.add_ticket("old", "ann", None, NOW - timedelta(days=2))
    await ours.add_ticket("late", "ann", None, NOW - timedelta(minutes=1))
    await ours.add_ticket("good", "ann", "pad", later)
    assert await ours.ticket_of("old") is None
    assert await ours.ticket_of("good") == ("ann", "pad")
    assert not await ours.take_ticket("late")
    assert [await ours.take_ticket("good"), await ours.take_ticket("good")] == [True, False]
    await ours.give_back_ticket("good")
    assert await ours.take_ticket("good")


async def test_the_sums_are_those_of_each_person_and_of_all(ours: Journal) -> None:
    ann, bob = Person("ann"), Person("bob")
    for number, (person, price) in enumerate([(ann, "0.10"), (ann, "0.20"), (bob, "0.40")]):
        await ours.claim(f"key{number}", terms=SpendingRequest("mine", Decimal(price), person=person))
    hour = NOW - timedelta(hours=1)
    sums = await ours.run(lambda it: [it.spent(hour, name) for name in ("ann", "bob", "")])
    assert sums == [Decimal("0.3"), Decimal("0.4"), Decimal("0.7")]
    assert [(await ours.spending(person=name)).total for name in ("ann", "bob", "")] == sums


async def test_text_that_no_database_takes_as_text_is_kept_all_the_same(ours: Journal) -> None:
    strange = "a\u0000b\ud800c"
    submission = await claimed(ours)
    await ours.mark_sending(replace(submission, body={"prompt": strange}, picture=strange))
    known = await submission_of(ours, submission.intent_id)
    assert known is not None
    assert (known.body, known.picture) == ({"prompt": strange}, strange)


def test_statements_are_spelled_as_postgresql_takes_them(database_url: str) -> None:
    assert spelled("SELECT * FROM a INDEXED BY b WHERE c = ? AND d > :span || ':'") == (
        "SELECT * FROM a  WHERE c = %s AND d > %(span)s || ':'"
    )
    with connect(database_url) as database:
        row = database.execute("SELECT ? AS one, ? AS two", (1, None)).fetchone()
    assert row is not None
    assert (row["one"], row[1], tuple(row)) == (1, None, (1, None))


async def test_one_outage_is_logged_once(own_cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async with Journal(own_cluster.database(), lease=LONG) as journal:
        await claimed(journal)
        own_cluster.stop()
        for _ in range(2):
            with pytest.raises(JournalUnusable):
                await journal.check()
            await anyio.sleep(1.1)  # it is left alone for a second
        own_cluster.start()
    assert sum("cannot be used" in message for message in caplog.messages) == 1


async def test_an_earlier_submission_is_not_given_up_by_a_claim_that_could_not_be_confirmed(
    own_cluster: Cluster,
) -> None:
    url = own_cluster.database()
    async with Journal(url, lease=LONG) as journal:
        submission = await claimed(journal)

        def work(it: Transaction) -> None:
            it.mark_sending(submission)
            own_cluster.stop("immediate")

        with pytest.raises(JournalUnusable):
            await journal.run(work)
        own_cluster.start()
        await anyio.sleep(1.1)
        assert await journal.mark_sending(submission)  # it did not take place
