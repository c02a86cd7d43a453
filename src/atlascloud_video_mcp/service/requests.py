"""From what a call asks for to a request that was checked as far as that costs nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from anyio import to_thread

from atlascloud_video_mcp.cloud.body_fields import is_usual
from atlascloud_video_mcp.errors import InvalidInput, InvalidPicture
from atlascloud_video_mcp.media.pictures.source import BY_FILE, web_address
from atlascloud_video_mcp.models import ANY_PICTURE, local_pictures
from atlascloud_video_mcp.paths import scheme_of, unquoted
from atlascloud_video_mcp.service.background import BackgroundTask
from atlascloud_video_mcp.service.progress import Phase, Progress
from atlascloud_video_mcp.text import in_marks, sanitize_untrusted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Person, VideoRequest
    from atlascloud_video_mcp.media.clips import ClipSaver
    from atlascloud_video_mcp.media.pictures import Picture
    from atlascloud_video_mcp.models import Catalogue, Listing, LocalPicture, Model, ModelRules
    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.uploads import Uploads

_MOST_NAMES = 10  # told of one by one
_LONGEST_NAME = 40  # characters


@dataclass(frozen=True)
class RequestKey:
    """What makes two requests the same: picture bytes or URL, model, prompt, parameters, and which take of it."""

    key: str
    take: int
    old_keys: tuple[str, ...]
    """What version 1.0.0 may have called it: that took the account's key, which may be renewed, for the account, and
    sent the bytes of most pictures with all that is in them."""

    @classmethod
    def of(cls, cloud: Cloud, body: Mapping[str, Any], picture: str, source: str, take: int) -> Self:
        """The key of a request to the API.

        `picture` is the digest of its bytes as sent, and `source` that of the bytes that were named; or both its URL.
        """
        old_keys = tuple(_digest(cloud.account, each, body) for each in {picture, source})
        return cls(_digest(cloud.address, picture, body), take, old_keys)


def _digest(whose: str, picture: str, body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([whose, picture, body], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Prepared:
    """A request of which all was checked that can be for nothing. It holds the bytes of its pictures."""

    request: VideoRequest
    """As it is told of: for its model, and with the picture's address where that is on the web."""
    model: Model
    key: RequestKey
    picture: Picture | None
    """The picture to be animated; None where the API reads it from the web by itself."""
    further: Sequence[tuple[LocalPicture, Picture]]
    """Those that parameters name beside it."""
    call_notes: Sequence[str]
    """What is worth knowing of this very call, whatever prediction it leads to."""
    doubts: Sequence[str]
    """What could not be checked, as things stand: it changes while the catalogue is read on."""
    _body: Mapping[str, Any]

    @property
    def pictures(self) -> list[Picture]:
        """All that are to be uploaded."""
        return [*([self.picture] if self.picture else []), *(picture for _, picture in self.further)]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed in the pictures, and why."""
        changed = [f"{place.label}: {note}" for place, picture in self.further for note in picture.notes]
        return (*(self.picture.notes if self.picture else ()), *changed)

    def body(self, urls: Mapping[str, str]) -> dict[str, Any]:
        """What is sent, with pictures where `urls` says by their digests that they are."""
        body = _filled(self._body, ((place, urls.get(picture.digest, ANY_PICTURE)) for place, picture in self.further))
        image = urls.get(self.picture.digest, ANY_PICTURE) if self.picture else self.request.image
        return self.model.with_picture(body, image)


class Requests:
    """Prepares what calls ask for.

    Args:
        cloud: The open API client.
        catalogue: The models, and what each takes.
        uploads: What reads pictures.
        saver: What knows where clips can be saved.
        tasks: Where the catalogue is read without anybody waiting for it.
        model: The model used when a call names none.
        local_files: Whether a clip may be saved on this machine.
    """

    def __init__(
        self,
        cloud: Cloud,
        catalogue: Catalogue,
        uploads: Uploads,
        saver: ClipSaver,
        tasks: TaskGroup,
        *,
        model: str,
        local_files: bool,
    ) -> None:
        self._cloud = cloud
        self._catalogue = catalogue
        self._uploads = uploads
        self._saver = saver
        self._tasks = tasks
        self._model = model
        self._local_files = local_files

    async def prepare(self, request: VideoRequest, progress: ProgressSink) -> Prepared:
        """Check a request: its arguments, what the model takes, where the clip is to go, the pictures.

        What is at hand of the model's rules will do as long as the request fits them; only else is the network waited
        for.

        Raises:
            InvalidInput: Nothing was sent.
            ServiceUnavailable: It cannot be known what the model takes.
        """
        url = self._online(request.image)
        if url and request.fit:
            raise InvalidInput(
                "fit is for pictures that are uploaded: one at a URL goes to the model as it is. Leave fit out, or "
                f"{BY_FILE}."
            )
        request, call_notes = await self._sorted(request)
        model, body, doubts = await self._checked(request, progress)
        if request.save_to and not self._local_files:
            raise InvalidInput(
                "save_to is not for this server, which is on another machine: fetch the clip from its URL."
            )
        if request.save_to:
            await to_thread.run_sync(self._saver.check_target, request.save_to)
        picture = None
        if url is None:
            image = unquoted(request.image)
            check = partial(self._uploads.check, person=request.person, progress=progress)
            picture = await check(image, model.pictures, request.fit)
        named = local_pictures(model.takes, request.parameters or {}, self._online)[1]
        further = [(place, await self._further(place, request.person, progress)) for place in named]
        digest, source = (picture.digest, picture.source_digest) if picture else (str(url), str(url))
        identity = _filled(body, ((place, f"sha256:{each.digest}") for place, each in further))
        key = RequestKey.of(self._cloud, identity, digest, source, request.take)
        told = replace(request.for_model(model.id), image=url or "")
        return Prepared(told, model, key, picture, further, call_notes, doubts, body)

    async def list_models(self, query: str, progress: ProgressSink) -> Listing:
        """Which models there are."""
        progress(Progress(Phase.READING_CATALOGUE, 0.1))
        self._read_on(self._model)
        listing = await self._catalogue.listing(query, default=self._model)
        progress(Progress(Phase.CATALOGUE_READ, 0.99, str(len(listing.entries))))
        return listing

    def _online(self, image: str) -> str | None:
        """The URL by which the API reads a picture itself; None for a local picture."""
        image = unquoted(image)
        if self._cloud.serves(image):
            return image
        return web_address(image) if scheme_of(image) == "https" else None

    async def _sorted(self, request: VideoRequest) -> tuple[VideoRequest, tuple[str, ...]]:
        """The same with each parameter where it belongs, so that it is checked and not dropped; the rest is noted.

        Raises:
            InvalidInput: One is given twice.
        """
        if not request.unlisted:
            return request, ()
        known, unlisted, given = await self._catalogue.parameters(), request.unlisted, request.parameters or {}
        meant = {name: value for name, value in unlisted.items() if name in known or is_usual(name)}
        if twice := [name for name in meant if given.get(name, meant[name]) != meant[name]]:
            names = ", ".join(_shown(name) for name in twice)
            raise InvalidInput(f"Given twice, as an argument and in parameters: {names}. Keep one of each.")
        notes: tuple[str, ...] = ()
        if rest := [_shown(name) for name in unlisted if name not in meant]:
            more = f" and {len(rest) - _MOST_NAMES} more" if len(rest) > _MOST_NAMES else ""
            notes = (f"Not known here, and ignored: {', '.join(rest[:_MOST_NAMES])}{more}.",)
        return replace(request, parameters={**given, **meant}, unlisted=None), notes

    async def _checked(
        self, request: VideoRequest, progress: ProgressSink
    ) -> tuple[Model, dict[str, Any], Sequence[str]]:
        """The model, the body for it, all but the pictures, and what could not be checked of it."""
        name = (request.model or self._model).strip()
        known = await self._catalogue.cached(name)
        body = await self._fitting(known, request) if known else None
        if known is None or body is None:
            progress(Progress(Phase.READING_MODEL, 0.005, in_marks(name, 60)))
            self._read_on(name)
            known = await self._waited_for(name, request)
            body = await self._body(known.model, request)
        doubts = await self._doubts(name)
        if not known.is_fresh:
            self._read_on(name, doubts)
        return known.model, body, doubts

    async def _doubts(self, name: str) -> list[str]:
        doubt = await self._catalogue.staleness_note(name)
        return [doubt] if doubt else []

    def _read_on(self, name: str, doubts: list[str] | None = None) -> None:
        """Read the catalogue to its end for the next call, and for what this one is told."""

        async def renew(_: BackgroundTask[None]) -> None:
            await self._catalogue.renew(name)
            if doubts is not None:
                doubts[:] = await self._doubts(name)

        BackgroundTask(self._tasks, renew, committed=True)

    async def _fitting(self, known: ModelRules, request: VideoRequest) -> dict[str, Any] | None:
        """The body by the rules at hand; None when it does not fit them and they may have changed."""
        try:
            return await self._body(known.model, request)
        except InvalidInput:
            if known.is_fresh:
                raise
            return None

    async def _waited_for(self, name: str, request: VideoRequest) -> ModelRules:
        try:
            return await self._catalogue.model(name)
        except InvalidInput as error:
            if request.model:
                raise
            raise InvalidInput(f"{error} ATLASCLOUD_MODEL makes it this server's default.") from error

    async def _body(self, model: Model, request: VideoRequest) -> dict[str, Any]:
        check = partial(
            model.request,
            prompt=request.prompt,
            duration=request.duration,
            enable_prompt_expansion=request.enable_prompt_expansion,
            parameters=local_pictures(model.takes, request.parameters or {}, self._online)[0],
            serves=self._cloud.serves,
        )
        try:
            return await to_thread.run_sync(check)  # the first check takes a tenth of a second
        except InvalidInput as error:
            if doubt := await self._catalogue.staleness_note(model.id):
                raise error.adding(doubt) from error
            raise

    async def _further(self, place: LocalPicture, person: Person | None, progress: ProgressSink) -> Picture:
        try:
            return await self._uploads.check(place.source, place.rules, person=person, progress=progress)
        except InvalidPicture as error:
            raise InvalidPicture(f"{place.label}: {error}") from error


def _filled(body: Mapping[str, Any], values: Iterable[tuple[LocalPicture, str]]) -> dict[str, Any]:
    """A body with something in the place of each further picture."""
    filled = dict(body)
    for place, value in values:
        filled = place.put(filled, value)
    return filled


def _shown(name: str) -> str:
    return f'"{sanitize_untrusted(name, _LONGEST_NAME)}"'
