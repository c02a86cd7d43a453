"""How long each MCP client waits for a tool call, and what it can show: one row a client.

The seconds are chosen so that the answer arrives before the client gives the call up. Clients name themselves with
`initialize` in the older protocol versions and in each request's `_meta` since 2026-07-28.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class HostLimits:
    """What one client allows and can show."""

    wait_seconds: float
    """How long a call may block at most."""
    resource_link: bool = False
    """Whether the client takes a `resource_link` beside the text."""
    image: bool = True
    """Whether its model sees an image; else that would be handed to it as text."""
    local_files: bool = True
    """Whether it is on this server's machine, so that a path means the same to both."""

    def waits(self, wanted: float | None = None, *, max_wait: float | None) -> float:
        """Seconds that a call may block.

        Args:
            wanted: What the call asks for. A model does not know its client's patience, so that it gets no more.
            max_wait: What the person has set who does know it; None: nothing.
        """
        allowed = self.wait_seconds if max_wait is None else max_wait
        return allowed if wanted is None else min(wanted, allowed)


_ROWS = (
    ("claude-code", HostLimits(1200, resource_link=True)),
    ("Visual Studio Code", HostLimits(240, resource_link=True)),
    ("goose", HostLimits(240)),
    ("fastmcp", HostLimits(240, resource_link=True)),
    ("copilot-cli", HostLimits(240)),
    ("gemini-cli", HostLimits(500, resource_link=True)),
    ("JetBrains", HostLimits(25)),
    ("@cline/core", HostLimits(45, image=False)),
)
_ANY_OTHER = HostLimits(45)
_ANY_OTHER_OVER_HTTP = HostLimits(25)
_PROLONGED_BY_PROGRESS = HostLimits(240)
_OF_ANY_PATIENCE = HostLimits(0)
_CODEX_BEFORE_0_169, _CODEX = HostLimits(50), HostLimits(240)

AT_LEAST = 4.0
"""Seconds any call may take, one that must not wait too: the least patient host known gives up after 5."""


def limits_of(name: str, version: str = "", *, shows_progress: bool = False, over_http: bool = False) -> HostLimits:
    """What a client allows and can show.

    Args:
        name: Its `clientInfo.name`.
        version: Its `clientInfo.version`.
        shows_progress: Whether its call carried a progress token.
        over_http: Whether it came over HTTP, where proxies have a patience of their own.
    """
    if name == "mcp":
        return _PROLONGED_BY_PROGRESS if shows_progress else _OF_ANY_PATIENCE
    if name.startswith("opencode") and shows_progress:
        return _PROLONGED_BY_PROGRESS
    if name.startswith("codex"):
        return _CODEX if _numbers(version) >= (0, 169) else _CODEX_BEFORE_0_169
    any_other = _ANY_OTHER_OVER_HTTP if over_http else _ANY_OTHER
    return next((limits for prefix, limits in _ROWS if name.startswith(prefix)), any_other)


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version; none where it does not begin with numbers."""
    found = re.match(r"v?(\d{1,9}(?:\.\d{1,9})*)(?![\d.])", version.strip(), re.ASCII)
    return tuple(map(int, found[1].split("."))) if found else ()
