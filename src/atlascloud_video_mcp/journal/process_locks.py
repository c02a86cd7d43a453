"""Who is still there: a lock on a file per journal object, which ends with the process however that ends."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from atlascloud_video_mcp.paths import make_private

if TYPE_CHECKING:
    from pathlib import Path


_NAME = re.compile(r"[0-9a-f]{32}")


class ProcessLocks:
    """The owners of the rows of one journal on this machine, this one among them.

    `hold` and `is_alive` must be called within a transaction only: of two who try the lock of a dead owner at the same
    time, one would take the other for that owner.
    """

    fence = ""  # a process that others take for dead has ended

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        # one thread may take it and another give it back
        self._lock = FileLock(self._path(name), timeout=0, mode=0o600, thread_local=False)

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.lock"

    def hold(self) -> None:
        """Be seen to be alive from now on; also when somebody deleted the file meanwhile."""
        if self._lock.is_locked and self._path(self._name).exists():
            return
        self._lock.release(force=True)
        make_private(self._directory)
        self._lock.acquire()

    def is_alive(self, name: str) -> bool:
        """Whether the process that took this name still runs."""
        path = self._path(name)
        # what is no name of ours stands in no row of ours, and might be the path of a file of somebody else's
        if not _NAME.fullmatch(name) or not path.exists():
            return False
        try:
            with FileLock(path, timeout=0, mode=0o600):
                pass
        except Timeout:
            return True
        # Windows deletes no open file, hence after the release: names are never used again
        with suppress(OSError):
            path.unlink()
        return False

    def release(self) -> None:
        """Be gone, and leave nothing behind."""
        if self._lock.is_locked:
            self._lock.release(force=True)
            with suppress(OSError):
                self._path(self._name).unlink()
