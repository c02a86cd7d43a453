"""The command where something is missing that is usually there: a stream, an encoding, a folder, whoever reads."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.cli.progress_bar import progress
from atlascloud_video_mcp.cli.runs import CommandRun
from atlascloud_video_mcp.service.progress import Phase, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.results import Prediction

COMMAND = [sys.executable, "-m", "atlascloud_video_mcp"]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "0"}},
}
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="a shell of this kind is needed to close a stream")


def shell(script: str, home: Path, *, given: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """What a shell's script does that calls the command as `$C`."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "COVERAGE_"))}
    everything = (
        kept | {"HOME": str(home), "ATLASCLOUD_STATE_DIR": str(home / "state"), "C": " ".join(COMMAND)} | environ
    )
    return subprocess.run(
        ["/bin/sh", "-c", script], input=given, capture_output=True, text=True, check=False, timeout=60, env=everything
    )


@posix_only
def test_a_server_without_stderr_answers_on_stdout_alone_and_ends_well(tmp_path: Path) -> None:
    done = shell("$C 2>&-", tmp_path, given=f"{json.dumps(INITIALIZE)}\n")

    assert done.returncode == 0
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1]


@posix_only
def test_a_server_whose_stdout_was_closed_by_the_host_ends_without_a_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environ = {**os.environ, "ATLASCLOUD_STATE_DIR": str(tmp_path)}
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE, env=environ)
    os.close(writer)
    _, said = process.communicate(f"{json.dumps(INITIALIZE)}\n".encode(), timeout=60)

    assert (process.returncode, said) == (0, b"")


@posix_only
def test_a_command_without_stdout_or_stderr_does_its_work(tmp_path: Path) -> None:
    done = shell("$C install cursor --force --no-key >&- 2>&-", tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / ".cursor" / "mcp.json").exists()


@posix_only
def test_whoever_reads_a_part_of_the_output_is_not_shown_a_traceback(tmp_path: Path) -> None:
    done = shell("{ $C install; echo $? >&2; } | true", tmp_path)

    assert done.stderr == "0\n"


@posix_only
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_an_encoding_cannot_say_is_written_in_another_way(encoding: str, tmp_path: Path) -> None:
    home = tmp_path / "→"
    home.mkdir()

    done = shell("$C install cursor --force --no-key", home, PYTHONIOENCODING=encoding, LC_ALL="C.UTF-8")

    assert done.returncode == 0
    assert "\\u2192" in done.stdout
    assert "Traceback" not in done.stderr


@posix_only
def test_in_a_folder_that_is_gone_what_needs_it_says_so_and_what_does_not_works(tmp_path: Path) -> None:
    gone = "mkdir gone; cd gone; rmdir ../gone; "

    fine = shell(f"cd {tmp_path}; {gone} $C install cursor --force --no-key", tmp_path)
    relative = shell(f"cd {tmp_path}; {gone} $C install cursor --no-key --file mcp.json", tmp_path)

    assert (fine.returncode, relative.returncode) == (0, 1)
    assert "'mcp.json' leads nowhere" in relative.stderr


@posix_only
def test_a_place_that_this_machine_cannot_give_is_told_with_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert main(["animate", "cat.jpg", "--sandbox", "--json"]) == 1

    told = capsys.readouterr()
    assert told.err == "atlascloud-video-mcp: No such file or directory\n"
    assert json.loads(told.out) == {"error": "No such file or directory"}


def test_what_python_calls_a_stream_may_be_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stdout", said)
    monkeypatch.setattr(sys, "stdin", None)

    assert main(["install"]) == 0

    assert "CLIENT" in said.getvalue()


def test_a_key_in_quotation_marks_is_told_once_and_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATLASCLOUD_API_KEY", '"canary"')
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path))

    assert main(["--sandbox", "balance"]) == 0

    told = capsys.readouterr()
    assert told.err.count("removed quotation marks or spaces around the key") == 1
    assert "canary" not in told.err + told.out


@pytest.mark.parametrize("command", [["models", "hailuo"], ["list"], ["balance"]])
def test_the_sandbox_may_be_asked_for_behind_a_command(
    command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ATLASCLOUD_API_KEY", raising=False)
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path))

    assert main([*command, "--sandbox", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)


def test_an_id_that_the_sandbox_does_not_know_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path))

    assert main(["get", "nonsense", "--sandbox"]) == 1

    assert "nonsense" in capsys.readouterr().err


def test_the_doctor_looks_at_a_server_in_the_sandbox_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ATLASCLOUD_API_KEY", raising=False)
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path))

    assert main(["doctor", "--sandbox", "--sandbox-port", "0"]) == 0

    told = capsys.readouterr().out
    assert "not set; the sandbox needs none" in told
    assert "FAIL" not in told


def test_the_library_that_tries_again_says_nothing_on_stderr(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATLASCLOUD_API_KEY", "canary")
    monkeypatch.setenv("ATLASCLOUD_BASE_URL", "http://127.0.0.1:9/api/v1")  # nobody listens there
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path))

    assert main(["balance"]) == 1

    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("atlascloud-video-mcp: ")


def test_on_the_command_line_nobody_is_told_to_restart_a_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ATLASCLOUD_API_KEY", raising=False)
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path))

    assert main(["balance"]) == 2

    told = capsys.readouterr().err
    assert "No API key is set." in told
    assert "restart" not in told


async def test_without_a_terminal_the_same_line_is_not_shown_twice(capsys: pytest.CaptureFixture[str]) -> None:
    async def call(progress: ProgressSink) -> None:
        progress(Progress(Phase.SUBMITTING, 0.1, "it"))
        progress(Progress(Phase.SUBMITTING, 0.101, "it"))  # which reads the same
        progress(Progress(Phase.LISTED, 0.1))
        progress(Progress(Phase.SUBMITTING, 0.1, "it"))

    with progress(shown=True) as reporter:
        await reporter.run(call)

    assert capsys.readouterr().err.splitlines() == [" 10% Submitting to it", " 10% Listed", " 10% Submitting to it"]


def test_a_command_that_was_told_nothing_knows_of_no_prediction() -> None:
    async def ask(*_: object) -> Prediction:
        raise NotImplementedError

    run = CommandRun(ask, wait=0)
    assert run.known is None
