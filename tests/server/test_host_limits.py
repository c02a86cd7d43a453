from __future__ import annotations

import re

import pytest

from atlascloud_video_mcp.server.host_limits import limits_of
from kit import ROOT


@pytest.mark.parametrize(
    ("name", "shows_progress", "seconds", "resource_link"),
    [
        ("copilot-cli", False, 240, False),
        ("copilot-cli", True, 240, False),
        ("opencode", True, 240, False),
        ("opencode", False, 45, False),
        ("@cline/core", False, 45, False),
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
    client = limits_of(name, shows_progress=shows_progress)

    assert (client.wait_seconds, client.resource_link) == (seconds, resource_link)


@pytest.mark.parametrize(
    ("name", "seconds"), [("cursor-vscode", 25), ("", 25), ("opencode", 25), ("claude-code", 1200), ("@cline/core", 45)]
)
def test_over_http_a_client_that_nobody_knows_is_given_less(name: str, seconds: float) -> None:
    assert limits_of(name, over_http=True).wait_seconds == seconds


@pytest.mark.parametrize(
    ("version", "seconds"),
    [
        ("0.169.0", 240),
        ("0.171.0-alpha.2", 240),
        ("v0.170", 240),
        ("1.0", 240),
        ("0.169", 240),
        ("0.20.0", 50),  # number by number: as text it would be the newer one
        ("0.168.9", 50),
        ("0", 50),
        ("0.x", 50),
        ("0.169.", 50),
        ("", 50),
        ("unknown", 50),
        ("9" * 5000, 50),
        ("\N{ARABIC-INDIC DIGIT THREE}.300", 50),
    ],
)
def test_codex_is_waited_for_by_its_version_number_by_number(version: str, seconds: float) -> None:
    assert limits_of("codex-mcp-client", version, shows_progress=True).wait_seconds == seconds


@pytest.mark.parametrize(
    ("name", "max_wait", "asked", "waits"),
    [
        ("claude-ai", None, 62, 45),  # its host gives up at 60
        ("claude-ai", None, None, 45),
        ("claude-ai", 90, 62, 62),
        ("claude-ai", 90, None, 90),
        ("claude-ai", 3, 62, 3),
        ("mcp", None, 62, 0),
        ("mcp", 30, None, 30),
        ("claude-code", 0, 62, 0),
    ],
)
def test_no_call_waits_longer_than_its_client_allows_or_the_person_who_set_it(
    name: str, max_wait: float | None, asked: float | None, waits: float
) -> None:
    assert limits_of(name).waits(asked, max_wait=max_wait) == waits


def test_only_the_client_that_would_hand_an_image_to_its_model_as_text_gets_none() -> None:
    assert not limits_of("@cline/core").image
    assert limits_of("Cline").image


def test_the_page_about_clients_says_how_long_a_call_waits() -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    written = dict(re.findall(r"^\| ([\w ,]+) \| (\d+ s|until finished)", page, re.MULTILINE))
    names = {
        "Claude Code": "claude-code",
        "VS Code": "Visual Studio Code",
        "Goose": "goose",
        "Gemini CLI": "gemini-cli-mcp-client",
        "Codex": "codex-mcp-client",
        "Copilot CLI": "copilot-cli",
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

    waits = {
        title: limits_of(name, "0.169", shows_progress=name == "opencode").wait_seconds for title, name in names.items()
    }
    assert written == {
        title: f"{seconds} s" if seconds < 1200 else "until finished" for title, seconds in waits.items()
    }
