"""From settings to an open service, on the live API or on the built-in sandbox."""

from __future__ import annotations

import gc
import os
import secrets
import sys
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from atlascloud_video_mcp.service.service import VideoService
    from atlascloud_video_mcp.settings import Settings


def service_opener(
    settings: Settings, *, sandbox: bool, speed: float, local_files: bool = True
) -> Callable[[], AbstractAsyncContextManager[VideoService]]:
    """What opens the service; nothing is opened or imported yet.

    Args:
        settings: What the environment asks for.
        sandbox: Whether to work on an emulator that lives as long as the service is open, instead of the live API.
        speed: How many times faster than the live API that emulator is.
        local_files: Whether callers may name files of this machine.

    Raises:
        SettingsError: The sandbox or a database is asked for, and a library for it is missing.
    """
    if sandbox:
        require_extra("sandbox")
        return partial(_sandbox_service, settings, speed=speed, local_files=local_files)
    if settings.database_url:
        require_extra("team")
    return partial(_service, settings, local_files=local_files)


_EXTRAS = {
    "sandbox": ("the sandbox needs", ("av", "python_multipart", "starlette", "uvicorn")),
    "team": ("serving a team needs", ("psycopg", "starlette", "uvicorn")),
}


def missing_for(extra: str) -> list[str]:
    """The libraries of an extra that are not installed."""
    from importlib.util import find_spec  # noqa: PLC0415 - slow to load, like all that is imported here where it is used

    return [name for name in _EXTRAS[extra][1] if not find_spec(name)]


def require_extra(extra: str) -> None:
    """Say at the start, not at the first call, that an extra is not installed.

    Raises:
        SettingsError: A library of the extra is missing.
    """
    if missing := missing_for(extra):
        raise SettingsError(
            f"{_EXTRAS[extra][0]} {' and '.join(missing)}: install this package with its extra, as in "
            f"pip install 'PATH/TO/WHEEL.whl[{extra}]'"
        )


def log_to_stderr(settings: Settings) -> None:
    """Send what is logged to stderr, at the level of the settings."""
    import logging  # noqa: PLC0415

    from atlascloud_video_mcp.text import PlainLines  # noqa: PLC0415

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainLines(*settings.secrets))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    if settings.log_level != "DEBUG":
        logging.getLogger("stamina").setLevel(logging.ERROR)  # what is tried again is told by us, where it matters
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the signatures in the clips' URLs


@contextmanager
def gc_frozen() -> Generator[None]:
    """Import and build without collecting garbage: all of it stays, and collecting would take a tenth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def exit_without_waiting(status: int) -> None:
    """End the process although a thread may still decode a preview, or wait for a disk: nobody needs the outcome."""
    import logging  # noqa: PLC0415
    import threading  # noqa: PLC0415

    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(timeout=0.2)
            if thread.is_alive():  # pragma: no cover - the process ends here before its coverage is written
                logging.shutdown()
                os._exit(status)


def state_directory(settings: Settings) -> Path:
    """Where the journal is kept."""
    import platformdirs  # noqa: PLC0415

    return settings.state_dir or platformdirs.user_state_path("atlascloud-video-mcp", appauthor=False)


@asynccontextmanager
async def _service(
    settings: Settings, *, speed: float = 1.0, in_sandbox: bool = False, local_files: bool = True
) -> AsyncGenerator[VideoService, None]:
    """A service on the live API, or on an emulator that is `speed` times faster."""
    # Imported at the first tool call: a server that only lists its tools needs neither HTTP nor pictures.
    from atlascloud_video_mcp.cloud.api import Cloud  # noqa: PLC0415
    from atlascloud_video_mcp.cloud.documents import clip_hosts  # noqa: PLC0415
    from atlascloud_video_mcp.journal import Journal  # noqa: PLC0415
    from atlascloud_video_mcp.media.clips import ClipSaver  # noqa: PLC0415
    from atlascloud_video_mcp.models import Catalogue  # noqa: PLC0415
    from atlascloud_video_mcp.service.pacing import Durations  # noqa: PLC0415
    from atlascloud_video_mcp.service.service import VideoService  # noqa: PLC0415

    # The built-in emulator forgets with the process, so there is nothing to remember of it.
    remembered = None if in_sandbox else state_directory(settings)
    async with (
        Cloud(settings.base_url, settings.api_key, sandbox=in_sandbox) as cloud,
        Journal(settings.database_url or remembered) as journal,
        ClipSaver(
            allowed_dirs=settings.allowed_dirs,
            hosts=clip_hosts(settings.clip_hosts, cloud.base_url),
            trust=cloud.trust,
        ) as saver,
        VideoService(
            cloud,
            journal,
            saver,
            Catalogue(cloud.documents.get, base_url=cloud.base_url, directory=remembered and remembered / "catalogue"),
            model=settings.model,
            allowed_dirs=settings.allowed_dirs,
            download_dir=settings.download_dir,
            budget=settings.budget_usd,
            poll_interval=settings.poll_interval,
            durations=Durations().faster(speed),
            local_files=local_files,
        ) as service,
    ):
        yield service


@asynccontextmanager
async def _sandbox_service(
    settings: Settings, *, speed: float, local_files: bool
) -> AsyncGenerator[VideoService, None]:
    from atlascloud_sandbox import Account, Sandbox  # noqa: PLC0415 - only --sandbox needs it

    # Of this process alone: no other program of this machine may use the port.
    key = f"sandbox-{secrets.token_urlsafe()}"
    with Sandbox(Account(speed=speed), keys={key}).running() as base_url:
        # Its clips are nobody's, and end with the process: they do not belong in a team's journal.
        emulated = settings._replace(base_url=base_url, key=key, database_url=None)
        async with _service(emulated, speed=speed, in_sandbox=True, local_files=local_files) as service:
            yield service
