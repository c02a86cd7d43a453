"""The command: without arguments an MCP server on stdin and stdout, else one of the commands."""

from __future__ import annotations

import argparse
import logging
import math
import os
import signal
import sys
import threading
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.doctor.options import add_command as add_doctor
from atlascloud_video_mcp.errors import AtlasError, SettingsError
from atlascloud_video_mcp.installing.options import add_commands as add_installing
from atlascloud_video_mcp.network import is_loopback
from atlascloud_video_mcp.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from atlascloud_video_mcp.studio import Studio


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except AtlasError as error:
        print(f"atlascloud-video-mcp: {error}", file=sys.stderr)  # noqa: T201 - this is how a command reports
        return 2 if isinstance(error, SettingsError) else 1


def _run(options: argparse.Namespace) -> int:
    """Do what was typed; returns the exit status."""
    if options.command is None:
        settings = read_settings(os.environ)
        in_sandbox = options.sandbox or settings.sandbox
        if in_sandbox:
            _require_sandbox()
        studio = partial(_sandbox_studio, settings, options.speed) if in_sandbox else partial(_studio, settings)
        _serve(settings, studio, local=in_sandbox or is_loopback(urlsplit(settings.base_url).hostname))
        return 0
    if options.command in {"install", "uninstall"}:
        _install(options)
        return 0
    if options.command == "doctor":
        from atlascloud_video_mcp.doctor.commands import run as run_doctor  # noqa: PLC0415 - nor its doctor

        return run_doctor(options, os.environ)
    _require_sandbox()
    from atlascloud_video_mcp import cli  # noqa: PLC0415 - a server does not need the commands

    match options.command:
        case "sandbox":
            cli.run_sandbox(options)
        case _:
            cli.run_demo(options)
    return 0


def _install(options: argparse.Namespace) -> None:
    from atlascloud_video_mcp.installing.commands import run  # noqa: PLC0415 - a server does not need the commands

    if options.sandbox:
        _require_sandbox()
    run(options, os.environ)


def _require_sandbox() -> None:
    """Say at the start, not at the first call, that the sandbox is not installed.

    Raises:
        SettingsError: A library of the sandbox extra is missing.
    """
    missing = [name for name in ("av", "python_multipart", "rich", "starlette", "uvicorn") if not find_spec(name)]
    if missing:
        raise SettingsError(f"the sandbox needs {' and '.join(missing)}: pip install 'atlascloud-video-mcp[sandbox]'")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="atlascloud-video-mcp",
        description="Turns a still picture into a video clip on Atlas Cloud. Without a command: "
        "an MCP server on stdin and stdout.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--sandbox", action="store_true", help="serve against the built-in emulator: no key, no network, no cost"
    )
    parser.add_argument("--speed", type=_positive, default=4.0, help="how many times faster the sandbox generates")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    demo = commands.add_parser("demo", help="make a clip from a picture in the sandbox, the whole way through MCP")
    demo.add_argument("picture", nargs="?", help="a JPEG or PNG (default: a photograph that comes with the program)")
    demo.add_argument("--prompt", default="[Push in] The rocket climbs into the morning sky.", help="the motion to add")
    demo.add_argument("--duration", type=int, choices=(6, 10), default=6, help="seconds of video")

    sandbox = commands.add_parser("sandbox", help="run the emulator of the Atlas Cloud API alone")
    sandbox.add_argument("--port", type=int, default=8787, help="loopback port (0: any free one)")
    sandbox.add_argument("--speed", type=_positive, default=1.0, help="how many times faster it generates")
    sandbox.add_argument("--envelope", choices=("data", "string_code", "bare"), default="data", help="shape of answers")
    sandbox.add_argument("--faults", metavar="FILE", help="a JSON list of scripted faults")

    add_installing(commands)
    add_doctor(commands)
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def _serve(settings: Settings, open_studio: Callable[[], AbstractAsyncContextManager[Studio]], *, local: bool) -> None:
    from atlascloud_video_mcp.server import build_server  # noqa: PLC0415 - the commands do not need the server

    logging.basicConfig(level=settings.log_level, stream=sys.stderr, format="%(name)s: %(message)s")
    if settings.log_level != "DEBUG":
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the signatures in the clips' URLs
    # The SDK waits for the next line of stdin in a thread that no KeyboardInterrupt ends.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    max_wait = math.inf if settings.max_wait is None else settings.max_wait
    build_server(open_studio, max_wait=max_wait, local=local).run("stdio")
    _leave_conversions_behind()


def _leave_conversions_behind() -> None:
    """End the process although a thread may still convert a picture that nobody waits for."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(timeout=0.2)
            if thread.is_alive():  # pragma: no cover - the process ends here before its coverage is written
                logging.shutdown()
                os._exit(0)


@asynccontextmanager
async def _studio(settings: Settings, *, speed: float = 1.0, in_sandbox: bool = False) -> AsyncGenerator[Studio, None]:
    """The studio at work on the live API, or on an emulator that is `speed` times faster."""
    # Imported at the first tool call: a server that only lists its tools needs neither HTTP nor pictures.
    import platformdirs  # noqa: PLC0415

    from atlascloud_video_mcp.clips import ClipSaver  # noqa: PLC0415
    from atlascloud_video_mcp.cloud import Cloud  # noqa: PLC0415
    from atlascloud_video_mcp.journal import Journal  # noqa: PLC0415
    from atlascloud_video_mcp.pacing import Durations  # noqa: PLC0415
    from atlascloud_video_mcp.studio import Studio  # noqa: PLC0415

    state = settings.state_dir or platformdirs.user_state_path("atlascloud-video-mcp", appauthor=False)
    async with (
        Cloud(settings.base_url, settings.api_key) as cloud,
        # The built-in emulator forgets with the process, so there is nothing to remember of it.
        Journal(None if in_sandbox else state) as journal,
        ClipSaver(allowed_dirs=settings.allowed_dirs, allow_loopback_http=is_loopback(cloud.host)) as saver,
        Studio(
            cloud,
            journal,
            saver,
            model=settings.model,
            allowed_dirs=settings.allowed_dirs,
            download_dir=settings.download_dir,
            poll_interval=settings.poll_interval,
            durations=Durations().faster(speed),
        ) as studio,
    ):
        yield studio


@asynccontextmanager
async def _sandbox_studio(settings: Settings, speed: float) -> AsyncGenerator[Studio, None]:
    from atlascloud_video_mcp.sandbox import Sandbox  # noqa: PLC0415 - only --sandbox needs it

    with Sandbox(speed=speed).running() as base_url:
        emulated = settings.model_copy(update={"base_url": base_url, "api_key": SecretStr("sandbox")})
        async with _studio(emulated, speed=speed, in_sandbox=True) as studio:
            yield studio


if __name__ == "__main__":
    sys.exit(main())
