"""The programs that are measured, and where they are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
NPM_PACKAGE = "atlascloud-mcp"


@dataclass(frozen=True)
class Commands:
    """How each server is started; those of npm are None where npm is missing."""

    ours: tuple[str, ...]
    bare: tuple[str, ...]
    npx: tuple[str, ...] | None = None
    node: tuple[str, ...] | None = None
    npm_version: str = ""
    node_version: str = ""


def find_commands(folder: Path) -> Commands:
    """Find the servers; the one of npm is installed into the folder first."""
    ours = (str(Path(sys.executable).with_name("atlascloud-video-mcp")),)
    bare = (sys.executable, str(PROGRAMS / "bare.py"))
    npm, npx, node = (shutil.which(name) for name in ("npm", "npx", "node"))
    if not (npm and npx and node):
        return Commands(ours, bare)
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    subprocess.run([npm, "install", *quiet, "--prefix", folder, NPM_PACKAGE], check=True, stdout=sys.stderr)
    package = folder / "node_modules" / NPM_PACKAGE
    facts = json.loads((package / "package.json").read_text(encoding="utf-8"))
    main = str(package / facts["bin"][NPM_PACKAGE])
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    return Commands(ours, bare, (npx, "-y", NPM_PACKAGE), (node, main), facts["version"], version)
