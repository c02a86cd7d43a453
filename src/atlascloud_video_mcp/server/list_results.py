"""The results of the tools that list: in the greatest detail that fits into one answer."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from atlascloud_video_mcp.server.tool_results import tool_result
from atlascloud_video_mcp.service.render import as_data, as_lines
from atlascloud_video_mcp.text import Quoted, in_dollars, in_marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mcp.types import CallToolResult

    from atlascloud_video_mcp.models import Listing
    from atlascloud_video_mcp.service.results import Prediction, PredictionList

_MOST_OF_PREDICTIONS, _MOST_OF_MODELS = 20_000, 9_500  # bytes of a whole answer, text and data

_LONGEST_MODEL = 120  # characters
_LESS = frozenset(
    {"image_url", "expires_at", "completed_at", "predict_time_seconds", "expected_seconds", "duration", "notes"}
)
_FORMS: tuple[tuple[int, frozenset[str]], ...] = (
    (500, frozenset()),
    (150, _LESS),
    (40, _LESS),
    (16, _LESS | {"model"}),
)
"""How many characters a prompt may have, and what is left out of each: tried in turn until the answer fits."""
_CUT = "Long prompts are cut; get_prediction shows the whole of one."
_NEXT_OF_NONE = (
    "A call whose answer was lost may not have got that far. Next: animate_image with the same arguments continues "
    "from there and does not pay twice."
)
_NEXT = "Next: get_prediction with the prediction_id of the one that is wanted; it says what to do next."
_BRIEF = "To keep this answer short, less is shown of each; get_prediction shows all of one."

_EVERY = 1_000_000
_DETAILS = (
    (_EVERY, 5, 160),
    (_EVERY, 5, 60),
    (_EVERY, 5, 0),
    (_EVERY, 3, 0),
    (_EVERY, 1, 160),
    (_EVERY, 1, 0),
    *((most, 0, 0) for most in (_EVERY, 100, 80, 70, 60, 50, 40, 30, 20, 10)),
)
"""How many models, how many of them with parameters, how many characters of each description: tried in turn, too."""


class Predictions(BaseModel):
    """The structured answer of list_predictions."""

    predictions: tuple[dict[str, Any], ...]
    """Each as animate_image tells of it, so far as there is room."""
    notes: tuple[str, ...]


def list_answer(listed: PredictionList, *, of_all: bool) -> CallToolResult:
    """The answer of list_predictions: all of it where it fits, else less of each, else fewer.

    Args:
        listed: What was found.
        of_all: Whether it was looked for among all, however they stand.
    """
    if listed.predictions or of_all:
        next_step = _NEXT if listed.predictions else _NEXT_OF_NONE
        listed = listed.model_copy(update={"notes": (*listed.notes, next_step)})
    answers = (_predictions(listed, *form) for form in _FORMS)
    fewer = (_predictions(_first(listed, count), *_FORMS[-1]) for count in range(len(listed.predictions) - 1, -1, -1))
    return _first_to_fit(chain(answers, fewer), _MOST_OF_PREDICTIONS)


def _first(listed: PredictionList, count: int) -> PredictionList:
    note = f"Only the newest {count} of {len(listed.predictions)} fit into one answer; status narrows the list."
    return listed.model_copy(update={"predictions": listed.predictions[:count], "notes": (note, *listed.notes)})


def _predictions(listed: PredictionList, prompt_limit: int, left_out: frozenset[str]) -> CallToolResult:
    told = [_shortened(each, prompt_limit, left_out) for each in listed.predictions]
    cut = any(each.prompt != whole.prompt for each, whole in zip(told, listed.predictions, strict=True))
    notes = (*listed.notes, *((_CUT,) if cut else ()), *((_BRIEF,) if left_out else ()))
    lines = [
        "Predictions, the newest first:" if told else "There are no such predictions.",
        *map(_paragraph, told),
        *notes,
    ]
    data = tuple(each.model_dump(mode="json", exclude_none=True) for each in told)
    return tool_result(lines, Predictions(predictions=data, notes=notes))


def _shortened(prediction: Prediction, prompt_limit: int, left_out: frozenset[str]) -> Prediction:
    prompt, created = prediction.prompt, prediction.created_at
    if prompt and len(prompt) > prompt_limit:
        prompt = Quoted(f"{prompt[:prompt_limit]}...")
    shorter = {"prompt": prompt, "created_at": created and created.replace(microsecond=0)}
    return prediction.model_copy(update=shorter | dict.fromkeys(left_out))


def _paragraph(prediction: Prediction) -> str:
    facts = (
        prediction.status,
        prediction.cost_usd is not None and in_dollars(prediction.cost_usd),
        prediction.created_at and f"{prediction.created_at:%Y-%m-%d %H:%M} UTC",
        prediction.model and in_marks(prediction.model, _LONGEST_MODEL),
        prediction.duration and f"{prediction.duration} s",
        prediction.sandbox and "sandbox",
    )
    more = (
        prediction.video_url and f"video_url: {prediction.video_url}",
        prediction.saved_path and f"saved_path: {prediction.saved_path}",
        prediction.error and f'error: "{prediction.error}"',
        prediction.prompt and f'prompt: "{prediction.prompt}"',
    )
    first = f"- {prediction.prediction_id}: {', '.join(fact for fact in facts if fact)}"
    return "\n  ".join((first, *(line for line in more if line)))


class ModelList(BaseModel):
    """The structured answer of list_models."""

    models: list[dict[str, Any]]
    """The best match first."""
    notes: list[str]


def model_list_answer(listing: Listing) -> CallToolResult:
    """The answer of list_models: all that is known of few models, less of more."""
    return _first_to_fit((_models(listing, *details) for details in _DETAILS), _MOST_OF_MODELS)


def _models(listing: Listing, most: int, with_parameters: int, longest: int) -> CallToolResult:
    entries = listing.entries[:most]
    models = {entry.id: listing.models[entry.id] for entry in entries[:with_parameters] if entry.id in listing.models}
    notes = list(_notes(listing, len(entries), len(models)))
    count = len(listing.entries)
    found = f"{count} image-to-video model{'s'[: count != 1]}{f' for {listing.query[:80]!r}' if listing.query else ''}."
    lines = [
        *([found] if count else []),  # a note says that there is none
        *(line for entry in entries for line in as_lines(entry, models.get(entry.id), longest=longest)),
        *notes,
    ]
    data = [as_data(entry, models.get(entry.id), longest=longest) for entry in entries]
    return tool_result(lines, ModelList(models=data, notes=notes))


def _notes(listing: Listing, shown: int, described: int) -> Iterator[str]:
    yield from listing.notes
    yield f"The default model is {listing.default}."
    if any(entry.price_usd is not None for entry in listing.entries[:shown]):
        yield "price_usd is the catalogue's list price; animate_image with dry_run gives the price of a request."
    if described:
        yield "prompt, duration and enable_prompt_expansion are arguments; pass the others in parameters."
    if shown < len(listing.entries):
        yield f"Only the first {shown} are shown: narrow the query."
    if described < len(listing.models):
        yield "Ask with one model's id for all of its parameters."


def _first_to_fit(answers: Iterable[CallToolResult], most: int) -> CallToolResult:
    """The first answer of at most so many bytes."""
    return next(
        answer for answer in answers if len(answer.model_dump_json(by_alias=True, exclude_none=True).encode()) <= most
    )
