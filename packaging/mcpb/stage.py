"""Lay out what goes into the Claude Desktop bundle: `python stage.py DIRECTORY`.

The host brings uv, which brings Python and the libraries: a bundle that held them could only be for one platform, since
pydantic and Pillow are compiled. The versions are those of our lock file.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import anyio

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.app import service_opener
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.settings import read_settings

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
EXTRAS = ("sandbox", "heif")


def stage(directory: Path) -> None:
    """Put everything into a directory, which must not exist yet."""
    shutil.copytree(ROOT / "src", directory / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "server.py", directory / "src")
    for file in (HERE / "icon.png", ROOT / "LICENSE"):
        shutil.copy(file, directory)
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    manifest |= {"version": __version__, "tools": anyio.run(_tools)}
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    (directory / "pyproject.toml").write_text(_project(), encoding="utf-8")


async def _tools() -> list[dict[str, str | None]]:
    """What the host shows before it ever starts the server."""
    server = build_server(service_opener(read_settings({}), sandbox=False, speed=1))
    return [{"name": tool.name, "description": tool.description} for tool in await server.list_tools()]


def _project() -> str:
    """What uv reads: the libraries by name, held to the versions that our tests ran with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [library for extra in EXTRAS for library in project["optional-dependencies"][extra]]
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    pins = [re.sub(r"\[.*?\]", "", pin) for pin in re.findall(r"^([\w.\[\]-]+==.+?) \\$", lock, re.MULTILINE)]
    return "\n".join(
        (
            "[project]",
            'name = "atlascloud-video-mcp-bundle"',
            f'version = "{__version__}"',
            f'requires-python = "{project["requires-python"]}"',
            f"dependencies = {json.dumps([*project['dependencies'], *extras], indent=2)}",
            "",
            "[tool.uv]",
            "package = false",
            f"constraint-dependencies = {json.dumps(pins, indent=2)}",
            "",
        )
    )


if __name__ == "__main__":
    stage(Path(sys.argv[1]))
