"""The command `serve-http`: what it refuses, and as a process from its start to SIGTERM."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import psycopg
import pytest

from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.journal import Journal
from http_kit import ERAS, client_of, raw
from kit import CANARY, REMOTE, handed_on, polls, text_of, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp.types import CallToolResult

    from http_kit import Era
    from postgresql import Cluster
    from scripted_sandbox import Sandbox

DATABASE, PUBLIC = "ATLASCLOUD_DATABASE_URL", "ATLASCLOUD_PUBLIC_URL"
ANYWHERE = ["--host", "0.0.0.0"]  # noqa: S104 - it is refused


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ATLASCLOUD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("ATLASCLOUD_API_KEY", CANARY)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["serve-http", "--port", "0", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = [line for line in told.err.splitlines() if line.startswith("atlascloud-video-mcp: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("env", "arguments", "says"),
    [
        ({}, ANYWHERE, "beyond this machine tokens are needed"),
        ({DATABASE: "postgresql://127.0.0.1:1/none"}, ANYWHERE, "ATLASCLOUD_PUBLIC_URL is needed"),
        ({PUBLIC: "http://video.example"}, [], "ATLASCLOUD_PUBLIC_URL"),
        ({"ATLASCLOUD_DOWNLOAD_DIR": "/tmp"}, [], "ATLASCLOUD_DOWNLOAD_DIR is set"),  # noqa: S108 - it is refused
        ({"ATLASCLOUD_ALLOWED_DIRS": "/tmp"}, [], "ATLASCLOUD_ALLOWED_DIRS is set"),  # noqa: S108 - it is refused
        ({DATABASE: "postgresql://127.0.0.1:1/none"}, [], "database cannot be used"),
        ({}, ["--host", "203.0.113.7.example.invalid"], "tokens are needed"),
    ],
)
def test_what_would_not_be_safe_is_refused_in_one_line(
    env: dict[str, str],
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    assert says in refusal(capsys, *arguments)


def test_without_any_token_nothing_is_served_to_other_machines(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(DATABASE, database_url)
    monkeypatch.setenv(PUBLIC, "https://video.example")

    assert "tokens are needed, and there are none: give tokens out first" in refusal(capsys, *ANYWHERE)


@pytest.mark.parametrize(("version", "says"), [(None, "team migrate"), (999, "newer version of this program")])
def test_a_database_of_another_version_is_refused(
    version: int | None,
    says: str,
    postgresql: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = postgresql.database() if version else postgresql.empty_database()
    if version:
        with psycopg.connect(url) as db:
            db.execute("UPDATE schema_version SET version = %s", (version,))
    monkeypatch.setenv(DATABASE, url)

    assert says in refusal(capsys)


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve-http", "--port", port]) == 2

    assert f"cannot listen at 127.0.0.1, port {port}: " in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["uvicorn", "starlette", "psycopg"])
def test_what_is_not_installed_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(DATABASE, "postgresql://127.0.0.1:1/none")
    monkeypatch.setitem(sys.modules, missing, None)

    assert main(["serve-http"]) == 2

    assert f"serving a team needs {missing}: install this package with its extra" in capsys.readouterr().err


class Process:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr
        self.said: list[str] = []
        for line in process.stderr:
            self.said.append(line)
            if line.startswith("Serving MCP at "):
                break
        self.process = process
        self.url = self.said[-1].removeprefix("Serving MCP at ").strip().removesuffix("/mcp")


@contextmanager
def serving(*arguments: str, **env: str) -> Iterator[Process]:
    command = [sys.executable, "-m", "atlascloud_video_mcp", *arguments, "serve-http", "--port", "0"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=handed_on("COVERAGE_", "ATLASCLOUD_", "PATH") | env
    )
    with process:
        try:
            yield Process(process)
        finally:
            if process.poll() is None:
                process.kill()


@ERAS
async def test_at_sigterm_each_call_is_answered_and_the_process_ends_well(
    sandbox: Sandbox, base_url: str, database_url: str, era: Era
) -> None:
    async with Journal(database_url) as journal:
        await journal.add_token("ann", hashlib.sha256(b"secret").hexdigest(), None, False)  # noqa: FBT003 - as stored
    env = {DATABASE: database_url, "ATLASCLOUD_BASE_URL": base_url, "ATLASCLOUD_TEAM_SECRET": "ring"}
    results: list[CallToolResult] = []
    with serving(**env) as server:

        async def animate() -> None:
            async with client_of(server.url, era=era, token="secret") as client:
                await client.list_tools()
                results.append(await client.call_tool("animate_image", {"image": REMOTE}))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(animate)
                await until(lambda: polls(sandbox) > 0)
                server.process.send_signal(signal.SIGTERM)
                began = time.monotonic()
        status = server.process.wait(timeout=20)
        took = time.monotonic() - began

    assert server.said == [f"Serving MCP at {server.url}/mcp\n"]
    assert "Still rendering" in text_of(results[0])
    assert sandbox.accepted[0][0] in text_of(results[0])
    assert status == 0
    assert took < 10


async def test_where_the_only_token_was_revoked_it_says_that_nobody_comes_in_and_nobody_does(database_url: str) -> None:
    async with Journal(database_url) as journal:
        await journal.add_token("ann", "digest", None, False)  # noqa: FBT003
        await journal.revoke_token("ann")
    with serving(**{DATABASE: database_url}) as server:
        async with raw(server.url) as http:
            answer = await http.post("/mcp", json={})

    assert "There are no tokens: nobody comes in" in "".join(server.said)
    assert answer.status_code == 401


def test_it_ends_in_time_although_the_database_hangs(database_url: str, postgresql: Cluster) -> None:
    with serving(**{DATABASE: database_url}) as server, postgresql.frozen():
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0


async def test_it_serves_the_sandbox_to_this_machine_and_says_that_nobody_needs_a_token() -> None:
    with serving("--sandbox", "--speed", "60") as server:
        async with client_of(server.url) as client:
            result = await client.call_tool("animate_image", {"image": "https://pictures.example/cat.jpg"})
        async with raw(server.url) as http:
            ready = await http.get("/readyz")
        server.process.send_signal(signal.SIGINT)
        status = server.process.wait(timeout=20)

    assert (result.structured_content or {})["status"] == "completed"
    assert ready.json()["ready"] is True
    assert status == 0
    told = "".join(server.said)
    assert "There are no tokens: whoever uses this machine may come in" in told
    assert "ATLASCLOUD_TEAM_SECRET is not set" in told
