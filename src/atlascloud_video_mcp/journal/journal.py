"""The journal as the rest of the program sees it: asynchronous, and never in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import anyio
import anyio.to_thread

from atlascloud_video_mcp.journal.database import Database
from atlascloud_video_mcp.journal.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _in_transaction(
    work: Callable[Concatenate[Transaction, _P], _T], *, lasting: bool = True, pays: bool = False
) -> Callable[Concatenate[Journal, _P], Coroutine[Any, Any, _T]]:
    """The method of Journal that does a transaction's work; the rest is as in `Journal.run`."""

    async def method(self: Journal, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self.run(lambda it: work(it, *args, **kwargs), lasting=lasting, pays=pays)

    return method


class Journal:
    """Remembers intents, predictions, uploads and durations in a directory that any number of processes may share.

    `directory` None keeps all in memory. The disk is first touched by the first method called. No method but `claim`
    and `require` raises because of the disk: what is amiss stands in `warnings`, and the work goes on in memory, as it
    does beside a journal of a newer version, or one in a place that others can write. What a method began it finishes,
    also when its task is cancelled. What is about to be paid for, and what was, outlasts a power cut. Each method is
    one transaction; what it does is said at the method of Transaction.
    """

    def __init__(self, directory: Path | None) -> None:
        self._database = Database(directory)
        self._one = anyio.CapacityLimiter(1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._in_thread(self._database.close)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the caller about what is amiss; empty when all is well."""
        return self._database.warnings

    claim = _in_transaction(Transaction.claim, lasting=False, pays=True)
    joinable = _in_transaction(Transaction.joinable, lasting=False)
    require = _in_transaction(Transaction.require, lasting=False, pays=True)
    next_take = _in_transaction(Transaction.next_take, lasting=False)
    set_quote = _in_transaction(Transaction.set_quote, lasting=False)
    spending = _in_transaction(Transaction.spending)
    begun_anew = _in_transaction(Transaction.begun_anew, lasting=False)
    uncounted = _in_transaction(Transaction.uncounted, lasting=False)
    count_anew = _in_transaction(Transaction.count_anew, lasting=False)
    mark_sending = _in_transaction(Transaction.mark_sending)
    mark_submitted = _in_transaction(Transaction.mark_submitted)
    mark_found = _in_transaction(Transaction.mark_found)
    mark_unknown = _in_transaction(Transaction.mark_unknown)
    mark_refused = _in_transaction(Transaction.mark_refused)
    mark_abandoned = _in_transaction(Transaction.mark_abandoned)
    set_report = _in_transaction(Transaction.set_report, lasting=False)
    set_save_to = _in_transaction(Transaction.set_save_to)
    set_saved_path = _in_transaction(Transaction.set_saved_path, lasting=False)
    set_account = _in_transaction(Transaction.set_account, lasting=False)
    submission_of = _in_transaction(Transaction.submission_of)
    orphans = _in_transaction(Transaction.orphans)
    made = _in_transaction(Transaction.made)
    lost = _in_transaction(Transaction.lost)
    knows = _in_transaction(Transaction.knows)
    upload = _in_transaction(Transaction.upload)
    add_upload = _in_transaction(Transaction.add_upload, lasting=False)
    durations = _in_transaction(Transaction.durations)

    async def run(self, work: Callable[[Transaction], _T], *, lasting: bool = True, pays: bool = False) -> _T:
        """Do work in one transaction; what need not outlast a power cut is not `lasting`, and spares a wait for it.

        Before what `pays`, a file that was done without is tried again.
        """
        return await self._in_thread(lambda: self._database.run(work, lasting=lasting, pays=pays))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        # A cancelled task may be the only one that knows the id of a paid job.
        with anyio.CancelScope(shield=True):
            result = await anyio.to_thread.run_sync(work, limiter=self._one)
        return result  # noqa: RET504 - to the type checker a scope may swallow what is raised, and with it a return
