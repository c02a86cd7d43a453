"""What was made: the journal's entries joined with the account's history, each prediction once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.cloud.body_fields import in_our_order, prompt_of
from atlascloud_video_mcp.cloud.envelope import ASK_FIRST
from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.errors import AtlasError, KeyRejected, PredictionNotFound
from atlascloud_video_mcp.service.jobs import Facts, Job, News, facts_of
from atlascloud_video_mcp.service.results import PredictionList
from atlascloud_video_mcp.service.steps import describe
from atlascloud_video_mcp.text import Quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.reports import Record
    from atlascloud_video_mcp.journal import Entry, Journal
    from atlascloud_video_mcp.service.pacing import Durations
    from atlascloud_video_mcp.service.results import Prediction

_MOST_PAGES = 4
_MOST_ENTRIES = 500
_LOST_OF_LATE = timedelta(days=14)
_LOST_TOLD = 3
_PROMPT_OF_A_LOST_ONE = 80  # characters
_NOT_IN_TIME = "The account's history did not answer in time; the journal of this machine did."
_OF_THE_SANDBOX = (
    "These are the built-in sandbox's: nothing was paid for them. Each server has a sandbox of its own, and its clips "
    "and this list end with it."
)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Past:
    """Tells what was made.

    Args:
        cloud: The open API client.
        journal: What this and other processes remember.
        durations: How long generations take, before any were seen.
    """

    def __init__(self, cloud: Cloud, journal: Journal, durations: Durations) -> None:
        self._cloud = cloud
        self._journal = journal
        self._durations = durations

    async def tell(self, job: Job, *, limit: int, status: Status | None, answer_by: float) -> None:
        """End a job with the newest predictions, those of one status where one is asked for.

        The account's history is left where it takes more than half of the time there is.
        """
        job.tell(News("Reading the account's history", 0.1))
        records: dict[str, Record] = {}
        notes = [_NOT_IN_TIME]
        with anyio.move_on_after((answer_by - anyio.current_time()) / 2):
            notes = await self._read_history(records, limit, status)
        try:
            account = self._cloud.account
        except KeyRejected:
            account = None
        entries = {entry.prediction_id: entry for entry in await self._journal.made(account, records, _MOST_ENTRIES)}
        ids = dict.fromkeys((*entries, *records))
        told = [await self._told(str(each), entries.get(each), records.get(str(each))) for each in ids]
        wanted = [prediction for prediction in told if status in {None, prediction.status}]
        wanted.sort(key=lambda prediction: prediction.created_at or _LONG_AGO, reverse=True)
        notes += _of_lost(await self._journal.lost(account, within=_LOST_OF_LATE))
        if self._cloud.sandbox:
            notes = [_OF_THE_SANDBOX, *notes]
        listed = PredictionList(predictions=tuple(wanted[:limit]), notes=(*self._journal.warnings, *notes))
        job.tell(News("Listed", 0.99, result=listed))

    async def recall(self, prediction_id: str) -> Prediction:
        """One prediction as the journal knows it.

        Raises:
            PredictionNotFound: It does not.
        """
        entry = await self._journal.prediction(prediction_id)
        if entry is None:
            raise PredictionNotFound(
                f"Nothing is known here of a prediction {Quoted(prediction_id, 40)!r}: get_prediction asks Atlas Cloud "
                "for it."
            )
        return await self._told(prediction_id, entry, None)

    async def _read_history(self, records: dict[str, Record], limit: int, status: Status | None) -> list[str]:
        """Gather rows of the account's history by their ids, until enough are of the status; returns what is amiss."""
        for page in range(1, _MOST_PAGES + 1):
            try:
                rows = await self._cloud.history(page)
            except AtlasError as error:
                return [f"The account's history was not read; the journal of this machine was. {error}"]
            records |= {row.prediction_id: row for row in rows}
            reports = map(self._cloud.report_in, records.values())
            found = [report for report in reports if status in {None, report.status if report else None}]
            if not rows or len(found) >= limit:
                return []
        return [f"Of the account's history only the newest {len(records)} were searched."]

    async def _told(self, prediction_id: str, entry: Entry | None, record: Record | None) -> Prediction:
        """One prediction as both know it; where the history knows more, the journal learns it."""
        facts, known = Facts(), None
        if entry:
            known = entry.report
            facts = facts_of(entry)
        if record and isinstance(record.request.get("model"), str):
            facts.request = facts.request or in_our_order(record.request)
        if record:
            facts.submitted_at = facts.submitted_at or record.created_at
        learned = _learned(known, self._cloud.report_in(record) if record else None)
        if entry and learned and _teaches_no_wrong_time(known, learned):
            await self._journal.reported(prediction_id, learned)
        report = learned or known or Report(id=prediction_id, model=record.model if record else None)
        return describe(_ended(facts, report, self._durations), report, sandbox=self._cloud.sandbox)


def _learned(known: Report | None, row: Report | None) -> Report | None:
    """What the history knows and the journal does not."""
    if row is None or known is None:
        return row
    if known.status is Status.PROCESSING or (known.clip_missing and row.status is not Status.PROCESSING):
        return row.after(known, datetime.now(UTC))
    if known.cost_usd is None and row.cost_usd is not None and known.status is row.status:
        return known.model_copy(update={"cost_usd": row.cost_usd})
    return None


def _teaches_no_wrong_time(known: Report | None, learned: Report) -> bool:
    """Whether the journal will not take the moment in which it hears of a clip for the one in which it was ready."""
    was_ready = known is not None and known.status is Status.COMPLETED
    return was_ready or learned.status is not Status.COMPLETED or learned.completed_at is not None


def _ended(facts: Facts, report: Report, durations: Durations) -> Job:
    """A job as if it had followed a prediction so far."""
    job = Job(facts=facts, durations=durations)
    job.tell(News("Listed", 1.0, report))
    begun = facts.submitted_at or report.created_at
    if report.status is not Status.PROCESSING and begun:
        job.ended_at = begun + timedelta(seconds=report.predict_time_seconds or 0)
    return job


def _of_lost(entries: list[Entry]) -> Iterable[str]:
    for entry in entries[:_LOST_TOLD]:
        what = Quoted(f"{entry.request.get('model')} {prompt_of(entry.request) or ''}", _PROMPT_OF_A_LOST_ONE)
        yield (
            f'Of a request at {entry.at:%Y-%m-%d %H:%M} UTC ("{what}") it is not known whether it arrived: '
            f"it may be running and paid. {ASK_FIRST}"
        )
    if len(entries) > _LOST_TOLD:
        yield f"The same is true of {len(entries) - _LOST_TOLD} more."
