"""The commands `sandbox` and `demo`."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack, suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from atlascloud_sandbox import Account, Sandbox
from atlascloud_video_mcp.cli import console
from atlascloud_video_mcp.errors import InvalidInput

if TYPE_CHECKING:
    import argparse


def run_sandbox(options: argparse.Namespace) -> None:
    """Run the emulator alone until it is stopped by SIGINT or SIGTERM.

    Raises:
        InvalidInput: The port is in use, or invalid.
    """
    with ExitStack() as stack:
        try:
            base_url = stack.enter_context(Sandbox(Account(speed=options.speed)).running(options.port))
        except (OSError, OverflowError) as error:
            raise InvalidInput(f"The sandbox cannot start: {error}") from error
        # Ctrl-C interrupts a sleep on every platform, an Event not on Windows; SIGTERM is heard in the same way.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        console.result(f"ATLASCLOUD_BASE_URL={base_url}")
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


def run_demo(options: argparse.Namespace) -> None:
    """Make a clip in the sandbox, the whole way through MCP, into the current directory.

    Raises:
        AtlasError: The picture was refused, or the generation failed.
    """
    from atlascloud_video_mcp.cli.demo import demo  # noqa: PLC0415 - only this command draws and speaks MCP as a client

    with resources.as_file(resources.files("atlascloud_video_mcp.cli") / "assets" / "rocket.jpg") as photo:
        picture = Path(options.picture).resolve() if options.picture else photo
        anyio.run(demo, picture, options.prompt, options.duration, options.speed)
