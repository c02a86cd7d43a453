"""Who is still there: a lease per journal object, by the database's clock, renewed on a connection of its own."""

from __future__ import annotations

import logging
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from atlascloud_video_mcp.journal.postgres.connection import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlascloud_video_mcp.journal.rows import Connection

_log = logging.getLogger(__name__)
_CHANNEL = "atlascloud_video"
_RENEW = """
    INSERT INTO owners VALUES (?, clock_timestamp() + ? * interval '1 second')
    ON CONFLICT (name) DO UPDATE SET until = excluded.until
"""
_ALIVE = "SELECT 1 FROM living WHERE name = ?"
_NOTIFY = f"SELECT pg_notify('{_CHANNEL}', ?)"
_LONG_GONE = "DELETE FROM owners WHERE until < clock_timestamp() - interval '1 day'"
_SLICE = 0.2  # seconds between two looks whether it is to end


class Leases:
    """The owners of the rows of one journal, as one transaction sees them; this one is `name`."""

    fence = " AND owner IN (SELECT name FROM living)"

    def __init__(self, db: Connection, name: str, lease: float) -> None:
        self._db = db
        self._name = name
        self._lease = lease

    def hold(self) -> None:
        """Be seen to be alive from now on."""
        self._db.execute(_RENEW, (self._name, self._lease))

    def is_alive(self, name: str) -> bool:
        """Whether the process that took this name was heard of within its lease."""
        return self._db.execute(_ALIVE, (name,)).fetchone() is not None

    def tell(self, prediction_id: str) -> None:
        """Let other processes know, once the transaction is over, that something was written about a prediction."""
        self._db.execute(_NOTIFY, (f"{self._name} {prediction_id}",))

    def leave(self) -> None:
        """Be gone, and let the others know at once."""
        self._db.execute("DELETE FROM owners WHERE name = ?", (self._name,))
        self.tell("")


class Pulse:
    """Renews a lease until it is told to stop, and hears what other processes have written.

    Args:
        url: The database.
        name: Whose lease it is.
        lease: How long one lasts, seconds; it is renewed three times as often.
        heard: Called in a thread of its own with the id of a prediction that another process wrote about, or with
            nothing where a process has left.
    """

    def __init__(self, url: str, name: str, lease: float, heard: Callable[[str], None]) -> None:
        self._url = url
        self._name = name
        self._lease = lease
        self._heard = heard
        self._stop = Event()
        self._thread = Thread(target=self._run, name="lease", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop, and wait until it has."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._beat()
            except Exception as error:  # noqa: BLE001 - whatever it is, without a lease all that is done here is taken over
                _log.debug("the lease could not be renewed: %s", type(error).__name__)
                self._stop.wait(min(1.0, self._lease / 10))

    def _beat(self) -> None:
        with connect(self._url) as db:
            with db.cut_off_in_time():
                db.execute(f"LISTEN {_CHANNEL}")
            while not self._stop.is_set():
                with db.cut_off_in_time():
                    db.execute(_RENEW, (self._name, self._lease))
                    db.execute(_LONG_GONE)
                renewed = monotonic()
                while not self._stop.is_set() and monotonic() - renewed < self._lease / 3:
                    for note in db.raw.notifies(timeout=_SLICE):
                        sender, _, prediction_id = note.payload.partition(" ")
                        if sender != self._name:
                            with suppress(RuntimeError):  # its event loop has ended
                                self._heard(prediction_id)
