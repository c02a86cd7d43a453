"""What a budget needs to be right: word of the predictions that count in it, and a journal that is whole."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.errors import AtlasError

if TYPE_CHECKING:
    from decimal import Decimal

    from atlascloud_video_mcp.cloud import Cloud
    from atlascloud_video_mcp.journal import Journal

_COUNTS_LITTLE = "The budget of ATLASCLOUD_BUDGET_USD counts only what is left in the journal."
_LONG_ENOUGH = 5.0  # seconds
_AT_A_TIME = 8


def warnings_of(journal: Journal, budget: Decimal | None) -> tuple[str, ...]:
    """What is amiss with a journal, and what that means for a budget."""
    warnings = journal.warnings
    return (*warnings, _COUNTS_LITTLE) if warnings and budget is not None else warnings


async def look_at_orphans(cloud: Cloud, journal: Journal) -> bool:
    """Look at predictions that nobody watches any more, since the processes that submitted them have ended.

    The books count them until they are known to have failed, or to have cost less. What cannot be looked at in some
    seconds is left as it is. Returns whether there were any.
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
