"""What the journal counts as spent, and whom its budget lets through; two journals stand for two processes."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import pytest

from atlascloud_video_mcp.cloud.reports import HistoryRow, Report
from atlascloud_video_mcp.errors import JournalUnusable, OverBudget
from atlascloud_video_mcp.journal import (
    Claim,
    Journal,
    PriceNeeded,
    PricesNeeded,
    Spending,
    SpendingRequest,
    Stage,
    Submission,
    VideoRequest,
    from_history,
    schema,
)
from atlascloud_video_mcp.journal.budget import Limit
from atlascloud_video_mcp.journal.transaction import Transaction
from kit import STANDARD, as_sent, submission_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

NOW = datetime.now(UTC)
BUDGET = Decimal("1.00")
JOURNALS = Path(__file__).parent / "journals"
OLD_ACCOUNT = "d51dba4ab2c700f5"
# All but the one that was not sent, which is given up.
KEPT = """
    SELECT seq, intent_id, key, owner, stage, {body}, notes, created_at, report, save_to, saved_path FROM entries
    WHERE seq > 1 ORDER BY seq
"""


def report(prediction_id: str = "p1", status: str = "processing", **fields: object) -> Report:
    outputs = ["https://clips.example/1.mp4"] if status == "completed" else []
    return Report.model_validate({"id": prediction_id, "status": status, "outputs": outputs, **fields})


def terms(price: str | None, budget: str | Decimal | None = BUDGET, account: str = "mine") -> SpendingRequest:
    return SpendingRequest(
        account, None if price is None else Decimal(price), None if budget is None else Decimal(budget)
    )


@pytest.fixture
async def journal(any_place: Path | str | None) -> AsyncGenerator[Journal, None]:
    async with Journal(any_place) as journal:
        yield journal
        assert journal.warnings == ()


async def spent(journal: Journal) -> Decimal:
    """By the sums that a budget is held against, which agree with the single amounts."""
    total = (await journal.spending()).total
    await journal.require(terms("0", total))
    if total:
        with pytest.raises(OverBudget):
            await journal.require(terms("0.000001", total))
    return total


async def paid(journal: Journal, key: str, price: str | None = "0.30", at: datetime = NOW) -> str:
    """A running prediction, whose id is its key."""
    claim = await journal.claim(key, terms=terms(price, None))
    assert claim.won
    await journal.mark_sending(as_sent(claim.submission.intent_id, {}, []))
    await journal.mark_submitted(claim.submission.intent_id, report(key), at)
    return claim.submission.intent_id


async def test_a_claim_holds_its_price_from_the_first_moment(journal: Journal) -> None:
    won = (await journal.claim("a", terms=terms("0.30"))).submission

    assert (won.quote, won.account) == (Decimal("0.30"), "mine")
    assert await spent(journal) == Decimal("0.30")
    assert await submission_of(journal, won.intent_id) == won


async def test_what_fits_alone_but_not_together_is_refused_with_all_figures(journal: Journal) -> None:
    await journal.claim("a", terms=terms("0.60"))
    with pytest.raises(OverBudget) as caught:
        await journal.claim("b", terms=terms("0.60"))

    said = str(caught.value)
    assert said.startswith(
        "Nothing was sent or paid. It costs $0.60, and $0.60 of the $1.00 that ATLASCLOUD_BUDGET_USD"
    )
    assert f"there will be room for it at {NOW + timedelta(days=1):%Y-%m-%d}" in said
    assert await spent(journal) == Decimal("0.60")


async def test_a_budget_is_used_to_the_last_cent(journal: Journal) -> None:
    for number in range(10):
        assert (await journal.claim(str(number), terms=terms("0.10"))).won
    with pytest.raises(OverBudget):
        await journal.claim("one more", terms=terms("0.000001"))
    assert (await journal.claim("free of charge", terms=terms("0"))).won
    assert await spent(journal) == BUDGET


async def test_without_a_price_a_budget_lets_nothing_through_but_joining(journal: Journal) -> None:
    with pytest.raises(PriceNeeded):
        await journal.claim("a", terms=terms(None))
    first = await journal.claim("a", terms=terms("1.00"))
    joined = await journal.claim("a", terms=terms(None))

    assert (joined.won, joined.submission.intent_id) == (False, first.submission.intent_id)
    assert await spent(journal) == Decimal("1.00")


async def test_what_costs_more_than_the_budget_itself_is_never_told_to_wait(journal: Journal) -> None:
    with pytest.raises(OverBudget, match="it alone costs more than the whole budget"):
        await journal.claim("a", terms=terms("1.01"))


@pytest.mark.parametrize("stage", [Stage.INTENDED, Stage.SENDING, Stage.UNKNOWN, Stage.SUBMITTED])
async def test_what_is_unfinished_or_unknown_counts(journal: Journal, stage: Stage) -> None:
    intent_id = (await journal.claim("a", terms=terms("0.30"))).submission.intent_id
    if stage is not Stage.INTENDED:
        await journal.mark_sending(as_sent(intent_id, {}, []))
    if stage is Stage.UNKNOWN:
        await journal.mark_unknown(intent_id)
    if stage is Stage.SUBMITTED:
        await journal.mark_submitted(intent_id, report(), NOW)

    assert await spent(journal) == Decimal("0.30")


async def test_what_was_refused_or_given_up_or_failed_frees_its_room(journal: Journal) -> None:
    await journal.mark_refused((await journal.claim("a", terms=terms("1.00"))).submission.intent_id)
    await journal.mark_abandoned((await journal.claim("b", terms=terms("1.00"))).submission.intent_id)
    await paid(journal, "c", "1.00")
    await journal.set_report("c", report("c", "failed", price="1.00"))

    assert await spent(journal) == 0
    assert (await journal.claim("d", terms=terms("1.00"))).won


@pytest.mark.parametrize(
    ("quote", "fields", "counts"),
    [
        ("0.30", {}, "0.30"),
        ("0.30", {"price": "0.55"}, "0.55"),
        ("0.30", {"price": "0"}, "0.30"),
        ("0.30", {"price": "nan"}, "0.30"),
        ("0.30", {"status": "completed", "price": 0.1}, "0.10"),
        ("0.30", {"status": "completed", "price": 0}, "0.30"),
        (None, {"status": "completed", "price": 0}, "0"),
        ("0.30", {"status": "completed"}, "0.30"),
        ("0.30", {"status": "completed", "price": -1}, "0.30"),
        (None, {"status": "completed", "price": "0.28"}, "0.28"),
        (None, {"status": "failed"}, "0"),
    ],
)
async def test_a_price_that_is_reported_later_corrects_the_books(
    journal: Journal, quote: str | None, fields: dict[str, str], counts: str
) -> None:
    await paid(journal, "a", quote)
    await journal.set_report("a", report("a", **fields))

    assert await spent(journal) == Decimal(counts)


@pytest.mark.parametrize("fields", [{}, {"status": "completed"}, {"status": "completed", "clip_missing": True}])
async def test_what_counts_and_has_no_price_lets_nothing_be_claimed_with_a_budget(
    journal: Journal, fields: dict[str, Any]
) -> None:
    intent_id = await paid(journal, "a", None)
    await journal.set_report("a", report("a", **fields))
    for budget in ("1.00", "999"):
        with pytest.raises(PricesNeeded) as caught:
            await journal.claim("b", terms=terms("0.10", budget))
        assert [entry.intent_id for entry in caught.value.submissions] == [intent_id]
    await journal.set_quote(intent_id, Decimal("0.95"))
    with pytest.raises(OverBudget):
        await journal.claim("b", terms=terms("0.10"))


async def test_a_price_that_is_told_after_the_submission_counts(journal: Journal) -> None:
    intent_id = await paid(journal, "a", None)
    await journal.set_quote(intent_id, Decimal("0.30"))

    assert await spent(journal) == Decimal("0.30")


async def test_room_comes_free_24_hours_after_what_took_it(journal: Journal) -> None:
    await paid(journal, "yesterday", "0.50", NOW - timedelta(hours=24, seconds=1))
    await paid(journal, "oldest", "0.20", NOW - timedelta(hours=23))
    await paid(journal, "older", "0.20", NOW - timedelta(hours=2))
    await paid(journal, "old", "0.60", NOW - timedelta(hours=1))
    spending = await journal.spending()

    assert spending.total == BUDGET
    # to the minute, and rather later than too early
    free_at = NOW - timedelta(hours=2) + timedelta(days=1, minutes=1)
    assert f"room for it at {free_at:%Y-%m-%d %H:%M} UTC" in str(spending.refusal(Decimal("0.40"), Limit(BUDGET)))


async def test_what_a_prediction_costs_counts_once_whoever_found_it(journal: Journal) -> None:
    await paid(journal, "a", "0.30")
    again = (await journal.claim("b", terms=terms("0.30"))).submission.intent_id
    await journal.mark_submitted(again, report("a"), NOW)

    assert await spent(journal) == Decimal("0.30")


async def test_what_any_key_pays_counts_and_what_nobody_here_paid_does_not(journal: Journal) -> None:
    assert (await journal.claim("a", terms=terms("0.60"))).won
    with pytest.raises(OverBudget):
        await journal.claim("b", terms=terms("0.60", account="yours"))
    assert (await journal.claim("b", terms=terms("0.40", account="yours"))).won
    await journal.set_report("foreign", report("foreign", "completed", price="5.00"))

    assert await spent(journal) == BUDGET


async def test_a_dead_process_holds_no_room_for_what_it_had_not_sent(place: Path | str) -> None:
    async with Journal(place) as ours:
        async with Journal(place) as gone:
            intended = (await gone.claim("a", terms=terms("0.40"))).submission.intent_id
            sending = (await gone.claim("b", terms=terms("0.60"))).submission.intent_id
            await gone.mark_sending(as_sent(sending, {}))
            with pytest.raises(OverBudget):
                await ours.claim("c", terms=terms("0.40"))
        assert (await ours.claim("c", terms=terms("0.40"))).won
        entries = [await submission_of(ours, intent_id) for intent_id in (intended, sending)]

    assert [entry.stage for entry in entries if entry] == [Stage.ABANDONED, Stage.SENDING]


async def test_of_many_tasks_of_two_processes_exactly_as_many_win_as_the_budget_pays_for(place: Path | str) -> None:
    won: list[Claim] = []
    refused: list[OverBudget] = []

    async def claim(journal: Journal, key: str) -> None:
        try:
            won.append(await journal.claim(key, terms=terms("0.07")))
        except OverBudget as error:
            refused.append(error)

    async with Journal(place) as ours, Journal(place) as theirs:
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(claim, ours if number % 2 else theirs, str(number))
        sums = [await spent(journal) for journal in (ours, theirs)]

    assert (len(won), len(refused)) == (14, 6)
    assert sums == [Decimal("0.98")] * 2


async def test_beside_a_file_that_fails_later_nothing_is_paid_with_a_budget_or_without(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        await paid(journal, "a", "0.70")
        with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as onlooker:
            onlooker.execute("ALTER TABLE entries RENAME TO elsewhere")
        for budget in ("1.00", None):
            with pytest.raises(JournalUnusable, match=r"cannot be used \(no such table: .*entries\): it may hold any"):
                await journal.claim("b", terms=terms("0.10", budget))
        assert (await journal.claim("a", terms=terms("0.10"))).submission.prediction_id == "a"
        assert journal.warnings
        assert (await journal.spending()).total == Decimal("0.70")


def row_of(prediction_id: str) -> Submission:
    row = HistoryRow.model_validate({"ID": prediction_id, "createdAt": NOW.isoformat(), "requestBody": {"model": "m"}})
    return from_history(row, report(prediction_id))


async def test_what_the_history_shows_is_entered_once_and_belongs_to_nobodys_request(journal: Journal) -> None:
    await paid(journal, "known", "0.10")
    await journal.set_report("looked-at", report("looked-at"))
    for prediction_id in ("looked-at", "new", "new", "known"):
        await journal.count_anew(row_of(prediction_id), terms("0.30"))

    assert await journal.uncounted(["known", "looked-at", "new", "other"]) == {"other"}
    assert await spent(journal) == Decimal("0.70")
    entry = await journal.submission_of("new")
    assert entry
    assert (entry.key, entry.account, entry.body) == ("", "mine", {"model": "m"})
    ours = (await journal.claim("ours", terms=terms("0.30"))).submission.intent_id
    await journal.mark_submitted(ours, report("new"), NOW)
    assert await spent(journal) == Decimal("0.70")


async def test_what_could_be_joined_is_shown_without_claiming(journal: Journal) -> None:
    assert await journal.joinable("a") is None
    intent_id = await paid(journal, "a")
    joinable = await journal.joinable("a")

    assert joinable is not None
    assert joinable.intent_id == intent_id


async def filled(directory: Path, entries: int) -> Journal:
    """A journal with so many paid entries of the last 24 hours, each with a prompt and a report."""
    journal = Journal(directory)
    intent_id = await paid(journal, "first", "0.000001")
    await journal.set_report("first", report("first", "completed", price="0.000001", error="x" * 500))
    with closing(sqlite3.connect(directory / "journal.sqlite3")) as database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute("SELECT * FROM entries WHERE intent_id = ?", (intent_id,)).fetchone())
        del row["seq"]
        names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        insert = f"INSERT INTO entries ({names}) VALUES ({values})"  # noqa: S608 - the table's own names
        for number in range(entries - 1):
            at = (NOW - timedelta(seconds=86_000 * number / entries)).isoformat(timespec="microseconds")
            new = {"intent_id": f"{number:032x}", "key": f"{number}", "prediction_id": f"p{number}", "submitted_at": at}
            database.execute(insert, row | new)
        database.commit()
    return journal


async def test_what_is_summed_is_what_is_listed_whenever_the_day_begins(tmp_path: Path) -> None:
    async with await filled(tmp_path, 200):
        pass
    with closing(schema.connect(tmp_path / "journal.sqlite3")) as database:
        database.execute("UPDATE entries SET spent = seq")
        database.execute("DELETE FROM entries WHERE seq % 7 = 0")
        transaction = Transaction(database, "me", None)
        for number in range(500):
            begin = NOW - timedelta(seconds=173.7 * number)
            assert transaction.spent(begin) == transaction.spending(begin).total
        assert transaction.spent(begin) > 0


async def processor_time_of_a_claim(journal: Journal) -> float:
    """The quickest of many, with a budget: what the machine does beside it makes single ones slower only."""
    times = []
    for _ in range(60):
        begun = time.thread_time()
        await journal.claim(uuid4().hex, terms=terms("0.000001", "1000"))
        times.append(time.thread_time() - begun)
    return min(times)


async def test_a_claim_with_a_budget_takes_no_longer_with_many_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In this thread, so that the time of the work itself is measured, whatever else the machine does.
    async def here(work: Callable[[], object], **_: object) -> object:
        return work()

    monkeypatch.setattr(anyio.to_thread, "run_sync", here)
    async with (
        await filled(tmp_path / "empty", 1) as empty,
        await filled(tmp_path / "some", 2_000) as some,
        await filled(tmp_path / "many", 10_000) as many,
    ):
        assert (await many.spending()).total == Decimal("0.01")
        shortest, second, third = [await processor_time_of_a_claim(each) for each in (empty, some, many)]

    assert max(second, third) < 1.5 * shortest


def planted(directory: Path, step: int) -> None:
    """A journal as an earlier version left it, made young enough to count."""
    with closing(sqlite3.connect(directory / "journal.sqlite3")) as database:
        database.executescript((JOURNALS / f"step-{step}.sql").read_text(encoding="utf-8"))
        database.execute(f"PRAGMA user_version = {step}")
        database.execute("UPDATE entries SET created_at = ?, submitted_at = ?", (2 * (NOW.isoformat(),)))
        database.commit()


@pytest.mark.parametrize(("step", "counts"), [(1, "0.30"), (2, "2.21")])
async def test_a_journal_of_an_earlier_version_is_carried_over_whole(tmp_path: Path, step: int, counts: str) -> None:
    planted(tmp_path, step)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as database:
        before = database.execute(KEPT.format(body="request")).fetchall()

    async with Journal(tmp_path) as journal:
        assert await journal.durations("minimax/hailuo-2.3/i2v-standard", None if step == 2 else 6)
        assert await journal.upload("digest", within=timedelta(days=9999), host=OLD_ACCOUNT if step == 2 else "account")
        # the failed, the refused, what names no clip, and what was only looked at cost nothing
        assert (await journal.spending()).total == Decimal(counts)
        if step == 1:  # of a time without prices
            with pytest.raises(PricesNeeded, match="3 without a price"):
                await spent(journal)
        else:
            assert await spent(journal) == Decimal(counts)
        known = await journal.submission_of("p2")
        assert known
        picture = "https://pictures.example/cat.jpg"
        assert known.request == VideoRequest(picture, known.body["prompt"], known.body.get("duration"), STANDARD)
        assert journal.warnings == ()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as database:
        assert database.execute(KEPT.format(body="body")).fetchall() == before
        assert database.execute("PRAGMA user_version").fetchone() == (len(schema.STEPS),)
        assert {take for (take,) in database.execute("SELECT take FROM entries")} == {1}
        assert {name for (name,) in database.execute("SELECT picture FROM entries")} == {"null"}


def test_nothing_spent_is_nothing() -> None:
    assert Spending(()).total == 0
