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

    from atlascloud_video_mcp.server.stopping import Stopping
    from atlascloud_video_mcp.service.service import VideoService

_LOCAL = {
    "takes": "a local path or an https URL",
    "files": "save_video keeps a clip on disk",
    "attachment": "A chat attachment is not a file on disk: ask the user for its path.",
}
_OVER_HTTP = {
    "takes": "an https URL or an uploaded picture (upload://...)",
    "files": "create_upload gives an address to send a picture file to",
    "attachment": "Paths mean nothing to this server: it runs elsewhere.",
}


def _instructions(*, local_files: bool) -> str:
    told = _LOCAL if local_files else _OVER_HTTP
    return (
        f"Turns still pictures into video clips on Atlas Cloud. animate_image takes {told['takes']} and does it all: "
        "checks, uploads, submits, waits. EVERY CLIP COSTS REAL MONEY: call animate_image once per clip the user asked "
        'for. When it answers "Still rendering", call get_prediction with the id it gave. If an answer was lost, '
        'call list_predictions: it has the id. Words like "continue" or "retry", a time-out or an error do not '
        f"authorise another payment: do what the last answer says. All other tools are free: {told['files']}, "
        "list_models finds other models, get_balance shows the balance, upload_image only uploads; dry_run shows what "
        f"a clip would cost. {told['attachment']} "
        f"The resource {GUIDE_URI} explains how to write a good prompt."
    )


def build_server(
    open_service: Callable[[], AbstractAsyncContextManager[VideoService]],
    *,
    max_wait: float | None = None,
    at_least: float = AT_LEAST,
    local: bool = False,
    clip_hosts: Sequence[str] = (),
    public_url: str = "",
    stopping: Stopping | None = None,
) -> MCPServer[ServerState]:
    """Build the server; nothing is opened before a tool is called.

    Args:
        open_service: Opens the service, at the first call that needs it.
        max_wait: Seconds a call may block at most, whatever it asks for; None: what suits its client.
        at_least: Seconds any call may take, one that must not wait too.
        local: Whether the API is on this machine: the player may then load pictures and clips from there.
        clip_hosts: Further hosts that the player may load them from.
        public_url: The address that clients reach it at over HTTP; empty on stdio, where they name files of theirs.
        stopping: Tells calls that the server stops.
    """
    local_files = not public_url
    page, apps = player_app()

    @asynccontextmanager
    async def lifespan(_: MCPServer[ServerState]) -> AsyncGenerator[ServerState, None]:
        async with anyio.create_task_group() as tasks:
            state = ServerState(open_service, tasks, max_wait, at_least, public_url=public_url, stopping=stopping)
            page.load_from(clip_hosts, state.origin if local else None)
            yield state
            tasks.cancel_scope.cancel()

    server = MCPServer(
        "atlascloud-video",
        title="Atlas Cloud video",
        version=__version__,
        instructions=_instructions(local_files=local_files),
        lifespan=lifespan,
        tools=all_tools(local_files=local_files),
        extensions=[apps, Tasks()],
        # Nothing that is listed ever changes; over HTTP a client that listens would keep the server from stopping.
        subscriptions=None if local_files else False,
        log_level="WARNING",
    )
    add_guide(server, local_files=local_files)
    return server
