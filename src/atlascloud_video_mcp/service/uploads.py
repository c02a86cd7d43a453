"""Pictures on their way up: checked before anything is sent, and not sent twice within an hour."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.media.pictures import PictureRules
from atlascloud_video_mcp.media.pictures.process import prepare_picture
from atlascloud_video_mcp.service.jobs import News
from atlascloud_video_mcp.service.results import Upload
from atlascloud_video_mcp.text import Link, Quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.media.pictures import Fit, Picture
    from atlascloud_video_mcp.service.jobs import Job

_KEPT_FOR = timedelta(hours=1)  # the API sweeps uploads from time to time and does not say when
_TELL_EVERY = 2.0  # seconds


@dataclass
class _Transfer:
    """Bytes on their way up, whoever waits for them."""

    picture: Picture
    file: io.BytesIO
    done: anyio.Event = field(default_factory=anyio.Event)
    url: Link = field(init=False)
    failure: Exception | None = None

    @property
    def sent(self) -> float:
        """The share of the bytes that were read to be sent."""
        return self.file.tell() / self.picture.size_bytes


class Uploads:
    """Checks and uploads pictures.

    Args:
        cloud: The open API client.
        journal: What was uploaded lately, by the digest of its bytes.
        tasks: Where uploads go on without the calls that began them: they cost nothing, and a call that had to be
            answered before its upload was through is followed by another with the same picture.
        allowed_dirs: Where local pictures may be read; empty means everywhere.
    """

    def __init__(self, cloud: Cloud, journal: Journal, tasks: TaskGroup, *, allowed_dirs: Sequence[Path]) -> None:
        self._cloud = cloud
        self._journal = journal
        self._tasks = tasks
        self._allowed_dirs = allowed_dirs
        self._under_way: dict[str, _Transfer] = {}
        self._preparing = anyio.Lock()

    async def check(self, job: Job, image: str, rules: PictureRules, fit: Fit | None = None) -> Picture:
        """Make of a picture what would go up.

        Raises:
            InvalidPicture: The model would not take it, or it must not be read.
        """
        job.tell(News("Checking the picture", 0.01))
        # One at a time: each may take much of the machine.
        async with self._preparing:
            picture = await prepare_picture(image, rules=rules, allowed_dirs=self._allowed_dirs, fit=fit)
        job.learn(notes=picture.notes, picture=picture.filename)
        return picture

    async def only(self, job: Job, *, image: str) -> None:
        """Check and upload a picture for no model in particular; the result is an Upload."""
        upload = await self.upload(job, await self.check(job, image, PictureRules()))
        job.tell(News(f"Uploaded {upload.filename}", 0.99, result=upload))

    async def url_of(self, digest: str) -> Link | None:
        """Where bytes with this digest lie already."""
        return Link.of(await self._journal.upload(digest, within=_KEPT_FOR, host=self._cloud.account))

    async def upload(self, job: Job, picture: Picture) -> Upload:
        """Put a picture where the models can read it, unless the same bytes are there already or on their way."""
        url = await self.url_of(picture.digest)
        if url is None and picture.digest not in self._under_way:
            self._under_way[picture.digest] = transfer = _Transfer(picture, io.BytesIO(picture.data))
            self._tasks.start_soon(self._carry_out, transfer)
        return Upload(
            url=url or await self._done(job, self._under_way[picture.digest]),
            filename=Quoted(picture.filename),
            content_type=picture.content_type,
            size_bytes=picture.size_bytes,
            width=picture.width,
            height=picture.height,
            notes=picture.notes,
        )

    async def _done(self, job: Job, transfer: _Transfer) -> Link:
        size = transfer.picture.size_bytes
        while not transfer.done.is_set():
            sent = transfer.sent
            doing = f"Uploading {transfer.picture.filename} ({sent * size / 1000:,.0f} of {size / 1000:,.0f} kB)"
            job.tell(News(doing, 0.02 + 0.01 * sent))
            with anyio.move_on_after(_TELL_EVERY):
                await transfer.done.wait()
        if transfer.failure:
            raise transfer.failure
        return transfer.url

    async def _carry_out(self, transfer: _Transfer) -> None:
        picture = transfer.picture
        try:
            transfer.url = await self._cloud.upload(transfer.file, picture.content_type)
            await self._journal.add_upload(picture.digest, transfer.url, host=self._cloud.account)
        except Exception as error:  # noqa: BLE001 - whoever waits for the upload raises it again
            transfer.failure = error
        finally:
            del self._under_way[picture.digest]
            transfer.done.set()
