"""Local pictures that parameters name beside the one that is animated, from the check to their URLs in the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.errors import InvalidPicture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlascloud_video_mcp.media.pictures import Picture
    from atlascloud_video_mcp.models import LocalPicture
    from atlascloud_video_mcp.service.jobs import Job
    from atlascloud_video_mcp.service.uploads import Uploads


class FurtherPictures:
    """The further pictures of one request."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._checked: list[tuple[LocalPicture, Picture]] = []

    async def check(self, job: Job, pictures: Sequence[LocalPicture]) -> None:
        """Check them as the animated one is checked; what was changed in them becomes notes.

        Raises:
            InvalidPicture: A model would not take one, or it must not be read.
        """
        notes, name = job.submission.notes, job.submission.picture
        for place in pictures:
            try:
                picture = await self._uploads.check(job, place.source, place.rules)
            except InvalidPicture as error:
                raise InvalidPicture(f"{place.label}: {error}") from error
            self._checked.append((place, picture))
            notes = (*notes, *(f"{place.label}: {note}" for note in picture.notes))
        job.learn(notes=notes, picture=name)

    def identity(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A request by what is in the pictures, wherever they lie."""
        return self._filled(request, [f"sha256:{picture.digest}" for _, picture in self._checked])

    async def unsent(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A request with what is to be uploaded named, where it was not uploaded lately."""
        urls = [
            await self._uploads.url_of(picture.digest) or f"(upload of {picture.filename})"
            for _, picture in self._checked
        ]
        return self._filled(request, urls)

    async def uploaded(self, job: Job, request: Mapping[str, Any]) -> dict[str, Any]:
        """A request with the pictures' URLs, after all of them were uploaded."""
        urls = [(await self._uploads.upload(job, picture)).url for _, picture in self._checked]
        return self._filled(request, urls)

    def _filled(self, request: Mapping[str, Any], values: Sequence[str]) -> dict[str, Any]:
        filled = dict(request)
        for (place, _), value in zip(self._checked, values, strict=True):
            filled = place.put(filled, value)
        return filled
