"""The journal among real processes, some of which are killed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from atlascloud_video_mcp.journal import Claim, Journal, Stage
from kit import submission_of

if TYPE_CHECKING:
    from collections.abc import Generator

OTHER = """
import sys, pathlib, anyio
from dataclasses import replace
from atlascloud_video_mcp.journal import Journal

async def main():
    place = sys.argv[1] if "://" in sys.argv[1] else pathlib.Path(sys.argv[1])
    async with Journal(place, lease=1) as journal:
        sys.stdin.readline()
        claim = await journal.claim("key")
        if claim.won and sys.argv[2] == "sending":
            await journal.mark_sending(replace(claim.submission, body={"model": "vendor/model"}))
        print(claim.won, claim.submission.intent_id, *journal.warnings, flush=True)
        sys.stdin.readline()

anyio.run(main)
"""


@contextmanager
def process(place: Path | str, stage: str) -> Generator[subprocess.Popen[str]]:
    """Another process that waits for a line before it claims, and for another before it ends."""
    command = [sys.executable, "-c", OTHER, str(place), stage]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        try:
            yield other
        finally:
            other.kill()


def go_on(other: subprocess.Popen[str]) -> None:
    assert other.stdin
    other.stdin.write("\n")
    other.stdin.flush()


def claimed(other: subprocess.Popen[str]) -> list[str]:
    assert other.stdout
    return other.stdout.readline().split()


@pytest.mark.parametrize("stage", ["intended", "sending"])
async def test_a_living_process_is_waited_for(place: Path | str, stage: str) -> None:
    with process(place, stage) as other:
        go_on(other)
        won, intent_id = claimed(other)
        async with Journal(place) as journal:
            claim = await journal.claim("key")
    assert won == "True"
    assert (claim.won, claim.submission.intent_id, claim.submission.stage) == (False, intent_id, stage)
    assert claim.submission.owner_alive


async def settled(journal: Journal) -> Claim:
    """What a claim gives once the process that was killed counts as dead: at once, or when its lease is over."""
    with anyio.fail_after(20):
        while (claim := await journal.claim("key")).submission.owner_alive and not claim.won:  # noqa: ASYNC110 - of another process
            await anyio.sleep(0.05)
    return claim


async def test_a_process_killed_before_sending_is_forgotten(place: Path | str) -> None:
    with process(place, "intended") as other:
        go_on(other)
        _, intent_id = claimed(other)
    async with Journal(place) as journal:
        assert (await settled(journal)).won
        entry = await submission_of(journal, intent_id)
    assert entry
    assert (entry.stage, entry.owner_alive) == (Stage.ABANDONED, False)
    if isinstance(place, Path):
        assert list((place / "owners").iterdir()) == []


async def test_a_process_killed_while_sending_leaves_an_unknown(place: Path | str) -> None:
    with process(place, "sending") as other:
        go_on(other)
        _, intent_id = claimed(other)
    async with Journal(place) as journal:
        claim = await settled(journal)
    assert (claim.won, claim.submission.intent_id, claim.submission.stage) == (False, intent_id, Stage.UNKNOWN)
    assert claim.submission.body == {"model": "vendor/model"}


@pytest.mark.parametrize("before", [b"", b"damaged"])
def test_processes_that_make_or_mend_the_journal_at_the_same_moment_pay_once(tmp_path: Path, before: bytes) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(before)
    with (
        process(tmp_path, "sending") as one,
        process(tmp_path, "sending") as two,
        process(tmp_path, "sending") as three,
    ):
        for other in (one, two, three):
            go_on(other)
        answers = [claimed(other)[:2] for other in (one, two, three)]
    assert sorted(won for won, _ in answers) == ["False", "False", "True"]
    assert len({intent_id for _, intent_id in answers}) == 1
