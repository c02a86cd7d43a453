"""From the arguments of a call to a request that was checked as far as that can be done before the picture is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from atlascloud_video_mcp.cloud.body_fields import is_usual
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.media.pictures.address import web_address
from atlascloud_video_mcp.models import local_pictures
from atlascloud_video_mcp.paths import scheme_of, unquoted
from atlascloud_video_mcp.service.jobs import Job, News
from atlascloud_video_mcp.text import harmless, in_marks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from atlascloud_video_mcp.journal import VideoRequest
    from atlascloud_video_mcp.media.pictures import Fit
    from atlascloud_video_mcp.models import Catalogue, LocalPicture, Model, ModelRules
    from atlascloud_video_mcp.service.running import Running

_MOST_NAMES = 10  # told of one by one
_LONGEST_NAME = 40  # characters


@dataclass(frozen=True)
class Order:
    """What is to be submitted, beside the request itself."""

    image: str
    is_online: bool
    """Whether the image is an address that the API reads by itself."""
    model: Model
    further: tuple[LocalPicture, ...] = ()
    """What parameters name beside it; `ANY_PICTURE` stands for each in the request."""
    take: int = 1
    fit: Fit | None = None


class Orders:
    """Checks what calls ask for.

    Args:
        catalogue: The models, and what each takes.
        running: Where the catalogue is read without anybody waiting for it.
        model: The model used when a call names none.
        serves: Whether an address is on the API's own host.
    """

    def __init__(self, catalogue: Catalogue, running: Running, *, model: str, serves: Callable[[str], bool]) -> None:
        self._catalogue = catalogue
        self._running = running
        self._model = model
        self._serves = serves

    async def check(self, job: Job, wish: VideoRequest) -> Order:
        """Give a job its request, all but the picture.

        What is at hand of the model's rules will do as long as the request fits them; only else is the network waited
        for.

        Raises:
            InvalidInput: Nothing was sent.
            ServiceUnavailable: It cannot be known what the model takes.
        """
        url = self._online(wish.image)
        if url and wish.fit:
            raise InvalidInput(
                "fit is for pictures that are uploaded: one at a URL goes to the model as it is. Leave fit out, or "
                "save the picture to a file and give its full path."
            )
        name = (wish.model or self._model).strip()
        if wish.unlisted:
            wish = await self._sorted(job, wish, wish.unlisted)
        known = await self._catalogue.at_hand(name)
        request = await self._fitting(known, wish) if known else None
        if known is None or request is None:
            job.tell(News(f"Reading what {in_marks(name, 60)} takes", 0.005))
            self._running.start(Job(), self._read_on(name))
            known = await self._waited_for(name, wish)
            request = await self._request(known.model, wish)
        job.learn(request=wish.for_model(known.model.id), body=request)
        job.defaults, job.doubt = known.model.defaults, await self._catalogue.doubt(name)
        if not known.is_fresh:
            self._running.start(Job(), partial(self._renew, name=name, of=job))
        return Order(
            image=url or unquoted(wish.image),
            is_online=url is not None,
            model=known.model,
            take=wish.take,
            fit=wish.fit,
            further=local_pictures(known.model.takes, wish.parameters or {}, self._online)[1],
        )

    def _online(self, image: str) -> str | None:
        """The URL by which the API reads a picture itself; None for a local picture."""
        image = unquoted(image)
        if self._serves(image):
            return image
        return web_address(image) if scheme_of(image) == "https" else None

    async def list_models(self, job: Job, *, query: str) -> None:
        """Tell which models there are."""
        job.tell(News("Reading the catalogue", 0.1))
        self._running.start(Job(), self._read_on(self._model))
        listing = await self._catalogue.listing(query, default=self._model)
        job.tell(News(f"{len(listing.offers)} models", 0.99, result=listing))

    async def _sorted(self, job: Job, wish: VideoRequest, unlisted: Mapping[str, object]) -> VideoRequest:
        """The same with each parameter where it belongs, so that it is checked and not dropped; the rest is told.

        Raises:
            InvalidInput: One is given twice.
        """
        known = await self._catalogue.parameters()
        meant = {name: value for name, value in unlisted.items() if name in known or is_usual(name)}
        given = wish.parameters or {}
        if twice := [name for name in meant if given.get(name, meant[name]) != meant[name]]:
            names = ", ".join(_shown(name) for name in twice)
            raise InvalidInput(f"Given twice, as an argument and in parameters: {names}. Keep one of each.")
        if rest := [_shown(name) for name in unlisted if name not in meant]:
            more = f" and {len(rest) - _MOST_NAMES} more" if len(rest) > _MOST_NAMES else ""
            job.notes = (*job.notes, f"Not known here, and ignored: {', '.join(rest[:_MOST_NAMES])}{more}.")
        return replace(wish, parameters={**given, **meant}, unlisted=None)

    def _read_on(self, name: str) -> Callable[[Job], Awaitable[None]]:
        """Reads the catalogue to its end for the next call, where this one cannot wait so long."""
        return lambda _: self._catalogue.renew(name)

    async def _renew(self, _: Job, *, name: str, of: Job) -> None:
        """Read the catalogue for the next call, and for what this one is told."""
        await self._catalogue.renew(name)
        of.doubt = await self._catalogue.doubt(name)

    async def _fitting(self, known: ModelRules, wish: VideoRequest) -> dict[str, Any] | None:
        """The request by the rules at hand; None when it does not fit them and they may have changed."""
        try:
            return await self._request(known.model, wish)
        except InvalidInput:
            if known.is_fresh:
                raise
            return None

    async def _waited_for(self, name: str, wish: VideoRequest) -> ModelRules:
        try:
            return await self._catalogue.model(name)
        except InvalidInput as error:
            if wish.model:
                raise
            raise InvalidInput(f"{error} ATLASCLOUD_MODEL makes it this server's default.") from error

    async def _request(self, model: Model, wish: VideoRequest) -> dict[str, Any]:
        check = partial(
            model.request,
            prompt=wish.prompt,
            duration=wish.duration,
            enable_prompt_expansion=wish.enable_prompt_expansion,
            parameters=local_pictures(model.takes, wish.parameters or {}, self._online)[0],
            serves=self._serves,
        )
        try:
            return await to_thread.run_sync(check)  # the first check takes a tenth of a second
        except InvalidInput as error:
            if doubt := await self._catalogue.doubt(model.id):
                raise error.adding(doubt) from error
            raise


def _shown(name: str) -> str:
    return f'"{harmless(name, _LONGEST_NAME)}"'
