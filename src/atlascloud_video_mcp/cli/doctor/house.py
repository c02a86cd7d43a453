"""This machine's own parts: the settings, the state directory, the sandbox."""

from __future__ import annotations

import shutil
import socket
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import platformdirs

from atlascloud_video_mcp.cli.doctor.findings import fail, ok, warn
from atlascloud_video_mcp.journal import Journal
from atlascloud_video_mcp.settings import KEY_VARIABLE, KEYS_PAGE, VARIABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlascloud_video_mcp.cli.doctor.findings import Finding
    from atlascloud_video_mcp.cli.doctor.situation import Situation
    from atlascloud_video_mcp.settings import Settings

_US = "atlascloud-video-mcp"
ENOUGH_SPACE = 200_000_000  # bytes; the journal and a few dozen clips
_SANDBOX = ("av", "python_multipart", "starlette", "uvicorn")


async def settings(situation: Situation) -> Sequence[Finding]:
    """What the server would understand of its settings, and whether there is a key."""
    finding = ok("settings", _told(situation.settings))
    if situation.fault:
        finding = fail("settings", situation.fault, "Mend or unset it: with it the server does not start.")
    if situation.settings.api_key:
        return [finding]
    if situation.in_sandbox:
        return [finding, ok("key", "none is set, and the sandbox needs none")]
    fix = (
        f"Create one at {KEYS_PAGE} and set it: `{_US} install CLIENT` does, or {KEY_VARIABLE} in the environment. "
        f"One that a client has already is tried by `{_US} doctor CLIENT`."
    )
    return [finding, fail("key", "no API key is set", fix)]


def _told(settings: Settings) -> str:
    """What differs from the defaults; of the key only whether it is set."""
    values = settings.differing()
    differing = [
        f"{name}={_told_value(values[each.setting])}" for name, each in VARIABLES.items() if each.setting in values
    ]
    key = f"{KEY_VARIABLE} is {'set' if settings.api_key else 'not set'}"
    return ", ".join([key, *(differing or ["all others as by default"])])


def _told_value(value: object) -> str:
    return str(list(map(str, value))) if isinstance(value, tuple) else str(value)


async def state(situation: Situation, *, enough: int = ENOUGH_SPACE) -> Sequence[Finding]:
    """Whether the journal can be kept; it is opened as the server would open it."""
    directory = situation.settings.state_dir or platformdirs.user_state_path(_US, appauthor=False)
    async with Journal(directory) as journal:
        await journal.knows(())
        warnings = journal.warnings
    if warnings:
        fix = "Make that directory writable for yourself, or name another in ATLASCLOUD_STATE_DIR."
        return [fail("state", f"{directory}: {' '.join(warnings)}", fix)]
    free = shutil.disk_usage(directory).free
    if free < enough:
        said = f"{directory}: only {free / 1e6:.0f} MB are free there"
        return [warn("state", said, "Free some space, or name another directory in ATLASCLOUD_STATE_DIR.")]
    return [ok("state", f"{directory}: the journal opens, {free / 1e9:.1f} GB are free")]


async def sandbox(situation: Situation, port: int, *, loopback: str = "127.0.0.1") -> Sequence[Finding]:
    """Whether the sandbox is installed and can listen on this machine."""
    missing = [name for name in _SANDBOX if not find_spec(name)]
    if missing:
        fix = f"{sys.executable} -m pip install 'PATH/TO/WHEEL.whl[sandbox]'"
        if situation.in_sandbox:
            return [fail("sandbox", f"it needs {' and '.join(missing)}", fix)]
        return [ok("sandbox", f"not installed, and only needed for try-outs: {fix}")]
    try:
        _connect_to_ourselves(loopback)
    except OSError as error:
        said = f"this machine cannot be reached at {loopback} ({error.strerror or type(error).__name__})"
        return [fail("sandbox", said, "Look for a firewall or a VPN that blocks connections to the machine itself.")]
    try:
        socket.create_server((loopback, port)).close()
    except OSError as error:
        said = f"port {port} is taken ({error.strerror})"
        return [warn("sandbox", said, f"Another sandbox may be running; `{_US} sandbox --port 0` takes a free port.")]
    return [ok("sandbox", f"installed, and port {port} is free")]


def _connect_to_ourselves(loopback: str) -> None:
    with socket.create_server((loopback, 0)) as listener:
        socket.create_connection(listener.getsockname(), timeout=5).close()
