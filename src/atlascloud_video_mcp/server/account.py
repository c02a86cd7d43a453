"""What the answers about an account say: what was made with it, and its money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel

from atlascloud_video_mcp.service.render import balance_lines
from atlascloud_video_mcp.text import Quoted, in_dollars, in_marks

if TYPE_CHECKING:
    from atlascloud_video_mcp.service.results import Balance, Prediction, PredictionList

_LONGEST_MODEL = 120  # characters
_LARGEST = 20_000  # bytes of text and data together
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
_CUT = "Long prompts are cut. get_prediction tells all of one."
_NEXT_OF_NONE = (
    "A call whose answer was lost may not have got so far. Next: animate_image with the same arguments goes on from "
    "there, and does not pay twice."
)
_NEXT = "Next: get_prediction with the prediction_id of the one that is wanted; it tells what to do about it."
_BRIEF = "So that the answer stays short, only the most important is told of each. get_prediction tells all of one."


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
    answers = (_list_answer(listed, *form) for form in _FORMS)
    fewer = (_list_answer(_first(listed, count), *_FORMS[-1]) for count in range(len(listed.predictions) - 1, -1, -1))
    return next(answer for each in (answers, fewer) for answer in each if _size(answer) <= _LARGEST)


def _first(listed: PredictionList, count: int) -> PredictionList:
    note = f"Only the newest {count} of {len(listed.predictions)} fit into one answer; a status asks for some of them."
    return listed.model_copy(update={"predictions": listed.predictions[:count], "notes": (note, *listed.notes)})


def _list_answer(listed: PredictionList, prompt_limit: int, left_out: frozenset[str]) -> CallToolResult:
    told = [_shortened(each, prompt_limit, left_out) for each in listed.predictions]
    cut = any(each.prompt != whole.prompt for each, whole in zip(told, listed.predictions, strict=True))
    notes = (*listed.notes, *((_CUT,) if cut else ()), *((_BRIEF,) if left_out else ()))
    lines = [
        "Predictions, the newest first:" if told else "There are no such predictions.",
        *map(_paragraph, told),
        *notes,
    ]
    data = tuple(each.model_dump(mode="json", exclude_none=True) for each in told)
    return _answer("\n".join(lines), Predictions(predictions=data, notes=notes))


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


def balance_answer(balance: Balance) -> CallToolResult:
    """The answer of get_balance."""
    return _answer("\n".join(balance_lines(balance)), balance)


def _answer(text: str, data: BaseModel) -> CallToolResult:
    structured = data.model_dump(mode="json", exclude_none=True)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=structured)


def _size(answer: CallToolResult) -> int:
    return len(answer.model_dump_json(by_alias=True, exclude_none=True).encode())
