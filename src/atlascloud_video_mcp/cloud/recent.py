"""Which connections to the API may be old: the paid request must not go out on one.

A server may close an idle connection at the moment in which a request leaves on it. A read is made again then; of a
paid request nobody knows whether it arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    import httpx


class Connections:
    """When each connection of a pool last brought an answer.

    Args:
        forgotten_after: Seconds after which a connection has left the pool, whatever it was doing.
    """

    def __init__(self, *, forgotten_after: float) -> None:
        self._forgotten_after = forgotten_after
        self._answered: dict[object, float] = {}

    async def note(self, response: httpx.Response) -> None:
        """Take note of an answer; a response hook of httpx, called when its headers are there."""
        self._answered[response.extensions["network_stream"]] = anyio.current_time()

    def all_answered_within(self, seconds: float) -> bool:
        """Whether each one that may still be in the pool did: then whichever is taken did."""
        now = anyio.current_time()
        kept = {stream: at for stream, at in self._answered.items() if now - at < self._forgotten_after}
        self._answered = kept
        return all(now - at < seconds for at in kept.values())
