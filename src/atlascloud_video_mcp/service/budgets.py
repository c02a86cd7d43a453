"""What a budget needs to be right: word of the predictions that count in it, also of those the journal has lost."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.errors import AtlasError, ServiceUnavailable
from atlascloud_video_mcp.journal import SPAN, SpendingRequest

if TYPE_CHECKING:
    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.reports import Record
    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.text import PredictionId

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
                await journal.reported(prediction_id, await cloud.prediction(prediction_id))

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
    for prediction_id, record in rows.items():
        if prediction_id not in uncounted:
            continue
        report = cloud.report_in(record) or Report(id=prediction_id, model=record.model)
        if report.status is Status.FAILED:
            continue
        price = report.cost(None) or (await cloud.quote(record.request)).price
        if price is None:
            raise ServiceUnavailable(f"No price could be had for prediction {prediction_id}, which it holds.")
        terms = SpendingRequest(cloud.account, price)
        await journal.recounted(report, record.request, record.created_at or now, terms)


async def _rows_of_late(cloud: Cloud, begin: datetime) -> dict[PredictionId, Record]:
    rows: dict[PredictionId, Record] = {}
    for page in range(1, _MOST_PAGES + 1):
        records = await cloud.history(page)
        older = [record for record in records if record.created_at and record.created_at < begin]
        new = {record.prediction_id: record for record in records if record not in older}
        if older or new.keys() <= rows.keys():
            return rows | new
        rows |= new
    raise ServiceUnavailable("It has too many pages.")
