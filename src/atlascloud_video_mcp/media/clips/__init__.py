"""Finished clips on their way to disk: fetched without the key, checked, and never written over another file.

download      the download, tried again and resumed   video  what a file is, and three frames to look at
partial_file  the temporary file, and how it gets its name
"""

from __future__ import annotations

import os
import re
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

import anyio
from anyio.to_thread import run_sync

from atlascloud_video_mcp.cloud.documents import CLIP_HOSTS, Hosts
from atlascloud_video_mcp.cloud.http import open_client
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.media.clips.download import Download, DownloadPatience
from atlascloud_video_mcp.media.clips.partial_file import CannotSave, PartialFile, explained
from atlascloud_video_mcp.media.clips.video import CannotPreview, Container, contact_sheet
from atlascloud_video_mcp.media.directories import confined, real_directories, safe_name
from atlascloud_video_mcp.paths import full_path, scheme_of, shown, unescaped, unquoted

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Sequence
    from types import TracebackType

__all__ = ["CannotPreview", "CannotSave", "ClipSaver", "DownloadPatience", "SavedClip", "clip_name"]

_WINDOWS = os.name == "nt"
_SEPARATORS = ("/", "\\") if _WINDOWS else ("/",)
_LONGEST_NAME = 80  # characters, without the ending
_ID_LETTERS = 8
# A preview must not take so long that the client gives up the whole answer. Seconds, bytes.
_BRIEF: dict[str, Any] = {"tries": 2, "altogether": 5.0, "whole": 12.0, "largest": 300_000_000}


@dataclass(frozen=True)
class SavedClip:
    """A clip on disk."""

    path: Path
    """Absolute, symbolic links resolved."""
    size_bytes: int


class ClipSaver:
    """Saves clips, over a connection pool that sends no key; an async context manager.

    Args:
        allowed_dirs: Clips are written only inside these directories; none means anywhere.
        patience: Time-outs, tries, size.
        hosts: Where clips may lie.
        trust: Which certificates are trusted; Python's own defaults unless given.
    """

    def __init__(
        self,
        *,
        allowed_dirs: Sequence[Path] = (),
        patience: DownloadPatience | None = None,
        hosts: Hosts = CLIP_HOSTS,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed_dirs = real_directories(allowed_dirs)
        self._patience = patience = patience or DownloadPatience()
        self._hosts = hosts
        # A compressed body has other lengths and byte ranges than the clip.
        self._http = open_client(hosts.own, patience, accept="video/mp4, */*;q=0.5", coding="identity", trust=trust)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, value, traceback)

    def check_target(self, save_to: str) -> None:
        """Check, without writing, whether a clip could be saved there; blocks on the disk.

        Raises:
            InvalidInput: It could not: no full path, outside the allowed directories, or not writable.
        """
        read_target(save_to, self._allowed_dirs)

    async def save(self, url: str, save_to: str, *, name: str) -> SavedClip:
        """Fetch, check and store a clip; if the same clip is there already, return that file.

        Args:
            url: The clip's URL.
            save_to: The full path of a directory, made if missing, or of a file, which gets the clip's own ending.
            name: Its name in a directory, from `clip_name`.

        Raises:
            CannotSave: It could not be saved; nothing is left on disk.
        """
        try:
            target = await run_sync(read_target, save_to, self._allowed_dirs)
        except InvalidInput as error:
            raise CannotSave(str(error)) from error
        async with self._fetched(url, target.directory, self._patience) as part:
            with explained(target.directory):
                path = await run_sync(part.publish, target.filename or f"{safe_name(name, 'clip')}.mp4")
                return SavedClip(path, part.size)

    async def preview(self, url: str) -> bytes:
        """Fetch a clip by the same rules, but with less patience; returns a JPEG of three of its frames.

        Raises:
            CannotPreview: Its frames cannot be shown.
            CannotSave: It cannot be fetched.
        """
        if not find_spec("av"):
            raise CannotPreview(
                "Previews need one more library: install this server with its extra, as in "
                "pip install 'PATH/TO/WHEEL.whl[preview]'."
            )
        brief = replace(self._patience, **_BRIEF)
        with TemporaryDirectory(prefix="atlascloud-", ignore_cleanup_errors=True) as scratch:
            directory = await run_sync(Path(scratch).resolve)
            async with self._fetched(url, directory, brief) as part:
                return await run_sync(contact_sheet, part.path, part.container, abandon_on_cancel=True)

    @asynccontextmanager
    async def _fetched(
        self, url: str, directory: Path, patience: DownloadPatience
    ) -> AsyncGenerator[PartialFile, None]:
        """The whole, checked clip in a file that is removed afterwards unless it is published."""
        part = PartialFile(directory)
        try:
            with explained(directory):
                await run_sync(part.open)
                await Download(self._http, self._hosts, url, part, patience=patience).run()
            yield part
        finally:
            try:
                with anyio.CancelScope(shield=True):
                    await run_sync(part.discard)
            finally:
                # Repeated cancellation gets through the shield; nearly always nothing is left to do here.
                part.discard()


@dataclass(frozen=True)
class Target:
    """Where a clip goes."""

    directory: Path
    """Absolute, with all symbolic links resolved; it need not exist."""
    filename: str | None
    """None: a name is made for it. It gets the ending of what the clip is."""


def clip_name(picture: str | None, prediction_id: str) -> str:
    """A file name without ending, from the picture's path, name or URL and the end of the prediction's id.

    It has at most 80 ASCII letters, digits, dashes and underscores. With a dash and no dots it is none of the names
    that Windows reserves (`con`, `nul.txt`).
    """
    tail = safe_name(prediction_id[-_LONGEST_NAME:], "clip")[-_ID_LETTERS:].strip("-_")
    stem = _picture_stem(picture or "")[: _LONGEST_NAME - 1 - len(tail)].rstrip("-_")
    return f"{stem}-{tail}"


def _picture_stem(picture: str) -> str:
    kind = scheme_of(picture)
    if kind == "data":
        return "clip"
    if kind in ("http", "https"):
        # A signed URL's query is secret, and a host is not a name.
        picture = re.split(r"[?#]", picture, maxsplit=1)[0].partition("//")[2].partition("/")[2]
    if kind:
        picture = unquote(picture)
    last = re.split(r"[/\\]", picture.rstrip("\"' /\\"))[-1]
    stem, dot, _ = last.rpartition(".")
    return safe_name(stem if dot else last, "clip")


def read_target(save_to: str, allowed_dirs: Sequence[Path]) -> Target:
    """Parse `save_to` and check, without writing, whether a clip could be saved there.

    It means a directory when it is one, ends with a separator or has no ending; else a file, which must end as videos
    do: a name like `clips.v2` could be either. Whether the path is allowed is checked before the disk is looked at.

    Raises:
        InvalidInput: A clip could not be saved there.
    """
    path = _path(save_to)
    try:
        if not unquoted(save_to).endswith(_SEPARATORS) and _is_film(path.name):
            directory = confined(path.parent, allowed_dirs)
            real = None
            with suppress(InvalidInput):  # a link that leads out is just a taken name
                real = confined(path, allowed_dirs)
            return _checked(Target(real, None) if real and real.is_dir() else Target(directory, path.name))
        directory = confined(path, allowed_dirs)
        if path.suffix and not unquoted(save_to).endswith(_SEPARATORS) and not directory.is_dir():
            raise InvalidInput(
                f"{shown(path)} does not end in .mp4, as clips do: name the file so, or end save_to with / if it "
                "is to be a directory."
            )
        return _checked(Target(directory, None))
    except (OSError, ValueError) as error:  # ValueError: not encodable
        reason = getattr(error, "strerror", None) or "it is not a usable path"
        raise InvalidInput(f"No clip can be saved to {shown(path)}: {reason}. Choose another path.") from error


def _is_film(name: str) -> bool:
    stem, _, ending = name.rpartition(".")
    return f".{ending.lower()}" in set(Container) and bool(stem.strip(". "))


def _checked(target: Target) -> Target:
    """Check that the directory exists or can be made, and that none of those made is hidden."""
    directory = target.directory
    existing = next(filter(os.path.lexists, (directory, *directory.parents)), directory)  # there may be no such drive
    if not existing.is_dir():
        raise InvalidInput(f"{shown(existing)} is not a directory, so no clip can be saved in it: choose another path.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InvalidInput(f"This server may not write to {shown(existing)}: allow it, or save elsewhere.")
    missing = directory.relative_to(existing).parts
    if hidden := next((name for name in missing if name.startswith(".")), None):
        raise InvalidInput(
            f"save_to would make a directory {shown(hidden)!r}, but none is made whose name begins with a dot: give "
            "the directory another name, make it yourself, or name an .mp4 file."
        )
    return target


def _path(save_to: str) -> Path:
    text = unescaped(unquoted(save_to))
    if not text:
        raise InvalidInput("save_to is empty: give the full path of a directory or of an .mp4 file.")
    scheme = scheme_of(text)
    if scheme not in (None, "file"):
        raise InvalidInput(
            f"A clip cannot be saved to a '{scheme}:' address: give the full path of a directory or of an .mp4 file."
        )
    return full_path(text)
