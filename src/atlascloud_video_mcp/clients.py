"""How long each MCP client waits for a tool call, and what it can show: one row a client.

The seconds are chosen so that the answer arrives before the client gives the call up. Clients name themselves with
`initialize` in the older protocol versions and in each request's `_meta` since 2026-07-28.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """What to do for one client."""

    wait_seconds: float
    """How long a call may block unless it says otherwise."""
    resource_link: bool = False
    """Whether the client takes a `resource_link` beside the text."""


_ROWS = (
    ("claude-code", Client(1200, resource_link=True)),
    ("Visual Studio Code", Client(240, resource_link=True)),
    ("goose", Client(240)),
    ("fastmcp", Client(240, resource_link=True)),
    ("gemini-cli", Client(500, resource_link=True)),
    ("codex", Client(50)),
    ("JetBrains", Client(25)),
)
_PYTHON_HOST = "mcp"
_PATIENT_PYTHON_HOST = Client(240)
_PYTHON_HOST_OF_UNKNOWN_PATIENCE = Client(0)
_ANY_OTHER = Client(45)

AT_LEAST = 4.0
"""Seconds any call may take, one that must not wait too: the least patient host known gives up after 5."""


def client_called(name: str, *, shows_progress: bool) -> Client:
    """The row for a client's `clientInfo.name`; `shows_progress` says whether its call carried a progress token."""
    if name == _PYTHON_HOST:
        return _PATIENT_PYTHON_HOST if shows_progress else _PYTHON_HOST_OF_UNKNOWN_PATIENCE
    for prefix, client in _ROWS:
        if name.startswith(prefix):
            return client
    return _ANY_OTHER
