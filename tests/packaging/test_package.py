"""What stands in the papers beside the code is what the code does."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from mcp import Client

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.settings import VARIABLES, Settings
from kit import service_at

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(page: str) -> list[list[str]]:
    """The cells of the first table of a page, without its head."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_every_setting_stands_on_its_page_with_its_default() -> None:
    documented = {row[0].strip("`"): row[1].strip("`") for row in table("settings.md")}

    assert list(documented) == list(VARIABLES)
    for name, written in documented.items():
        default = getattr(Settings(), VARIABLES[name].setting)
        if default in (None, ()):
            assert written in {"none", "by client", "the platform's"}
        else:
            assert written == ("0" if default is False else str(default))


async def test_every_tool_stands_on_its_page_with_its_arguments() -> None:
    async with Client(build_server(lambda: service_at("http://127.0.0.1:9"))) as client:
        tools = (await client.list_tools()).tools

    documented = {row[0].strip("`"): re.findall(r"`(\w+)`", row[2]) for row in table("tools.md")}
    assert documented == {tool.name: list(tool.input_schema["properties"]) for tool in tools}


def test_the_example_config_starts_the_server_as_it_is_installed() -> None:
    config = json.loads((ROOT / "mcp-config.example.json").read_text(encoding="utf-8"))

    entry = config["mcpServers"]["atlascloud-video"]
    assert set(entry) == {"command", "args", "env"}
    assert Path(entry["command"]).is_absolute()
    assert Path(entry["command"]).name == "atlascloud-video-mcp"
    assert entry["args"] == []
    assert set(entry["env"]) == {"ATLASCLOUD_API_KEY"}


def links(start: str) -> dict[str, str]:
    """The parameters of the README's one link that begins so."""
    (link,) = re.findall(rf"\]\(({re.escape(start)}[^)]+)\)", README)
    return {name: value for name, (value,) in parse_qs(urlsplit(link).query, strict_parsing=True).items()}


def test_the_readme_names_every_tool_and_shows_the_example_config() -> None:
    assert all(f"`{row[0].strip('`')}`" in README for row in table("tools.md"))
    assert json.loads(README.split("```json\n")[1].split("```")[0]) == json.loads(
        (ROOT / "mcp-config.example.json").read_text(encoding="utf-8")
    )


def test_the_one_click_links_start_the_published_package_with_the_settings_of_the_example() -> None:
    ((name, example),) = json.loads((ROOT / "mcp-config.example.json").read_text(encoding="utf-8"))[
        "mcpServers"
    ].items()
    cursor = links("https://cursor.com/en/install-mcp?")
    code = links("https://insiders.vscode.dev/redirect/mcp/install?")
    published = {"command": "uvx", "args": ["atlascloud-video-mcp"]}

    assert cursor["name"] == code["name"] == name
    assert json.loads(base64.b64decode(cursor["config"], validate=True)) == example | published
    (asked,) = json.loads(code["inputs"])
    assert (asked["type"], asked["password"]) == ("promptString", True)
    answer = {"env": dict.fromkeys(example["env"], f"${{input:{asked['id']}}}")}
    assert json.loads(code["config"]) == {"type": "stdio"} | published | answer


def test_the_version_has_an_entry_in_the_changelog() -> None:
    assert f"\n## [{__version__}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_commands_in_the_readme_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    told = capsys.readouterr().out
    for word in ("--sandbox", "--speed", "demo", "sandbox", "install", "uninstall", "doctor"):
        assert word in told
        assert word in README


def test_nothing_heavy_is_imported_before_a_tool_is_called() -> None:
    loaded = [
        set(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split())
        for code in (
            "import sys, mcp.server.mcpserver; print(*sys.modules)",
            "import sys, atlascloud_video_mcp.server.server; print(*sys.modules)",
        )
    ]

    ours = loaded[1] - loaded[0]
    assert "atlascloud_video_mcp.server.server" in ours
    heavy = ("httpx", "PIL", "av", "jsonschema", "stamina", "starlette", "uvicorn", "psycopg", "rich.progress")
    for module in (*heavy, "ruamel.yaml", "tomlkit"):
        assert module not in ours
    late = ("cloud.api", "cloud.http", "media", "models", "journal", "service.service", "app", "cli")
    assert not {f"atlascloud_video_mcp.{name}" for name in late} & ours


def test_no_address_of_a_registry_and_no_path_of_a_machine_is_in_the_lock_files() -> None:
    for path in (ROOT / "requirements").iterdir():
        text = path.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert not re.search(r"https?://|file:|index-url|/root|/home|/work", text)
