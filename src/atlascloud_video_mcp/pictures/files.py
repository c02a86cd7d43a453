"""Open a local file so that nothing but a regular file, and nothing outside the allowed directories, is ever read."""

from __future__ import annotations

import io
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.paths import shown
from atlascloud_video_mcp.pictures.rules import readable_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

# Beside its pixels a picture's file is in memory, too: what is larger could not be made to fit.
MAX_FILE_BYTES = 150_000_000

# Where ChatGPT and Claude keep what is attached to a chat, on a machine of their own.
_SANDBOXES_OF_CHATS = ("/mnt/data/", "/mnt/user-data/")

# Flags that exist on some systems only. O_NONBLOCK: opening a FIFO must not wait for a writer. O_NOFOLLOW: the path
# is resolved already, so a symbolic link in its last place was put there since. O_BINARY: no newline translation.
_OPEN_FLAGS = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_NOFOLLOW", "O_NOCTTY", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
    _OPEN_FLAGS |= getattr(os, _flag, 0)

_KINDS = {
    stat.S_IFDIR: "a directory; name one picture in it",
    stat.S_IFIFO: "a named pipe; only regular files are read: save the picture to a file first",
    stat.S_IFSOCK: "a socket; only regular files are read: save the picture to a file first",
    stat.S_IFCHR: "a device; only regular files are read: save the picture to a file first",
    stat.S_IFBLK: "a device; only regular files are read: save the picture to a file first",
}


def open_regular(path: Path, allowed_dirs: Sequence[Path]) -> BinaryIO:
    """Read the absolute `path` once, into memory; symbolic links are resolved before it is held against `allowed_dirs`.

    Raises `InvalidPicture` for everything that cannot or must not be read, without blocking on it.
    """
    with _explained(path):
        resolved = path.resolve()
        check_allowed(path, resolved, allowed_dirs)
        # Looked at before it is opened as well: opening some devices has effects of its own.
        check_regular(path, os.stat(resolved))  # noqa: PTH116 - one name for both, os.stat and os.fstat
        descriptor = os.open(resolved, _OPEN_FLAGS)
        with os.fdopen(descriptor, "rb") as file:
            size = check_opened(path, resolved, descriptor)
            # To where it ended when it was opened, however much is appended to it meanwhile.
            return io.BytesIO(file.read(size))


def check_allowed(path: Path, resolved: Path, allowed_dirs: Sequence[Path]) -> None:
    """Refuse a file that really lies elsewhere; no directories given means no limit."""
    allowed = [directory.expanduser().resolve() for directory in allowed_dirs]
    if allowed and not any(resolved.is_relative_to(directory) for directory in allowed):
        raise InvalidPicture(
            f"{shown(path)} lies outside the directories this server may read ({', '.join(map(str, allowed))}): "
            "move the picture there, or add its directory to ATLASCLOUD_ALLOWED_DIRS."
        )


def check_regular(path: Path, status: os.stat_result) -> int:
    """Refuse what is no regular file, is empty or far too large; give its size in bytes."""
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file; name a picture")
        raise InvalidPicture(f"{shown(path)} is {kind}.")
    if status.st_size == 0:
        raise InvalidPicture(f"{shown(path)} is empty (0 bytes), so it is no picture: save or download it again.")
    if status.st_size > MAX_FILE_BYTES:
        raise InvalidPicture(
            f"{shown(path)} has {readable_size(status.st_size)}; no file above {readable_size(MAX_FILE_BYTES)} is "
            "read: export it smaller, as JPEG or PNG."
        )
    return status.st_size


def check_opened(path: Path, resolved: Path, descriptor: int) -> int:
    """Judge the file that was opened, and that it is still the one the checked path leads to; give its size."""
    status = os.fstat(descriptor)
    size = check_regular(path, status)
    # A directory on the way could have been swapped for a link after the check; then the path resolves elsewhere.
    if resolved.resolve() != resolved or not os.path.samestat(status, resolved.lstat()):
        raise InvalidPicture(f"{shown(path)} was replaced while it was being opened: call again.")
    return size


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise InvalidPicture(f"{shown(path)} cannot be opened: {_missing(path)}") from error
    except PermissionError as error:
        raise InvalidPicture(
            f"{shown(path)} may not be read by this server (permission denied): make it readable, or copy it elsewhere."
        ) from error
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links; ValueError: not encodable
        reason = getattr(error, "strerror", None) or "it is no usable path"
        raise InvalidPicture(f"{shown(path)} cannot be opened: {reason}. Check the path.") from error


def _missing(path: Path) -> str:
    if path.is_symlink():
        return "a symbolic link that leads nowhere. Check the path."
    if str(path).startswith(_SANDBOXES_OF_CHATS):
        return "no file there. The path is of the chat's own sandbox, not of this machine: save the picture here."
    if "\\ " in str(path):
        return "no file there. Write blanks without backslashes."
    return "no file there. Check the path."
