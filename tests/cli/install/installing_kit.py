"""What the tests of `install` and `uninstall` share: computers, typed commands, somebody who answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cli.console import Console
from atlascloud_video_mcp.cli.install.clients import client_named
from atlascloud_video_mcp.cli.install.installer import Installer
from atlascloud_video_mcp.cli.install.platforms import Platform
from atlascloud_video_mcp.cli.options import command_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlascloud_video_mcp.cli.install.clients import Client

CONFIGS = Path(__file__).parent / "configs"
NOW = datetime(2026, 11, 25, 13, 5, 9, tzinfo=UTC)


@dataclass
class Somebody(Console):
    """A person with answers ready; without any nobody is there to be asked."""

    answers: list[str] = field(default_factory=list)
    questions: list[tuple[str, bool]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def can_ask(self) -> bool:
        return bool(self.answers)

    def ask(self, question: str, *, hidden: bool = False) -> str:
        self.questions.append((question, hidden))
        answer = self.answers.pop(0)
        if answer == "Ctrl-C":
            raise KeyboardInterrupt
        return answer

    def result(self, text: str) -> None:
        self.heard.append(text)

    def warn(self, sentence: str) -> None:
        self.warnings.append(sentence)

    @property
    def everything(self) -> str:
        return "\n".join([*self.heard, *self.warnings, *(question for question, _ in self.questions)])


def platform_at(home: Path, system: str = "linux", environ: Mapping[str, str] | None = None) -> Platform:
    """A computer with one installation of ours, in a directory that stays."""
    windows = system == "win32"
    script = home / "apps" / ("atlascloud-video-mcp.exe" if windows else "atlascloud-video-mcp")
    script.parent.mkdir(parents=True, exist_ok=True)
    script.touch()
    python = str(home / "apps" / ("python.exe" if windows else "python"))
    return Platform(system, home, environ or {}, python, str(script), home / "nowhere")


def run(platform: Platform, *words: str, somebody: Somebody | None = None, now: datetime = NOW) -> Somebody:
    """Type a command."""
    somebody = somebody or Somebody()
    Installer(command_line(1).parse_args(words), platform, somebody, now).run()
    return somebody


def config_of(client: Client) -> str:
    """What a user of this client may have in its file already."""
    (path,) = CONFIGS.glob(f"{client.name}.*")
    return path.read_bytes().decode()


def prepared(client_name: str, platform: Platform, text: str | None = None) -> Path:
    """The client's file on this platform, with something in it."""
    client = client_named(client_name)
    path = client.place(platform)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((config_of(client) if text is None else text).encode())
    return path
