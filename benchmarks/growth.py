"""Figure 10: what a prediction, and a claim with a budget, cost as the journal grows."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from decimal import Decimal
from functools import partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from atlascloud_video_mcp.journal import Journal, SpendingRequest
from figures import Row, Spread, in_turn
from talk import cpu_seconds
from working import PICTURE, Workshop, api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from installed import Commands

SIZES = (10_000, 100_000)
OF_A_DAY = (2_000, 10_000)
CLIPS = 40
CLAIMS = 200
FLAT = 1.10
FLAT_CLAIM = 1.50
TABLES = ("entries", "uploads", "durations")
# What differs from row to row; all else is copied from a row that the server wrote.
OWN = frozenset({"intent_id", "key", "prediction_id", "digest"})


async def rows(commands: Commands, folder: Path, runs: int) -> list[Row]:
    """Measure figure 10."""
    with api(seconds=0) as base_url:
        shop = Workshop(commands, base_url, folder)
        grown = [await _row(f"10{letter}", shop, size, runs) for letter, size in zip("ab", SIZES, strict=True)]
        return grown + [
            await _claim_row(f"10{letter}", shop, size, runs) for letter, size in zip("cd", OF_A_DAY, strict=True)
        ]


async def _claim_row(number: str, shop: Workshop, size: int, runs: int) -> Row:
    grown = shop.fresh()
    await _claims(grown)
    with closing(sqlite3.connect(grown / "journal.sqlite3", isolation_level=None)) as db:
        db.execute("UPDATE entries SET stage = 'submitted', prediction_id = intent_id")
        _fill(db, "entries", size)
    wall = (await in_turn(runs, partial(_claims, grown), lambda: _claims(shop.fresh())))[0]
    return Row(
        number,
        f"A claim with a budget, {size:,} of the last 24 hours in the journal",
        Spread.of(wall.first).text("ms", scale=1000, digits=2),
        f"empty journal: {Spread.of(wall.second).text('ms', scale=1000, digits=2)}",
        wall.ratio.text(digits=2),
        f"{FLAT_CLAIM:.2f} or less",
        wall.ratio.median <= FLAT_CLAIM,
    )


async def _claims(state: Path) -> tuple[float]:
    """Seconds that the quicker half of some claims takes at most, a first one left out."""
    terms = SpendingRequest("account", Decimal("0.000001"), Decimal(1000))
    times = []
    async with Journal(state) as journal:
        await journal.claim(uuid4().hex, terms=terms)
        for _ in range(CLAIMS):
            begun = perf_counter()
            await journal.claim(uuid4().hex, terms=terms)
            times.append(perf_counter() - begun)
    return (median(times),)


async def _row(number: str, shop: Workshop, size: int, runs: int) -> Row:
    grown = shop.fresh()
    await _cost(shop, grown)
    with closing(sqlite3.connect(grown / "journal.sqlite3", isolation_level=None)) as db:
        for table in TABLES:
            _fill(db, table, size)
    cpu = (await in_turn(runs, partial(_cost, shop, grown), lambda: _cost(shop, shop.fresh())))[0]
    return Row(
        number,
        f"Processor time of a prediction, {size:,} in the journal",
        Spread.of(cpu.first).text("ms", scale=1000, digits=1),
        f"empty journal: {Spread.of(cpu.second).text('ms', scale=1000, digits=1)}",
        cpu.ratio.text(digits=2),
        f"{FLAT:.2f} or less",
        cpu.ratio.median <= FLAT,
    )


async def _cost(shop: Workshop, state: Path) -> tuple[float]:
    """Seconds of processor time that each of some predictions costs, a first one left out."""
    async with shop.server(state) as talk:
        await talk.call("animate_image", image=PICTURE, prompt="the first one opens all", wait_seconds=60)
        used = cpu_seconds(talk.pid)
        for number in range(CLIPS):
            await talk.call("animate_image", image=PICTURE, prompt=f"clip {number}", wait_seconds=60)
        return ((cpu_seconds(talk.pid) - used) / CLIPS,)


def _fill(db: sqlite3.Connection, table: str, size: int) -> None:
    """Copy a row that the server wrote until there are so many."""
    db.row_factory = sqlite3.Row
    row = db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()  # noqa: S608 - one of our own names
    if row is None:
        return
    names = [name for name in row.keys() if name != "seq"]  # noqa: SIM118 - iterating a Row gives its values
    places = ", ".join("?" * len(names))
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - names from the table itself
    db.execute("BEGIN")
    db.executemany(insert, itertools.islice(_copies(row, names), size))
    db.execute("COMMIT")


def _copies(row: sqlite3.Row, names: list[str]) -> Iterator[list[object]]:
    for number in itertools.count():
        yield [f"{row[name]}-{number}" if name in OWN else row[name] for name in names]
