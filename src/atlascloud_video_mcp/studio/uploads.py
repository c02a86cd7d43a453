"""Pictures on their way up: checked before anything is sent, and not sent twice within an hour."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from atlascloud_video_mcp.pictures import PictureRules, open_picture
from atlascloud_video_mcp.predictions import Upload
from atlascloud_video_mcp.quoting import Link, Quoted
from atlascloud_video_mcp.studio.jobs import News

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.cloud import Cloud
    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.pictures import Picture
    from atlascloud_video_mcp.studio.jobs import Job

_KEPT_FOR = timedelta(hours=1)  # the API sweeps uploads from time to time and does not say when
_CHUNK = 1 << 20
_TELL_EVERY = 2.0  # seconds


@dataclass
class _Transfer:
    """Bytes on their way up, whoever waits for them."""

    picture: Picture
    done: anyio.Event = field(default_factory=anyio.Event)
    url: Link = field(init=False)
    failure: Exception | None = None

    @property
    def sent(self) -> float:
        """The share of the bytes that were read to be sent."""
        return 0.0 if self.picture.file.closed else self.picture.file.tell() / self.picture.size_bytes


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

    async def check(self, job: Job, image: str, rules: PictureRules) -> tuple[Picture, str]:
        """Open a picture as it would go up; returns it, to be closed by the caller, and the digest of its bytes.

        Raises:
            InvalidPicture: The model would not take it, or it must not be read.
        """
        job.tell(News("Checking the picture", 0.01))
        check = partial(_checked, image, rules, self._allowed_dirs)
        # A conversion takes seconds and cannot be interrupted: whoever leaves does not wait for it.
        picture, digest = await to_thread.run_sync(check, abandon_on_cancel=True)
        job.facts.notes, job.facts.picture = picture.notes, picture.filename
        return picture, digest

    async def only(self, job: Job, *, image: str) -> None:
        """Check and upload a picture for no model in particular; the result is an Upload."""
        picture, digest = await self.check(job, image, PictureRules())
        upload = await self.upload(job, picture, digest)
        job.tell(News(f"Uploaded {upload.filename}", 0.99, result=upload))

    async def url_of(self, digest: str) -> Link | None:
        """Where bytes with this digest lie already."""
        return Link.of(await self._journal.upload(digest, within=_KEPT_FOR, host=self._cloud.account))

    async def upload(self, job: Job, picture: Picture, digest: str) -> Upload:
        """Put an open picture where the models can read it, unless the same bytes are there already or on their way.

        It takes the picture over, and closes it when it is done with it.
        """
        with ExitStack() as open_until_uploaded:
            open_until_uploaded.enter_context(picture)
            url = await self.url_of(digest)
            if url is None and digest not in self._under_way:
                open_until_uploaded.pop_all()
                self._under_way[digest] = _Transfer(picture)
                self._tasks.start_soon(self._carry_out, digest, self._under_way[digest])
        return Upload(
            url=url or await self._done(job, picture, self._under_way[digest]),
            filename=Quoted(picture.filename),
            content_type=picture.content_type,
            size_bytes=picture.size_bytes,
            width=picture.width,
            height=picture.height,
            notes=picture.notes,
        )

    async def _done(self, job: Job, picture: Picture, transfer: _Transfer) -> Link:
        size = picture.size_bytes
        while not transfer.done.is_set():
            sent = transfer.sent
            doing = f"Uploading {picture.filename} ({sent * size / 1000:,.0f} of {size / 1000:,.0f} kB)"
            job.tell(News(doing, 0.02 + 0.01 * sent))
            with anyio.move_on_after(_TELL_EVERY):
                await transfer.done.wait()
        if transfer.failure:
            raise transfer.failure
        return transfer.url

    async def _carry_out(self, digest: str, transfer: _Transfer) -> None:
        try:
            with transfer.picture:
                transfer.url = await self._cloud.upload(transfer.picture)
            await self._journal.uploaded(digest, transfer.url, host=self._cloud.account)
        except Exception as error:  # noqa: BLE001 - whoever waits for the upload raises it again
            transfer.failure = error
        finally:
            del self._under_way[digest]
            transfer.done.set()


def _checked(image: str, rules: PictureRules, allowed_dirs: Sequence[Path]) -> tuple[Picture, str]:
    picture = open_picture(image, rules=rules, allowed_dirs=allowed_dirs)
    digest = hashlib.sha256()
    while chunk := picture.file.read(_CHUNK):
        digest.update(chunk)
    return picture, digest.hexdigest()
