"""Pictures on their way up: checked before anything is sent, and not sent twice within an hour."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from atlascloud_video_mcp.pictures import open_picture
from atlascloud_video_mcp.predictions import Upload
from atlascloud_video_mcp.studio.jobs import News

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atlascloud_video_mcp.cloud import Cloud
    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.pictures import Picture, PictureRules
    from atlascloud_video_mcp.studio.jobs import Job

_KEPT_FOR = timedelta(hours=1)  # the API sweeps uploads from time to time and does not say when
_CHUNK = 1 << 20


class Uploads:
    """Checks and uploads pictures.

    Args:
        cloud: The open API client.
        journal: What was uploaded lately, by the digest of its bytes.
        allowed_dirs: Where local pictures may be read; empty means everywhere.
    """

    def __init__(self, cloud: Cloud, journal: Journal, *, allowed_dirs: Sequence[Path]) -> None:
        self._cloud = cloud
        self._journal = journal
        self._allowed_dirs = allowed_dirs

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

    async def upload(self, job: Job, picture: Picture, digest: str) -> Upload:
        """Put an open picture where the models can read it, unless the same bytes lie there already."""
        url = await self._journal.upload(digest, within=_KEPT_FOR, host=self._cloud.account)
        if url is None:
            job.tell(News(f"Uploading {picture.filename} ({picture.size_bytes / 1000:,.0f} kB)", 0.02))
            url = await self._cloud.upload(picture)
            await self._journal.uploaded(digest, url, host=self._cloud.account)
        return Upload(
            url=url,
            filename=picture.filename,
            content_type=picture.content_type,
            size_bytes=picture.size_bytes,
            width=picture.width,
            height=picture.height,
            notes=picture.notes,
        )


def _checked(image: str, rules: PictureRules, allowed_dirs: Sequence[Path]) -> tuple[Picture, str]:
    picture = open_picture(image, rules=rules, allowed_dirs=allowed_dirs)
    digest = hashlib.sha256()
    while chunk := picture.file.read(_CHUNK):
        digest.update(chunk)
    return picture, digest.hexdigest()
