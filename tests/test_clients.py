from __future__ import annotations

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
