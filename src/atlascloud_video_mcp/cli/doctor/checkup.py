"""The command `doctor`: all checks one after the other, each finding on a line of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.cli import console
from atlascloud_video_mcp.cli.doctor import Finding, State, fail
from atlascloud_video_mcp.cli.doctor.target import find_target
from atlascloud_video_mcp.cli.install.platforms import Platform
from atlascloud_video_mcp.settings import read_bearer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from atlascloud_video_mcp.cli.doctor.target import CheckTarget

_SILENT = 70.0  # seconds; the usual time-outs of proxies are 30 and 60


@dataclass(frozen=True)
class Check:
    """Something to check; it may find several things."""

    name: str
    look: Callable[[], Awaitable[list[Finding]]]
    seconds: float  # at most

    async def findings(self) -> list[Finding]:
        """What it finds; its own errors become a finding."""
        try:
            with anyio.fail_after(self.seconds):
                return await self.look()
        except TimeoutError:
            return [fail(self.name, f"no result after {self.seconds:.0f} seconds", "Try again, or report this.")]
        except Exception as error:  # noqa: BLE001 - a check that breaks must not hide what the others find
            return [fail(self.name, f"the check itself failed ({type(error).__name__})", "Please report this.")]


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run the command that was typed; returns the exit status, 0 when nothing failed.

    Raises:
        SettingsError: The token for a team is not usable.
        AtlasError: As `find_target`.
    """
    if options.url:
        token = read_bearer(environ)
        return anyio.run(partial(report, remote_checks(options.url, token), in_json=options.json))
    platform = Platform.current(environ)
    target = find_target(platform, options.client, sandbox=options.sandbox)
    return anyio.run(partial(report, checks(target, platform, options.sandbox_port), in_json=options.json))


async def report(all_checks: Sequence[Check], *, in_json: bool) -> int:
    """Run the checks and print what they find; returns the exit status."""
    findings: list[Finding] = []
    for check in all_checks:
        found = await check.findings()
        findings += found
        for finding in () if in_json else found:
            state = "FAIL" if finding.state is State.FAIL else finding.state.value
            fix = f" -> {finding.fix}" if finding.fix else ""
            console.result(f"{state:4}  {finding.name:9}  {finding.said}{fix}")
    failed = sum(finding.state is State.FAIL for finding in findings)
    if in_json:
        listed = [{name: value for name, value in asdict(finding).items() if value} for finding in findings]
        console.result_json({"ok": not failed, "version": __version__, "checks": listed})
    else:
        console.result(f"{failed or 'No'} problem{'' if failed == 1 else 's'} to fix.")
    return 1 if failed else 0


def checks(target: CheckTarget, platform: Platform, sandbox_port: int) -> Sequence[Check]:
    """All checks, in the order of a person's questions."""
    network = _check("connectivity", "network", target.settings, seconds=45)
    return (
        _check("local", "python"),
        _check("local", "packages"),
        _check("local", "settings", target),
        _check("local", "state", target),
        *(() if target.in_sandbox else (network,)),
        _check("local", "sandbox", target, sandbox_port),
        _check("start", "start", target, seconds=30),
        _check("target", "clients", platform),
    )


def remote_checks(url: str, token: str, silent: float = _SILENT) -> Sequence[Check]:
    """All checks of a team's servers; `silent` is how long the slow answer takes, in seconds."""
    return (
        _check("remote", "edge", url, token, seconds=120),
        _check("remote", "silence", url, token, silent, seconds=silent + 30),
    )


def _check(module: str, name: str, *arguments: object, seconds: float = 15) -> Check:
    """A check that is imported when its turn comes: a missing library must not stop the other checks."""

    async def look() -> list[Finding]:
        function = getattr(import_module(f"atlascloud_video_mcp.cli.doctor.{module}"), name)
        findings: list[Finding] = await function(*arguments)
        return findings

    return Check(name, look, seconds)
