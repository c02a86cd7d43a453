"""Allowed directories, directories that are used through their open descriptor, and safe file names.

Between the check of a path and its use, a directory can be replaced by a link. So a path is resolved and checked as
text, and then opened from the root down without following any link.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import category, normalize

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.paths import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Windows has no directory descriptors: paths are used there, and checked again before each use.
_HAS_DESCRIPTORS = {os.open, os.stat, os.link, os.rename, os.unlink, os.mkdir, os.rmdir} <= os.supports_dir_fd
_CLOSED = -1

# Flags that exist on some systems only. O_PATH, O_SEARCH: a directory that is passed through need not be readable.
_DIRECTORY = getattr(os, "O_PATH", 0) or getattr(os, "O_SEARCH", 0)
for _flag in ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"):
    _DIRECTORY |= getattr(os, _flag, 0)
# O_NONBLOCK: opening a FIFO must not wait for a writer. O_BINARY: no newline translation.
_FILE = 0
for _flag in ("O_NONBLOCK", "O_NOFOLLOW", "O_NOCTTY", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
    _FILE |= getattr(os, _flag, 0)

_MOST_SPELLINGS = 40  # names of one path that are looked for again
_LOOK_ALIKES = {ord("\u2018"): "'", ord("\u2019"): "'", ord("\u02bc"): "'", ord("\u201c"): '"', ord("\u201d"): '"'}
_LONGEST_NAME = 80  # characters, without the ending


class Replaced(OSError):
    """A path leads somewhere else than when it was checked."""


class Directory:
    """An open directory, to be closed. Methods take names in it, never paths, and raise OSError."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        """Where it was when it was opened."""
        self._descriptor = descriptor

    def close(self) -> None:
        """Close it; a second time does nothing."""
        if self._descriptor not in {None, _CLOSED}:
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def below(self, name: str) -> Directory:
        """Open a directory in this one; raises `Replaced` for a link."""
        path = self.path / name
        if stat.S_ISLNK(self.status(name).st_mode):
            raise Replaced
        if self._descriptor is None:
            below = Directory(path, None)
            below._check()
            return below
        return Directory(path, os.open(name, _DIRECTORY, dir_fd=self._descriptor))

    def make(self, name: str) -> bool:
        """Make a directory in this one; False where it exists by now."""
        with suppress(FileExistsError):
            os.mkdir(self._at(name), dir_fd=self._descriptor)
            return True
        return False

    def open(self, name: str, flags: int) -> int:
        """Open a file for its descriptor, through no link and without waiting for a FIFO's other end."""
        return os.open(self._at(name), flags | _FILE, 0o666, dir_fd=self._descriptor)

    def status(self, name: str) -> os.stat_result:
        """The status of a file, or of a link itself."""
        return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)

    def link(self, name: str, new: str) -> None:
        """Give a file a second name; raises FileExistsError where the name is taken."""
        at = self._descriptor
        os.link(self._at(name), self._at(new), src_dir_fd=at, dst_dir_fd=at, follow_symlinks=at is None)

    def replace(self, name: str, new: str) -> None:
        """Rename a file, over the one that has the name."""
        os.replace(self._at(name), self._at(new), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def unlink(self, name: str) -> None:
        """Remove a file."""
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def rmdir(self, name: str) -> None:
        """Remove an empty directory."""
        os.rmdir(self._at(name), dir_fd=self._descriptor)

    def check_in_place(self) -> None:
        """Raise `Replaced` when its path now leads to another directory."""
        with closing(open_directory(self.path)) as now:
            if not os.path.samestat(self._identity(), now._identity()):  # noqa: SLF001 - of its own class
                raise Replaced

    def _identity(self) -> os.stat_result:
        return self.path.stat() if self._descriptor is None else os.fstat(self._descriptor)

    def _at(self, name: str) -> str | Path:
        if self._descriptor is None:
            self._check()
            return self.path / name
        return name

    def _check(self) -> None:
        if Path(os.path.realpath(self.path)) != self.path:
            raise Replaced


def open_directory(path: Path, made: list[tuple[Directory, str]] | None = None) -> Directory:
    """Open a directory by its real path, from the root down.

    Args:
        path: Absolute, without links.
        made: If given, missing directories are made; each is added here, as the open directory it is in and its name.

    Raises:
        Replaced: There is a link on the way.
        OSError: It cannot be opened or made.
    """
    here = Directory(Path(path.anchor), os.open(path.anchor, _DIRECTORY) if _HAS_DESCRIPTORS else None)
    for name in path.parts[1:]:
        noted = False
        try:
            try:
                below = here.below(name)
            except FileNotFoundError:
                if made is None:
                    raise
                if noted := here.make(name):
                    made.append((here, name))
                below = here.below(name)
        finally:
            if not noted:
                here.close()
        here = below
    return here


def real_directories(directories: Iterable[Path]) -> tuple[Path, ...]:
    """The same with `~` and links resolved; done once, so that a link made later changes nothing."""
    return tuple(Path(os.path.realpath(directory.expanduser())) for directory in directories)


def confined(path: Path, allowed: Sequence[Path]) -> Path:
    """Resolve the links of an absolute path, and make sure that it lies in one of the allowed real directories.

    This is checked before anything else is said of a path, and the error does not tell what exists there. No
    directories mean no limit.

    Raises:
        InvalidInput: It lies elsewhere.
    """
    real = Path(os.path.realpath(path))
    if not allowed or _is_inside(real, allowed):
        return real
    real = Path(os.path.realpath(_in_their_spelling(path, allowed)))
    if _is_inside(real, allowed):
        return real
    raise InvalidInput(
        f"{shown(path)} lies outside the directories this server may read and write "
        f"({', '.join(map(shown, allowed))}): use a path in them, or add its directory to ATLASCLOUD_ALLOWED_DIRS."
    )


def _is_inside(real: Path, allowed: Sequence[Path]) -> bool:
    return any(real.is_relative_to(directory) for directory in allowed)


def _in_their_spelling(path: Path, allowed: Sequence[Path]) -> Path:
    """The path, with the spelling of the allowed directory that its beginning looks like."""
    names = [_folded(name) for name in path.parts]
    for directory in allowed:
        length = len(directory.parts)
        if names[:length] == [_folded(name) for name in directory.parts]:
            return directory.joinpath(*path.parts[length:])
    return path


def locate(path: Path, allowed: Sequence[Path]) -> Path:
    """The real path that is meant; a missing name is looked for again among those that look like it.

    Raises:
        InvalidInput: It is outside the allowed directories, or several names look like it.
    """
    real = confined(path, allowed)
    for _ in range(_MOST_SPELLINGS):
        missing = next((each for each in (*reversed(real.parents), real) if not os.path.lexists(each)), None)
        names = _look_alikes(missing) if missing else []
        if not missing or not names:
            break
        if len(names) > 1:
            raise InvalidInput(
                f"{shown(path)} does not exist, and {len(names)} names in its directory look like it "
                f"({', '.join(map(ascii, names[:3]))}): rename one, and give its path."
            )
        real = confined(missing.parent / names[0] / real.relative_to(missing), allowed)
    return real


def _look_alikes(path: Path) -> list[str]:
    with suppress(OSError):
        return sorted(each.name for each in path.parent.iterdir() if _folded(each.name) == _folded(path.name))
    return []


def _folded(name: str) -> str:
    """A name in which characters that look alike are the same: blanks, dashes, quotation marks, composed letters.

    macOS puts U+202F into the names of screenshots, and decomposes letters; models write neither.
    """
    plain = {"Zs": " ", "Pd": "-", "Cf": ""}
    return "".join(plain.get(category(each), each) for each in normalize("NFC", name.translate(_LOOK_ALIKES)))


def safe_name(text: str, otherwise: str) -> str:
    """A file name without ending, of at most 80 ASCII letters, digits, dashes and underscores; never a path."""
    ascii_only = normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", ascii_only).strip("-_")[:_LONGEST_NAME].rstrip("-_") or otherwise
