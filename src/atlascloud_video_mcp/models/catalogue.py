"""The catalogue: what is at hand of it without waiting, what the network adds, and what could not be known."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from atlascloud_video_mcp.cloud.http import LARGEST_LIST
from atlascloud_video_mcp.errors import InvalidInput, ServiceUnavailable
from atlascloud_video_mcp.models.document_cache import CachedDocument, DocumentCache
from atlascloud_video_mcp.models.entries import CatalogEntry, closest, matching, read_offers
from atlascloud_video_mcp.models.family import FAMILY, OFFERS
from atlascloud_video_mcp.models.model import Model
from atlascloud_video_mcp.models.schema import Malformed, read_input
from atlascloud_video_mcp.network import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atlascloud_video_mcp.models.document_cache import Fetch

_LARGEST_SCHEMA = 250_000  # bytes; many are kept
_IN_BACKGROUND = 30.0  # seconds that reading may take when nobody waits for it
_NOT_AGAIN_FOR = 60.0  # seconds after a failure in which nobody asks in the background
_MOST_WITH_PARAMETERS = 5  # models of a listing
_MOST_TO_JUDGE = 30  # models whose schemas are read to see what they do
_AT_ONCE = 8  # schemas read at the same time

_T = TypeVar("_T")


@dataclass(frozen=True)
class ModelRules:
    """A model as far as it is known."""

    model: Model
    is_fresh: bool
    """Whether these are its rules as they are now."""
    source: str
    """Where the rules come from, as a sentence goes on."""


@dataclass(frozen=True)
class Listing:
    """What a query finds, the best first."""

    query: str
    default: str
    """The id of the model that is used when a call names none."""
    offers: tuple[CatalogEntry, ...]
    models: dict[str, Model]
    """What the offers take, by id, where they are few."""
    notes: tuple[str, ...]


class Catalogue:
    """The models of the API, or as many of them as can be known.

    Args:
        fetch: Reads documents from the network.
        base_url: Where the API lives, without a trailing slash.
        directory: Where documents are kept; None keeps them in memory only.
        patience: How long a call may wait for the network, seconds.
        clock: Tells the time, in seconds since 1970.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        base_url: str,
        directory: Path | None = None,
        patience: float = 3.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = f"{base_url}/models"
        self._patience = patience
        self._clock = clock
        read = partial(read_offers, base_url=base_url)
        self._lists: DocumentCache[tuple[CatalogEntry, ...]] = DocumentCache(
            fetch, read, directory, largest=LARGEST_LIST, clock=clock
        )
        self._schemas: DocumentCache[dict[str, Any]] = DocumentCache(
            fetch, read_input, directory, largest=_LARGEST_SCHEMA, clock=clock
        )
        self._failures: dict[str, tuple[float, str]] = {}

    async def at_hand(self, model_id: str) -> ModelRules | None:
        """What is known of a model without asking the network; None when that is nothing."""
        offers = await self._lists.at_hand(self._url)
        if offers and (offer := _named(offers.value, model_id)) and offer.schema:
            schema = await self._schemas.at_hand(offer.schema)
            if schema and (model := _made(offer, schema)):
                day = datetime.fromtimestamp(schema.at, UTC)
                return ModelRules(
                    model,
                    self._schemas.is_fresh(schema),
                    f"its rules of {day:%Y-%m-%d}",
                )
        family = FAMILY.get(model_id.lower())
        return ModelRules(family, is_fresh=False, source="the rules built into this server") if family else None

    async def renew(self, model_id: str) -> None:
        """Read anew, with nobody waiting for it, what is not fresh; what goes wrong is told by `doubt`."""
        failed_at, _ = self._failures.get(model_id, (0.0, ""))
        if not 0 <= self._clock() - failed_at < _NOT_AGAIN_FOR:
            await self._read(model_id, anyio.current_time() + _IN_BACKGROUND)

    async def doubt(self, model_id: str) -> str | None:
        """What could not be checked about a request to a model that is at hand, in a sentence or two."""
        known = await self.at_hand(model_id)
        if known is None or known.is_fresh:
            return None
        checked = f"It was checked against {known.source}."
        _, reason = self._failures.get(model_id, (0.0, ""))
        if reason:
            return f"What {known.model.id} takes could not be read: {reason}. {checked}"
        if known.model in FAMILY.values():
            return f"What {known.model.id} takes had not been read yet. {checked}"
        return None

    async def model(self, model_id: str) -> ModelRules:
        """A model as it is now, waited for; where the network fails, as it was.

        Raises:
            InvalidInput: There is no such model, or it animates no pictures.
            ServiceUnavailable: It cannot be known what the model takes.
        """
        await self._read(model_id, anyio.current_time() + self._patience)
        if known := await self.at_hand(model_id):
            return known
        offers = await self._lists.at_hand(self._url)
        offer = _named(offers.value, model_id) if offers else None
        _, reason = self._failures.get(model_id, (0.0, ""))
        if offers and offer is None and self._lists.is_fresh(offers):
            raise _no_such(model_id, offers.value)
        if reason:
            raise ServiceUnavailable(
                f"What {_shown(model_id)} takes cannot be known: {reason}. Call again later, or use "
                f"a model that is known without the catalogue: {', '.join(FAMILY)}."
            )
        raise InvalidInput(f"{model_id} animates no picture. list_models shows the models that do.")

    async def parameters(self) -> frozenset[str]:
        """The names of all that any model takes whose rules are at hand."""
        names = {name for model in FAMILY.values() for name in model.takes}
        offers = await self._lists.at_hand(self._url)
        for offer in offers.value if offers else ():
            schema = await self._schemas.at_hand(offer.schema) if offer.schema else None
            names |= set(schema.value["properties"]) if schema else set()
        return frozenset(names - {"model", "image"})

    async def listing(self, query: str, *, default: str) -> Listing:
        """The models that a query means, all without one, the `default` then first."""
        deadline = anyio.current_time() + self._patience
        kept, reason = await self._current(self._lists, self._url, "the list of models", deadline)
        if kept is None:
            notes = [f"Only the built-in Hailuo 2.3 family is shown: {reason}."]
        elif reason:
            notes = [f"The list is of {datetime.fromtimestamp(kept.at, UTC):%Y-%m-%d}: {reason}."]
        else:
            notes = []
        offers = [offer for offer in (kept.value if kept else OFFERS) if offer.animates is not False]
        found, whole = matching(offers, query)
        found = await self._judged(found, deadline)
        if not query.strip():
            found.sort(key=lambda offer: offer.id != default)
        if not found:
            notes.append(f"No image-to-video model matches {_shown(query)}.")
        elif not whole:
            notes.append(f"No model matches all of {_shown(query)}; these match a part of it.")
        models: dict[str, Model] = {}
        if len(found) <= _MOST_WITH_PARAMETERS:
            await self._read_schemas(found, deadline)
            models = {offer.id: model for offer in found if (model := await self._known(offer))}
            notes += [f"What {offer.id} takes could not be read." for offer in found if offer.id not in models]
        return Listing(query.strip(), default, tuple(found), models, tuple(notes))

    async def _judged(self, offers: Sequence[CatalogEntry], deadline: float) -> list[CatalogEntry]:
        """Those that animate pictures, by their schemas where the list does not say."""
        unsure = [offer for offer in offers if offer.animates is None][:_MOST_TO_JUDGE]
        await self._read_schemas(unsure, deadline)
        return [offer for offer in offers if offer.animates or await self._known(offer)]

    async def _known(self, offer: CatalogEntry) -> Model | None:
        known = await self.at_hand(offer.id)
        return known.model if known else None

    async def _read_schemas(self, offers: Sequence[CatalogEntry], deadline: float) -> None:
        limiter = anyio.CapacityLimiter(_AT_ONCE)

        async def read(url: str) -> None:
            async with limiter:
                await self._current(self._schemas, url, "its schema", deadline)

        async with anyio.create_task_group() as tasks:
            for offer in offers:
                if offer.schema:
                    tasks.start_soon(read, offer.schema)

    async def _read(self, model_id: str, deadline: float) -> None:
        """Read what there is to know of a model, and remember why it cannot be had."""
        offers, reason = await self._current(self._lists, self._url, "the list of models", deadline)
        offer = _named(offers.value, model_id) if offers else None
        if offer and offer.schema:
            _, failure = await self._current(self._schemas, offer.schema, "its schema", deadline)
            reason = reason or failure
        elif offers:
            reason = reason or f"the list of models {'names no schema for it' if offer else 'does not name it'}"
        if reason:
            self._failures[model_id] = (self._clock(), reason)
        else:
            self._failures.pop(model_id, None)

    async def _current(
        self, shelf: DocumentCache[_T], url: str, what: str, deadline: float
    ) -> tuple[CachedDocument[_T] | None, str | None]:
        """A document as it is now, or as it was and why it is not newer."""
        reason = f"{what} did not come in time"
        with anyio.CancelScope(deadline=deadline):
            try:
                return await shelf.current(url), None
            except Unreadable as error:
                reason = f"{what} {error}"
        return await shelf.at_hand(url), reason


def _named(offers: Sequence[CatalogEntry], model_id: str) -> CatalogEntry | None:
    return next((offer for offer in offers if offer.id.lower() == model_id.lower()), None)


def _made(offer: CatalogEntry, schema: CachedDocument[dict[str, Any]]) -> Model | None:
    try:
        return Model.of(offer.id, schema.value, base=FAMILY.get(offer.id))
    except Malformed:
        return None


def _no_such(model_id: str, offers: Sequence[CatalogEntry]) -> InvalidInput:
    meant = closest([offer for offer in offers if offer.animates is not False], model_id)
    guess = f" Did you mean {' or '.join(meant)}?" if meant else ""
    return InvalidInput(f"There is no image-to-video model {_shown(model_id)} here.{guess} list_models shows all.")


def _shown(text: str) -> str:
    return repr(text[:80])
