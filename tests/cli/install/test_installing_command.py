"""How clients start this installation: the words that are written, and that they work as written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlascloud_video_mcp.cli.install.clients import CLIENTS
from atlascloud_video_mcp.cli.install.platforms import Platform
from atlascloud_video_mcp.cli.install.server_entry import entry_in
from installing_kit import platform_at, run

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "0"}},
}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}


def words_of(entry: dict[str, Any]) -> tuple[str, ...]:
    """The command of any client's entry, as a client would put it together."""
    command = entry["cmd"] if "cmd" in entry else entry["command"]
    return (*command,) if isinstance(command, list) else (command, *entry["args"])


def tools_of(words: tuple[str, ...], environ: dict[str, str]) -> list[str]:
    """Start a server as a desktop program would, and give the names of its tools."""
    messages = (INITIALIZE, {"jsonrpc": "2.0", "method": "notifications/initialized"}, LIST)
    bare = {name: value for name, value in os.environ.items() if name == "SYSTEMROOT"} | environ
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=bare, cwd="/") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(f"{json.dumps(message)}\n" for message in messages).encode())
        process.stdin.flush()
        answers = (json.loads(line) for line in process.stdout)
        tools = next(answer["result"]["tools"] for answer in answers if answer["id"] == LIST["id"])
        process.stdin.close()
        assert process.wait(20) == 0
    return [tool["name"] for tool in tools]


def test_every_entry_starts_the_server_exactly_as_it_is_written(tmp_path: Path) -> None:
    here = Platform("linux", tmp_path, {}, sys.executable, sys.argv[0], tmp_path / "nowhere")
    started: dict[tuple[str, ...], set[str]] = {}
    for client in CLIENTS:
        for option in ("--no-key", "--sandbox"):
            run(here, "install", client.name, "--force", option, "--env", "ATLASCLOUD_LOG_LEVEL=ERROR")
            entry = entry_in(client, client.place(here).read_text(encoding="utf-8"))
            started.setdefault(words_of(entry), set()).add(json.dumps(entry[client.env]))

    script = str(Path(sys.executable).parent / "atlascloud-video-mcp")
    assert list(started) == [(script,), (script, "--sandbox")]
    for words, environments in started.items():
        (environ,) = environments
        assert "animate_image" in tools_of(words, json.loads(environ))


def test_where_no_command_was_installed_the_module_is_started(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    here = Platform("linux", tmp_path, {}, str(python), str(tmp_path / "__main__.py"), tmp_path / "nowhere")

    command = here.own_command()

    assert command == (str(python), "-m", "atlascloud_video_mcp")
    assert here.location_warning() is None
    assert "animate_image" in tools_of((sys.executable, *command[1:]), {})


def test_the_link_that_was_typed_is_better_than_what_it_leads_to(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    link = tmp_path / "bin" / "atlascloud-video-mcp"
    link.parent.mkdir()
    link.symlink_to(platform.program)

    assert replace(platform, program=str(link)).own_command() == (str(link),)


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = platform_at(tmp_path)
    monkeypatch.chdir(tmp_path)

    assert replace(platform, program="apps/atlascloud-video-mcp").own_command() == (platform.program,)


def test_on_windows_the_command_has_its_ending(tmp_path: Path) -> None:
    platform = platform_at(tmp_path, "win32")

    for program in (platform.program, platform.program.removesuffix(".exe"), "-c"):
        assert replace(platform, program=program).own_command() == (platform.program,)


@pytest.mark.parametrize(
    "directory",
    [
        ".cache/uv/archive-v0/x8Kd/bin",
        "AppData/Local/uv/cache/archive-v0/x8Kd/Scripts",
        "Library/Caches/uv/environments-v2/demo/bin",
        ".local/share/pipx/.cache/1f2e/bin",
    ],
)
def test_what_a_cache_may_lose_is_warned_of(directory: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    script = tmp_path / directory / "atlascloud-video-mcp"
    script.parent.mkdir(parents=True)
    script.touch()

    installed = replace(platform, program=str(script))

    assert installed.own_command() == (str(script),)
    warning = installed.location_warning() or ""
    assert "is in a cache" in warning
    assert "`uv tool install`" in warning
    assert "the path of its wheel" in warning


@pytest.mark.parametrize(("variable", "below"), [("UV_CACHE_DIR", "a/b/bin"), ("PIPX_HOME", ".cache/1f2e/bin")])
def test_a_cache_that_was_moved_by_a_variable_is_warned_of(variable: str, below: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={variable: str(tmp_path / "elsewhere")})
    script = tmp_path / "elsewhere" / below / "atlascloud-video-mcp"
    script.parent.mkdir(parents=True)
    script.touch()

    assert "is in a cache" in (replace(platform, program=str(script)).location_warning() or "")


def test_what_pipx_installs_to_stay_is_not_warned_of(tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"PIPX_HOME": str(tmp_path / "elsewhere")})
    script = tmp_path / "elsewhere" / "venvs" / "atlascloud-video-mcp" / "bin" / "atlascloud-video-mcp"
    script.parent.mkdir(parents=True)
    script.touch()

    assert replace(platform, program=str(script)).location_warning() is None


def test_the_temporary_directory_of_a_mac_is_known_by_its_real_name(tmp_path: Path) -> None:
    platform = replace(platform_at(tmp_path), program="-c", executable="/private/tmp/venv/bin/python")

    assert "is in a temporary directory" in (platform.location_warning() or "")


def test_what_lies_in_a_temporary_directory_is_warned_of_when_it_is_installed(tmp_path: Path) -> None:
    platform = replace(platform_at(tmp_path), temporary=tmp_path)

    somebody = run(platform, "install", "cursor", "--print")

    assert "is in a temporary directory" in somebody.warnings[0]


def test_a_folder_that_is_gone_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert Platform.current({}).folder is None


def test_this_platform_is_the_one_we_run_on() -> None:
    platform = Platform.current({"A": "b"})

    assert (platform.system, platform.executable, platform.environ) == (sys.platform, sys.executable, {"A": "b"})
    assert platform.home == Path.home()
