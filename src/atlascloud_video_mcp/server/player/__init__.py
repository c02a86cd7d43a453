"""The player: the page that hosts of MCP Apps show in the conversation, where the clip plays when it is there.

page     what MCP says of it, and the page itself
player.html is made from `ui/` by `make player`, and never written by hand.
"""

from __future__ import annotations

from atlascloud_video_mcp.server.player.page import PLAYER_URI, PlayerPage, player_app, shown_in

__all__ = ["PLAYER_URI", "PlayerPage", "player_app", "shown_in"]
