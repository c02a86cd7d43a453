"""The results of tools: text and structured content, each complete without the other.

Some clients show a model only the text, others only the structured content.
"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import datetime
from typing import TYPE_CHECKING, Any, assert_never

from mcp.types import CallToolResult, ImageContent, ResourceLink, TextContent
from pydantic import BaseModel

from atlascloud_video_mcp.cloud.reports import NO_WORD
from atlascloud_video_mcp.service.render import balance_lines
from atlascloud_video_mcp.text import in_dollars, in_marks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlascloud_video_mcp.server.host_limits import HostLimits
    from atlascloud_video_mcp.service.results import Balance, DryRun, Prediction, SavedVideo, Upload

_LONGEST_NAME = 255  # characters
_FRACTION = "atlascloud-video/fraction"  # in `_meta` of an answer: how much is probably done, 0 to 1
POLL_INTERVAL = "atlascloud-video/pollIntervalMs"
"""In `_meta` of an answer: when another look can tell more; absent where none can."""
_EMULATED = "Made by the built-in sandbox, not by Atlas Cloud: nothing was paid."
_WOULD_HAVE_COST = "cost_usd is what it would have cost."
_FREE_OF_CHARGE = "Atlas Cloud does not charge for a failed generation."
_DRY_RUN = "Dry run: nothing was uploaded, submitted or paid."
_FOR_REAL = "animate_image with the same arguments, without dry_run"


def tool_result(text: Iterable[str], data: BaseModel | None = None, *, is_error: bool = False) -> CallToolResult:
    """A tool's result, of lines of text and the structured content that says the same.

    Args:
        text: The lines.
        data: None for a call that came to nothing.
        is_error: Whether the call could not do what it is for.
    """
    return CallToolResult(
        content=[TextContent(type="text", text="\n".join(text))],
        structured_content=data and data.model_dump(mode="json", exclude_none=True),
        is_error=is_error,
    )


def upload_answer(upload: Upload) -> CallToolResult:
    """The answer of upload_image."""
    name = in_marks(upload.filename, _LONGEST_NAME)
    lines = [
        "The picture is uploaded.",
        f"url: {upload.url}",
        f"{name}: {upload.content_type}, {upload.width} x {upload.height} pixels, {upload.size_bytes} bytes",
        *upload.notes,
        f"Next: animate_image with image {upload.url} makes a clip of it, which costs money.",
    ]
    return tool_result(lines, upload)


class UploadAddress(BaseModel):
    """The structured answer of create_upload."""

    upload_url: str
    """Takes one PUT of a picture file, and needs no token."""
    expires_at: datetime
    next_step: str


def upload_address_answer(upload_url: str, expires_at: datetime) -> CallToolResult:
    """The answer of create_upload."""
    next_step = (
        f"Next: send the file as it is, once: curl -T PATH '{upload_url}' (no token; at most 20 MB). The JSON that "
        "comes back has the image for animate_image: upload://..."
    )
    address = UploadAddress(upload_url=upload_url, expires_at=expires_at, next_step=next_step)
    return tool_result(
        [f"upload_url: {upload_url}", f"expires_at: {expires_at:%Y-%m-%d %H:%M:%S} UTC", next_step], address
    )


def saved_answer(video: SavedVideo) -> CallToolResult:
    """The answer of save_video."""
    lines = [
        f"The clip is saved: {video.saved_path}",
        f"size_bytes: {video.size_bytes}",
        f"video_url: {video.video_url}",
    ]
    return tool_result(lines, video)


def balance_answer(balance: Balance) -> CallToolResult:
    """The answer of get_balance."""
    return tool_result(balance_lines(balance), balance)


def dry_run_answer(dry_run: DryRun) -> CallToolResult:
    """The answer of animate_image with dry_run."""
    is_free = dry_run.reused or dry_run.sandbox
    how = "It costs nothing." if is_free else "It costs money: ask the user first."
    next_step = f"{how} Next: {_FOR_REAL}."
    notes = dry_run.notes or ()
    cost = "at a price not known" if dry_run.cost_usd is None else f"for {in_dollars(dry_run.cost_usd)}"
    would = f"was made before, {cost}, and would cost nothing" if dry_run.reused else f"would be made, {cost}"
    lines = [
        f"{_DRY_RUN} This request {would}:",
        json.dumps(dry_run.request, ensure_ascii=False),
        *notes,
        next_step,
    ]
    return tool_result(lines, dry_run.model_copy(update={"next_step": next_step, "notes": (_DRY_RUN, *notes)}))


def prediction_answer(prediction: Prediction, client: HostLimits, *, is_error: bool = False) -> CallToolResult:
    """The answer of every tool that gives a prediction, with what to do next.

    Args:
        prediction: What there is to tell.
        client: Who is told.
        is_error: Whether the call could not do what it is for.
    """
    next_step: str | None
    match prediction.status:
        case "processing":
            head, next_step = _still_rendering(prediction), _wait_for(prediction)
        case "completed" if prediction.saving:
            head, next_step = "The clip is ready, and is being saved to disk.", _wait_for(prediction)
        case "completed":
            head, next_step = f"The clip is ready: {prediction.video_url}", _keep(prediction, client)
        case "failed":
            head = f'The generation failed. The reason given: "{prediction.error}"'
            next_step = _look_again(prediction) if prediction.may_be_charged else _try_again(prediction)
        case _:
            assert_never(prediction.status)
    result = prediction.model_copy(update={"next_step": next_step, "notes": _notes(prediction)})
    answer = tool_result([head, *_facts(result)], result, is_error=is_error)
    answer.meta = _for_programs(prediction)
    if prediction.preview and client.image:
        data = b64encode(prediction.preview).decode()
        answer.content.append(ImageContent(type="image", data=data, mime_type="image/jpeg"))
    if prediction.video_url and client.resource_link:
        name = f"{prediction.prediction_id}.mp4"
        answer.content.append(
            ResourceLink(type="resource_link", name=name, uri=prediction.video_url, mime_type="video/mp4")
        )
    return answer


def _notes(prediction: Prediction) -> tuple[str, ...] | None:
    """What else is worth knowing, of money first."""
    notes = [
        prediction.status == "failed" and not prediction.may_be_charged and _FREE_OF_CHARGE,
        prediction.sandbox and _EMULATED,
        prediction.sandbox and prediction.cost_usd is not None and _WOULD_HAVE_COST,
        *(prediction.notes or ()),
    ]
    return tuple(note for note in notes if note) or None


def _still_rendering(prediction: Prediction) -> str:
    says = f' (the API says "{prediction.provider_status}")' if prediction.provider_status != NO_WORD else ""
    return f"Still rendering: {prediction.so_far}{says}."


def _wait_for(prediction: Prediction) -> str:
    # Without wait_seconds the next call waits as long as its client allows, whatever this one asked for.
    return f"Not finished; do not submit again. Next: get_prediction with prediction_id {prediction.prediction_id}."


def _look_again(prediction: Prediction) -> str:
    return (
        "It may have been charged, and may still name its clip; do not submit again. Next: get_prediction with "
        f"prediction_id {prediction.prediction_id}."
    )


def _try_again(prediction: Prediction) -> str:
    costs = "It costs nothing here." if prediction.sandbox else "It is a new paid clip: ask the user first."
    picture = prediction.image_url
    same = f"image {picture} and the same prompt, model and duration" if picture else "the same arguments"
    return f"Next: animate_image with {same} tries again; change what the reason points to. {costs}"


def _for_programs(prediction: Prediction) -> dict[str, Any] | None:
    look_again = prediction.look_again_in
    told = {_FRACTION: prediction.fraction, POLL_INTERVAL: look_again and round(look_again * 1000)}
    return {name: value for name, value in told.items() if value is not None} or None


def _keep(prediction: Prediction, client: HostLimits) -> str | None:
    """What is left to do for a finished clip; nothing once it is on disk."""
    if prediction.saved_path:
        return None
    saves = f"save_video with prediction_id {prediction.prediction_id}."
    how = saves if client.local_files else f"download {prediction.video_url}"
    if prediction.sandbox:
        return f"The clip ends with this server: save it now. Next: {how}"
    deleted = f" at {prediction.expires_at:%Y-%m-%d %H:%M} UTC" if prediction.expires_at else " after 14 days"
    return f"Atlas Cloud deletes the clip{deleted}. To keep it: {how}"


def _facts(prediction: Prediction) -> list[str]:
    """One fact a line."""
    facts = [
        f"prediction_id: {prediction.prediction_id}",
        prediction.model and f"model: {in_marks(prediction.model, _LONGEST_NAME)}",
        prediction.duration and f"duration: {prediction.duration} s",
        prediction.prompt and f'prompt: "{prediction.prompt}"',
        prediction.image_url and f"picture: {prediction.image_url}",
        prediction.saving and f"video_url: {prediction.video_url}",
        *(f"further output: {url}" for url in prediction.outputs[1:]),
        prediction.status != "processing" and f"took: {prediction.elapsed_seconds:.0f} s",
        _cost(prediction),
        prediction.saved_path and f"saved_path: {prediction.saved_path}",
        *(prediction.notes or ()),
        prediction.next_step,
    ]
    return [fact for fact in facts if fact]


def _cost(prediction: Prediction) -> str | None:
    if prediction.sandbox:
        return f"cost: nothing; it would have cost {in_dollars(prediction.cost_usd)}" if prediction.cost_usd else None
    if prediction.cost_usd is not None:
        return f"cost: {in_dollars(prediction.cost_usd)}{', paid earlier' if prediction.reused else ''}"
    match prediction.status:
        case "processing":
            return "cost: not known yet"
        case "completed":
            return "cost: not reported by Atlas Cloud"
        case "failed":
            return None
        case _:
            assert_never(prediction.status)
