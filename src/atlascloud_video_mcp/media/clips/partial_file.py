"""The temporary file of a download, and how it gets its name without overwriting a file."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.media.clips.video import Container, read_container
from atlascloud_video_mcp.media.directories import Directory, Replaced, open_directory
from atlascloud_video_mcp.paths import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

_DENIED = "this server may not write there; allow it, or save elsewhere"
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space there, or save elsewhere",
    errno.EDQUOT: "the disk quota is used up; free some space there, or save elsewhere",
    errno.EFBIG: "the clip is larger than a file may be there; save elsewhere",
    errno.EROFS: "the file system is read-only; save elsewhere",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENAMETOOLONG: "the name is too long; give a shorter one",
    errno.ENOENT: "the directory was removed meanwhile; save again",
}


class CannotSave(AtlasError):
    """A finished clip could not be saved; the message says that its URL still works, unless `url_good` is false."""

    def __init__(self, reason: str, *, url_good: bool = True, link_ended: bool = False) -> None:
        super().__init__(f"{reason} The clip itself stays good at its video_url." if url_good else reason)
        self.url_good = url_good
        self.link_ended = link_ended
        """Whether a newer link may help."""


@contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Turn system errors while writing into `directory` into `CannotSave`."""
    try:
        yield
    except Replaced as error:
        raise CannotSave(
            f"{shown(directory)} was replaced by a link while the clip was being saved, or moved: choose another "
            "directory."
        ) from error
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0) or f"{error.strerror or type(error).__name__}; save elsewhere"
        raise CannotSave(f"The clip cannot be written to {shown(directory)}: {advice}.") from error


class PartialFile:
    """A clip that is not complete yet. Every method blocks on the disk and raises OSError.

    It works in the directory that was opened first, wherever the directory's path leads later. Methods run in worker
    threads, which go on when their task is cancelled: the lock makes `discard` wait for a running method, and later
    ones do nothing.

    Args:
        directory: Absolute, without links; made if it is missing.
    """

    def __init__(self, directory: Path) -> None:
        self.size = 0
        """Bytes so far."""
        self.container = Container.MP4
        """What kind of file it is, once checked."""
        self._path = directory / f".atlascloud-{secrets.token_hex(8)}.part"
        self._directory: Directory | None = None
        self._file: FileIO | None = None
        self._digest = hashlib.sha256()
        self._made: list[tuple[Directory, str]] = []
        self._lock = Lock()
        self._discarded = False

    @property
    def path(self) -> Path:
        """Where it is until it is published or discarded."""
        return self._path

    def open(self) -> None:
        """Make the directory if it is missing, and the file in it."""
        with self._lock:
            if not self._discarded:
                self._directory = open_directory(self._path.parent, self._made)
                descriptor = self._directory.open(self._path.name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
                self._file = os.fdopen(descriptor, "w+b", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Append."""
        with self._lock:
            left = memoryview(chunk)
            while left and self._file:
                left = left[self._file.write(left) :]
            self._digest.update(chunk)
            self.size += len(chunk)

    def restart(self) -> None:
        """Drop what was written."""
        with self._lock:
            if self._file:
                self._file.seek(0)
                self._file.truncate()
            self._digest = hashlib.sha256()
            self.size = 0

    def check(self, *, came_whole: bool) -> None:
        """Check the structure; raises `DamagedVideo`."""
        with self._lock:
            if self._file:
                self.container = read_container(self._file, came_whole=came_whole)

    def publish(self, filename: str) -> Path:
        """Give the finished file its name, or the next free one (`-2`, `-3`), or find the same clip there.

        The name gets the ending of what the clip is.
        """
        with self._lock:
            if not (self._file and self._directory):
                raise CannotSave("The download was cancelled before it was complete: save the clip again.")
            os.fsync(self._file.fileno())
            self._directory.check_in_place()
            if not os.path.samestat(os.fstat(self._file.fileno()), self._directory.status(self._path.name)):
                raise CannotSave(f"A file in {shown(self._path.parent)} was replaced meanwhile: save the clip again.")
            # Windows cannot rename or remove an open file.
            self._file.close()
            wanted = Path(filename)
            if wanted.suffix.lower() != self.container:
                wanted = wanted.with_suffix(self.container)
            number, name = 1, wanted.name
            while True:
                with suppress(FileExistsError):
                    _name(self._directory, self._path.name, name)
                    break
                if self._is_at(self._directory, name):
                    break
                number += 1
                name = f"{wanted.stem}-{number}{wanted.suffix}"
            self._forget_made()
            return self._path.with_name(name)

    def discard(self) -> None:
        """Remove the temporary file, and the empty directories made for it; never fails, may be repeated."""
        with self._lock:
            self._discarded = True
            if self._file:
                with suppress(OSError):
                    self._file.close()
            if self._directory:
                with suppress(OSError):
                    self._directory.unlink(self._path.name)
                self._directory.close()
            with suppress(OSError):
                for parent, name in reversed(self._made):
                    parent.rmdir(name)
            self._forget_made()
            self._file = self._directory = None

    def _forget_made(self) -> None:
        for parent, _ in self._made:
            parent.close()
        self._made.clear()

    def _is_at(self, directory: Directory, name: str) -> bool:
        """Whether a readable regular file with the same content is there."""
        with suppress(OSError):
            status = directory.status(name)
            if stat.S_ISREG(status.st_mode) and status.st_size == self.size:
                with os.fdopen(directory.open(name, os.O_RDONLY), "rb") as other:
                    return hashlib.file_digest(other, "sha256").digest() == self._digest.digest()
        return False


def _name(directory: Directory, part: str, name: str) -> None:
    """Rename, but raise FileExistsError instead of overwriting."""
    try:
        directory.link(part, name)
    except FileExistsError:
        raise
    except OSError:
        # FAT and some network drives have no hard links: reserve the name with an empty file, and replace that.
        os.close(directory.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        try:
            directory.replace(part, name)
        except OSError:
            directory.unlink(name)
            raise
