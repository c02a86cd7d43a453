"""Which Python runs us, and whether what is installed with it is what we need."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.cli.doctor.findings import fail, ok

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlascloud_video_mcp.cli.doctor.findings import Finding

_US = "atlascloud-video-mcp"
_SHOWN = ("mcp", "httpx", "pydantic", "pillow")


async def python() -> Sequence[Finding]:
    """Which Python runs us."""
    return [ok("python", f"{platform.python_version()} at {sys.executable}, on {platform.platform(terse=True)}")]


async def packages() -> Sequence[Finding]:
    """Whether what is installed is what we need; extras are looked at elsewhere."""
    needed = [Requirement(line) for line in metadata.requires(_US) or ()]
    plain = [need for need in needed if not need.marker or need.marker.evaluate({"extra": ""})]
    faults = [fault for need in plain if (fault := _fault(need))]
    if faults:
        wrong = " ".join(f"'{need.name}{need.specifier}'" for need, _ in faults)
        said = ", ".join(said for _, said in faults)
        return [fail("packages", said, f"{sys.executable} -m pip install --upgrade {wrong}")]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _SHOWN)
    return [ok("packages", f"{_US} {__version__}, {versions}")]


def _fault(need: Requirement) -> tuple[Requirement, str] | None:
    try:
        version = metadata.version(need.name)
    except metadata.PackageNotFoundError:
        return need, f"{need.name} is not installed"
    if need.specifier.contains(version, prereleases=True):
        return None
    return need, f"{need.name} {version} is installed, and {need.name}{need.specifier} is needed"
