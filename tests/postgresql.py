"""A real PostgreSQL of the tests' own: a cluster on a free loopback port, gone when they end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING = "PostgreSQL is not installed: apt-get install postgresql (or put initdb and postgres on the PATH)"
_NUMBERS = count(1)
_HAS_STRATEGIES = 150_000


def programs() -> Path | None:
    """The directory of PostgreSQL's programs; Debian keeps them off the PATH."""
    debians = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    places = [*([Path(found).resolve().parent] if found else []), *reversed(debians)]
    return next((place for place in places if (place / "postgres").exists() and (place / "initdb").exists()), None)


@dataclass
class Cluster:
    """A server that can be stopped, started and frozen."""

    bin: Path
    directory: Path
    port: int
    _migrated: str = ""

    @property
    def _user(self) -> str | None:
        return "postgres" if os.geteuid() == 0 else None  # it refuses to run as root

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.bin / program), *arguments],
            user=self._user,
            cwd=self.directory,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=120,
        )

    def create(self) -> None:
        data = str(self.directory / "data")
        self._run("initdb", "-D", data, "-U", "video", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        # A machine that loses its power is not part of any test: without waits for the disk.
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        log = str(self.directory / "log")
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-w", "-t", "110", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """`fast` ends all sessions, `immediate` is as a power cut."""
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-w", "-m", mode, "stop")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and answers nothing."""
        main = int((self.directory / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        all_of_it = [main, *map(int, children)]
        for pid in all_of_it:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in all_of_it:
                os.kill(pid, signal.SIGCONT)

    def url(self, database: str) -> str:
        return f"postgresql://video@127.0.0.1:{self.port}/{database}"

    def empty_database(self, template: str = "template1") -> str:
        """The address of a new database without tables, or with those of another."""
        import psycopg  # noqa: PLC0415 - where PostgreSQL is missing, it may be, too

        name = f"video_{os.getpid()}_{next(_NUMBERS)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            # From 15 on the default writes all of it to the log, which is read again after each hard stop.
            how = "STRATEGY file_copy" if connection.info.server_version >= _HAS_STRATEGIES else ""
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {how}".encode())  # names of our own
        return self.url(name)

    def listeners(self, url: str) -> int:
        """How many journals on a database hear by now what others write: what they do after they began to listen."""
        import psycopg  # noqa: PLC0415 - as above

        beats = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE %s"
        with psycopg.connect(url) as connection:
            row = connection.execute(beats, ("DELETE FROM owners WHERE until%",)).fetchone()
        return int(row[0]) if row else 0

    def database(self) -> str:
        """The address of a new database that a journal can use."""
        from atlascloud_video_mcp.journal.postgres.tables import migrate  # noqa: PLC0415 - as above

        if not self._migrated:
            url = self.empty_database()
            migrate(url)
            self._migrated = url.rpartition("/")[2]
        return self.empty_database(self._migrated)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A new cluster that runs.

    Raises:
        FileNotFoundError: PostgreSQL is not installed.
    """
    place = programs()
    if place is None:
        raise FileNotFoundError(MISSING)
    with tempfile.TemporaryDirectory(prefix="atlascloud-postgresql-") as name, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        made = Cluster(place, Path(name), free.getsockname()[1])
        if os.geteuid() == 0:
            shutil.chown(name, "postgres")
        made.create()
        free.close()
        made.start()
        try:
            yield made
        finally:
            made.stop("immediate")
