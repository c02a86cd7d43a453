"""What a command prints about a prediction: for people on stderr, for scripts on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from atlascloud_video_mcp.cli import console
from atlascloud_video_mcp.errors import Exit
from atlascloud_video_mcp.text import in_dollars

if TYPE_CHECKING:
    from atlascloud_video_mcp.service.results import DryRun, Prediction


def show_prediction(
    prediction: Prediction, *, lasts: bool, as_json: bool, submit_only: bool = False, save: bool = False
) -> Exit:
    """Print the state of a prediction; returns the exit status.

    Args:
        prediction: Its state at the end of the command.
        lasts: Whether it outlives the command; one of the built-in sandbox does not.
        as_json: One JSON object on stdout instead of the one line for scripts.
        submit_only: Whether only the id was asked for, without waiting.
        save: Whether the clip was to be saved.
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


def show_dry_run(dry_run: DryRun, *, as_json: bool) -> None:
    """Print what would be sent, and its price."""
    price = "unknown" if dry_run.cost_usd is None else in_dollars(dry_run.cost_usd)
    for line in (f"Nothing was sent or paid. Price: {price}", *(f"Note: {note}" for note in dry_run.notes or ())):
        console.say(line)
    whole = dry_run.model_dump(mode="json", exclude_none=True)
    console.result_json(whole if as_json else whole["request"])


def interrupted(known: Prediction | None, *, lasts: bool) -> str:
    """What to say on Ctrl-C."""
    if known is None:
        return "Interrupted. If the request was already sent, the same command finds it and does not pay twice."
    if not lasts:
        return "Interrupted. The sandbox stopped with the command, so its clip is lost."
    return f"Interrupted. This does not cancel the generation. {_next_step(known) or ''}".rstrip()


def _next_step(prediction: Prediction) -> str | None:
    """The command that comes next."""
    command = f"atlascloud-video-mcp get {prediction.prediction_id}"
    if prediction.status == "processing":
        return f"Continue with: {command} --wait"
    if prediction.may_be_charged:
        return f"Check again in a few minutes with: {command}"
    if prediction.status == "completed" and not prediction.saved_path:
        return f"Save it with: {command} --save-to DIRECTORY"
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
        *(f"Another output: {url}" for url in prediction.outputs[1:]),
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
    return (
        f"Cost: nothing (Atlas Cloud would charge {in_dollars(usd)})"
        if prediction.sandbox
        else f"Cost: {in_dollars(usd)}"
    )
