"""The account's history: which row is a submission whose answer was lost, and what was made, each prediction once.

Whether the API keeps a request as it was sent is not known: it may fill in defaults, write numbers as text, or move the
picture. What is surely ours is joined; what may be is named, and left to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio

from atlascloud_video_mcp.cloud.envelope import ASK_FIRST
from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.errors import AtlasError, KeyRejected, PredictionNotFound
from atlascloud_video_mcp.journal import Submission, VideoRequest, from_history
from atlascloud_video_mcp.service import render
from atlascloud_video_mcp.service.progress import Phase, Progress
from atlascloud_video_mcp.service.results import PredictionList
from atlascloud_video_mcp.text import Quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal, Person
    from atlascloud_video_mcp.service.pacing import Durations
    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.results import Prediction

_MOST_PAGES = 4
_MOST_ENTRIES = 500
_LOST_OF_LATE = timedelta(days=14)
_LOST_TOLD = 3
_PROMPT_OF_A_LOST_ONE = 80  # characters
_NOT_IN_TIME = "The account's history did not answer in time; the journal of {} did."
_OF_THE_SANDBOX = (
    "These are the built-in sandbox's: nothing was paid for them. Each server has a sandbox of its own, and its clips "
    "and this list end with it."
)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


# How much older than its submission a row may seem: by its clock, and by seconds that were cut.
_CLOCKS_DIFFER_BY = timedelta(seconds=60)


@dataclass(frozen=True)
class Matches:
    """What a search found."""

    ours: Submission | None = None
    """The row that is surely ours, the first after the submission."""
    probable: str | None = None
    """The one prediction that may be ours, where none is surely."""


async def read_history(cloud: Cloud, page: int) -> list[Submission]:
    """A page of the account's history, the newest row first; what it says of a prediction may be nothing.

    Raises:
        AtlasError: It cannot be read.
    """
    return [from_history(row, cloud.report_in(row)) for row in await cloud.history(page)]


def may_be(row: Submission, request: VideoRequest, *, since: datetime) -> bool:
    """Whether a row may be a submission of this request: of its model and prompt, with a time, and not before it."""
    young = row.submitted_at is not None and row.submitted_at >= since - _CLOCKS_DIFFER_BY
    return young and row.request.model == request.model and row.request.prompt == request.prompt


def matches(rows: Sequence[Submission], body: Mapping[str, Any], defaults: Mapping[str, object]) -> Matches:
    """Look for a submission among rows that may be it and belong to no other.

    Args:
        rows: Of the account's history, the newest first.
        body: What was sent.
        defaults: What the model takes, by name, and what each is when it is left out.
    """
    ours = next((row for row in reversed(rows) if _is_ours(row, body, defaults)), None)
    return Matches(ours, rows[0].prediction_id if ours is None and len(rows) == 1 else None)


def _is_ours(row: Submission, body: Mapping[str, Any], defaults: Mapping[str, object]) -> bool:
    """Whether a row holds our request; what the model knows no parameter for was added on the way."""
    there = {"model": row.request.model} | {name: value for name, value in row.body.items() if value is not None}
    names = body.keys() | (defaults.keys() & there.keys())
    return all(_same(there.get(name, defaults.get(name)), body.get(name, defaults.get(name))) for name in names)


def _same(one: object, other: object) -> bool:
    """Whether two values are the same, one of them perhaps written as text."""
    if isinstance(one, str) == isinstance(other, str):
        return one == other
    return _as_text(one) == _as_text(other)


def _as_text(value: object) -> str:
    text = str(value).strip().lower()
    try:
        return str(float(text))
    except ValueError:
        return text


class History:
    """Tells what was made.

    Args:
        cloud: The open API client.
        journal: What this and other processes remember.
        durations: How long generations take, before any were seen.
        local_files: Whether callers can reach the clips on this machine's disk.
    """

    def __init__(self, cloud: Cloud, journal: Journal, durations: Durations, *, local_files: bool) -> None:
        self._cloud = cloud
        self._journal = journal
        self._durations = durations
        self._local_files = local_files
        self._place = "this machine" if local_files else "the server"

    async def predictions(
        self,
        *,
        limit: int,
        status: Status | None,
        person: Person | None,
        reply_deadline: float,
        progress: ProgressSink,
    ) -> PredictionList:
        """The newest predictions, those of one status where one is asked for; for a person those asked for by it.

        The account's history is left where it takes more than half of the time there is.
        """
        progress(Progress(Phase.READING_HISTORY, 0.1))
        rows: dict[str, Submission] = {}
        notes = [_NOT_IN_TIME.format(self._place)]
        with anyio.move_on_after((reply_deadline - anyio.current_time()) / 2):
            notes = await self._read(rows, limit, status)
        try:
            account = self._cloud.account
        except KeyRejected:
            account = None
        known = await self._journal.made(account, rows, _MOST_ENTRIES, person)
        made = {str(each.prediction_id): each for each in known}
        ids = made if person else dict.fromkeys((*made, *rows))
        told = [await self._told(made.get(each), rows.get(each)) for each in ids]
        wanted = [prediction for prediction in told if status in {None, prediction.status}]
        wanted.sort(key=lambda prediction: prediction.created_at or _LONG_AGO, reverse=True)
        notes += _of_lost(await self._journal.lost(account, within=_LOST_OF_LATE, person=person))
        if self._cloud.sandbox:
            notes = [_OF_THE_SANDBOX, *notes]
        progress(Progress(Phase.LISTED, 0.99))
        return PredictionList(predictions=tuple(wanted[:limit]), notes=(*self._journal.warnings, *notes))

    async def from_journal(self, prediction_id: str) -> Prediction:
        """One prediction as the journal knows it.

        Raises:
            PredictionNotFound: It does not.
        """
        submission = await self._journal.submission_of(prediction_id)
        if submission is None:
            raise PredictionNotFound(
                f"Nothing is recorded of prediction {Quoted(prediction_id, 40)!r}: get_prediction asks Atlas Cloud "
                "for it."
            )
        return await self._told(submission, None)

    async def _read(self, rows: dict[str, Submission], limit: int, status: Status | None) -> list[str]:
        """Gather rows of the account's history by their ids, until enough are of the status; returns what is amiss."""
        for page in range(1, _MOST_PAGES + 1):
            try:
                read = await read_history(self._cloud, page)
            except AtlasError as error:
                return [f"The account's history was not read; the journal of {self._place} was. {error}"]
            rows |= {str(row.prediction_id): row for row in read}
            found = [row for row in rows.values() if status in {None, row.report.status if row.report else None}]
            if not read or len(found) >= limit:
                return []
        return [f"Of the account's history only the newest {len(rows)} were searched."]

    async def _told(self, ours: Submission | None, row: Submission | None) -> Prediction:
        """One prediction as the journal and a row tell of it; where the row knows more, the journal learns it."""
        submission = _joined(ours, row)
        known = ours.report if ours else None
        learned = _learned(known, row.report if row else None)
        if ours and learned and _teaches_no_wrong_time(known, learned):
            await self._journal.set_report(learned.prediction_id, learned)
        report = learned or known or Report(id=submission.prediction_id, model=row.request.model if row else None)
        return render.prediction(
            submission if self._local_files else submission.without_places,
            report,
            _seen_at(submission, report),
            durations=self._durations,
            sandbox=self._cloud.sandbox,
        )


def _joined(ours: Submission | None, row: Submission | None) -> Submission:
    """What both know of a prediction beside the reports; at least one is there."""
    if ours is None or row is None:
        return ours or row or Submission()
    submitted_at = ours.submitted_at or row.submitted_at
    if ours.body:
        return replace(ours, submitted_at=submitted_at)
    return replace(ours, request=row.request, body=row.body, submitted_at=submitted_at)


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


def _seen_at(submission: Submission, report: Report) -> datetime:
    """Until when to reckon its age, where the report does not say when it was done."""
    begun = submission.submitted_at or report.created_at
    if report.status is Status.PROCESSING or begun is None:
        return datetime.now(UTC)
    return begun + timedelta(seconds=report.predict_time_seconds or 0)


def _of_lost(submissions: list[Submission]) -> Iterable[str]:
    for each in submissions[:_LOST_TOLD]:
        what = Quoted(f"{each.request.model} {each.request.prompt or ''}", _PROMPT_OF_A_LOST_ONE)
        yield (
            f'Of a request at {each.at:%Y-%m-%d %H:%M} UTC ("{what}") it is not known whether it arrived: '
            f"it may be running and paid. {ASK_FIRST}"
        )
    if len(submissions) > _LOST_TOLD:
        yield f"The same is true of {len(submissions) - _LOST_TOLD} more."
