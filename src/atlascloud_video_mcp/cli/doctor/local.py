"""This computer: Python and its packages, the settings, the state directory, the sandbox."""

from __future__ import annotations

import platform
import shutil
import socket
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.app import missing_for, require_extra, state_directory
from atlascloud_video_mcp.cli.doctor import Finding, fail, ok, warn
from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.settings import KEY_VARIABLE, KEYS_PAGE, VARIABLES

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from atlascloud_video_mcp.cli.doctor.target import CheckTarget

_US = "atlascloud-video-mcp"
_SHOWN = ("mcp", "httpx", "pydantic", "pillow")
_ENOUGH_SPACE = 200_000_000  # bytes; the journal and a few dozen clips


async def python() -> list[Finding]:
    """Which Python runs us."""
    return [ok("python", f"{platform.python_version()} at {sys.executable}, on {platform.platform(terse=True)}")]


async def packages() -> list[Finding]:
    """Whether the installed packages are the ones that we need; extras are checked elsewhere."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - a missing library must not stop the other checks

    needed = [Requirement(line) for line in metadata.requires(_US) or ()]
    plain = [need for need in needed if not need.marker or need.marker.evaluate({"extra": ""})]
    faults = {f"'{need.name}{need.specifier}'": fault for need in plain if (fault := _fault(need))}
    if faults:
        fix = f"{sys.executable} -m pip install --upgrade {' '.join(faults)}"
        return [fail("packages", ", ".join(faults.values()), fix)]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _SHOWN)
    return [ok("packages", f"{_US} {__version__}, {versions}")]


def _fault(need: Requirement) -> str | None:
    try:
        version = metadata.version(need.name)
    except metadata.PackageNotFoundError:
        return f"{need.name} is not installed"
    if need.specifier.contains(version, prereleases=True):
        return None
    return f"{need.name} {version} is installed, but {need.name}{need.specifier} is required"


async def settings(target: CheckTarget) -> list[Finding]:
    """How the server would read its settings, and whether there is a key."""
    finding = fail("settings", target.fault, "Fix or unset it: the server does not start with it.")
    if not target.fault:
        values = target.settings.differing()
        shown = [f"{name}={values[each.setting]}" for name, each in VARIABLES.items() if each.setting in values]
        key = [] if target.settings.api_key else [f"{KEY_VARIABLE} is not set"]
        hidden = [
            f"{name} is set"
            for name, each in VARIABLES.items()
            if getattr(target.settings, each.setting) and each.secret
        ]
        first, *others = *key, *hidden, *shown
        finding = ok("settings", ", ".join([first, *(others or ["all others have their defaults"])]))
    if target.settings.api_key:
        return [finding]
    if target.in_sandbox:
        return [finding, ok("key", "not set; the sandbox needs none")]
    fix = (
        f"Create one at {KEYS_PAGE} and set it with `{_US} install CLIENT`, or as {KEY_VARIABLE} in the environment. "
        f"If a client already has one, `{_US} doctor CLIENT` checks it."
    )
    return [finding, fail("key", "no API key is set", fix)]


async def state(target: CheckTarget, *, enough: int = _ENOUGH_SPACE) -> list[Finding]:
    """Whether the journal can be kept; it is opened as the server would open it."""
    from atlascloud_video_mcp.journal import Journal  # noqa: PLC0415 - as above

    if url := target.settings.database_url:
        return [await _database(url)]
    directory = state_directory(target.settings)
    async with Journal(directory) as journal:
        await journal.knows(())
        warnings = journal.warnings
    if warnings:
        fix = "Make that directory writable, or set another in ATLASCLOUD_STATE_DIR."
        return [fail("state", f"{directory}: {' '.join(warnings)}", fix)]
    free = shutil.disk_usage(directory).free
    if free < enough:
        fix = "Free some space, or set another directory in ATLASCLOUD_STATE_DIR."
        return [warn("state", f"{directory}: only {free / 1e6:.0f} MB free", fix)]
    return [ok("state", f"{directory}: the journal opens, {free / 1e9:.1f} GB free")]


async def _database(url: str) -> Finding:
    from atlascloud_video_mcp.journal import Journal  # noqa: PLC0415 - as above

    try:
        require_extra("team")
        async with Journal(url) as journal:
            await journal.check()
    except AtlasError as error:
        return fail("state", str(error), "Without it nothing is submitted. Or unset ATLASCLOUD_DATABASE_URL.")
    return ok("state", "the journal in the database opens")


async def sandbox(target: CheckTarget, port: int, *, loopback: str = "127.0.0.1") -> list[Finding]:
    """Whether the sandbox is installed and can listen on this computer."""
    if missing := missing_for("sandbox"):
        fix = f"{sys.executable} -m pip install 'PATH/TO/WHEEL.whl[sandbox]'"
        if target.in_sandbox:
            return [fail("sandbox", f"it needs {' and '.join(missing)}", fix)]
        return [ok("sandbox", f"not installed; only needed to try things out: {fix}")]
    try:
        with socket.create_server((loopback, 0)) as listener:
            socket.create_connection(listener.getsockname(), timeout=5).close()
    except OSError as error:
        said = f"this computer cannot connect to itself at {loopback} ({error.strerror or type(error).__name__})"
        return [fail("sandbox", said, "Check for a firewall or a VPN that blocks local connections.")]
    try:
        socket.create_server((loopback, port)).close()
    except OSError as error:
        fix = f"Another sandbox may be running; `{_US} sandbox --port 0` takes a free port."
        return [warn("sandbox", f"port {port} is in use ({error.strerror})", fix)]
    return [ok("sandbox", f"installed, and port {port} is free")]
