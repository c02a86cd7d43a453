"""The Claude Desktop bundle that `make mcpb` packed, unpacked and started as the host does it.

Needs node, the official tool and a package registry, and so is no part of `make test`: `make install-test` runs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from test_installs import ROOT, UV, only

TOOLS = ROOT / ".venv" / "mcpb"
ROCKET = ROOT / "tests" / "photos" / "rocket.jpg"


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("extension")
    with zipfile.ZipFile(only("*.mcpb")) as bundle:
        bundle.extractall(directory)
    return directory


def started_by_the_host(extension: Path, home: Path, **answers: object) -> StdioServerParameters:
    """How the host starts it after the user has given these answers; the rest keep their defaults."""
    node = shutil.which("node")
    assert node
    script = ROOT / "packaging" / "mcpb" / "host.mjs"
    made = subprocess.run(
        [node, script, TOOLS, extension, json.dumps(answers)], capture_output=True, check=True, text=True
    )
    config: dict[str, Any] = json.loads(made.stdout)
    assert config["command"] == "uv", "the host brings its own"
    kept = {name: value for name, value in os.environ.items() if name.startswith(("SSL_CERT_", "UV_"))}
    cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
    environment = kept | config["env"] | {"PATH": os.defpath, "HOME": str(home), "UV_CACHE_DIR": cache}
    return StdioServerParameters(command=UV, args=config["args"], env=environment, cwd="/")


async def test_with_every_answer_left_as_it_is_the_server_starts_and_says_that_there_is_no_key(
    extension: Path, tmp_path: Path
) -> None:
    declared = json.loads((extension / "manifest.json").read_text(encoding="utf-8"))["tools"]

    async with Client(stdio_client(started_by_the_host(extension, tmp_path))) as client:
        tools = (await client.list_tools()).tools
        refused = await client.call_tool("animate_image", {"image": str(ROCKET)})

    assert [tool["name"] for tool in declared] == [tool.name for tool in tools]
    assert refused.is_error
    assert "No API key is set." in str(refused.content)


async def hear(progress: float, total: float | None, message: str | None) -> None:
    """Take the progress; who does so is one that a call may last for."""


async def sandboxed(extension: Path, home: Path) -> dict[str, Any]:
    async with Client(stdio_client(started_by_the_host(extension, home, sandbox=True))) as client:
        made = await client.call_tool("animate_image", {"image": str(ROCKET)}, progress_callback=hear)
    return made.structured_content or {}


def test_with_the_sandbox_switched_on_a_clip_lands_in_the_folder_for_clips(extension: Path, tmp_path: Path) -> None:
    made = anyio.run(sandboxed, extension, tmp_path)

    saved = Path(made["saved_path"])
    assert saved.parent == tmp_path / "Downloads"
    assert saved.read_bytes()[4:8] == b"ftyp"
