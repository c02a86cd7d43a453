"""The clients that the server is tested with, one row each."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
_OTHERS = HERE.parent.parent / ".venv" / "clients"


@dataclass(frozen=True)
class Client:
    """A client as it comes, but for what its row says."""

    key: str
    title: str
    """As the documents call it; its version is added."""
    driver: tuple[str, ...]
    calls: range
    """How many calls a clip of 90 seconds may take it."""
    setting: str = ""
    """What its user has set, or its model says."""
    listens: bool = False
    """Whether it shows its user progress."""
    max_wait: int | None = None
    """What `ATLASCLOUD_MAX_WAIT` is set to, by its user who knows how patient it is; seconds."""
    too_long: bool = False
    """Whether a call of more than a minute outlives it."""

    @property
    def wants(self) -> tuple[str, ...]:
        """What it asks a clip for: each is paid once."""
        return ("clip", "stop", "too long") if self.too_long else ("clip", "stop")


def _python(script: str, *options: str, env: str = "") -> tuple[str, ...]:
    python = str(_OTHERS / env / "bin" / "python") if env else sys.executable
    return (python, str(HERE / script), *options)


def _node(*options: str) -> tuple[str, ...]:
    return ("node", str(HERE / "drive_typescript.mjs"), *options)


ONE, FEW, MANY = range(1, 2), range(2, 4), range(4, 56)

CLIENTS = (
    Client("inspector", "MCP Inspector CLI", _python("drive_inspector.py"), FEW, too_long=True),
    Client("typescript", "TypeScript SDK", _node("--v1"), FEW, too_long=True),
    Client(
        "typescript-progress",
        "TypeScript SDK",
        _node("--v1", "--progress"),
        FEW,
        listens=True,
        setting="`onprogress`",
        too_long=True,
    ),
    Client(
        "typescript-reset",
        "TypeScript SDK",
        _node("--v1", "--progress", "--reset"),
        ONE,
        listens=True,
        setting="`onprogress`, `resetTimeoutOnProgress`; `ATLASCLOUD_MAX_WAIT` 240",
        max_wait=240,
    ),
    Client("typescript-2", "TypeScript SDK", _node("--v2"), FEW, setting="`versionNegotiation: auto`", too_long=True),
    Client(
        "openai-agents",
        "OpenAI Agents SDK",
        _python("drive_openai_agents.py", env="openai-agents"),
        MANY,
        too_long=True,
    ),
    Client(
        "openai-agents-patient",
        "OpenAI Agents SDK",
        _python("drive_openai_agents.py", "--patient", env="openai-agents"),
        ONE,
        setting="`client_session_timeout_seconds=300`; `ATLASCLOUD_MAX_WAIT` 240",
        max_wait=240,
    ),
    Client("langchain", "LangChain MCP adapters", _python("drive_langchain.py", env="langchain"), MANY),
    Client(
        "langchain-progress",
        "LangChain MCP adapters",
        _python("drive_langchain.py", "--progress", env="langchain"),
        ONE,
        listens=True,
        setting="`Callbacks(on_progress=...)`",
    ),
    Client("pydantic-ai", "Pydantic AI", _python("drive_pydantic_ai.py", env="pydantic-ai"), ONE, listens=True),
    Client("fastmcp", "FastMCP client", _python("drive_fastmcp.py", env="pydantic-ai"), ONE, listens=True),
    Client("mcp", "Python SDK", _python("drive_mcp.py"), MANY),
    Client(
        "mcp-legacy-progress",
        "Python SDK",
        _python("drive_mcp.py", "--legacy", "--progress"),
        ONE,
        listens=True,
        setting='`mode="legacy"`, `progress_callback`',
    ),
)
