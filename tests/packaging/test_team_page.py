"""The statements of docs/team.md do in a real database what the page says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg

from atlascloud_video_mcp.journal import Journal
from atlascloud_video_mcp.journal.submission import as_text
from kit import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "team.md").read_text(encoding="utf-8"), re.DOTALL)
ANEW, SPENT, UNKNOWN, UNWATCHED = (" ".join(block.split()) for block in BLOCKS)


def rows(
    url: str, statement: str, entered: str = "", values: Sequence[Sequence[object]] = ((),)
) -> list[tuple[Any, ...]]:
    """What a statement gives after rows with these values were entered."""
    with psycopg.connect(url, autocommit=True) as db:
        for each in values if entered else ():
            db.execute(entered.encode(), each)
        cursor = db.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def test_a_restored_database_says_that_it_was_begun_anew(database_url: str) -> None:
    rows(database_url, ANEW)

    async with Journal(database_url) as journal:
        at = await journal.begun_anew()
    assert at is not None
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)


def test_what_each_person_spent_in_the_last_day_is_told(database_url: str) -> None:
    now = datetime.now(UTC)
    spent = [("anna", 1, 280_000), ("anna", 23, 20_000), ("anna", 25, 9), ("bob", 1, 500_000)]
    values = [(as_text(now - timedelta(hours=hours))[:15], person, amount) for person, hours, amount in spent]

    told = rows(database_url, SPENT, "INSERT INTO spending VALUES (%s, %s, %s)", values)

    assert [(person, float(usd)) for person, usd in told] == [("bob", 0.5), ("anna", 0.3)]


def test_what_may_be_paid_and_what_nobody_watches_is_found(database_url: str) -> None:
    entry = """
        INSERT INTO entries (intent_id, stage, key, take, owner, request, body, notes, created_at, save_to, saved_path,
            account, spent, picture, person)
        VALUES (%s, %s, 'k', 1, 'o', '{}', '{}', '[]', '2026-01-01', '', '', 'a', 0, 'null', 'anna')
    """
    owner = "INSERT INTO owners VALUES (%s, clock_timestamp() + %s * interval '1 second')"
    watch = "INSERT INTO watches (prediction_id, owner) VALUES (%s, %s)"

    assert rows(database_url, UNKNOWN, entry, [("i1", "submitted"), ("i2", "unknown")]) == [
        ("anna", "2026-01-01", "i2")
    ]
    assert rows(database_url, UNWATCHED, owner, [("alive", 60), ("dead", -1)]) == []
    watched = [("p1", "alive"), ("p2", "dead"), ("p3", "gone")]
    assert sorted(rows(database_url, UNWATCHED, watch, watched)) == [("p2",), ("p3",)]
