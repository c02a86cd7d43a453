"""`doctor`: all checks one after the other, each on a line of its own."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.cli.doctor.findings import Check, State
from atlascloud_video_mcp.cli.doctor.situation import situation
from atlascloud_video_mcp.cli.install.machine import Machine

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from atlascloud_video_mcp.cli.doctor.findings import Finding
    from atlascloud_video_mcp.cli.doctor.situation import Situation


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Carry out the command that was typed; returns the exit status, which is 0 when nothing failed.

    Raises:
        InvalidInput: There is no such client, or it is not set up.
        CannotInstall: Its file cannot be read.
    """
    machine = Machine.this_one(environ)
    all_checks = checks(situation(machine, options.client, sandbox=options.sandbox), machine, options.sandbox_port)
    return anyio.run(partial(tell, all_checks, in_json=options.json))


async def tell(all_checks: Sequence[Check], *, in_json: bool) -> int:
    """Make the checks and say what they find; returns the exit status."""
    findings: list[Finding] = []
    for check in all_checks:
        found = await check.findings()
        findings += found
        for finding in () if in_json else found:
            _say(_line(finding))
    failed = sum(finding.state is State.FAIL for finding in findings)
    if in_json:
        listed = [{name: value for name, value in asdict(finding).items() if value} for finding in findings]
        _say(json.dumps({"ok": not failed, "version": __version__, "checks": listed}, indent=2, ensure_ascii=False))
    else:
        _say(f"{failed} to mend." if failed else "Nothing to mend.")
    return 1 if failed else 0


def _line(finding: Finding) -> str:
    state = "FAIL" if finding.state is State.FAIL else finding.state.value
    line = f"{state:4}  {finding.name:9}  {finding.said}"
    return f"{line} -> {finding.fix}" if finding.fix else line


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is how a command reports


def checks(now: Situation, machine: Machine, sandbox_port: int) -> Sequence[Check]:
    """Everything there is to look at, in the order of a person's questions."""
    online = Check("network", _late("account", "online", now.settings), seconds=45)
    return (
        Check("python", _late("packages", "python")),
        Check("packages", _late("packages", "packages")),
        Check("settings", _late("house", "settings", now)),
        Check("state", _late("house", "state", now)),
        *(() if now.in_sandbox else (online,)),
        Check("sandbox", _late("house", "sandbox", now, sandbox_port)),
        Check("start", _late("start", "start", now), seconds=30),
        Check("clients", _late("clients", "clients", machine)),
    )


def _late(module: str, name: str, *arguments: object) -> Callable[[], Awaitable[Sequence[Finding]]]:
    """A check that is imported when its turn comes: a library that one misses must not keep the others from looking."""

    async def look() -> Sequence[Finding]:
        check = getattr(import_module(f"atlascloud_video_mcp.cli.doctor.{module}"), name)
        findings: Sequence[Finding] = await check(*arguments)
        return findings

    return look
