"""Save a finished clip: the order of the steps, and who closes what."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import anyio
from anyio.to_thread import run_sync

from atlascloud_video_mcp.cloud.documents import CLIP_HOSTS, Hosts
from atlascloud_video_mcp.cloud.http import open_client
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.media.clips.fetch import Download, Patience
from atlascloud_video_mcp.media.clips.frames import contact_sheet, require_decoder
from atlascloud_video_mcp.media.clips.partial_file import PartialFile
from atlascloud_video_mcp.media.clips.problems import CannotSave, explained
from atlascloud_video_mcp.media.clips.targets import read_target, safe_name
from atlascloud_video_mcp.media.directories import real_directories

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Sequence
    from types import TracebackType


# A preview is worth waiting for, but not so long that the client gives the whole answer up. Seconds, bytes.
_BRIEF: dict[str, Any] = {"tries": 2, "altogether": 5.0, "whole": 12.0, "largest": 300_000_000}


@dataclass(frozen=True)
class SavedClip:
    """A clip on disk."""

    path: Path
    """Absolute, symbolic links resolved."""
    size_bytes: int


class ClipSaver:
    """A connection pool to wherever clips are kept, without any key; an async context manager.

    Args:
        allowed_dirs: Clips are written inside these directories only; none given means anywhere.
        patience: Time-outs, tries, size.
        hosts: Where clips may lie.
        trust: Whose certificates are believed; those that Python believes by itself unless said otherwise.
    """

    def __init__(
        self,
        *,
        allowed_dirs: Sequence[Path] = (),
        patience: Patience | None = None,
        hosts: Hosts = CLIP_HOSTS,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed_dirs = real_directories(allowed_dirs)
        self._patience = patience = patience or Patience()
        self._hosts = hosts
        # A compressed body has neither the clip's length nor its byte ranges.
        self._http = open_client(hosts.own, patience, accept="video/mp4, */*;q=0.5", coding="identity", trust=trust)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, value, traceback)

    def check_target(self, save_to: str) -> None:
        """Look, before anything is paid and without writing, whether a clip could be saved there; blocks on the disk.

        Raises:
            InvalidInput: It could not: not a full path, outside the allowed directories, not writable.
        """
        read_target(save_to, self._allowed_dirs)

    async def save(self, url: str, save_to: str, *, name: str) -> SavedClip:
        """Fetch, check and store a clip; where the same clip is there already, give that file.

        Args:
            url: The clip's URL.
            save_to: The full path of a directory, made if missing, or of a file, whose ending becomes the clip's own.
            name: What to call it in a directory, by `clip_name`.

        Raises:
            CannotSave: It is not on disk, and nothing of it is.
        """
        try:
            target = await run_sync(read_target, save_to, self._allowed_dirs)
        except InvalidInput as error:
            raise CannotSave(str(error)) from error
        async with self._fetched(url, target.directory, self._patience) as part:
            with explained(target.directory):
                path = await run_sync(part.publish, target.filename or f"{safe_name(name)}.mp4")
                return SavedClip(path, part.size)

    async def preview(self, url: str) -> bytes:
        """Fetch a clip, under the same rules but with less patience, and give three of its frames on one JPEG.

        Raises:
            CannotPreview: Its frames cannot be shown.
            CannotSave: It cannot be had.
        """
        require_decoder()
        brief = replace(self._patience, **_BRIEF)
        with TemporaryDirectory(prefix="atlascloud-", ignore_cleanup_errors=True) as scratch:
            directory = await run_sync(Path(scratch).resolve)
            async with self._fetched(url, directory, brief) as part:
                return await run_sync(contact_sheet, part.path, part.container, abandon_on_cancel=True)

    @asynccontextmanager
    async def _fetched(self, url: str, directory: Path, patience: Patience) -> AsyncGenerator[PartialFile, None]:
        """The whole clip, checked, in a file that is gone in the end unless it is published."""
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
                # No shield keeps off a task that is cancelled again and again; nearly always nothing is left to do.
                part.discard()
