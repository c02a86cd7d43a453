"""What `doctor` takes on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlascloud_video_mcp.cli.options import add_sandbox

if TYPE_CHECKING:
    import argparse
    from typing import Any


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Make the command known to the parser."""
    doctor = commands.add_parser("doctor", help="find out what is wrong, and what to do about it; free of charge")
    doctor.add_argument("client", nargs="?", metavar="CLIENT", help="look at what this client would start")
    add_sandbox(doctor, "look at what a server would find that serves the sandbox")
    doctor.add_argument("--json", action="store_true", help="answer in JSON")
    doctor.add_argument("--sandbox-port", type=int, default=8787, metavar="N", help="where a sandbox is to listen")
