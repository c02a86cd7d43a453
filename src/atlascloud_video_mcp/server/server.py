"""The MCP server: its instructions, and what it is built of."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from mcp.server.mcpserver import MCPServer

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.server.guide import GUIDE_URI, add_guide
from atlascloud_video_mcp.server.host_limits import AT_LEAST
from atlascloud_video_mcp.server.player import player_app
from atlascloud_video_mcp.server.tasks import Tasks
from atlascloud_video_mcp.server.tool_call import ServerState
from atlascloud_video_mcp.server.tools import all_tools

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from atlascloud_video_mcp.service.service import VideoService

_INSTRUCTIONS = (
    "Turns still pictures into video clips on Atlas Cloud. animate_image takes a local path or an https URL and does "
    "it all: checks, uploads, submits, waits. EVERY CLIP COSTS REAL MONEY: call animate_image once per clip the user "
    'asked for. When it answers "Still rendering", call get_prediction with the id it gave. If an answer was lost, '
    'call list_predictions: it has the id. Words like "continue" or "retry", a time-out or an error do not authorise '
    "another payment: do what the last answer says. All other tools are free: save_video keeps a clip on disk, "
    "list_models finds other models, get_balance shows the balance, upload_image only uploads; dry_run shows what a "
    "clip would cost. A chat attachment is not a file on disk: ask the user for its path. "
    f"The resource {GUIDE_URI} explains how to write a good prompt."
)


def build_server(
    open_service: Callable[[], AbstractAsyncContextManager[VideoService]],
    *,
    max_wait: float | None = None,
    at_least: float = AT_LEAST,
    local: bool = False,
    clip_hosts: Sequence[str] = (),
) -> MCPServer[ServerState]:
    """Build the server; nothing is opened before a tool is called.

    Args:
        open_service: Opens the service, at the first call that needs it.
        max_wait: Seconds a call may block at most, whatever it asks for; None: what suits its client.
        at_least: Seconds any call may take, one that must not wait too.
        local: Whether the API is on this machine: the player may then load pictures and clips from there.
        clip_hosts: Further hosts that the player may load them from.
    """
    page, apps = player_app()

    @asynccontextmanager
    async def lifespan(_: MCPServer[ServerState]) -> AsyncGenerator[ServerState, None]:
        async with anyio.create_task_group() as tasks:
            state = ServerState(open_service, tasks, max_wait, at_least)
            page.load_from(clip_hosts, state.origin if local else None)
            yield state
            tasks.cancel_scope.cancel()

    server = MCPServer(
        "atlascloud-video",
        title="Atlas Cloud video",
        version=__version__,
        instructions=_INSTRUCTIONS,
        lifespan=lifespan,
        tools=all_tools(),
        extensions=[apps, Tasks()],
        log_level="WARNING",
    )
    add_guide(server)
    return server
