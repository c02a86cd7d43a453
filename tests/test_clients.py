from __future__ import annotations

import re
from pathlib import Path

import pytest

from atlascloud_video_mcp.clients import client_called


@pytest.mark.parametrize(
    ("name", "shows_progress", "seconds", "resource_link"),
    [
        ("claude-code", True, 1200, True),
        ("Visual Studio Code - Insiders", True, 240, True),
        ("goose", True, 240, False),
        ("fastmcp", True, 240, True),
        ("gemini-cli-mcp-client", True, 500, True),
        ("codex-mcp-client", True, 50, False),
        ("JetBrains-IU-copilot-intellij", False, 25, False),
        ("mcp", True, 240, False),
        ("mcp", False, 0, False),
        ("mcp-inspector", False, 45, False),
        ("claude-ai", True, 45, False),
        ("cursor-vscode", False, 45, False),
        ("", False, 45, False),
    ],
)
def test_each_client_gets_the_seconds_of_the_contract(
    name: str, *, shows_progress: bool, seconds: float, resource_link: bool
) -> None:
    client = client_called(name, shows_progress=shows_progress)

    assert (client.wait_seconds, client.resource_link) == (seconds, resource_link)


def test_the_page_about_clients_says_how_long_a_call_waits() -> None:
    page = (Path(__file__).parent.parent / "docs" / "clients.md").read_text(encoding="utf-8")
    written = dict(re.findall(r"^\| ([\w ,]+) \| (\d+ s|until finished)", page, re.MULTILINE))
    names = {
        "Claude Code": "claude-code",
        "VS Code": "Visual Studio Code",
        "Goose": "goose",
        "Gemini CLI": "gemini-cli-mcp-client",
        "Codex": "codex-mcp-client",
        "Claude Desktop": "claude-ai",
        "Cursor": "cursor-vscode",
        "Cline, Roo Code": "Cline",
        "Zed": "Zed",
        "opencode": "opencode",
        "LibreChat": "@librechat/api-client",
        "JetBrains with Copilot": "JetBrains-IU-copilot-intellij",
        "a host on the Python SDK": "mcp",
        "any other": "",
    }

    waits = {title: client_called(name, shows_progress=False).wait_seconds for title, name in names.items()}
    assert written == {
        title: f"{seconds} s" if seconds < 1200 else "until finished" for title, seconds in waits.items()
    }
