"""`team` as a process, on a real database: the tables, and who has a token."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pytest

from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.journal import Journal, Person
from kit import CANARY, handed_on

if TYPE_CHECKING:
    from postgresql import Cluster

MIGRATE = "run atlascloud-video-mcp team migrate"


def team(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What the command does with that database."""
    command = [sys.executable, "-m", "atlascloud_video_mcp", "team", *words]
    environ = handed_on("COVERAGE_", "PATH", "SYSTEMROOT") | {"ATLASCLOUD_DATABASE_URL": url}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


def token_of(url: str, *words: str) -> str:
    """A token as a script takes it: the last line, alone on it."""
    done = team(url, "token", "add", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def refused(done: subprocess.CompletedProcess[str], status: int) -> str:
    """What was said on stderr, and nothing else anywhere."""
    assert (done.returncode, done.stdout) == (status, ""), done
    assert "Traceback" not in done.stderr
    return done.stderr


# --- the tables ---


def test_migrating_makes_the_tables_and_is_safe_to_repeat_also_at_the_same_time(postgresql: Cluster) -> None:
    url = postgresql.empty_database()

    assert MIGRATE in refused(team(url, "token", "list"), 1)
    assert MIGRATE in refused(team(url, "token", "add", "anna"), 1)
    with ThreadPoolExecutor() as several:
        done = list(several.map(lambda _: team(url, "migrate"), range(3)))

    assert [each.returncode for each in done] == [0, 0, 0]
    said = sorted(each.stdout for each in done)
    assert said[0] == said[1] == "The tables are already of version 1.\n"
    assert said[2] == "The tables are migrated from version 0 to 1.\n"
    assert team(url, "token", "list").returncode == 0


def test_tables_of_a_newer_version_are_left_alone_with_what_to_do(database_url: str) -> None:
    with psycopg.connect(database_url) as db:
        db.execute("UPDATE schema_version SET version = 99")

    for words in (["migrate"], ["token", "list"], ["token", "add", "anna"], ["token", "revoke", "anna"]):
        assert "Update this installation" in refused(team(database_url, *words), 1)


def test_a_database_that_is_away_is_told_without_its_address_or_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"postgresql://me:{CANARY}@127.0.0.1:{port}/clips"

    for words in (["migrate"], ["token", "list"], ["token", "add", "anna"]):
        said = refused(team(url, *words), 1)
        assert "database" in said
        assert CANARY not in said


def test_without_a_database_it_is_said_which_variable_names_it() -> None:
    said = refused(team("", "migrate"), 2)

    assert "ATLASCLOUD_DATABASE_URL is not set: it takes the address of a PostgreSQL database" in said


def test_of_an_address_that_is_none_nothing_is_shown() -> None:
    said = refused(team(f"mysql://me:{CANARY}@127.0.0.1/clips", "migrate"), 2)

    assert "ATLASCLOUD_DATABASE_URL is not usable: it takes " in said
    assert CANARY not in said


def test_without_the_extra_the_answer_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("ATLASCLOUD_DATABASE_URL", "postgresql://127.0.0.1/clips")

    assert main(["team", "migrate"]) == 2

    assert "serving a team needs psycopg: install this package with its extra" in capsys.readouterr().err


# --- tokens ---


async def test_a_token_is_shown_once_and_kept_as_its_digest(database_url: str) -> None:
    token = token_of(database_url, "anna", "--budget", "20.50", "--read-only")

    assert token.startswith("acv_")
    assert len(token) > 40
    async with Journal(database_url) as journal:
        person = await journal.person_of(hashlib.sha256(token.encode()).hexdigest())
    assert person == Person("anna", Decimal("20.5"), read_only=True)
    with psycopg.connect(database_url) as db:
        kept = db.execute("SELECT tokens::text FROM tokens").fetchall()
    assert token not in str(kept)
    assert token not in team(database_url, "token", "list", "--json").stdout


async def test_a_name_has_one_token_in_force_and_a_new_one_once_that_is_revoked(database_url: str) -> None:
    first = token_of(database_url, "Anna Smith")

    again = refused(team(database_url, "token", "add", " Anna Smith "), 1)
    assert "team token revoke 'Anna Smith'" in again
    assert team(database_url, "token", "revoke", "Anna Smith").returncode == 0
    assert "has no token in force" in refused(team(database_url, "token", "revoke", "Anna Smith"), 1)
    second = token_of(database_url, "Anna Smith")

    async with Journal(database_url) as journal:
        persons = [await journal.person_of(hashlib.sha256(each.encode()).hexdigest()) for each in (first, second)]
    assert persons == [None, Person("Anna Smith")]


def test_a_name_that_nobody_has_cannot_be_revoked(database_url: str) -> None:
    assert "'nobody' has no token in force" in refused(team(database_url, "token", "revoke", "nobody"), 1)


def test_a_name_spelled_with_other_code_points_is_the_same_name(database_url: str) -> None:
    token_of(database_url, "Zo\u00eb")

    assert "has a token in force" in refused(team(database_url, "token", "add", "Zoe\u0308"), 1)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\tb", "\x1b[31m", "\u202eanna", "x" * 65, "\udcff"])
def test_a_name_that_cannot_stand_on_a_line_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("add", "revoke"):
        with pytest.raises(SystemExit) as stopped:
            main(["team", "token", command, name])

        assert stopped.value.code == 2
        assert "it takes 1 to 64 printable characters" in capsys.readouterr().err


@pytest.mark.parametrize("budget", ["-1", "nan", "inf", "$5", "1000001", ""])
def test_a_budget_that_makes_no_sense_is_refused(budget: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["team", "token", "add", "anna", f"--budget={budget}"])

    assert stopped.value.code == 2
    assert "is not a number from 0 to 1,000,000" in capsys.readouterr().err


def test_the_list_says_who_may_what_since_when_and_until_when(database_url: str) -> None:
    assert team(database_url, "token", "list").stdout == ""
    token_of(database_url, "anna", "--budget", "20")
    token_of(database_url, "a robot", "--read-only")
    team(database_url, "token", "revoke", "anna")

    head, *rows = [line.split("  ") for line in team(database_url, "token", "list").stdout.splitlines()]
    listed = json.loads(team(database_url, "token", "list", "--json").stdout)["tokens"]

    assert [cell.strip() for cell in head if cell.strip()] == ["name", "budget", "read-only", "since", "revoked"]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert [row[:3] for row in cells] == [["anna", "$20.00", "no"], ["a robot", "-", "yes"]]
    times = [row[3:] for row in cells]
    assert times[1][1] == "-"
    now = datetime.now(UTC)
    for text in (*times[0], times[1][0]):
        assert abs((now - datetime.fromisoformat(text)).total_seconds()) < 60
    anna, robot = listed
    assert (anna["name"], anna["budget_usd"], anna["read_only"]) == ("anna", 20, False)
    assert anna["created_at"] < anna["revoked_at"]
    assert set(robot) == {"name", "read_only", "created_at"}


def test_an_error_of_a_script_that_asks_for_json_is_in_it(postgresql: Cluster) -> None:
    done = team(postgresql.empty_database(), "token", "list", "--json")

    assert done.returncode == 1
    assert MIGRATE in json.loads(done.stdout)["error"]
