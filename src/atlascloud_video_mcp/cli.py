"""The commands beside the server."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack, suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from atlascloud_sandbox import Sandbox, Style, load_faults
from atlascloud_video_mcp.errors import InvalidInput

if TYPE_CHECKING:
    import argparse


def run_sandbox(options: argparse.Namespace) -> None:
    """Run the emulator alone until it is told to stop by SIGINT or SIGTERM.

    Raises:
        InvalidInput: The port is taken, or the fault script cannot be read.
    """
    with ExitStack() as stack:
        try:
            faults = load_faults(Path(options.faults).read_text(encoding="utf-8")) if options.faults else ()
            emulator = Sandbox(speed=options.speed, style=Style(envelope=options.envelope), faults=faults)
            base_url = stack.enter_context(emulator.running(options.port))
        except (OSError, ValueError, OverflowError) as error:
            raise InvalidInput(f"The sandbox cannot run: {error}") from error
        # Ctrl-C interrupts a sleep on every platform, an Event not on Windows; SIGTERM is heard in the same way.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(f"ATLASCLOUD_BASE_URL={base_url}", flush=True)  # noqa: T201 - what whoever starts it needs to know
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


def run_demo(options: argparse.Namespace) -> None:
    """Make a clip in the sandbox, the whole way through MCP, into the current directory.

    Raises:
        AtlasError: The picture was refused, or the generation failed.
    """
    from atlascloud_video_mcp.demo import demo  # noqa: PLC0415 - only this command draws and speaks MCP as a client

    with resources.as_file(resources.files("atlascloud_video_mcp") / "assets" / "rocket.jpg") as photograph:
        picture = Path(options.picture).resolve() if options.picture else photograph
        anyio.run(demo, picture, options.prompt, options.duration, options.speed)
