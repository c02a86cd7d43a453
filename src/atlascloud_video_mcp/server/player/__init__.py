"""The player: the page that hosts of MCP Apps show in the conversation, as a resource, and what it may load.

`player.html` is built from `ui/` by `make player`, and never written by hand.

Source: the MCP Apps specification of 2026-01-26, sections on UI resources and tool metadata.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from mcp.server.apps import APP_MIME_TYPE, Apps, ResourceCsp, ResourcePermissions
from mcp.server.mcpserver.resources import Resource
from pydantic import PrivateAttr
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mcp.server.apps import Visibility

PLAYER_URI = "ui://atlascloud-video/player.html"

_HOSTS = (
    "https://*.aliyuncs.com",  # where the API keeps uploaded pictures and most clips (Alibaba Cloud's object storage)
    "https://*.atlascloud.ai",  # where the vendor itself serves other clips, and thumbnails
    "https://*.volces.com",  # where the clips of some models lie (Volcengine's object storage)
)

_HOSTS_GO_HERE = "https://clips.invalid"  # in the page's own policy


def shown_in(*visibility: Visibility) -> dict[str, Any]:
    """The metadata of a tool that the player is shown for; `visibility` says who may call it, by default all."""
    ui: dict[str, Any] = {"resourceUri": PLAYER_URI}
    # The flat key is what hosts took before the specification was final; some still look for it alone.
    return {"ui": ui | {"visibility": list(visibility)} if visibility else ui, "ui/resourceUri": PLAYER_URI}


class _PlayerPage(Resource):
    """The page, read from the package when a host asks for it."""

    _local_origin: Callable[[], Awaitable[str]] | None = PrivateAttr(None)
    _further: tuple[str, ...] = PrivateAttr(())

    def load_from(self, clip_hosts: Sequence[str], local_origin: Callable[[], Awaitable[str]] | None) -> None:
        """Let the page load pictures and clips from further hosts, and from an API on this machine.

        Args:
            clip_hosts: Names of hosts, each with all below it; `*` for any.
            local_origin: Gives the scheme, host and port of the API where that is on this machine. They are known only
                once the sandbox runs, so it is asked for them when the page is read.
        """
        named = [(f"https://{host}", f"https://*.{host}") if host != "*" else ("https:",) for host in clip_hosts]
        self._further = tuple(source for sources in named for source in sources)
        self._local_origin = local_origin

    @override
    async def read(self) -> str:
        """The page; what it may load stands in `meta`, which the SDK looks at after this."""
        may_load = (*_HOSTS, *self._further, *([await self._local_origin()] if self._local_origin else []))
        self.meta = _meta(*may_load)
        file = resources.files("atlascloud_video_mcp.server.player") / "player.html"
        page = await to_thread.run_sync(lambda: file.read_text(encoding="utf-8"))
        return page.replace(_HOSTS_GO_HERE, " ".join(may_load))


def _meta(*may_load: str) -> dict[str, Any]:
    csp = ResourceCsp(resource_domains=list(may_load))
    copies = ResourcePermissions(clipboard_write={})  # the buttons beside the id and the saved path
    return {
        "ui": {
            "csp": csp.model_dump(by_alias=True, exclude_none=True),
            "permissions": copies.model_dump(by_alias=True, exclude_none=True),
            "prefersBorder": True,
        }
    }


def player_app() -> tuple[_PlayerPage, Apps]:
    """The page, and the extension by which the server offers it."""
    page = _PlayerPage(
        uri=PLAYER_URI,
        name="player",
        title="Video player",
        description="Shows a clip's progress, and plays it when it is ready.",
        mime_type=APP_MIME_TYPE,
        meta=_meta(*_HOSTS),
    )
    apps = Apps()
    apps.add_resource(page)
    return page, apps
