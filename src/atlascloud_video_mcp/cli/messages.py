"""What a command says about a prediction: to a person on stderr, to a script on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from atlascloud_video_mcp.cli import console
from atlascloud_video_mcp.errors import Exit
from atlascloud_video_mcp.text import in_dollars

if TYPE_CHECKING:
    from atlascloud_video_mcp.service.results import DryRun, Prediction


def told(prediction: Prediction, *, lasts: bool, as_json: bool, submit_only: bool = False, save: bool = False) -> Exit:
    """Tell how a prediction stands, and what exit status that is.

    Args:
        prediction: As it stands at the end of the command.
        lasts: Whether it outlives the command; what is made by the sandbox inside it does not.
        as_json: One JSON object on stdout instead of the one line for scripts.
        submit_only: Nobody wanted to wait, so that the id is all that is asked for.
        save: The clip was to be saved.
    """
    prediction = prediction.model_copy(update={"next_step": _next_step(prediction) if lasts else None})
    for line in (_headline(prediction), *_facts(prediction, lasts=lasts)):
        console.say(line)
    if as_json:
        console.result_json(prediction.model_dump(mode="json", exclude_none=True))
    elif submit_only:
        console.result(prediction.prediction_id)
    elif clip := prediction.saved_path or prediction.video_url:
        console.result(clip)
    match prediction.status:
        case "completed":
            return Exit.FAILED if save and not prediction.saved_path else Exit.DONE
        case "failed":
            return Exit.FAILED
        case "processing":
            return Exit.DONE if submit_only else Exit.UNFINISHED
        case _:
            assert_never(prediction.status)


def rehearsal(rehearsed: DryRun, *, as_json: bool) -> None:
    """Tell what would be sent, at what price."""
    price = "unknown" if rehearsed.cost_usd is None else in_dollars(rehearsed.cost_usd)
    for line in (f"Nothing was sent or paid. The price: {price}", *(f"Note: {note}" for note in rehearsed.notes or ())):
        console.say(line)
    whole = rehearsed.model_dump(mode="json", exclude_none=True)
    console.result_json(whole if as_json else whole["request"])


def parting(known: Prediction | None, *, lasts: bool) -> str:
    """What to say when the person does not want to wait any longer."""
    if known is None:
        return "Interrupted. If the request was sent by now, the same command again finds it and does not pay twice."
    if not lasts:
        return "Interrupted. The sandbox ends with the command, and its clip with it."
    return f"Interrupted. The clip is made all the same. {_next_step(known) or ''}".rstrip()


def _next_step(prediction: Prediction) -> str | None:
    """How to go on in a terminal."""
    command = f"atlascloud-video-mcp get {prediction.prediction_id}"
    if prediction.status == "processing":
        return f"Go on with: {command} --wait"
    if prediction.may_be_charged:
        return f"Look again in some minutes with: {command}"
    if prediction.status == "completed" and not prediction.saved_path:
        return f"Keep it with: {command} --save-to DIRECTORY"
    return None


def _headline(prediction: Prediction) -> str:
    age = f"{prediction.elapsed_seconds:.0f} s"
    match prediction.status:
        case "processing":
            return f'Still rendering: {prediction.so_far} (the API says "{prediction.provider_status}").'
        case "completed":
            return f"The clip is ready after {age}."
        case "failed":
            return f'The generation failed after {age}: "{prediction.error}"'
        case _:
            assert_never(prediction.status)


def _facts(prediction: Prediction, *, lasts: bool) -> list[str]:
    """One fact a line."""
    facts = [
        f"Prediction: {prediction.prediction_id}",
        prediction.cost_usd is not None and _cost(prediction, prediction.cost_usd),
        prediction.saved_path and lasts and f"URL: {prediction.video_url}",
        *(f"Further output: {url}" for url in prediction.outputs[1:]),
        prediction.status == "failed"
        and not prediction.may_be_charged
        and "Atlas Cloud does not charge for a failed generation.",
        prediction.video_url
        and prediction.expires_at
        and lasts
        and f"Atlas Cloud deletes the clip at {prediction.expires_at:%Y-%m-%d %H:%M} UTC.",
        prediction.sandbox and "Made by the built-in sandbox, not by Atlas Cloud: nothing was paid.",
        *(f"Note: {note}" for note in prediction.notes or ()),
        prediction.next_step,
    ]
    return [fact for fact in facts if fact]


def _cost(prediction: Prediction, usd: float) -> str:
    return f"Cost: nothing; it would have cost {in_dollars(usd)}" if prediction.sandbox else f"Cost: {in_dollars(usd)}"
