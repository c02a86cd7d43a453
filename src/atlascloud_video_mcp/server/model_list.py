"""What list_models answers: as much of what was found as fits, as text and as data, each complete without the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict

from atlascloud_video_mcp.service.render import as_data, as_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlascloud_video_mcp.models import Listing

_MOST_BYTES = 9_500  # of the whole answer, text and data
_ALL = 1_000_000
# How many models, how many of them with parameters, and how many characters of each description: as they fit.
_DETAILS = (
    (_ALL, 5, 160),
    (_ALL, 5, 60),
    (_ALL, 5, 0),
    (_ALL, 3, 0),
    (_ALL, 1, 160),
    (_ALL, 1, 0),
    *((most, 0, 0) for most in (_ALL, 100, 80, 70, 60, 50, 40, 30, 20, 10)),
)


class ModelList(BaseModel):
    """The models that a query means, the best first."""

    model_config = ConfigDict(frozen=True)

    models: list[dict[str, Any]]
    notes: list[str]


def model_list_answer(listing: Listing) -> CallToolResult:
    """The answer of list_models, in the greatest detail that fits."""
    answers = (_answer(listing, *details) for details in _DETAILS)
    return next(answer for answer in answers if _size(answer) <= _MOST_BYTES)


def _answer(listing: Listing, most: int, with_parameters: int, longest: int) -> CallToolResult:
    offers = listing.entries[:most]
    models = {offer.id: listing.models[offer.id] for offer in offers[:with_parameters] if offer.id in listing.models}
    notes = list(_notes(listing, len(offers), len(models)))
    data = ModelList(models=[as_data(offer, models.get(offer.id), longest=longest) for offer in offers], notes=notes)
    count = len(listing.entries)
    found = f"{count} image-to-video model{'s'[: count != 1]}{f' for {listing.query[:80]!r}' if listing.query else ''}."
    lines = [
        *([found] if count else []),  # a note says that there is none
        *(line for offer in offers for line in as_lines(offer, models.get(offer.id), longest=longest)),
        *notes,
    ]
    return CallToolResult(
        content=[TextContent(type="text", text="\n".join(lines))],
        structured_content=data.model_dump(mode="json"),
        is_error=False,
    )


def _notes(listing: Listing, shown: int, described: int) -> Iterator[str]:
    yield from listing.notes
    yield f"The default model is {listing.default}."
    if any(offer.price_usd is not None for offer in listing.entries[:shown]):
        yield "price_usd is the catalogue's list price; dry_run of animate_image gives what a request costs."
    if described:
        yield "prompt, duration and enable_prompt_expansion are arguments; give the others in parameters."
    if shown < len(listing.entries):
        yield f"Only the first {shown} are shown: narrow the query."
    if described < len(listing.models):
        yield "Ask with one model's id for all of its parameters."


def _size(answer: CallToolResult) -> int:
    return len(answer.model_dump_json(by_alias=True, exclude_none=True).encode())
