"""Read a local file so that nothing but a regular file, and nothing outside the allowed directories, is ever read."""

from __future__ import annotations

import os
import stat
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from atlascloud_video_mcp.directories import Replaced, locate, open_directory
from atlascloud_video_mcp.errors import InvalidInput, InvalidPicture
from atlascloud_video_mcp.paths import shown
from atlascloud_video_mcp.pictures.rules import readable_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Beside its pixels a picture's file is in memory, too: what is larger could not be made to fit.
MAX_FILE_BYTES = 150_000_000

# Where ChatGPT and Claude keep what is attached to a chat, on a machine of their own.
_SANDBOXES_OF_CHATS = ("/mnt/data/", "/mnt/user-data/")

_KINDS = {
    stat.S_IFDIR: "a directory; name one picture in it",
    stat.S_IFIFO: "a named pipe; only regular files are read: save the picture to a file first",
    stat.S_IFSOCK: "a socket; only regular files are read: save the picture to a file first",
    stat.S_IFCHR: "a device; only regular files are read: save the picture to a file first",
    stat.S_IFBLK: "a device; only regular files are read: save the picture to a file first",
}


class NoSuchPicture(InvalidPicture):
    """Nothing is where a picture should be."""


def read_regular(path: Path, allowed: Sequence[Path]) -> bytes:
    """Read a file once and whole, through the descriptor that was checked; what becomes of the file then is no matter.

    Args:
        path: Absolute; the file may also be one whose name merely looks like it.
        allowed: Real directories; links are resolved before the file is held against them. None given: anywhere.

    Raises:
        InvalidPicture: It cannot or must not be read; this never blocks on it.
    """
    with _explained(path):
        real = locate(path, allowed)
        if not real.name:
            raise InvalidPicture(f"{shown(path)} is {_KINDS[stat.S_IFDIR]}.")
        with closing(open_directory(real.parent)) as directory:
            # Looked at before it is opened as well: opening some devices has effects of its own.
            check_regular(path, directory.status(real.name))
            with os.fdopen(directory.open(real.name, os.O_RDONLY), "rb") as file:
                return file.read(check_regular(path, os.fstat(file.fileno())))


def check_regular(path: Path, status: os.stat_result) -> int:
    """Refuse what is no regular file, is empty or far too large; give its size in bytes."""
    if stat.S_ISLNK(status.st_mode):
        raise Replaced
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


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        raise InvalidPicture(str(error)) from error
    except Replaced as error:
        raise InvalidPicture(
            f"{shown(path)} cannot be opened: a link in it leads in circles, or was replaced meanwhile. Check the path."
        ) from error
    except FileNotFoundError as error:
        raise NoSuchPicture(f"{shown(path)} cannot be opened: {_missing(path)}") from error
    except PermissionError as error:
        raise InvalidPicture(
            f"{shown(path)} may not be read by this server (permission denied): make it readable, or copy it elsewhere."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: not encodable
        reason = getattr(error, "strerror", None) or "it is no usable path"
        raise InvalidPicture(f"{shown(path)} cannot be opened: {reason}. Check the path.") from error


def _missing(path: Path) -> str:
    if path.is_symlink():
        return "a symbolic link that leads nowhere. Check the path."
    if str(path).startswith(_SANDBOXES_OF_CHATS):
        return "no file there. The path is of the chat's own sandbox, not of this machine: save the picture here."
    return "no file there. Check the path."
