"""The journal as the rest of the program sees it: asynchronous, and never in the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

from atlascloud_video_mcp.journal.budget import Spending, SpendingRequest, since
from atlascloud_video_mcp.journal.database import Database
from atlascloud_video_mcp.journal.submission import Claim, Entry, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from atlascloud_video_mcp.cloud.reports import Report
    from atlascloud_video_mcp.journal.transaction import Transaction

_T = TypeVar("_T")
_NO_TERMS = SpendingRequest()


class Journal:
    """Remembers intents, predictions, uploads and durations in a directory that any number of processes may share.

    `directory` None keeps all in memory. The disk is first touched by the first method called. No method but `claim`
    and `require` raises because of the disk: what is amiss stands in `warnings`, and the work goes on in memory, as it
    does beside a journal of a newer version, or one in a place that others can write. What a method began it finishes,
    also when its task is cancelled. What is about to be paid for, and what was, outlasts a power cut.
    """

    def __init__(self, directory: Path | None) -> None:
        self._store = Database(directory)
        self._one = anyio.CapacityLimiter(1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._in_thread(self._store.close)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the caller about what is amiss; empty when all is well."""
        return self._store.warnings

    async def claim(
        self,
        key: str,
        take: int = 1,
        *,
        old_keys: Collection[str] = (),
        not_ours: Collection[str] = (),
        terms: SpendingRequest = _NO_TERMS,
    ) -> Claim:
        """The right to send a take of a request, or the earlier entry of it that is still open.

        What dead processes left is settled on the way: an INTENDED entry is given up, a SENDING one becomes UNKNOWN.
        With the right, its price is held against the budget; of two processes that ask at the same moment, the second
        finds the first one's price there.

        Args:
            key: What makes requests identical, whoever pays.
            take: Which take of it.
            old_keys: Those that version 1.0.0 may have given the same request; what has one is given the new one.
            not_ours: Accounts that are known to be of somebody else.
            terms: Who pays how much of what budget.

        Raises:
            JournalUnusable: There is nothing to join, and it could not be remembered.
            HistoryNeeded: There is nothing to join, and a budget, and what counts in it is not all here.
            PricesNeeded: There is nothing to join, and a budget, and the price of what counts in it is not known.
            PriceNeeded: There is nothing to join, and a budget but no price.
            OverBudget: There is nothing to join, and the budget has no room for the price.
        """

        def claim(transaction: Transaction) -> Claim:
            return transaction.claim(key, take, old_keys, not_ours=not_ours, terms=terms)

        return await self._run(claim, lasting=False, pays=True)

    async def joinable(
        self, key: str, take: int = 1, *, old_keys: Collection[str] = (), not_ours: Collection[str] = ()
    ) -> Entry | None:
        """The entry that a claim would give without winning."""
        return await self._run(lambda it: it.joinable(key, take, old_keys, not_ours=not_ours), lasting=False)

    async def require(self, terms: SpendingRequest) -> None:
        """Raise what a claim would that has nothing to join and may not be won."""
        await self._run(lambda it: it.require(terms), lasting=False, pays=True)

    async def next_take(self, key: str) -> int:
        """The first take of a request that was not asked for."""
        return await self._run(lambda it: it.next_take(key), lasting=False)

    async def quoted(self, intent_id: str, price: Decimal) -> None:
        """What the API says that a request costs, in US dollars."""
        await self._run(lambda it: it.quoted(intent_id, price), lasting=False)

    async def spending(self) -> Spending:
        """What was spent in the last 24 hours through this journal, by whichever account."""
        return await self._run(lambda it: it.spending(since()))

    async def begun_anew(self) -> datetime | None:
        """When it was begun in the place of one that was damaged or deleted, if that was in the last 24 hours."""
        return await self._run(lambda it: it.begun_anew(since()), lasting=False)

    async def uncounted(self, prediction_ids: Collection[str]) -> set[str]:
        """Those of the ids that are not in the books."""
        return await self._run(lambda it: it.uncounted(prediction_ids), lasting=False)

    async def recounted(self, report: Report, request: Mapping[str, Any], at: datetime, terms: SpendingRequest) -> None:
        """A prediction that the account's history has and the books have not: who paid for it, and its price."""
        await self._run(lambda it: it.recounted(report, request, at, terms), lasting=False)

    async def sending(
        self, intent_id: str, request: Mapping[str, Any], notes: Sequence[str], picture: str | None = None
    ) -> bool:
        """From now on the request may have been paid for; `request` is its body, without picture bytes.

        `picture` is the name of the uploaded picture, by which the clip will be named.

        Returns whether it may be sent: it may not where the claim to it was lost, and is to be claimed again.
        """
        return await self._run(lambda it: it.sending(intent_id, request, notes, picture))

    async def submitted(self, intent_id: str, report: Report, at: datetime) -> None:
        """The API took the request: its first report, and when."""
        await self._run(lambda it: it.submitted(intent_id, report, at))

    async def found(self, intent_id: str, report: Report, at: datetime) -> bool:
        """A row of the account's history looks like the request, whose answer was lost: it is taken for it.

        Returns False where it is another request's, or may become one's: another take is just being sent.
        """
        return await self._run(lambda it: it.found(intent_id, report, at))

    async def unknown(self, intent_id: str) -> None:
        """The answer was lost; without effect when the id is known by now."""
        await self._run(lambda it: it.ended(intent_id, Stage.UNKNOWN))

    async def refused(self, intent_id: str) -> None:
        """The API said no; without effect when the id is known by now."""
        await self._run(lambda it: it.ended(intent_id, Stage.REFUSED))

    async def abandoned(self, intent_id: str) -> None:
        """Given up before anything left; without effect when the id is known by now."""
        await self._run(lambda it: it.ended(intent_id, Stage.ABANDONED))

    async def reported(self, prediction_id: str, report: Report) -> None:
        """What the API said last; nothing is written when it says nothing new. An unknown id is remembered, too.

        The first report of completion also records how long the generation took, in seconds.
        """
        await self._run(lambda it: it.reported(prediction_id, report), lasting=False)

    async def wants(self, prediction_id: str, save_to: str) -> None:
        """Where the clip is to be saved once it is finished."""
        await self._run(lambda it: it.note(prediction_id, save_to=save_to))

    async def saved(self, prediction_id: str, path: str) -> None:
        """Where the clip was saved."""
        await self._run(lambda it: it.note(prediction_id, saved_path=path), lasting=False)

    async def entry(self, intent_id: str) -> Entry | None:
        """The entry of an intent."""
        return await self._run(lambda it: it.entry(intent_id))

    async def prediction(self, prediction_id: str) -> Entry | None:
        """The newest entry about a prediction."""
        return await self._run(lambda it: it.prediction(prediction_id))

    async def readable(self, prediction_id: str, account: str) -> None:
        """An account can read a prediction, so that it is its own, whatever key it had when it paid."""
        await self._run(lambda it: it.note(prediction_id, account=account), lasting=False)

    async def orphans(self, account: str) -> list[str]:
        """The ids of an account's unfinished predictions of the last 24 hours whose processes have ended."""
        return await self._run(lambda it: it.orphans(account, since()))

    async def made(self, account: str | None, ids: Collection[str], most: int) -> list[Entry]:
        """The newest predictions of an account, or of all for None, and those with these ids; one entry for each."""
        return await self._run(lambda it: it.made(account, ids, most))

    async def lost(self, account: str | None, *, within: timedelta) -> list[Entry]:
        """The submissions of late of which it is not known whether they arrived, the newest first."""
        return await self._run(lambda it: it.lost(account, datetime.now(UTC) - within))

    async def knows(self, prediction_ids: Collection[str]) -> set[str]:
        """Those of the ids that are in the journal."""
        return await self._run(lambda it: it.knows(prediction_ids))

    async def upload(self, digest: str, *, within: timedelta, host: str) -> str | None:
        """Where bytes with this digest were put of late; `host` is the API's base URL."""
        return await self._run(lambda it: it.upload(digest, datetime.now(UTC) - within, host))

    async def uploaded(self, digest: str, url: str, *, host: str) -> None:
        """Bytes with this digest were put at `url` just now."""
        await self._run(lambda it: it.uploaded(digest, url, host), lasting=False)

    async def durations(self, model: str, duration: int | None, most: int = 50) -> list[float]:
        """How many seconds generations of this kind took, newest first; `duration` is as in the request."""
        return await self._run(lambda it: it.durations(model, duration, most))

    async def _run(self, work: Callable[[Transaction], _T], *, lasting: bool = True, pays: bool = False) -> _T:
        """Do the work; what need not outlast a power cut by itself is not `lasting`, and spares a wait for the disk."""
        return await self._in_thread(lambda: self._store.run(work, lasting=lasting, pays=pays))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        # A cancelled task may be the only one that knows the id of a paid job.
        with anyio.CancelScope(shield=True):
            result = await anyio.to_thread.run_sync(work, limiter=self._one)
        return result  # noqa: RET504 - to the type checker a scope may swallow what is raised, and with it a return
