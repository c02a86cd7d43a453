"""The built wheel as people install it: without our pinned versions, by each of the usual tools.

Needs a package registry and minutes, and so is no part of `make test`: `make install-test` runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from atlascloud_video_mcp import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
UV = str(Path(sys.executable).with_name("uv"))
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
PLATFORMS = [
    "linux",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "aarch64-pc-windows-msvc",
]


def only(pattern: str) -> str:
    """The one file that `make dist` left."""
    (file,) = (ROOT / "dist").glob(pattern)
    return str(file)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command as somebody whose home is empty."""
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "ATLASCLOUD_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("UV_TOOL_DIR", str(tmp_path / "tools"))
    monkeypatch.setenv("UV_TOOL_BIN_DIR", str(tmp_path / "tools-bin"))
    monkeypatch.setenv("PIPX_HOME", str(tmp_path / "pipx"))
    monkeypatch.setenv("PIPX_BIN_DIR", str(tmp_path / "pipx-bin"))

    def run(*command: object, cwd: Path = tmp_path, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def scripts(run: Run, tmp_path: Path) -> Path:
    """Where an empty virtual environment has its commands."""
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    return tmp_path / "venv" / SCRIPTS


def passes_the_stdio_tests(run: Run, command: Path) -> None:
    """The tests over stdio, the demo among them, are run against the installed command."""
    run(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--server",
        command,
        "tests/server/test_stdio.py",
        cwd=ROOT,
    )


async def tools_of(command: str | Path, *arguments: str) -> int:
    """How many tools the installed server lists, started as a host starts it: with hardly any environment, in `/`.

    The scripts that uvx makes need the tools of `/usr/bin`, which no host leaves out.
    """
    # Only what an installer that fetches at the start needs to reach its registry is handed on.
    kept = {name: value for name, value in os.environ.items() if name.startswith(("SSL_CERT_", "UV_"))}
    server = StdioServerParameters(command=str(command), args=list(arguments), env=kept | {"PATH": os.defpath}, cwd="/")
    async with Client(stdio_client(server)) as client:
        return len((await client.list_tools()).tools)


def test_pip_installs_it_into_an_empty_environment_and_it_passes_the_stdio_tests(run: Run, scripts: Path) -> None:
    run(scripts / "pip", "install", f"{only('*.whl')}[sandbox,heif]")

    assert run(scripts / "pip", "check").returncode == 0
    passes_the_stdio_tests(run, scripts / "atlascloud-video-mcp")


def test_with_the_lowest_versions_that_it_says_will_do_it_passes_the_stdio_tests(run: Run, scripts: Path) -> None:
    python = scripts / "python"
    run(UV, "pip", "install", "--python", python, "--resolution", "lowest-direct", f"{only('*.whl')}[sandbox,heif]")

    passes_the_stdio_tests(run, scripts / "atlascloud-video-mcp")


async def test_without_the_sandbox_it_serves_and_says_how_to_get_it(run: Run, scripts: Path) -> None:
    run(scripts / "pip", "install", only("*.whl"))
    command = scripts / "atlascloud-video-mcp"

    assert await tools_of(command) > 0
    refused = run(command, "demo", check=False)
    assert refused.returncode == 2
    assert "pip install 'PATH/TO/WHEEL.whl[sandbox]'" in refused.stderr
    keyless = run(command, "animate", "https://pictures.example/cat.jpg", check=False)
    assert keyless.returncode == 2
    assert "No API key is set." in keyless.stderr


async def test_pip_builds_it_from_the_source_archive(run: Run, scripts: Path) -> None:
    run(scripts / "pip", "install", only("*.tar.gz"))

    assert await tools_of(scripts / "atlascloud-video-mcp") > 0


async def test_pipx_installs_it(run: Run, scripts: Path, tmp_path: Path) -> None:
    run(scripts / "pip", "install", "pipx")
    run(scripts / "pipx", "install", only("*.whl"))

    assert await tools_of(tmp_path / "pipx-bin" / "atlascloud-video-mcp") > 0


async def test_uv_installs_it_as_a_tool(run: Run, tmp_path: Path) -> None:
    run(UV, "tool", "install", "--python", sys.executable, f"{only('*.whl')}[sandbox]")

    assert await tools_of(tmp_path / "tools-bin" / "atlascloud-video-mcp", "--sandbox") > 0


async def test_uvx_runs_it(run: Run) -> None:
    start = ["tool", "run", "--python", sys.executable, "--from", only("*.whl"), "atlascloud-video-mcp"]

    assert run(UV, *start, "--version").stdout == f"atlascloud-video-mcp {__version__}\n"
    assert await tools_of(UV, *start) > 0


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_library_it_needs_has_a_wheel(python: str, platform: str, run: Run, tmp_path: Path) -> None:
    """A stand-in for running it there, where neither the Python nor the platform is at hand."""
    where = ["--python-version", python, "--python-platform", platform, "--only-binary", ":all:"]
    (tmp_path / "wanted.in").write_text(f"atlascloud-video-mcp[sandbox,heif] @ {Path(only('*.whl')).as_uri()}\n")

    resolved = run(UV, "pip", "compile", "--no-header", *where, tmp_path / "wanted.in").stdout

    assert "mcp==2." in resolved
