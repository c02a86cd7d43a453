"""The entry point: without a command an MCP server on stdin and stdout, else one of the commands.

Hosts start the server in every session, called or not: what is slow to load is imported where it is used.
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from atlascloud_video_mcp.app import (
    exit_without_waiting,
    gc_frozen,
    log_to_stderr,
    require_extra,
    service_opener,
)
from atlascloud_video_mcp.errors import AtlasError, Exit, KeyRejected, SettingsError
from atlascloud_video_mcp.server.stdio.pipe import Handover, serve
from atlascloud_video_mcp.settings import KEY_VARIABLE, VARIABLES, Settings, bare, read_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    from atlascloud_video_mcp.service.service import VideoService

_SPEED = 4.0  # how many times faster than the live API a server's sandbox generates


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    _open_streams()
    options = _options(sys.argv[1:] if arguments is None else list(arguments))
    try:
        status = _run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has read enough
        _leave_stdout()
        return Exit.DONE
    except AtlasError as error:
        return _report(
            options, str(error), Exit.USAGE if isinstance(error, (SettingsError, KeyRejected)) else Exit.FAILED
        )
    except OSError as error:  # of this machine: a directory that is gone, a disk that is full
        said = (error.strerror or type(error).__name__, error.filename)
        return _report(options, ": ".join(str(part) for part in said if part), Exit.FAILED)
    return status


def _options(arguments: list[str]) -> Any:  # noqa: ANN401 - the options of any command
    if arguments in ([], ["--sandbox"]):  # as hosts start it: a parser would be loaded for nothing
        return SimpleNamespace(command=None, sandbox=bool(arguments), speed=_SPEED)
    import logging  # noqa: PLC0415

    logging.getLogger("stamina").setLevel(logging.ERROR)  # what is tried again is told by us, where it matters
    from atlascloud_video_mcp.cli.options import command_line  # noqa: PLC0415 - a server does not need the commands

    return command_line(_SPEED).parse_args(arguments)


def _run(options: argparse.Namespace) -> int:
    if options.command is None:
        return _serve(_settings(options), options.speed)
    module, function, prepare = _COMMANDS[options.command]
    arguments = prepare(options)  # before the import: it says which library is missing
    command = getattr(import_module(f"atlascloud_video_mcp.cli.{module}"), function)
    return command(options, *arguments) or Exit.DONE


def _serve(settings: Settings, speed: float) -> int:
    import signal  # noqa: PLC0415

    open_service = service_opener(settings, sandbox=settings.sandbox, speed=speed)
    # Reading stdin waits in a thread that no KeyboardInterrupt ends.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    serve(lambda handover: _take_over(handover, settings, open_service))
    return Exit.DONE


def _take_over(
    handover: Handover, settings: Settings, open_service: Callable[[], AbstractAsyncContextManager[VideoService]]
) -> None:
    """Serve with the SDK from here on: from the first message that needs more than recorded answers."""
    log_to_stderr(settings)
    with gc_frozen():
        from atlascloud_video_mcp.network import is_loopback  # noqa: PLC0415
        from atlascloud_video_mcp.server.server import build_server  # noqa: PLC0415
        from atlascloud_video_mcp.server.sessions import take_over  # noqa: PLC0415

        local = settings.sandbox or is_loopback(urlsplit(settings.base_url).hostname)
        server = build_server(open_service, max_wait=settings.max_wait, local=local, clip_hosts=settings.clip_hosts)
    take_over(server, handover)
    exit_without_waiting(Exit.DONE)


def _settings(options: argparse.Namespace) -> Settings:
    settings = read_settings(os.environ)
    if (given := os.environ.get(KEY_VARIABLE, "")) != bare(given):
        print(f"{KEY_VARIABLE}: removed quotation marks or spaces around the key.", file=sys.stderr)  # noqa: T201
    return settings._replace(sandbox=True) if options.sandbox else settings


def _with_settings(options: argparse.Namespace) -> tuple[Settings]:
    settings = _settings(options)
    log_to_stderr(settings)
    return (settings,)


def _for_a_team(options: argparse.Namespace) -> tuple[Settings]:
    require_extra("team")
    return _with_settings(options)


def _with_environ(_: argparse.Namespace) -> tuple[Mapping[str, str]]:
    return (os.environ,)


def _for_a_client(options: argparse.Namespace) -> tuple[Mapping[str, str]]:
    if options.sandbox:
        require_extra("sandbox")
    return (os.environ,)


def _in_sandbox(_: argparse.Namespace) -> tuple[()]:
    require_extra("sandbox")
    return ()


def _with_database(_: argparse.Namespace) -> tuple[str]:
    require_extra("team")
    settings = read_settings(os.environ)
    log_to_stderr(settings)
    if not settings.database_url:
        raise SettingsError(
            f"ATLASCLOUD_DATABASE_URL is not set: it takes {VARIABLES['ATLASCLOUD_DATABASE_URL'].takes}"
        )
    return (settings.database_url,)


_COMMANDS: Mapping[str, tuple[str, str, Callable[[argparse.Namespace], tuple[object, ...]]]] = {
    "animate": ("predictions", "animate", _with_settings),
    "get": ("predictions", "get", _with_settings),
    "list": ("lists", "predictions", _with_settings),
    "models": ("lists", "models", _with_settings),
    "balance": ("lists", "balance", _with_settings),
    "install": ("install.installer", "run", _for_a_client),
    "uninstall": ("install.installer", "run", _for_a_client),
    "team": ("team", "run", _with_database),
    "doctor": ("doctor.checkup", "run", _with_environ),
    "serve-http": ("serve_http", "run", _for_a_team),
    "sandbox": ("sandbox", "run_sandbox", _in_sandbox),
    "demo": ("sandbox", "run_demo", _in_sandbox),
}
"""Each command's module below `cli`, loaded when it is run, its function, and what that takes beside the options."""


def _report(options: argparse.Namespace, fault: str, status: Exit) -> Exit:
    print(f"atlascloud-video-mcp: {fault}", file=sys.stderr)  # noqa: T201 - this is how a command reports
    if getattr(options, "json", False):
        from atlascloud_video_mcp.cli import console  # noqa: PLC0415 - a server does not need the commands

        console.result_json({"error": fault})
    return status


def _open_streams() -> None:
    """Make sure that stdin, stdout and stderr are open and take any text.

    The first file opened would take the place of a missing one, and be written to as if it were the stream.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave_stdout() -> None:
    """Let nothing more be written to a stdout that nobody reads, not even when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
