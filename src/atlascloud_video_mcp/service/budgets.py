"""What a budget needs to be right: word of the predictions that count in it, also of those the journal has lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.errors import AtlasError, ServiceUnavailable
from atlascloud_video_mcp.journal import SPAN, SpendingRequest
from atlascloud_video_mcp.service.matching import read_history

if TYPE_CHECKING:
    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal, Submission

_LONG_ENOUGH = 5.0  # seconds
_AT_A_TIME = 8
_MOST_PAGES = 20  # of 50 rows of the account's history


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
                await journal.set_report(prediction_id, await cloud.prediction(prediction_id))

    with anyio.move_on_after(_LONG_ENOUGH):
        async with anyio.create_task_group() as tasks:
            for prediction_id in orphans:
                tasks.start_soon(look, prediction_id)
    return bool(orphans)


async def count_history(cloud: Cloud, journal: Journal) -> None:
    """Enter into the books what the account's history of the last 24 hours has and they have not.

    Raises:
        AtlasError: It cannot be read to its end, or names what has no price.
    """
    now = datetime.now(UTC)
    rows = await _rows_of_late(cloud, now - SPAN)
    uncounted = await journal.uncounted(rows)
    for prediction_id, row in rows.items():
        if prediction_id not in uncounted:
            continue
        report = row.report or Report(id=prediction_id, model=row.request.model)
        if report.status is Status.FAILED:
            continue
        price = report.cost(None) or (await cloud.quote(row.body)).price
        if price is None:
            raise ServiceUnavailable(f"No price could be had for prediction {prediction_id}, which it holds.")
        paid = replace(row, report=report, submitted_at=row.submitted_at or now)
        await journal.count_anew(paid, SpendingRequest(cloud.account, price))


async def _rows_of_late(cloud: Cloud, begin: datetime) -> dict[str, Submission]:
    rows: dict[str, Submission] = {}
    for page in range(1, _MOST_PAGES + 1):
        read = await read_history(cloud, page)
        older = [row for row in read if row.submitted_at and row.submitted_at < begin]
        new = {str(row.prediction_id): row for row in read if row not in older}
        if older or new.keys() <= rows.keys():
            return rows | new
        rows |= new
    raise ServiceUnavailable("It has too many pages.")
