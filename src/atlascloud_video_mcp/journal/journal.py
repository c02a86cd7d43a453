"""The journal as the rest of the program sees it: asynchronous, and never in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

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


class Store(Protocol):
    """Where a journal is kept, for one thread at a time."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the caller about what is amiss."""

    def run(self, work: Callable[[Transaction], _T], *, lasting: bool, pays: bool = False, keep: bool = False) -> _T:
        """Do the work in one transaction; see Journal.run."""

    def close(self) -> None:
        """Let go of it."""


def _in_transaction(
    work: Callable[Concatenate[Transaction, _P], _T], *, lasting: bool = True, pays: bool = False, keep: bool = False
) -> Callable[Concatenate[Journal, _P], Coroutine[Any, Any, _T]]:
    """The method of Journal that does a transaction's work; the rest is as in `Journal.run`."""

    async def method(self: Journal, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self.run(lambda it: work(it, *args, **kwargs), lasting=lasting, pays=pays, keep=keep)

    return method


class Journal:
    """Remembers intents, predictions, uploads and durations, in a place that any number of processes may share.

    A directory is shared by those of one machine, a PostgreSQL database by those of many; None keeps all in memory. The
    place is first touched by the first method called. What a method began it finishes, also when its task is cancelled.
    What is about to be paid for, and what was, outlasts a power cut. Each method is one transaction; what it does is
    said at the method of Transaction.

    With a directory no method but `claim` and `require` raises because of the disk: what is amiss stands in `warnings`,
    and the work goes on in memory, as it does beside a journal of a newer version, or one in a place that others can
    write. With a database every method raises JournalUnusable while that cannot be used, but for those by which
    something would be lost: they are done in memory, and put into the database when it is back.

    Args:
        place: A directory, the URL of a database, or None.
        lease: With a database: for how long this process counts as alive after it was last heard of, seconds.
    """

    def __init__(self, place: Path | str | None, *, lease: float = 15.0) -> None:
        self.is_shared = isinstance(place, str)
        """Whether other machines use it, too."""
        self.heard: Callable[[str], None] = lambda _: None
        """With a database: called in another thread with the id of a prediction that another process wrote about, or
        with nothing where a process has left."""
        self._one = anyio.CapacityLimiter(1)
        self._store: Store
        if isinstance(place, str):
            from atlascloud_video_mcp.journal.postgres.store import PostgresStore  # noqa: PLC0415 - an extra

            self._store = PostgresStore(place, self._hear, lease)
        else:
            self._store = Database(place)

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

    claim = _in_transaction(Transaction.claim, lasting=False, pays=True)
    joinable = _in_transaction(Transaction.joinable, lasting=False)
    require = _in_transaction(Transaction.require, lasting=False, pays=True)
    next_take = _in_transaction(Transaction.next_take, lasting=False)
    set_quote = _in_transaction(Transaction.set_quote, lasting=False, keep=True)
    spending = _in_transaction(Transaction.spending)
    begun_anew = _in_transaction(Transaction.begun_anew, lasting=False)
    uncounted = _in_transaction(Transaction.uncounted, lasting=False)
    count_anew = _in_transaction(Transaction.count_anew, lasting=False)
    mark_sending = _in_transaction(Transaction.mark_sending)
    mark_submitted = _in_transaction(Transaction.mark_submitted, keep=True)
    mark_found = _in_transaction(Transaction.mark_found)
    mark_unknown = _in_transaction(Transaction.mark_unknown, keep=True)
    mark_refused = _in_transaction(Transaction.mark_refused, keep=True)
    mark_abandoned = _in_transaction(Transaction.mark_abandoned, keep=True)
    set_report = _in_transaction(Transaction.set_report, lasting=False, keep=True)
    set_save_to = _in_transaction(Transaction.set_save_to, keep=True)
    set_saved_path = _in_transaction(Transaction.set_saved_path, lasting=False, keep=True)
    set_account = _in_transaction(Transaction.set_account, lasting=False)
    submission_of = _in_transaction(Transaction.submission_of)
    orphans = _in_transaction(Transaction.orphans)
    made = _in_transaction(Transaction.made)
    lost = _in_transaction(Transaction.lost)
    knows = _in_transaction(Transaction.knows)
    upload = _in_transaction(Transaction.upload)
    add_upload = _in_transaction(Transaction.add_upload, lasting=False)
    durations = _in_transaction(Transaction.durations)
    # Of a team's journal alone.
    check = _in_transaction(Transaction.check, lasting=False)
    person_of = _in_transaction(Transaction.person_of, lasting=False)
    add_token = _in_transaction(Transaction.add_token)
    tokens = _in_transaction(Transaction.tokens, lasting=False)
    revoke_token = _in_transaction(Transaction.revoke_token)
    asked = _in_transaction(Transaction.asked, lasting=False)
    watched_elsewhere = _in_transaction(Transaction.watched_elsewhere, lasting=False)
    adopt = _in_transaction(Transaction.adopt, lasting=False)
    end_watch = _in_transaction(Transaction.end_watch, lasting=False)
    add_ticket = _in_transaction(Transaction.add_ticket, lasting=False)
    ticket_of = _in_transaction(Transaction.ticket_of, lasting=False)
    take_ticket = _in_transaction(Transaction.take_ticket, lasting=False)
    give_back_ticket = _in_transaction(Transaction.give_back_ticket, lasting=False)
    add_picture = _in_transaction(Transaction.add_picture, lasting=False)
    picture = _in_transaction(Transaction.picture, lasting=False)

    async def run(
        self, work: Callable[[Transaction], _T], *, lasting: bool = True, pays: bool = False, keep: bool = False
    ) -> _T:
        """Do work in one transaction; what need not outlast a power cut is not `lasting`, and spares a wait for it.

        Before what `pays`, a file that was done without is tried again. What is to `keep` is done in memory as long as
        a database is away.
        """
        return await self._in_thread(lambda: self._store.run(work, lasting=lasting, pays=pays, keep=keep))

    def _hear(self, prediction_id: str) -> None:
        self.heard(prediction_id)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        # A cancelled task may be the only one that knows the id of a paid job.
        with anyio.CancelScope(shield=True):
            result = await anyio.to_thread.run_sync(work, limiter=self._one)
        return result  # noqa: RET504 - to the type checker a scope may swallow what is raised, and with it a return
