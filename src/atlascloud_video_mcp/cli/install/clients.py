"""The clients we can set up: where each keeps its servers and how it wants them written.

Source: each client's documentation as of autumn 2026; `docs/install.md` has the same for people. Times are in the unit
of the client. They only have to exceed our longest wait, which `server.host_limits` decides.
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

    from atlascloud_video_mcp.cli.install.platforms import Platform

_SECONDS = {"timeout": 600}
_MILLISECONDS = {"timeout": 600_000}
_PACKAGE = "Packages/Claude_pzs8sxrjxfjjc"
_DESKTOP = "claude_desktop_config.json"
_CLINE = "cline_mcp_settings.json"
_DEVIN = "mcp_config.json"


def _plain(command: Sequence[str]) -> dict[str, Any]:
    return {"command": command[0], "args": [*command[1:]]}


def _goose(command: Sequence[str]) -> dict[str, Any]:
    about = {"name": "atlascloud-video", "description": "Turns a still picture into a video clip", "type": "stdio"}
    return {**about, "enabled": True, "cmd": command[0], "args": [*command[1:]]}


@dataclass(frozen=True)
class Client:
    """One client."""

    name: str
    title: str
    files: Callable[[Platform], Sequence[Path]]
    """The files that may hold its servers; first the one that it creates itself."""
    install_markers: Callable[[Platform], Sequence[Path]] | None = None
    """Paths that exist when it is installed, if not the directories of its files."""
    next_step: str = "Start a new session; /mcp shows the server."
    format: Format = JSONC
    section: tuple[str, ...] = ("mcpServers",)
    further: tuple[tuple[str, ...], ...] = ()
    """Other sections of a file that may hold servers; `*` stands for any name."""
    project: str = ""
    """The file of a project's directory, where its path differs from the one in the home directory."""
    launch: Callable[[Sequence[str]], dict[str, Any]] = _plain
    env: str = "env"
    limits: Mapping[str, int] = field(default_factory=dict)
    """How long it waits for us, where that can be set."""
    reference: str = ""
    """How it refers to the variable NAME; empty when it cannot."""
    forwarded: str = ""
    """The list of variables that it passes on from its own environment; empty when it has none."""
    asks_for_key: bool = False
    former_name: str = ""

    def markers_on(self, platform: Platform) -> Sequence[Path]:
        """The paths that show that it is installed."""
        known = self.install_markers
        return known(platform) if known else tuple(file.parent for file in self.files(platform))

    def is_installed(self, platform: Platform) -> bool:
        """Whether the client seems to be installed."""
        return any(marker.exists() for marker in self.markers_on(platform))

    def place(self, platform: Platform) -> Path:
        """The file that we write: the first that exists, else the one that the client would create."""
        files = self.files(platform)
        return next((file for file in files if file.exists()), files[0])

    def everywhere(self, platform: Platform) -> Sequence[Path]:
        """All files that may hold an entry; first the one that we write, last that of the current directory."""
        files = self.files(platform)
        own = self.project or (files[0].is_relative_to(platform.home) and files[0].relative_to(platform.home))
        here = (platform.folder / own,) if platform.folder and own else ()
        return tuple(dict.fromkeys((self.place(platform), *files, *here)))

    def named_in(self, value: object) -> str | None:
        """The variable that a value refers to; None when it is a plain value."""
        pattern = re.escape(self.reference).replace("NAME", r"(\w+)")
        found = re.fullmatch(pattern, str(value)) if self.reference else None
        return found[1] if found else None


def _home(*paths: str) -> Callable[[Platform], Sequence[Path]]:
    return lambda platform: tuple(platform.home / path for path in paths)


def _movable(variable: str, home: str, name: str) -> Callable[[Platform], Sequence[Path]]:
    """A file in the directory that a variable names, else in one below the home."""
    return lambda platform: (platform.named(variable, platform.home / home) / name,)


def _claude_desktop(platform: Platform) -> Sequence[Path]:
    # The MSIX package, the default on Windows since 2026, has its own copy of a file in APPDATA once it wrote there.
    package = platform.local / _PACKAGE
    old = platform.app_data / "Claude" / _DESKTOP
    packaged = package / "LocalCache" / "Roaming" / "Claude" / _DESKTOP
    return (packaged, old) if platform.is_windows and package.exists() else (old,)


def _cline(platform: Platform) -> Sequence[Path]:
    data = platform.named("CLINE_DATA_DIR", platform.named("CLINE_DIR", platform.home / ".cline") / "data")
    former = platform.app_data / "Code" / "User" / "globalStorage" / "saoudrizwan.claude-dev"
    return platform.named("CLINE_MCP_SETTINGS_PATH", data / "settings" / _CLINE), former / "settings" / _CLINE


def _devin(platform: Platform) -> Sequence[Path]:
    directory = platform.roaming if platform.is_windows else platform.xdg_config
    return directory / "devin" / _DEVIN, platform.home / ".codeium" / "windsurf" / _DEVIN


def _opencode_files(platform: Platform) -> Sequence[Path]:
    directory = platform.named("OPENCODE_CONFIG_DIR", platform.xdg_config / "opencode")
    return directory / "opencode.json", directory / "opencode.jsonc"


def _zed(platform: Platform) -> Sequence[Path]:
    directory = platform.home / ".config" if platform.system == "darwin" else platform.app_data
    return (directory / ("Zed" if platform.is_windows else "zed") / "settings.json",)


def _goose_file(platform: Platform) -> Sequence[Path]:
    windows = platform.roaming / "Block" / "goose" / "config"
    return ((windows if platform.is_windows else platform.xdg_config / "goose") / "config.yaml",)


CLIENTS = (
    Client(
        "claude-desktop",
        "Claude Desktop",
        _claude_desktop,
        lambda platform: (platform.app_data / "Claude", platform.local / _PACKAGE),
        "Quit Claude Desktop and start it again.",
        format=JSON,
    ),
    Client(
        "claude-code",
        "Claude Code",
        _movable("CLAUDE_CONFIG_DIR", "", ".claude.json"),
        lambda platform: (*_movable("CLAUDE_CONFIG_DIR", "", ".claude.json")(platform), platform.home / ".claude"),
        "Start a new session; /mcp shows the server. It is available in every project.",
        format=JSON,
        further=(("projects", "*", "mcpServers"),),
        project=".mcp.json",
        launch=lambda command: {"type": "stdio", **_plain(command)},
        limits={"timeout": 1_500_000},
        reference="${NAME}",
    ),
    Client(
        "copilot-cli",
        "Copilot CLI",
        _movable("COPILOT_HOME", ".copilot", "mcp-config.json"),
        next_step="Start a new session; /mcp shows the server. VS Code's agents use it, too.",
        format=JSON,
        project=".mcp.json",
        launch=lambda command: {"type": "local", **_plain(command), "tools": ["*"]},
        limits=_MILLISECONDS,
        reference="${NAME}",
    ),
    Client(
        "vscode",
        "VS Code",
        lambda platform: (platform.app_data / "Code" / "User" / "mcp.json",),
        lambda platform: (platform.app_data / "Code",),
        "Run the command MCP: List Servers in VS Code, and start it there.",
        section=("servers",),
        project=".vscode/mcp.json",
        launch=lambda command: {"type": "stdio", **_plain(command)},
        reference="${env:NAME}",
        asks_for_key=True,
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
        former_name="windsurf",
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
        lambda platform: (*_cline(platform), platform.home / ".cline"),
        "Open Cline's MCP Servers and restart the server there.",
        format=JSON,
        limits=_SECONDS,
    ),
    Client(
        "codex",
        "Codex",
        _movable("CODEX_HOME", ".codex", "config.toml"),
        format=TOML,
        section=("mcp_servers",),
        limits={"startup_timeout_sec": 30, "tool_timeout_sec": 600},
        forwarded="env_vars",
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
        forwarded="env_keys",
    ),
    Client(
        "jetbrains",
        "JetBrains Junie",
        _home(".junie/mcp/mcp.json"),
        lambda platform: (platform.home / ".junie", platform.app_data / "JetBrains"),
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
        launch=lambda command: {"type": "local", "command": [*command], "enabled": True},
        env="environment",
        limits=_MILLISECONDS,
        reference="{env:NAME}",
    ),
)


def client_named(name: str) -> Client:
    """The client of this name.

    Raises:
        InvalidInput: It is unknown; the message lists the clients.
    """
    wanted = name.strip().lower().replace(" ", "-").replace("_", "-")
    for client in CLIENTS:
        if wanted in {client.name, client.former_name}:
            return client
    names = [client.name for client in CLIENTS]
    meant = get_close_matches(wanted, names, n=1)
    guess = f" Did you mean {meant[0]}?" if meant else ""
    raise InvalidInput(f"Unknown client {without_secrets(name)!r}.{guess} Clients: {', '.join(names)}.")
