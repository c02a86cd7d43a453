"""What the tests of `install` and `uninstall` share: machines, typed commands, somebody who answers."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from atlascloud_video_mcp.cli.install.clients import client_called
from atlascloud_video_mcp.cli.install.commands import install, uninstall
from atlascloud_video_mcp.cli.install.machine import Machine
from atlascloud_video_mcp.cli.install.options import add_commands
from atlascloud_video_mcp.cli.install.person import Terminal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlascloud_video_mcp.cli.install.clients import Client

CONFIGS = Path(__file__).parent / "configs"
NOW = datetime(2026, 11, 25, 13, 5, 9, tzinfo=UTC)


@dataclass
class Somebody(Terminal):
    """A person with answers ready; without any nobody is there to be asked."""

    answers: list[str] = field(default_factory=list)
    questions: list[tuple[str, bool]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def can_answer(self) -> bool:
        return bool(self.answers)

    def asked(self, question: str, *, hidden: bool = False) -> str:
        self.questions.append((question, hidden))
        answer = self.answers.pop(0)
        if answer == "Ctrl-C":
            raise KeyboardInterrupt
        return answer

    def told(self, text: str) -> None:
        self.heard.append(text)

    def warned(self, sentence: str) -> None:
        self.warnings.append(sentence)

    @property
    def everything(self) -> str:
        return "\n".join([*self.heard, *self.warnings, *(question for question, _ in self.questions)])


def machine_at(home: Path, platform: str = "linux", environ: Mapping[str, str] | None = None) -> Machine:
    """A computer with one installation of ours, in a directory that stays."""
    windows = platform == "win32"
    script = home / "apps" / ("atlascloud-video-mcp.exe" if windows else "atlascloud-video-mcp")
    script.parent.mkdir(parents=True, exist_ok=True)
    script.touch()
    python = str(home / "apps" / ("python.exe" if windows else "python"))
    return Machine(platform, home, environ or {}, python, str(script), home / "nowhere")


def run(machine: Machine, *words: str, somebody: Somebody | None = None, now: datetime = NOW) -> Somebody:
    """Type a command."""
    somebody = somebody or Somebody()
    parser = argparse.ArgumentParser()
    parser.set_defaults(sandbox=False)
    add_commands(parser.add_subparsers(dest="command"))
    options = parser.parse_args(words)
    (install if options.command == "install" else uninstall)(options, machine, somebody, now=now)
    return somebody


def config_of(client: Client) -> str:
    """What a user of this client may have in its file already."""
    (path,) = CONFIGS.glob(f"{client.name}.*")
    return path.read_bytes().decode()


def prepared(client_name: str, machine: Machine, text: str | None = None) -> Path:
    """The client's file on this machine, with something in it."""
    client = client_called(client_name)
    path = client.place(machine)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((config_of(client) if text is None else text).encode())
    return path
