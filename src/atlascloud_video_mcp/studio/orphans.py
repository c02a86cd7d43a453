"""Predictions that nobody watches any more: the processes that submitted them have ended."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.errors import AtlasError

if TYPE_CHECKING:
    from atlascloud_video_mcp.cloud import Cloud
    from atlascloud_video_mcp.journal import Journal

_LONG_ENOUGH = 5.0  # seconds
_AT_A_TIME = 8


async def look_at_orphans(cloud: Cloud, journal: Journal) -> bool:
    """Write down how they stand: the books count them until they are known to have failed, or to have cost less.

    What cannot be looked at in some seconds is left as it is. Returns whether there were any.
    """
    orphans = await journal.orphans(cloud.account)
    limit = anyio.CapacityLimiter(_AT_A_TIME)

    async def look(prediction_id: str) -> None:
        async with limit:
            with suppress(AtlasError):
                await journal.reported(prediction_id, await cloud.prediction(prediction_id))

    with anyio.move_on_after(_LONG_ENOUGH):
        async with anyio.create_task_group() as tasks:
            for prediction_id in orphans:
                tasks.start_soon(look, prediction_id)
    return bool(orphans)
