"""The catalogue: the rules of each model, cached or fetched, and what is known when the network fails."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from atlascloud_video_mcp.cloud.documents import Unreadable
from atlascloud_video_mcp.cloud.http import LARGEST_LIST
from atlascloud_video_mcp.errors import InvalidInput, ServiceUnavailable
from atlascloud_video_mcp.models.document_cache import CachedDocument, DocumentCache
from atlascloud_video_mcp.models.entries import (
    BUILT_IN,
    BUILT_IN_ENTRIES,
    CatalogEntry,
    closest,
    matching,
    read_entries,
)
from atlascloud_video_mcp.models.model import Model
from atlascloud_video_mcp.models.schema import Malformed, read_input

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atlascloud_video_mcp.models.document_cache import Fetch

_LARGEST_SCHEMA = 250_000  # bytes; many are kept
_IN_BACKGROUND = 30.0  # seconds that a fetch in the background may take
_NOT_AGAIN_FOR = 60.0  # seconds after a failure before the next fetch in the background
_MOST_WITH_PARAMETERS = 5  # models of a listing
_MOST_TO_JUDGE = 30  # models whose schemas are read to see whether they animate pictures
_AT_ONCE = 8  # schemas read at the same time

_T = TypeVar("_T")


@dataclass(frozen=True)
class ModelRules:
    """A model with the rules known for it."""

    model: Model
    is_fresh: bool
    """Whether these are its current rules."""
    source: str
    """Where the rules come from, to continue a sentence with."""


@dataclass(frozen=True)
class Listing:
    """What a query finds, best first."""

    query: str
    default: str
    """The id of the model used when a call names none."""
    entries: tuple[CatalogEntry, ...]
    models: dict[str, Model]
    """The models of the entries, by id, where these are few."""
    notes: tuple[str, ...]


class Catalogue:
    """The models of the API, as far as they are known.

    Args:
        fetch: Fetches documents from the network.
        base_url: Where the API lives, without a trailing slash.
        directory: Where documents are kept; None keeps them in memory only.
        patience: Seconds that a call may wait for the network.
        clock: The time, in seconds since 1970.
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
        read = partial(read_entries, base_url=base_url)
        self._list_cache: DocumentCache[tuple[CatalogEntry, ...]] = DocumentCache(
            fetch, read, directory, largest=LARGEST_LIST, clock=clock
        )
        self._schema_cache: DocumentCache[dict[str, Any]] = DocumentCache(
            fetch, read_input, directory, largest=_LARGEST_SCHEMA, clock=clock
        )
        self._failures: dict[str, tuple[float, str]] = {}

    async def cached(self, model_id: str) -> ModelRules | None:
        """The rules known for a model without asking the network; None when there are none."""
        entries = await self._list_cache.cached(self._url)
        if entries and (entry := _find(entries.value, model_id)) and entry.schema:
            schema = await self._schema_cache.cached(entry.schema)
            if schema and (model := _build(entry, schema)):
                day = datetime.fromtimestamp(schema.at, UTC)
                return ModelRules(model, self._schema_cache.is_fresh(schema), f"its rules of {day:%Y-%m-%d}")
        built_in = BUILT_IN.get(model_id.lower())
        return ModelRules(built_in, is_fresh=False, source="the rules built into this server") if built_in else None

    async def renew(self, model_id: str) -> None:
        """Fetch in the background what is not fresh; `staleness_note` tells what went wrong."""
        failed_at, _ = self._failures.get(model_id, (0.0, ""))
        if not 0 <= self._clock() - failed_at < _NOT_AGAIN_FOR:
            await self._read(model_id, anyio.current_time() + _IN_BACKGROUND)

    async def staleness_note(self, model_id: str) -> str | None:
        """What could not be checked against a model's current rules, in a sentence or two; None when all was."""
        known = await self.cached(model_id)
        if known is None or known.is_fresh:
            return None
        checked = f"It was checked against {known.source}."
        _, reason = self._failures.get(model_id, (0.0, ""))
        if reason:
            return f"What {known.model.id} takes could not be read: {reason}. {checked}"
        if known.model in BUILT_IN.values():
            return f"What {known.model.id} takes had not been read yet. {checked}"
        return None

    async def model(self, model_id: str) -> ModelRules:
        """A model with its current rules, waited for; where the network fails, with the last ones known.

        Raises:
            InvalidInput: There is no such model, or it animates no pictures.
            ServiceUnavailable: It cannot be known what the model takes.
        """
        await self._read(model_id, anyio.current_time() + self._patience)
        if known := await self.cached(model_id):
            return known
        entries = await self._list_cache.cached(self._url)
        entry = _find(entries.value, model_id) if entries else None
        _, reason = self._failures.get(model_id, (0.0, ""))
        if entries and entry is None and self._list_cache.is_fresh(entries):
            raise _no_such(model_id, entries.value)
        if reason:
            raise ServiceUnavailable(
                f"What {_shown(model_id)} takes cannot be known: {reason}. Call again later, or use "
                f"a model that is known without the catalogue: {', '.join(BUILT_IN)}."
            )
        raise InvalidInput(f"{model_id} does not animate pictures. list_models shows the models that do.")

    async def parameters(self) -> frozenset[str]:
        """The names of all parameters of the models whose rules are cached."""
        names = {name for model in BUILT_IN.values() for name in model.takes}
        entries = await self._list_cache.cached(self._url)
        for entry in entries.value if entries else ():
            schema = await self._schema_cache.cached(entry.schema) if entry.schema else None
            names |= set(schema.value["properties"]) if schema else set()
        return frozenset(names - {"model", "image"})

    async def listing(self, query: str, *, default: str) -> Listing:
        """The models that a query finds; without one all, the `default` first."""
        deadline = anyio.current_time() + self._patience
        listed, reason = await self._fetch(self._list_cache, self._url, "the list of models", deadline)
        if listed is None:
            notes = [f"Only the built-in Hailuo 2.3 family is shown: {reason}."]
        elif reason:
            notes = [f"The list is of {datetime.fromtimestamp(listed.at, UTC):%Y-%m-%d}: {reason}."]
        else:
            notes = []
        entries = [entry for entry in (listed.value if listed else BUILT_IN_ENTRIES) if entry.animates is not False]
        found, whole = matching(entries, query)
        found = await self._judged(found, deadline)
        if not query.strip():
            found.sort(key=lambda entry: entry.id != default)
        if not found:
            notes.append(f"No image-to-video model matches {_shown(query)}.")
        elif not whole:
            notes.append(f"No model matches all of {_shown(query)}; these match a part of it.")
        models: dict[str, Model] = {}
        if len(found) <= _MOST_WITH_PARAMETERS:
            await self._read_schemas(found, deadline)
            models = {entry.id: model for entry in found if (model := await self._model_of(entry))}
            notes += [f"What {entry.id} takes could not be read." for entry in found if entry.id not in models]
        return Listing(query.strip(), default, tuple(found), models, tuple(notes))

    async def _judged(self, entries: Sequence[CatalogEntry], deadline: float) -> list[CatalogEntry]:
        """The entries that animate pictures, by their schemas where the list does not say."""
        unsure = [entry for entry in entries if entry.animates is None][:_MOST_TO_JUDGE]
        await self._read_schemas(unsure, deadline)
        return [entry for entry in entries if entry.animates or await self._model_of(entry)]

    async def _model_of(self, entry: CatalogEntry) -> Model | None:
        known = await self.cached(entry.id)
        return known.model if known else None

    async def _read_schemas(self, entries: Sequence[CatalogEntry], deadline: float) -> None:
        limiter = anyio.CapacityLimiter(_AT_ONCE)

        async def read(url: str) -> None:
            async with limiter:
                await self._fetch(self._schema_cache, url, "its schema", deadline)

        async with anyio.create_task_group() as tasks:
            for entry in entries:
                if entry.schema:
                    tasks.start_soon(read, entry.schema)

    async def _read(self, model_id: str, deadline: float) -> None:
        """Fetch the rules of a model, and remember why they could not be had."""
        entries, reason = await self._fetch(self._list_cache, self._url, "the list of models", deadline)
        entry = _find(entries.value, model_id) if entries else None
        if entry and entry.schema:
            _, failure = await self._fetch(self._schema_cache, entry.schema, "its schema", deadline)
            reason = reason or failure
        elif entries:
            reason = reason or f"the list of models {'names no schema for it' if entry else 'does not name it'}"
        if reason:
            self._failures[model_id] = (self._clock(), reason)
        else:
            self._failures.pop(model_id, None)

    async def _fetch(
        self, cache: DocumentCache[_T], url: str, what: str, deadline: float
    ) -> tuple[CachedDocument[_T] | None, str | None]:
        """The current document, or the cached one and why there is no newer."""
        reason = f"{what} did not come in time"
        with anyio.CancelScope(deadline=deadline):
            try:
                return await cache.fetch(url), None
            except Unreadable as error:
                reason = f"{what} {error}"
        return await cache.cached(url), reason


def _find(entries: Sequence[CatalogEntry], model_id: str) -> CatalogEntry | None:
    return next((entry for entry in entries if entry.id.lower() == model_id.lower()), None)


def _build(entry: CatalogEntry, schema: CachedDocument[dict[str, Any]]) -> Model | None:
    try:
        return Model.of(entry.id, schema.value, base=BUILT_IN.get(entry.id))
    except Malformed:
        return None


def _no_such(model_id: str, entries: Sequence[CatalogEntry]) -> InvalidInput:
    meant = closest([entry for entry in entries if entry.animates is not False], model_id)
    guess = f" Did you mean {' or '.join(meant)}?" if meant else ""
    return InvalidInput(f"There is no image-to-video model {_shown(model_id)} here.{guess} list_models shows all.")


def _shown(text: str) -> str:
    return repr(text[:80])
