"""What is staged for the Claude Desktop bundle; `make install-test` packs it and starts it as the host does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.settings import VARIABLES, read_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bundle") / "staged"
    subprocess.run([sys.executable, ROOT / "packaging" / "mcpb" / "stage.py", directory], check=True)
    return directory


@pytest.fixture(scope="module")
def manifest(staged: Path) -> dict[str, Any]:
    return dict(json.loads((staged / "manifest.json").read_text(encoding="utf-8")))


async def test_the_staged_server_starts_and_lists_the_tools_that_the_manifest_names(
    staged: Path, manifest: dict[str, Any]
) -> None:
    entry = str(staged / manifest["server"]["entry_point"])
    server = StdioServerParameters(command=sys.executable, args=[entry], env={"PYTHONDONTWRITEBYTECODE": "1"})
    async with Client(stdio_client(server)) as client:
        tools = (await client.list_tools()).tools

    assert manifest["tools"] == [{"name": tool.name, "description": tool.description} for tool in tools]
    assert manifest["version"] == __version__


def test_the_bundle_brings_both_of_our_packages(staged: Path) -> None:
    names = {path.name for path in (staged / "src").iterdir() if path.is_dir()}
    assert names == {"atlascloud_sandbox", "atlascloud_video_mcp"}


def test_the_key_is_kept_secret_and_every_answer_may_be_left_as_it_is(manifest: dict[str, Any]) -> None:
    asked = manifest["user_config"]
    environment = manifest["server"]["mcp_config"]["env"]
    answers = {name: re.findall(r"\$\{user_config\.(\w+)\}", value) for name, value in environment.items()}

    assert asked["api_key"]["sensitive"] is True
    assert sorted(asked) == sorted(name for names in answers.values() for name in names)
    assert set(environment) <= set(VARIABLES)
    # A host hands on the defaults as they are written, without a look inside.
    defaults = {name: str(asked[answer]["default"]).lower() for name, (answer,) in answers.items()}
    settings = read_settings({name: value.replace("~/downloads", "~/Downloads") for name, value in defaults.items()})
    assert (settings.api_key, settings.sandbox) == (None, False)
    assert settings.download_dir == Path.home() / "Downloads"


def test_the_libraries_are_those_of_the_package_at_the_versions_of_the_lock_file(staged: Path) -> None:
    made = tomllib.loads((staged / "pyproject.toml").read_text(encoding="utf-8"))
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")

    assert set(ours["dependencies"]) < set(made["project"]["dependencies"])
    assert made["project"]["requires-python"] == ours["requires-python"]
    names = {re.split(r"[\[=]", pin)[0] for pin in made["tool"]["uv"]["constraint-dependencies"]}
    assert names == set(re.findall(r"^([\w.-]+)(?:\[\w+\])?==", lock, re.MULTILINE))


def test_nothing_is_staged_but_sources(staged: Path) -> None:
    endings = {path.suffix or path.name for path in staged.rglob("*") if path.is_file()}

    assert endings <= {".py", ".typed", ".json", ".toml", ".md", ".jpg", ".png", ".html", "py.typed", "LICENSE"}
