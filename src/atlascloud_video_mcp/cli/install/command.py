"""How a client is to start this very installation: by absolute paths, since desktop programs search almost nowhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlascloud_video_mcp.cli.install.machine import Machine

_SCRIPT = "atlascloud-video-mcp"
# What uvx and `pipx run` install into: directories that cleaning a cache empties.
_CACHES = ({"uv", "archive-v0"}, {"uv", "environments-v2"}, {"uv", "builds-v0"}, {"pipx", ".cache"})
_NAMED_CACHES = (("UV_CACHE_DIR", ""), ("PIPX_HOME", ".cache"))


@dataclass(frozen=True)
class Command:
    """The words that start the server, and what is wrong with them, if anything is."""

    words: tuple[str, ...]
    warning: str | None = None


def own_command(machine: Machine) -> Command:
    """The installed command; where there is none, Python with our module.

    Symbolic links stay as they are: those that `uv tool` and pipx make outlive the next upgrade, their targets do not.
    """
    scripts = (Path(machine.program), Path(machine.executable).parent / _SCRIPT)
    for script in scripts:
        found = script.with_name(f"{script.name}.exe") if machine.is_windows and not script.suffix else script
        if found.stem == _SCRIPT and found.is_file():
            path = os.path.abspath(found)  # noqa: PTH100 - Path has nothing that makes absolute and keeps links
            return Command((path,), _warning(Path(path), machine))
    return Command((machine.executable, "-m", "atlascloud_video_mcp"), _warning(Path(machine.executable), machine))


def _warning(path: Path, machine: Machine) -> str | None:
    parts = set(path.parts)
    named = ((machine.environ.get(variable), below) for variable, below in _NAMED_CACHES)
    moved = [Path(directory) / below for directory, below in named if directory]
    cached = any(cache <= parts or cache <= {part.lstrip(".") for part in parts} for cache in _CACHES)
    cached = cached or any(path.is_relative_to(cache) for cache in moved)
    # On a Mac /tmp is /private/tmp, and not the directory that Python names.
    temporary = (machine.temporary, Path("/private/tmp"))
    if not cached and not any(path.resolve().is_relative_to(directory) for directory in temporary):
        return None
    kind = "a cache" if cached else "a temporary directory"
    return (
        f"This installation lies in {kind} ({path.parent}) and may vanish, and the client's entry with it. "
        "Install it to stay, for instance with `uv tool install` or `pipx install` and the path of its wheel, then run "
        "this again with the installed command."
    )
