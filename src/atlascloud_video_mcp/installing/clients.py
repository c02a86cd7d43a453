"""The clients we can set up: where each keeps its servers and how it wants them written.

Source: each client's documentation as of autumn 2026; `docs/install.md` has the same for people. Times are in the unit
of the client. They only have to be longer than any wait of ours, which `atlascloud_video_mcp.clients` decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.installing.formats import JSON, JSONC, TOML, YAML, Format

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from atlascloud_video_mcp.installing.machine import Machine

_SECONDS = 600
_MILLISECONDS = 600_000
_DESKTOP = "claude_desktop_config.json"
_CLINE = "cline_mcp_settings.json"


def _plain(command: Sequence[str]) -> dict[str, Any]:
    return {"command": command[0], "args": [*command[1:]]}


def _typed(command: Sequence[str]) -> dict[str, Any]:
    return {"type": "stdio", **_plain(command)}


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
    place: Callable[[Machine], Path]
    """The file that holds its servers."""
    signs: Callable[[Machine], Sequence[Path]]
    """What is there when the client is."""
    next_step: str
    """What a person does to see the server, in words."""
    format: Format = JSONC
    section: tuple[str, ...] = ("mcpServers",)
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

    def is_there(self, machine: Machine) -> bool:
        """Whether the client seems to be installed."""
        return any(sign.exists() for sign in self.signs(machine))


def _claude_desktop(machine: Machine) -> Path:
    # The MSIX package, the default on Windows since 2026, keeps its own copy of what used to lie in APPDATA.
    package = _claude_package(machine)
    old = machine.app_data / "Claude" / _DESKTOP
    if machine.is_windows and package.exists():
        return package / "LocalCache" / "Roaming" / "Claude" / _DESKTOP
    return old


def _claude_package(machine: Machine) -> Path:
    local = machine.named("LOCALAPPDATA", machine.home / "AppData" / "Local")
    return local / "Packages" / "Claude_pzs8sxrjxfjjc"


def _claude_code(machine: Machine) -> Path:
    return machine.named("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json"


def _codex(machine: Machine) -> Path:
    return machine.named("CODEX_HOME", machine.home / ".codex") / "config.toml"


def _cline(machine: Machine) -> Path:
    data = machine.named("CLINE_DATA_DIR", machine.named("CLINE_DIR", machine.home / ".cline") / "data")
    place = machine.named("CLINE_MCP_SETTINGS_PATH", data / "settings" / _CLINE)
    former = machine.app_data / "Code" / "User" / "globalStorage" / "saoudrizwan.claude-dev" / "settings" / _CLINE
    return former if former.exists() and not place.exists() else place


def _opencode_file(machine: Machine) -> Path:
    directory = machine.named("OPENCODE_CONFIG_DIR", machine.xdg_config / "opencode")
    commented = directory / "opencode.jsonc"
    return commented if commented.exists() else directory / "opencode.json"


def _zed(machine: Machine) -> Path:
    directory = machine.home / ".config" if machine.platform == "darwin" else machine.app_data
    return directory / ("Zed" if machine.is_windows else "zed") / "settings.json"


def _goose_file(machine: Machine) -> Path:
    if machine.is_windows:
        return machine.roaming / "Block" / "goose" / "config" / "config.yaml"
    return machine.xdg_config / "goose" / "config.yaml"


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
        _claude_code,
        lambda machine: (_claude_code(machine), machine.home / ".claude"),
        "Start a new session; /mcp shows the server. It is there in every project.",
        format=JSON,
        launch=_typed,
        limits={"timeout": 1_500_000},
        reference="${NAME}",
    ),
    Client(
        "cursor",
        "Cursor",
        lambda machine: machine.home / ".cursor" / "mcp.json",
        lambda machine: (machine.home / ".cursor",),
        "Look at Cursor Settings > MCP: the server is listed there and can be switched on.",
        reference="${env:NAME}",
    ),
    Client(
        "vscode",
        "VS Code",
        lambda machine: machine.app_data / "Code" / "User" / "mcp.json",
        lambda machine: (machine.app_data / "Code",),
        "Run the command MCP: List Servers in VS Code, and start it there.",
        section=("servers",),
        launch=_typed,
        reference="${env:NAME}",
        asks=True,
    ),
    Client(
        "windsurf",
        "Windsurf",
        lambda machine: machine.home / ".codeium" / "windsurf" / "mcp_config.json",
        lambda machine: (machine.home / ".codeium" / "windsurf",),
        "Open the MCP panel of Cascade and press Refresh.",
        reference="${env:NAME}",
    ),
    Client(
        "zed",
        "Zed",
        _zed,
        lambda machine: (_zed(machine).parent,),
        "Zed reads its settings at once; the Agent panel's settings list the server.",
        section=("context_servers",),
        limits={"timeout": _SECONDS},
    ),
    Client(
        "cline",
        "Cline",
        _cline,
        lambda machine: (_cline(machine), machine.home / ".cline"),
        "Open Cline's MCP Servers and restart the server there.",
        format=JSON,
        limits={"timeout": _SECONDS},
    ),
    Client(
        "codex",
        "Codex",
        _codex,
        lambda machine: (_codex(machine).parent,),
        "Start a new session; /mcp shows the server.",
        format=TOML,
        section=("mcp_servers",),
        limits={"startup_timeout_sec": 30, "tool_timeout_sec": _SECONDS},
        hands_on="env_vars",
    ),
    Client(
        "gemini-cli",
        "Gemini CLI",
        lambda machine: machine.home / ".gemini" / "settings.json",
        lambda machine: (machine.home / ".gemini",),
        "Start a new session; /mcp shows the server.",
        limits={"timeout": _MILLISECONDS},
        reference="$NAME",
    ),
    Client(
        "goose",
        "Goose",
        _goose_file,
        lambda machine: (_goose_file(machine).parent,),
        "Start a new session.",
        format=YAML,
        section=("extensions",),
        launch=_goose,
        env="envs",
        limits={"timeout": _SECONDS},
        hands_on="env_keys",
    ),
    Client(
        "jetbrains",
        "JetBrains Junie",
        lambda machine: machine.home / ".junie" / "mcp" / "mcp.json",
        lambda machine: (machine.home / ".junie", machine.app_data / "JetBrains"),
        "Restart the IDE. AI Assistant has a list of its own: paste what `install jetbrains --print` shows into "
        "Settings > Tools > AI Assistant > Model Context Protocol > Add > As JSON.",
    ),
    Client(
        "opencode",
        "opencode",
        _opencode_file,
        lambda machine: (_opencode_file(machine).parent,),
        "Start a new session.",
        section=("mcp",),
        launch=_opencode,
        env="environment",
        limits={"timeout": _MILLISECONDS},
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
    if client := names.get(wanted):
        return client
    meant = get_close_matches(wanted, names, n=1)
    guess = f" Did you mean {meant[0]}?" if meant else ""
    raise InvalidInput(f"There is no client {name!r} here.{guess} Known are: {', '.join(names)}.")
