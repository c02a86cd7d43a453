"""The computer whose clients are set up, as far as it decides where files lie."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Machine:
    """A platform, a home and an environment."""

    platform: str
    """As `sys.platform` has it: `darwin`, `win32`, anything else is treated like `linux`."""
    home: Path
    environ: Mapping[str, str]
    executable: str
    """The Python that runs us."""
    program: str
    """What we were started as, `sys.argv[0]`."""
    temporary: Path
    """Where the system keeps what may be deleted at any time."""
    folder: Path | None = None
    """The folder that we were started in; None where it has been deleted."""

    @classmethod
    def this_one(cls, environ: Mapping[str, str]) -> Machine:
        """The computer we run on.

        Raises:
            RuntimeError: Nobody knows where the home is.
        """
        temporary = Path(tempfile.gettempdir()).resolve()
        return cls(sys.platform, Path.home(), environ, sys.executable, sys.argv[0], temporary, _folder())

    @property
    def is_windows(self) -> bool:
        """Whether commands end in `.exe`."""
        return self.platform == "win32"

    def named(self, variable: str, otherwise: Path) -> Path:
        """The place that a variable of the environment names by its absolute path, else another."""
        place = Path(self.environ.get(variable, ""))
        return place if place.is_absolute() else otherwise

    @property
    def xdg_config(self) -> Path:
        """Where command line programs keep their settings, on every platform."""
        return self.named("XDG_CONFIG_HOME", self.home / ".config")

    @property
    def roaming(self) -> Path:
        """Where Windows programs keep their settings."""
        return self.named("APPDATA", self.home / "AppData" / "Roaming")

    @property
    def app_data(self) -> Path:
        """Where desktop programs keep their settings on this platform."""
        mac = self.home / "Library" / "Application Support"
        return {"darwin": mac, "win32": self.roaming}.get(self.platform, self.xdg_config)

    def shown(self, path: Path) -> str:
        """A path with the home as `~`, for people to read."""
        return str(Path("~") / path.relative_to(self.home)) if path.is_relative_to(self.home) else str(path)


def _folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None
