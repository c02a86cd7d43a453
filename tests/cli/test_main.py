"""The command line, in this process."""

from __future__ import annotations

import gc
import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.app import gc_frozen
from kit import FAST, PHOTOS, PRO, STANDARD

if TYPE_CHECKING:
    from pathlib import Path


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])

    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"atlascloud-video-mcp {__version__}\n"


@pytest.mark.parametrize("speed", ["0", "-1", "inf", "nan", "fast"])
def test_a_speed_that_makes_no_sense_is_refused(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--speed", speed])

    assert stopped.value.code == 2
    assert "--speed" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--sandbox"], ["sandbox"], ["demo"]])
def test_without_the_sandbox_extra_the_answer_says_what_to_install(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)

    assert main(arguments) == 2

    assert (
        "needs av: install this package with its extra, as in pip install 'PATH/TO/WHEEL.whl[sandbox]'"
        in capsys.readouterr().err
    )


def test_a_script_that_asks_for_json_gets_the_error_in_it_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ATLASCLOUD_API_KEY", raising=False)
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path))

    assert main(["get", "p1", "--json"]) == 2

    told = capsys.readouterr()
    assert json.loads(told.out)["error"].startswith("No API key is set.")
    assert json.loads(told.out)["error"] in told.err


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert main(["sandbox", "--port", str(port)]) == 1

    assert "The sandbox cannot start: " in capsys.readouterr().err


def test_the_sandbox_runs_alone_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "atlascloud_video_mcp", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name, _, base_url = process.stdout.readline().strip().partition("=")
        assert name == "ATLASCLOUD_BASE_URL"
        with httpx.Client(base_url=base_url, headers={"User-Agent": "test"}, trust_env=False) as http:
            assert {model["model"] for model in http.get("/models").json()["data"]} == {STANDARD, PRO, FAST}
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_clip_that_cannot_be_saved_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "x" * 253  # a file name that is good for a picture but too long with an ending more
    picture = tmp_path / name
    picture.write_bytes((PHOTOS / "rocket.jpg").read_bytes())
    monkeypatch.chdir(tmp_path)

    assert main(["--speed", "60", "demo", str(picture)]) == 1

    assert "No clip can be saved to" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("prompt", "picture"), [("sandbox:fail", None), ("wind", "nothing.jpg")])
def test_a_demo_that_fails_says_why_and_leaves_nothing(
    prompt: str,
    picture: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["--speed", "60", "demo", "--prompt", prompt, *([picture] if picture else [])]) == 1

    assert ("Content moderation" if picture is None else "nothing.jpg") in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_start_looks_for_no_garbage_and_what_it_made_is_never_searched() -> None:
    try:
        with gc_frozen():
            assert not gc.isenabled()
            made: list[object] = [[]]
        assert gc.isenabled()
        assert all(found is not made for found in gc.get_objects())
    finally:
        gc.unfreeze()
    assert any(found is made for found in gc.get_objects())
