"""The temporary file a clip grows in, and how it gets its name without taking another file's."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from atlascloud_video_mcp.clips.mp4 import check_mp4
from atlascloud_video_mcp.clips.problems import CannotSave
from atlascloud_video_mcp.paths import shown

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

# Flags that exist on some systems only. O_BINARY: no newline translation; O_NOFOLLOW, O_NONBLOCK: what stands
# where the clip is to go may have become a link or a FIFO since it was looked at.
_PRIVATE, _CAREFUL = 0, 0
for _flag in ("O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
    _PRIVATE |= getattr(os, _flag, 0)
for _flag in ("O_NONBLOCK", "O_NOFOLLOW", "O_NOCTTY"):
    _CAREFUL |= getattr(os, _flag, 0)


class Part:
    """A clip that is not whole yet. Every method blocks on the disk and raises OSError.

    Methods run in worker threads, and a cancelled task does not stop its thread: the lock makes `discard` wait for
    what is under way and forbids what comes later.
    """

    def __init__(self, directory: Path) -> None:
        self.size = 0
        """Bytes so far."""
        self._directory = directory
        self._path = directory / f".atlascloud-{secrets.token_hex(8)}.part"
        self._file: FileIO | None = None
        self._digest = hashlib.sha256()
        self._made: list[Path] = []
        self._lock = Lock()
        self._discarded = False

    @property
    def path(self) -> Path:
        """Where it is until it is published or discarded."""
        return self._path

    def open(self) -> None:
        """Make the directory if it is missing, and the file in it."""
        with self._lock:
            if self._discarded:
                return
            self._made = [path for path in (self._directory, *self._directory.parents) if not path.exists()]
            self._directory.mkdir(parents=True, exist_ok=True)
            self._check_directory()
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _PRIVATE, 0o666)
            self._file = os.fdopen(descriptor, "w+b", buffering=0)
            self._check_directory()

    def write(self, chunk: bytes) -> None:
        """Append."""
        with self._lock:
            left = memoryview(chunk)
            while left and self._file:
                left = left[self._file.write(left) :]
            self._digest.update(chunk)
            self.size += len(chunk)

    def restart(self) -> None:
        """Throw away what is there."""
        with self._lock:
            if self._file:
                self._file.seek(0)
                self._file.truncate()
            self._digest = hashlib.sha256()
            self.size = 0

    def check(self) -> None:
        """Judge the structure; raises `Damaged`."""
        with self._lock:
            if self._file:
                check_mp4(self._file)

    def publish(self, filename: str) -> Path:
        """Give the finished file its name, or the next free one (`-2`, `-3`), or find that it is there already."""
        with self._lock:
            if not self._file:
                raise CannotSave("The clip was given up before it was whole: save it again.")
            os.fsync(self._file.fileno())
            self._check_directory()
            if not os.path.samestat(os.fstat(self._file.fileno()), self._path.lstat()):
                raise CannotSave(f"A file in {shown(self._directory)} was replaced meanwhile: save the clip again.")
            # Windows renames and removes no open file.
            self._file.close()
            number = 1
            path = wanted = self._directory / filename
            while True:
                with suppress(FileExistsError):
                    _name(self._path, path)
                    self._made.clear()
                    return path
                if self._is_at(path):
                    return path
                number += 1
                path = wanted.with_stem(f"{wanted.stem}-{number}")

    def discard(self) -> None:
        """Remove the temporary file, and the directories made for it unless something is in them.

        It never fails, and may be called again.
        """
        with self._lock:
            self._discarded = True
            if self._file:
                with suppress(OSError):
                    self._file.close()
                with suppress(OSError):
                    self._path.unlink()
            with suppress(OSError):
                for directory in self._made:
                    directory.rmdir()
            self._file, self._made = None, []

    def _check_directory(self) -> None:
        if self._directory.resolve() != self._directory:
            raise CannotSave(
                f"{shown(self._directory)} was replaced by a link while the clip was being saved: choose another "
                "directory."
            )

    def _is_at(self, path: Path) -> bool:
        """Whether a regular file with the same content stands there; what cannot be read is another one."""
        with suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_size == self.size:
                with os.fdopen(os.open(path, os.O_RDONLY | _PRIVATE | _CAREFUL), "rb") as other:
                    return hashlib.file_digest(other, "sha256").digest() == self._digest.digest()
        return False


def _name(part: Path, path: Path) -> None:
    """Rename, but raise FileExistsError where `os.rename` may overwrite."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        # FAT and some network drives have no hard links: an empty file takes the name, and is ours to replace.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            part.replace(path)
        except OSError:
            path.unlink()
            raise
