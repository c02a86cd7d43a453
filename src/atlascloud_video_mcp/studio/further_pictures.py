"""Local pictures that parameters name beside the one that is animated, from the check to their URLs in the request."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from atlascloud_video_mcp.errors import InvalidPicture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from atlascloud_video_mcp.catalogue import LocalPicture
    from atlascloud_video_mcp.pictures import Picture
    from atlascloud_video_mcp.studio.jobs import Job
    from atlascloud_video_mcp.studio.uploads import Uploads


class FurtherPictures:
    """A context manager that closes what was not uploaded."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._checked: list[tuple[LocalPicture, Picture, str]] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    async def check(self, job: Job, pictures: Sequence[LocalPicture]) -> None:
        """Check them as the animated one is checked; what was changed in them becomes notes.

        Raises:
            InvalidPicture: A model would not take one, or it must not be read.
        """
        facts = job.facts
        notes, name = facts.notes, facts.picture
        for place in pictures:
            try:
                picture, digest = await self._uploads.check(job, place.source, place.rules)
            except InvalidPicture as error:
                raise InvalidPicture(f"{place.label}: {error}") from error
            self._open.enter_context(picture)
            self._checked.append((place, picture, digest))
            notes = (*notes, *(f"{place.label}: {note}" for note in picture.notes))
        facts.notes, facts.picture = notes, name

    def identity(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A request by what is in the pictures, wherever they lie."""
        return self._filled(request, {digest: f"sha256:{digest}" for _, _, digest in self._checked})

    async def unsent(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A request with what is to be uploaded named, where it was not uploaded lately."""
        urls = {
            digest: await self._uploads.url_of(digest) or f"(upload of {picture.filename})"
            for _, picture, digest in self._checked
        }
        return self._filled(request, urls)

    async def uploaded(self, job: Job, request: Mapping[str, Any]) -> dict[str, Any]:
        """A request with the pictures' URLs, after all of them were uploaded."""
        urls = {digest: (await self._uploads.upload(job, picture, digest)).url for _, picture, digest in self._checked}
        return self._filled(request, urls)

    def _filled(self, request: Mapping[str, Any], by_digest: Mapping[str, str]) -> dict[str, Any]:
        filled = dict(request)
        for place, _, digest in self._checked:
            filled = place.put(filled, by_digest[digest])
        return filled
