"""From settings to an open studio, on the live API or on the built-in sandbox."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pydantic import SecretStr
from typing_extensions import override

from atlascloud_video_mcp.errors import SettingsError
from atlascloud_video_mcp.network import is_loopback
from atlascloud_video_mcp.quoting import Mask, printable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from contextlib import AbstractAsyncContextManager

    from atlascloud_video_mcp.settings import Settings
    from atlascloud_video_mcp.studio import Studio

HEARTBEAT = 5.0
"""Longest silence between two steps of a call, seconds."""


def studio_opener(
    settings: Settings, *, sandbox: bool, speed: float, heartbeat: float = HEARTBEAT
) -> Callable[[], AbstractAsyncContextManager[Studio]]:
    """What opens the studio that is asked for; nothing is opened or imported yet.

    Args:
        settings: What the environment asks for.
        sandbox: Whether to work on an emulator that lives as long as the studio is open, instead of the live API.
        speed: How many times faster than the live API that emulator is.
        heartbeat: Longest silence between two steps of a call, seconds.

    Raises:
        SettingsError: A library of the sandbox is asked for and missing.
    """
    if not sandbox:
        return partial(_studio, settings, heartbeat=heartbeat)
    require_sandbox()
    return partial(_sandbox_studio, settings, speed=speed, heartbeat=heartbeat)


def require_sandbox() -> None:
    """Say at the start, not at the first call, that the sandbox is not installed.

    Raises:
        SettingsError: A library of the sandbox extra is missing.
    """
    missing = [name for name in ("av", "python_multipart", "starlette", "uvicorn") if not find_spec(name)]
    if missing:
        raise SettingsError(f"the sandbox needs {' and '.join(missing)}: pip install 'atlascloud-video-mcp[sandbox]'")


def log_to_stderr(settings: Settings) -> None:
    """Send what is logged to stderr, at the level of the settings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainLines(Mask(settings.api_key.get_secret_value() if settings.api_key else None)))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    if settings.log_level != "DEBUG":
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the signatures in the clips' URLs


class PlainLines(logging.Formatter):
    """What is logged, a line a record but for tracebacks, without the key: some of it comes from outside."""

    def __init__(self, mask: Mask) -> None:
        super().__init__("%(name)s: %(message)s")
        self._mask = mask

    @override
    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).split("\n") if record.exc_info else [super().format(record)]
        return "\n".join(printable(self._mask(line)) for line in lines)


@contextmanager
def nothing_is_garbage() -> Generator[None]:
    """Import and build without looking for garbage: all of it stays, and the search would take a tenth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def leave_conversions_behind(status: int) -> None:
    """End the process with a status although a thread may still convert a picture that nobody waits for."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(timeout=0.2)
            if thread.is_alive():  # pragma: no cover - the process ends here before its coverage is written
                logging.shutdown()
                os._exit(status)


@asynccontextmanager
async def _studio(
    settings: Settings, *, heartbeat: float, speed: float = 1.0, in_sandbox: bool = False
) -> AsyncGenerator[Studio, None]:
    """The studio at work on the live API, or on an emulator that is `speed` times faster."""
    # Imported at the first tool call: a server that only lists its tools needs neither HTTP nor pictures.
    import platformdirs  # noqa: PLC0415

    from atlascloud_video_mcp.catalogue import Catalogue  # noqa: PLC0415
    from atlascloud_video_mcp.clips import ClipSaver  # noqa: PLC0415
    from atlascloud_video_mcp.cloud import Cloud  # noqa: PLC0415
    from atlascloud_video_mcp.journal import Journal  # noqa: PLC0415
    from atlascloud_video_mcp.pacing import Durations  # noqa: PLC0415
    from atlascloud_video_mcp.studio import Studio  # noqa: PLC0415

    state = settings.state_dir or platformdirs.user_state_path("atlascloud-video-mcp", appauthor=False)
    # The built-in emulator forgets with the process, so there is nothing to remember of it.
    remembered = None if in_sandbox else state
    async with (
        Cloud(settings.base_url, settings.api_key) as cloud,
        Journal(remembered) as journal,
        ClipSaver(allowed_dirs=settings.allowed_dirs, allow_loopback_http=is_loopback(cloud.host)) as saver,
        Studio(
            cloud,
            journal,
            saver,
            Catalogue(cloud.documents.get, base_url=cloud.base_url, directory=remembered and remembered / "catalogue"),
            model=settings.model,
            allowed_dirs=settings.allowed_dirs,
            download_dir=settings.download_dir,
            budget=settings.budget_usd,
            poll_interval=settings.poll_interval,
            heartbeat=heartbeat,
            durations=Durations().faster(speed),
        ) as studio,
    ):
        yield studio


@asynccontextmanager
async def _sandbox_studio(settings: Settings, *, speed: float, heartbeat: float) -> AsyncGenerator[Studio, None]:
    from atlascloud_sandbox import Sandbox  # noqa: PLC0415 - only --sandbox needs it

    with Sandbox(speed=speed).running() as base_url:
        emulated = settings.model_copy(update={"base_url": base_url, "api_key": SecretStr("sandbox")})
        async with _studio(emulated, heartbeat=heartbeat, speed=speed, in_sandbox=True) as studio:
            yield studio
