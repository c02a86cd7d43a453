"""What the journal does on the disk, and what it does when the disk fails it."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from atlascloud_video_mcp.cloud.reports import Report
from atlascloud_video_mcp.errors import JournalUnusable
from atlascloud_video_mcp.journal import Journal, Stage, schema
from kit import as_sent

if TYPE_CHECKING:
    from pathlib import Path

RUNNING = Report.model_validate({"id": "p1", "status": "processing"})
FORGETS = "this process forgets what it did when it ends"


async def submit(journal: Journal, key: str = "key") -> str:
    claim = await journal.claim(key)
    assert claim.won
    await journal.mark_sending(as_sent(claim.submission.intent_id, {"prompt": "x" * 500}, []))
    await journal.mark_submitted(claim.submission.intent_id, RUNNING, datetime.now(UTC))
    return claim.submission.intent_id


async def fill(directory: Path) -> Path:
    """A journal of many pages, closed."""
    async with Journal(directory) as journal:
        for number in range(30):
            await submit(journal, f"key {number}")
    return directory / "journal.sqlite3"


def set_aside(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob("*.damaged-*")}


def damage(directory: Path) -> None:
    """Overwrite the files of a journal in use, and the mark that tells its user to trust what it has in memory."""
    for name, size in (("journal.sqlite3", None), ("journal.sqlite3-wal", None), ("journal.sqlite3-shm", 136)):
        with (directory / name).open("r+b") as stream:
            stream.write(b"\xff" * (size or (directory / name).stat().st_size))


async def works_without_a_file(journal: Journal) -> str:
    """The one warning, once it was shown that a paid job is still reported and joined."""
    intent_id = await submit(journal)
    assert (await journal.claim("key")).submission.intent_id == intent_id
    entry = await journal.submission_of("p1")
    assert entry
    assert (entry.intent_id, entry.owner_alive) == (intent_id, True)
    (warning,) = journal.warnings
    return warning


async def test_nothing_is_on_the_disk_before_the_first_use(tmp_path: Path) -> None:
    async with Journal(tmp_path / "state") as journal:
        assert journal.warnings == ()
    assert not (tmp_path / "state").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps rights elsewhere")
async def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with Journal(tmp_path / "state") as journal:
            await submit(journal)
            modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").rglob("*")}
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


async def test_it_is_read_again_by_the_next_process(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        intent_id = await submit(journal)
    async with Journal(tmp_path) as journal:
        claim = await journal.claim("key")
    assert (claim.won, claim.submission.intent_id, claim.submission.report) == (False, intent_id, RUNNING)


async def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "journal.sqlite3"
    file.write_bytes(b"not a database" * 1000)
    with caplog.at_level(logging.WARNING):
        async with Journal(tmp_path) as journal:
            intent_id = await submit(journal)
            (warning,) = journal.warnings
    ((name, content),) = set_aside(tmp_path).items()
    assert content == b"not a database" * 1000
    assert name in warning
    assert caplog.messages == [warning]
    async with Journal(tmp_path) as journal:
        assert (await journal.claim("key")).submission.intent_id == intent_id
        assert journal.warnings == ()


async def test_a_truncated_file_is_set_aside(tmp_path: Path) -> None:
    file = await fill(tmp_path)
    os.truncate(file, file.stat().st_size // 2)
    async with Journal(tmp_path) as journal:
        await submit(journal)
        (warning,) = journal.warnings
    assert "was damaged and set aside as journal.sqlite3.damaged-" in warning


async def test_a_file_damaged_deep_inside_is_set_aside_when_it_shows(tmp_path: Path) -> None:
    file = await fill(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    async with Journal(tmp_path) as ours, Journal(tmp_path) as theirs:
        intent_id = await submit(ours)
        assert len(ours.warnings) == 1
        assert (await theirs.claim("key")).submission.intent_id == intent_id
        assert theirs.warnings == ()


async def test_damage_while_it_is_in_use_costs_none_of_its_own_entries(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        for number in range(30):
            await submit(journal, f"key {number}")
        intent_id = (await journal.claim("key 7")).submission.intent_id
        damage(tmp_path)
        claim = await journal.claim("key 7")
        assert (claim.won, claim.submission.intent_id) == (False, intent_id)
        assert journal.warnings
    async with Journal(tmp_path) as journal:
        assert (await journal.claim("key 7")).submission.intent_id == intent_id


async def test_damage_that_cannot_be_mended_costs_none_of_its_own_entries(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        intent_id = await submit(journal)
        damage(tmp_path)
        (tmp_path / "journal.lock").unlink()
        (tmp_path / "journal.lock").mkdir()
        claim = await journal.claim("key")
        assert (claim.won, claim.submission.intent_id) == (False, intent_id)
        (warning,) = journal.warnings
        assert FORGETS in warning


async def test_a_directory_in_place_of_the_file_costs_the_memory_only(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").mkdir()
    async with Journal(tmp_path) as journal:
        assert FORGETS in await works_without_a_file(journal)


async def test_a_file_in_place_of_the_directory_costs_the_memory_only(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    async with Journal(tmp_path / "state") as journal:
        assert FORGETS in await works_without_a_file(journal)


async def refused_beside_the_file(journal: Journal, key: str) -> str:
    """The one warning, once it was shown that nothing is paid, and what is heard of is remembered all the same."""
    with pytest.raises(
        JournalUnusable, match=r"^Nothing was sent or paid\. The journal .* is there and cannot be used"
    ):
        await journal.claim(key)
    await journal.set_report("p1", RUNNING)
    assert await journal.knows(["p1"]) == {"p1"}
    (warning,) = journal.warnings
    return warning


async def test_without_a_place_for_its_locks_nothing_is_paid(tmp_path: Path) -> None:
    (tmp_path / "owners").touch()
    async with Journal(tmp_path) as journal:
        assert FORGETS in await refused_beside_the_file(journal, "key")
        (tmp_path / "owners").unlink()
        assert (await journal.claim("key")).won


async def test_beside_entries_that_nobody_can_read_nothing_is_paid(tmp_path: Path) -> None:
    file = await fill(tmp_path)
    with sqlite3.connect(file) as onlooker:
        onlooker.execute("UPDATE entries SET stage = 'nonsense'")
    onlooker.close()
    async with Journal(tmp_path) as journal:
        assert FORGETS in await refused_beside_the_file(journal, "key 7")


@pytest.mark.skipif(sys.platform == "win32", reason="its names have other limits")
async def test_where_it_cannot_be_known_whether_there_is_a_journal_nothing_is_paid(tmp_path: Path) -> None:
    async with Journal(tmp_path / (300 * "x")) as journal:
        with pytest.raises(JournalUnusable, match=r"Nothing was sent or paid\. .*name too long"):
            await journal.claim("key")


FULL_DISK = """
import resource, signal, sys, anyio
from pathlib import Path
from atlascloud_video_mcp.errors import JournalUnusable
from atlascloud_video_mcp.journal import Journal

async def main():
    async with Journal(Path(sys.argv[1])) as journal:
        try:
            print("won" if (await journal.claim("key 7")).won else "joined")
        except JournalUnusable as error:
            print(error)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
anyio.run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
async def test_on_a_full_disk_another_process_does_not_pay_for_what_the_journal_holds(tmp_path: Path) -> None:
    await fill(tmp_path)
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = await anyio.run_process(command)
    assert done.stdout.decode().startswith("Nothing was sent or paid. The journal ")


async def test_what_was_given_up_by_others_meanwhile_is_not_taken_up_again(tmp_path: Path) -> None:
    async with Journal(tmp_path) as ours, Journal(tmp_path) as theirs:
        claimed = (await ours.claim("key")).submission.intent_id
        for lock in (tmp_path / "owners").iterdir():
            lock.unlink()  # as on a network file system that forgets locks
        assert (await theirs.claim("key")).won
        (tmp_path / "journal.sqlite3").rename(tmp_path / "elsewhere")
        assert await ours.knows([]) == set()
        (tmp_path / "elsewhere").rename(tmp_path / "journal.sqlite3")
        assert not await ours.mark_sending(as_sent(claimed, {}, []))


def make_newer(file: Path, by: int) -> None:
    """What another process does that runs a version of this program which knows more steps."""
    with closing(sqlite3.connect(file)) as newer:
        version = newer.execute("PRAGMA user_version").fetchone()[0]
        newer.execute(f"PRAGMA user_version = {version + by}")


async def test_the_journal_of_a_newer_version_is_left_alone_and_nothing_is_paid_beside_it(tmp_path: Path) -> None:
    file = await fill(tmp_path)
    make_newer(file, 1)
    before = file.read_bytes()
    async with Journal(tmp_path) as journal:
        for key in ("key 7", "another"):
            with pytest.raises(
                JournalUnusable, match=r"^Nothing was sent or paid\. .* newer .* Update this installation"
            ):
                await journal.claim(key)
        await journal.set_report("p1", RUNNING)
        assert await journal.knows(["p1"]) == {"p1"}
        (warning,) = journal.warnings
        assert "newer version" in warning
        assert file.read_bytes() == before
        make_newer(file, -1)
        assert not (await journal.claim("key 7")).won
        assert journal.warnings == ()


async def test_a_journal_that_becomes_newer_while_it_is_open_lets_nothing_be_sent_any_more(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        paid = await submit(journal)
        claimed = (await journal.claim("claimed")).submission.intent_id
        make_newer(tmp_path / "journal.sqlite3", 1)
        assert not await journal.mark_sending(as_sent(claimed, {}, []))
        for key in ("claimed", "another"):
            with pytest.raises(JournalUnusable, match="Update this installation"):
                await journal.claim(key)
        assert (await journal.claim("key")).submission.intent_id == paid
        entry = await journal.submission_of("p1")
        assert entry
        assert entry.report == RUNNING


async def test_a_file_that_fails_later_costs_none_of_its_own_entries(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        intent_id = await submit(journal)
        await journal.set_report("foreign", RUNNING.model_copy(update={"prediction_id": "foreign"}))
        foreign = (await journal.claim("other")).submission.intent_id
        await journal.mark_submitted(
            foreign, RUNNING.model_copy(update={"prediction_id": "foreign"}), datetime.now(UTC)
        )
        with sqlite3.connect(tmp_path / "journal.sqlite3") as onlooker:
            onlooker.execute("ALTER TABLE entries RENAME TO elsewhere")
        onlooker.close()
        claim = await journal.claim("key")
        assert (claim.won, claim.submission.intent_id, claim.submission.stage) == (False, intent_id, Stage.SUBMITTED)
        assert await journal.knows(["p1", "foreign"]) == {"p1", "foreign"}
        (warning,) = journal.warnings
        assert FORGETS in warning


async def test_beside_a_file_that_another_program_never_lets_go_nothing_is_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)
    async with Journal(tmp_path) as journal:
        assert await journal.knows([]) == set()
        onlooker = sqlite3.connect(tmp_path / "journal.sqlite3")
        onlooker.execute("BEGIN IMMEDIATE")
        assert "locked" in await refused_beside_the_file(journal, "key")
        onlooker.close()
        assert (await journal.claim("key")).won
        assert journal.warnings == ()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no open file")
async def test_a_journal_that_is_deleted_while_in_use_is_begun_anew_and_says_so(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    async with Journal(directory) as ours, Journal(directory) as theirs:
        intent_id = await submit(ours)
        shutil.rmtree(directory)
        second = (await ours.claim("other")).submission.intent_id
        assert (await theirs.claim("key")).submission.intent_id == intent_id
        other = await theirs.claim("other")
        assert (other.won, other.submission.intent_id, other.submission.owner_alive) == (False, second, True)
        (warning,) = ours.warnings
        assert "was deleted or replaced while it was in use" in warning
        assert theirs.warnings == ()
        assert await theirs.begun_anew()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no open file")
async def test_what_was_claimed_before_the_journal_was_deleted_is_to_be_claimed_again(tmp_path: Path) -> None:
    async with Journal(tmp_path / "state") as ours, Journal(tmp_path / "state") as theirs:
        before = (await ours.claim("key")).submission.intent_id
        shutil.rmtree(tmp_path / "state")
        after = (await theirs.claim("key")).submission.intent_id
        assert not await ours.mark_sending(as_sent(before, {}, []))
        assert await theirs.mark_sending(as_sent(after, {}, []))
        assert (await ours.claim("key")).submission.intent_id == after


async def test_what_happened_while_the_file_was_out_of_reach_is_written_to_it_when_it_is_back(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        lost = (await journal.claim("lost")).submission.intent_id
        await journal.mark_sending(as_sent(lost, {}, []))
        found = (await journal.claim("found")).submission.intent_id
        await journal.mark_sending(as_sent(found, {}, []))
        (tmp_path / "journal.sqlite3").rename(tmp_path / "elsewhere")
        (tmp_path / "journal.sqlite3").mkdir()
        await journal.mark_submitted(lost, RUNNING, datetime.now(UTC))
        assert FORGETS in journal.warnings[-1]
        (tmp_path / "journal.sqlite3").rmdir()
        (tmp_path / "elsewhere").rename(tmp_path / "journal.sqlite3")
        async with Journal(tmp_path) as other:
            await other.mark_submitted(found, RUNNING.model_copy(update={"prediction_id": "p2"}), datetime.now(UTC))
        assert (await journal.claim("lost")).submission.prediction_id == "p1"
        assert journal.warnings == ()
    async with Journal(tmp_path) as journal:
        entries = [(await journal.claim(key)).submission.prediction_id for key in ("lost", "found")]
    assert entries == ["p1", "p2"]


POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps rights elsewhere")


@POSIX_ONLY
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
async def test_a_directory_that_others_can_write_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    directory = tmp_path / "my state"
    file = await fill(directory)
    before = file.read_bytes()
    directory.chmod(mode)
    async with Journal(directory) as journal:
        with pytest.raises(JournalUnusable, match="Nothing was sent or paid") as caught:
            await journal.claim("key 7")
        assert file.read_bytes() == before
        command = str(caught.value).partition("with: ")[2].partition(" Until")[0]
        assert command == f"chmod go-w '{directory}'"
        await anyio.run_process(command)  # word for word, through a shell, as a person would
        assert not (await journal.claim("key 7")).won
        directory.chmod(mode)
        with pytest.raises(JournalUnusable):
            await journal.claim("another")


@POSIX_ONLY
async def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    async with Journal(tmp_path) as journal:
        with pytest.raises(
            JournalUnusable, match=r"belongs to another user\. .* sudo chown -R .* ATLASCLOUD_STATE_DIR"
        ):
            await journal.claim("key")
    assert not (tmp_path / "journal.sqlite3").exists()


@pytest.mark.skipif(getattr(os, "geteuid", int)() != 0 or sys.platform == "win32", reason="only root gives files away")
@pytest.mark.parametrize("name", ["journal.sqlite3", "journal.sqlite3-wal", "journal.lock", "owners"])
async def test_a_file_that_somebody_else_put_there_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    os.chown(tmp_path / name, os.geteuid() + 1, -1)
    async with Journal(tmp_path) as journal:
        with pytest.raises(JournalUnusable, match=rf"holds {name}, which belongs to another user\. .* sudo chown -R"):
            await journal.claim("key")
    assert (tmp_path / name).stat().st_size == 0


@POSIX_ONLY
@pytest.mark.parametrize("name", ["journal.sqlite3", "journal.sqlite3-wal", "journal.lock", "owners"])
async def test_a_link_in_the_place_of_a_file_of_the_journal_is_not_followed(tmp_path: Path, name: str) -> None:
    target = tmp_path / "target"
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / name).symlink_to(target)
    async with Journal(tmp_path / "state") as journal:
        with pytest.raises(JournalUnusable, match=rf"{name} is a symbolic link.*rm .*{name}"):
            await journal.claim("key")
        (tmp_path / "state" / name).unlink()
        assert (await journal.claim("key")).won
    assert not target.exists()


async def test_an_owner_that_is_no_name_of_ours_names_no_file(tmp_path: Path) -> None:
    victim = tmp_path / "x.lock"
    victim.touch()
    async with Journal(tmp_path / "state") as journal:
        await submit(journal)
    with closing(sqlite3.connect(tmp_path / "state" / "journal.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE entries SET owner = '../../x', stage = 'sending', prediction_id = NULL")
    async with Journal(tmp_path / "state") as journal:
        claim = await journal.claim("key")
    assert (claim.won, claim.submission.stage) == (False, Stage.UNKNOWN)
    assert victim.exists()


def settings_of_commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How sure SQLite was told to make each transaction, as they come."""
    seen: list[str] = []
    now = [""]
    connect = sqlite3.connect

    def trace(statement: str) -> None:
        if "PRAGMA synchronous" in statement:
            now[0] = statement.rpartition(" ")[2]
        elif statement == "COMMIT":
            seen.append(now[0])

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - as sqlite3.connect
        db: sqlite3.Connection = connect(*arguments, **options)
        db.set_trace_callback(trace)
        return db

    monkeypatch.setattr(sqlite3, "connect", traced)
    return seen


@pytest.mark.parametrize("on_disk", [True, False])
async def test_what_was_or_may_be_paid_outlasts_a_power_cut_and_the_rest_does_not_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, on_disk: bool
) -> None:
    settings = settings_of_commits(monkeypatch)
    report = Report.model_validate({"id": "p", "status": "completed"})
    sure: dict[str, str] = {}
    async with Journal(tmp_path if on_disk else None) as journal:
        intent_id = (await journal.claim("key")).submission.intent_id
        sure["claim"] = settings[-1]
        for name, work in {
            "uploaded": journal.add_upload("digest", "https://files.example/a.jpg", host="host"),
            "sending": journal.mark_sending(as_sent(intent_id, {}, ())),
            "submitted": journal.mark_submitted(intent_id, report, datetime.now(UTC)),
            "reported": journal.set_report("p", report),
            "wants": journal.set_save_to("p", "/clips"),
            "saved": journal.set_saved_path("p", "/clips/p.mp4"),
            "unknown": journal.mark_unknown(intent_id),
        }.items():
            await work
            sure[name] = settings[-1]

    lasting = {"sending", "submitted", "wants", "unknown"}
    assert {name for name, setting in sure.items() if setting == "FULL"} == (lasting if on_disk else set(sure))
