"""Pictures on their way up: checked before anything is sent, and not sent twice within an hour."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures import PictureRules
from atlascloud_video_mcp.media.pictures.process import prepare_picture
from atlascloud_video_mcp.paths import scheme_of, unquoted
from atlascloud_video_mcp.service.background import BackgroundTask
from atlascloud_video_mcp.service.progress import Phase, Progress
from atlascloud_video_mcp.service.results import Upload
from atlascloud_video_mcp.service.tickets import KEPT_FOR, NEXT, RECEIVED, received_picture
from atlascloud_video_mcp.text import Link, Quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal, Person
    from atlascloud_video_mcp.media.pictures import Fit, Picture
    from atlascloud_video_mcp.service.progress import ProgressSink

_TELL_EVERY = 2.0  # seconds


@dataclass
class _Transfer:
    """Bytes on their way up, whoever waits for them."""

    picture: Picture
    file: io.BytesIO
    task: BackgroundTask[Link] = field(init=False)


class Uploads:
    """Checks and uploads pictures.

    Args:
        cloud: The open API client.
        journal: What was uploaded lately, by the digest of its bytes.
        tasks: Where uploads go on without the calls that began them: they cost nothing, and a call that had to be
            answered before its upload was through is followed by another with the same picture.
        allowed_dirs: Where local pictures may be read; empty means everywhere.
        local_files: Whether callers may name files of this machine at all.
    """

    def __init__(
        self, cloud: Cloud, journal: Journal, tasks: TaskGroup, *, allowed_dirs: Sequence[Path], local_files: bool
    ) -> None:
        self._cloud = cloud
        self._journal = journal
        self._tasks = tasks
        self._allowed_dirs = allowed_dirs
        self._local_files = local_files
        self._under_way: dict[str, _Transfer] = {}
        self._preparing = anyio.Lock()

    async def check(
        self,
        image: str,
        rules: PictureRules,
        fit: Fit | None = None,
        *,
        person: Person | None,
        progress: ProgressSink,
    ) -> Picture:
        """Make of a picture what would go up.

        Raises:
            InvalidPicture: The model would not take it, or it must not be read.
        """
        progress(Progress(Phase.CHECKING_PICTURE, 0.01))
        if not self._local_files:
            image = unquoted(image)
            if scheme_of(image) == RECEIVED:
                return await received_picture(self._journal, image.partition("://")[2], rules, fit, person)
            if scheme_of(image) in {"file", None}:
                raise InvalidPicture(f"This server is on another machine and reads no files of yours. {NEXT}")
        return await self.prepare(image, rules, fit, self._allowed_dirs)

    async def prepare(self, image: str, rules: PictureRules, fit: Fit | None, allowed: Sequence[Path]) -> Picture:
        """Make of a picture below directories what would go up."""
        # One at a time: each may take much of the machine.
        async with self._preparing:
            return await prepare_picture(image, rules=rules, allowed_dirs=allowed, fit=fit)

    async def upload_image(self, image: str, *, person: Person | None, progress: ProgressSink) -> Upload:
        """Check and upload a picture for no model in particular.

        Raises:
            InvalidPicture: Nothing was sent.
        """
        picture = await self.check(image, PictureRules(), person=person, progress=progress)
        url = await self.upload(picture, progress=progress)
        progress(Progress(Phase.UPLOADED, 0.99, picture.filename))
        return Upload(
            url=url,
            filename=Quoted(picture.filename),
            content_type=picture.content_type,
            size_bytes=picture.size_bytes,
            width=picture.width,
            height=picture.height,
            notes=picture.notes,
        )

    async def url_of(self, picture: Picture) -> Link | None:
        """Where the same bytes lie already."""
        return Link.of(await self._journal.upload(picture.digest, within=KEPT_FOR, host=self._cloud.account))

    async def upload(self, picture: Picture, *, anew: bool = False, progress: ProgressSink) -> Link:
        """Put a picture where the models can read it, unless the same bytes are there already or on their way."""
        if not anew and (url := await self.url_of(picture)):
            return url
        if not picture.data:
            raise InvalidPicture(f"The picture was uploaded too long ago, and may be gone. {NEXT}")
        transfer = self._under_way.get(picture.digest)
        if transfer is None:
            self._under_way[picture.digest] = transfer = _Transfer(picture, io.BytesIO(picture.data))
            transfer.task = BackgroundTask(self._tasks, lambda _: self._carry_out(transfer), committed=True)
        name, size = transfer.picture.filename, transfer.picture.size_bytes
        while True:
            sent = transfer.file.tell()  # what was read to be sent
            progress(Progress(Phase.UPLOADING, 0.02 + 0.01 * sent / size, name, sent, size))
            with anyio.move_on_after(_TELL_EVERY):
                return await transfer.task.result()

    async def _carry_out(self, transfer: _Transfer) -> Link:
        picture = transfer.picture
        try:
            url = await self._cloud.upload(transfer.file, picture.content_type)
            await self._journal.add_upload(picture.digest, url, host=self._cloud.account)
        finally:
            del self._under_way[picture.digest]
        return url
