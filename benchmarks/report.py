"""The table as Markdown, with the machine and the versions it was taken with."""

from __future__ import annotations

import os
import platform
import sysconfig
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from installed import NPM_PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from figures import Row
    from installed import Commands

HEADINGS = ("#", "figure", "ours", "against", "ratio", "goal", "met")
BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"
LIBRARIES = ("mcp", "httpx", "pydantic", "anyio")
GIGABYTE = 1024**3


def table(rows: Iterable[Row]) -> str:
    """All rows as a Markdown table."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def circumstances(commands: Commands, runs: int, load: float, minutes: float) -> str:
    """On what machine, with what versions and how often it was measured; nothing that names the machine."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    node = f"Node {commands.node_version}, {NPM_PACKAGE} {commands.npm_version}" if commands.node else "no Node"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    # Not all builds are alike: one without optimizations needs half as long again for the same start.
    optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    python = f"{python} (built with `{sysconfig.get_config_var('OPT')}`{', optimized by profile' if optimized else ''})"
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    loads = f"load average {load:.1f} before and {os.getloadavg()[0]:.1f} after"
    return f"""\
Taken on {datetime.now(UTC):%Y-%m-%d} in {minutes:.0f} minutes, from the installed wheel with compiled bytecode.

- Versions: atlascloud-video-mcp {version("atlascloud-video-mcp")}, {python}, {libraries}; {node}.
- Machine: {_processor()}, {os.cpu_count()} cores, {_memory() / GIGABYTE:.0f} GB, {system}; {loads}.
- Spread: median (lowest to highest) of {runs} runs, both candidates in turn; the ratio is taken pair by pair."""


def write(path: Path, text: str) -> None:
    """Put the text between the marks of the document."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "processor unknown"
    )


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
