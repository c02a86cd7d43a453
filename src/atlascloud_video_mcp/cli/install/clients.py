"""The clients we can set up: where each keeps its servers and how it wants them written.

Source: each client's documentation as of autumn 2026; `docs/install.md` has the same for people. Times are in the unit
of the client. They only have to be longer than any wait of ours, which `server.host_limits` decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.cli.install.formats import JSON, JSONC, TOML, YAML, Format
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.settings import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from atlascloud_video_mcp.cli.install.machine import Machine

_SECONDS = {"timeout": 600}
_MILLISECONDS = {"timeout": 600_000}
_DESKTOP = "claude_desktop_config.json"
_CLINE = "cline_mcp_settings.json"
_DEVIN = "mcp_config.json"


def _plain(command: Sequence[str]) -> dict[str, Any]:
    return {"command": command[0], "args": [*command[1:]]}


def _typed(command: Sequence[str]) -> dict[str, Any]:
    return {"type": "stdio", **_plain(command)}


def _copilot(command: Sequence[str]) -> dict[str, Any]:
    return {"type": "local", **_plain(command), "tools": ["*"]}


def _goose(command: Sequence[str]) -> dict[str, Any]:
    about = {"name": "atlascloud-video", "description": "Turns a still picture into a video clip", "type": "stdio"}
    return {**about, "enabled": True, "cmd": command[0], "args": [*command[1:]]}


def _opencode(command: Sequence[str]) -> dict[str, Any]:
    return {"type": "local", "command": [*command], "enabled": True}


@dataclass(frozen=True)
class Client:
    """One client."""

    name: str
    title: str
    files: Callable[[Machine], Sequence[Path]]
    """The files that may hold its servers, the one that it makes itself first."""
    signs: Callable[[Machine], Sequence[Path]] | None = None
    """What is there when the client is, if that is not the folder of its files."""
    next_step: str = "Start a new session; /mcp shows the server."
    """What a person does to see the server, in words."""
    format: Format = JSONC
    section: tuple[str, ...] = ("mcpServers",)
    further: tuple[tuple[str, ...], ...] = ()
    """Other sections of a file that may hold servers; `*` stands for any name."""
    project: str = ""
    """The file that a project's folder may have, if that is not named as the one at home."""
    launch: Callable[[Sequence[str]], dict[str, Any]] = _plain
    env: str = "env"
    limits: Mapping[str, int] = field(default_factory=dict)
    """How long it waits for us, where it can be told."""
    reference: str = ""
    """How it writes the value of the variable NAME; empty when it does not."""
    hands_on: str = ""
    """The list of variables that it hands on from its own environment; empty when it has none."""
    asks: bool = False
    """Whether it can ask for the key itself."""
    formerly: str = ""
    """What it was called before."""

    def signs_on(self, machine: Machine) -> Sequence[Path]:
        """What is there when the client seems to be installed."""
        return self.signs(machine) if self.signs else tuple(file.parent for file in self.files(machine))

    def is_there(self, machine: Machine) -> bool:
        """Whether the client seems to be installed."""
        return any(sign.exists() for sign in self.signs_on(machine))

    def place(self, machine: Machine) -> Path:
        """The file that is written: the first that is there, else the one that the client would make."""
        files = self.files(machine)
        return next((file for file in files if file.exists()), files[0])

    def everywhere(self, machine: Machine) -> Sequence[Path]:
        """All files that may hold an entry, the one that is written first, and that of the folder we are in last."""
        files = self.files(machine)
        own = self.project or (files[0].is_relative_to(machine.home) and files[0].relative_to(machine.home))
        here = (machine.folder / own,) if machine.folder and own else ()
        return tuple(dict.fromkeys((self.place(machine), *files, *here)))

    def named_in(self, value: object) -> str | None:
        """The variable whose value a value stands for; None when it stands for itself."""
        pattern = re.escape(self.reference).replace("NAME", r"(\w+)")
        found = re.fullmatch(pattern, str(value)) if self.reference else None
        return found[1] if found else None


def _home(*paths: str) -> Callable[[Machine], Sequence[Path]]:
    return lambda machine: tuple(machine.home / path for path in paths)


def _moved(variable: str, home: str, name: str) -> Callable[[Machine], Sequence[Path]]:
    """A file in a folder that a variable names, else in one below the home."""
    return lambda machine: (machine.named(variable, machine.home / home) / name,)


def _claude_desktop(machine: Machine) -> Sequence[Path]:
    # The MSIX package, the default on Windows since 2026, has its own copy of what lies in APPDATA once it wrote there.
    package = _claude_package(machine)
    old = machine.app_data / "Claude" / _DESKTOP
    there = machine.is_windows and package.exists()
    return (package / "LocalCache" / "Roaming" / "Claude" / _DESKTOP, old) if there else (old,)


def _claude_package(machine: Machine) -> Path:
    local = machine.named("LOCALAPPDATA", machine.home / "AppData" / "Local")
    return local / "Packages" / "Claude_pzs8sxrjxfjjc"


def _cline(machine: Machine) -> Sequence[Path]:
    data = machine.named("CLINE_DATA_DIR", machine.named("CLINE_DIR", machine.home / ".cline") / "data")
    former = machine.app_data / "Code" / "User" / "globalStorage" / "saoudrizwan.claude-dev"
    return machine.named("CLINE_MCP_SETTINGS_PATH", data / "settings" / _CLINE), former / "settings" / _CLINE


def _devin(machine: Machine) -> Sequence[Path]:
    directory = machine.roaming if machine.is_windows else machine.xdg_config
    old = machine.home / ".codeium" / "windsurf" / _DEVIN
    return directory / "devin" / _DEVIN, old


def _opencode_files(machine: Machine) -> Sequence[Path]:
    directory = machine.named("OPENCODE_CONFIG_DIR", machine.xdg_config / "opencode")
    return directory / "opencode.json", directory / "opencode.jsonc"


def _zed(machine: Machine) -> Sequence[Path]:
    directory = machine.home / ".config" if machine.platform == "darwin" else machine.app_data
    return (directory / ("Zed" if machine.is_windows else "zed") / "settings.json",)


def _goose_file(machine: Machine) -> Sequence[Path]:
    windows = machine.roaming / "Block" / "goose" / "config"
    return ((windows if machine.is_windows else machine.xdg_config / "goose") / "config.yaml",)


CLIENTS = (
    Client(
        "claude-desktop",
        "Claude Desktop",
        _claude_desktop,
        lambda machine: (machine.app_data / "Claude", _claude_package(machine)),
        "Quit Claude Desktop and start it again.",
        format=JSON,
    ),
    Client(
        "claude-code",
        "Claude Code",
        _moved("CLAUDE_CONFIG_DIR", "", ".claude.json"),
        lambda machine: (*_moved("CLAUDE_CONFIG_DIR", "", ".claude.json")(machine), machine.home / ".claude"),
        "Start a new session; /mcp shows the server. It is there in every project.",
        format=JSON,
        further=(("projects", "*", "mcpServers"),),
        project=".mcp.json",
        launch=_typed,
        limits={"timeout": 1_500_000},
        reference="${NAME}",
    ),
    Client(
        "copilot-cli",
        "Copilot CLI",
        _moved("COPILOT_HOME", ".copilot", "mcp-config.json"),
        next_step="Start a new session; /mcp shows the server. VS Code's agents have it, too.",
        format=JSON,
        project=".mcp.json",
        launch=_copilot,
        limits=_MILLISECONDS,
        reference="${NAME}",
    ),
    Client(
        "vscode",
        "VS Code",
        lambda machine: (machine.app_data / "Code" / "User" / "mcp.json",),
        lambda machine: (machine.app_data / "Code",),
        "Run the command MCP: List Servers in VS Code, and start it there.",
        section=("servers",),
        project=".vscode/mcp.json",
        launch=_typed,
        reference="${env:NAME}",
        asks=True,
    ),
    Client(
        "cursor",
        "Cursor",
        _home(".cursor/mcp.json"),
        next_step="Look at Cursor Settings > MCP: the server is listed there and can be switched on.",
        reference="${env:NAME}",
    ),
    Client(
        "devin",
        "Devin",
        _devin,
        next_step="Look at the MCP servers in Devin's settings and refresh them.",
        reference="${env:NAME}",
        formerly="windsurf",
    ),
    Client(
        "antigravity",
        "Antigravity",
        _home(".gemini/config/mcp_config.json"),
        _home(".gemini/config", ".gemini/antigravity", ".gemini/antigravity-cli"),
        "Open Manage MCP Servers in the menu of the agent's panel and press Refresh.",
    ),
    Client(
        "kiro",
        "Kiro",
        _home(".kiro/settings/mcp.json"),
        _home(".kiro"),
        "Look at the MCP servers in Kiro's panel; /mcp shows them on the command line.",
        limits=_MILLISECONDS,
        reference="${NAME}",
    ),
    Client(
        "zed",
        "Zed",
        _zed,
        next_step="Zed reads its settings at once; the Agent panel's settings list the server.",
        section=("context_servers",),
        limits=_SECONDS,
    ),
    Client(
        "cline",
        "Cline",
        _cline,
        lambda machine: (*_cline(machine), machine.home / ".cline"),
        "Open Cline's MCP Servers and restart the server there.",
        format=JSON,
        limits=_SECONDS,
    ),
    Client(
        "codex",
        "Codex",
        _moved("CODEX_HOME", ".codex", "config.toml"),
        format=TOML,
        section=("mcp_servers",),
        limits={"startup_timeout_sec": 30, "tool_timeout_sec": 600},
        hands_on="env_vars",
    ),
    Client(
        "gemini-cli",
        "Gemini CLI",
        _home(".gemini/settings.json"),
        _home(".gemini/settings.json", ".gemini/oauth_creds.json"),  # the folder is Antigravity's, too
        limits=_MILLISECONDS,
        reference="$NAME",
    ),
    Client("qwen-code", "Qwen Code", _home(".qwen/settings.json"), limits=_MILLISECONDS, reference="$NAME"),
    Client(
        "goose",
        "Goose",
        _goose_file,
        next_step="Start a new session.",
        format=YAML,
        section=("extensions",),
        launch=_goose,
        env="envs",
        limits=_SECONDS,
        hands_on="env_keys",
    ),
    Client(
        "jetbrains",
        "JetBrains Junie",
        _home(".junie/mcp/mcp.json"),
        lambda machine: (machine.home / ".junie", machine.app_data / "JetBrains"),
        "Restart the IDE. AI Assistant has a list of its own: paste what `install jetbrains --print` shows into "
        "Settings > Tools > AI Assistant > Model Context Protocol > Add > As JSON.",
    ),
    Client(
        "opencode",
        "opencode",
        _opencode_files,
        next_step="Start a new session.",
        section=("mcp",),
        further=(("mcp", "servers"),),
        project="opencode.json",
        launch=_opencode,
        env="environment",
        limits=_MILLISECONDS,
        reference="{env:NAME}",
    ),
)


def client_called(name: str) -> Client:
    """The client of this name.

    Raises:
        InvalidInput: There is none; the message names those there are.
    """
    names = {client.name: client for client in CLIENTS}
    wanted = name.strip().lower().replace(" ", "-").replace("_", "-")
    for client in CLIENTS:
        if wanted in {client.name, client.formerly}:
            return client
    meant = get_close_matches(wanted, names, n=1)
    guess = f" Did you mean {meant[0]}?" if meant else ""
    raise InvalidInput(f"There is no client {without_secrets(name)!r} here.{guess} Known are: {', '.join(names)}.")
