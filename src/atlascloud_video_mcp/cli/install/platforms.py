"""The computer that clients are set up on: where their files are, and how they can start this installation."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCRIPT = "atlascloud-video-mcp"
# What uvx and `pipx run` install into: directories that cleaning a cache empties.
_CACHES = ({"uv", "archive-v0"}, {"uv", "environments-v2"}, {"uv", "builds-v0"}, {"pipx", ".cache"})
_CACHE_VARIABLES = (("UV_CACHE_DIR", ""), ("PIPX_HOME", ".cache"))


@dataclass(frozen=True)
class Platform:
    """An operating system, a home directory and an environment."""

    system: str
    """As `sys.platform` has it: `darwin`, `win32`; anything else is treated like `linux`."""
    home: Path
    environ: Mapping[str, str]
    executable: str
    """The Python that runs us."""
    program: str
    """What we were started as, `sys.argv[0]`."""
    temporary: Path
    """The directory for temporary files."""
    folder: Path | None = None
    """The current directory; None where it has been deleted."""

    @classmethod
    def current(cls, environ: Mapping[str, str]) -> Platform:
        """The computer that we run on.

        Raises:
            RuntimeError: The home directory cannot be determined.
        """
        try:
            folder = Path.cwd()
        except OSError:
            folder = None
        temporary = Path(tempfile.gettempdir()).resolve()
        return cls(sys.platform, Path.home(), environ, sys.executable, sys.argv[0], temporary, folder)

    @property
    def is_windows(self) -> bool:
        """Whether commands end in `.exe`."""
        return self.system == "win32"

    def named(self, variable: str, default: Path) -> Path:
        """The absolute path that an environment variable holds, else the default."""
        place = Path(self.environ.get(variable, ""))
        return place if place.is_absolute() else default

    @property
    def xdg_config(self) -> Path:
        """Where command line programs keep their settings, on every system."""
        return self.named("XDG_CONFIG_HOME", self.home / ".config")

    @property
    def roaming(self) -> Path:
        """Where Windows programs keep their settings."""
        return self.named("APPDATA", self.home / "AppData" / "Roaming")

    @property
    def local(self) -> Path:
        """Where Windows keeps packaged programs."""
        return self.named("LOCALAPPDATA", self.home / "AppData" / "Local")

    @property
    def app_data(self) -> Path:
        """Where desktop programs keep their settings on this system."""
        mac = self.home / "Library" / "Application Support"
        return {"darwin": mac, "win32": self.roaming}.get(self.system, self.xdg_config)

    def shown(self, path: Path) -> str:
        """A path for people to read, with the home directory as `~`."""
        return str(Path("~") / path.relative_to(self.home)) if path.is_relative_to(self.home) else str(path)

    def own_command(self) -> tuple[str, ...]:
        """The installed command, else Python with our module: absolute, since desktop programs search few directories.

        Symbolic links stay as they are: those that `uv tool` and pipx make outlive the next upgrade, their targets do
        not.
        """
        for script in (Path(self.program), Path(self.executable).parent / _SCRIPT):
            found = script.with_name(f"{script.name}.exe") if self.is_windows and not script.suffix else script
            if found.stem == _SCRIPT and found.is_file():
                return (os.path.abspath(found),)  # noqa: PTH100 - Path has nothing that makes absolute and keeps links
        return (self.executable, "-m", "atlascloud_video_mcp")

    def location_warning(self) -> str | None:
        """What to say if this installation may disappear."""
        path = Path(self.own_command()[0])
        parts = set(path.parts)
        named = ((self.environ.get(variable), below) for variable, below in _CACHE_VARIABLES)
        moved = [Path(directory) / below for directory, below in named if directory]
        cached = any(cache <= parts or cache <= {part.lstrip(".") for part in parts} for cache in _CACHES)
        cached = cached or any(path.is_relative_to(cache) for cache in moved)
        # On a Mac /tmp is /private/tmp, and not the directory that Python names.
        temporary = (self.temporary, Path("/private/tmp"))
        if not cached and not any(path.resolve().is_relative_to(directory) for directory in temporary):
            return None
        kind = "a cache" if cached else "a temporary directory"
        return (
            f"This installation is in {kind} ({path.parent}). If that is emptied, the client can no longer start it. "
            "Install it permanently, for instance with `uv tool install` or `pipx install` and the path of its wheel, "
            "then run this again with the installed command."
        )
