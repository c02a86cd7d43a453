"""What a tool's answer says: as text and as structured content, each complete without the other.

Some clients show a model only the one, some only the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from mcp.types import CallToolResult, ContentBlock, ResourceLink, TextContent

if TYPE_CHECKING:
    from pydantic import BaseModel

    from atlascloud_video_mcp.predictions import Prediction, SavedVideo, Upload
    from atlascloud_video_mcp.server.calls import Call


def upload_answer(upload: Upload) -> CallToolResult:
    """The answer of upload_image."""
    lines = [
        "The picture is uploaded.",
        f"url: {upload.url}",
        f"{upload.filename}: {upload.content_type}, {upload.width} x {upload.height} pixels, {upload.size_bytes} bytes",
        *(f"Note: {note}" for note in upload.notes),
        "Next: animate_image with this url as image.",
    ]
    return _answer(upload, lines)


def saved_answer(video: SavedVideo) -> CallToolResult:
    """The answer of save_video."""
    lines = [
        f"The clip is saved: {video.saved_path}",
        f"size_bytes: {video.size_bytes}",
        f"video_url: {video.video_url}",
    ]
    return _answer(video, lines)


def prediction_answer(prediction: Prediction, call: Call, *, is_error: bool = False) -> CallToolResult:
    """The answer of every tool that gives a prediction, with what to do next."""
    age, next_step = f"{prediction.elapsed_seconds:.0f} s", None
    match prediction.status:
        case "processing":
            expected = f"{prediction.expected_seconds:.0f} s"
            lines = [f"Still rendering: {age} of about {expected} (status {prediction.provider_status})."]
            next_step = _wait_for(prediction, call)
        case "completed":
            lines = [f"The clip is ready: {prediction.video_url}"]
        case "failed":
            lines = [f"The generation failed: {prediction.error}", "Atlas Cloud does not charge for a failed one."]
            next_step = "A new attempt is a new paid clip: change the picture or the prompt, and ask the user first."
        case _:
            assert_never(prediction.status)
    told = prediction.model_copy(update={"next_step": next_step})
    lines += _facts(told)
    answer = _answer(told, lines, is_error=is_error)
    if prediction.video_url and call.client.resource_link:
        name = f"{prediction.prediction_id}.mp4"
        answer.content.append(
            ResourceLink(type="resource_link", name=name, uri=prediction.video_url, mime_type="video/mp4")
        )
    return answer


def _wait_for(prediction: Prediction, call: Call) -> str:
    how = (
        f"and wait_seconds {call.wait_seconds:.0f}"
        if call.wait_seconds >= 1
        else "in about 10 seconds, and again until it is finished"
    )
    return (
        f"Not finished; do not submit again. Next: get_prediction with prediction_id {prediction.prediction_id} {how}."
    )


def _facts(prediction: Prediction) -> list[str]:
    """One fact a line."""
    facts = [
        f"prediction_id: {prediction.prediction_id}",
        prediction.model and f"model: {prediction.model}",
        prediction.duration and f"duration: {prediction.duration} s",
        prediction.prompt and f"prompt: {prediction.prompt}",
        prediction.image_url and f"picture: {prediction.image_url}",
        *(f"further output: {url}" for url in prediction.outputs[1:]),
        prediction.status != "processing" and f"took: {prediction.elapsed_seconds:.0f} s",
        prediction.cost_usd is not None and f"cost: ${prediction.cost_usd:.2f}",
        prediction.saved_path and f"saved_path: {prediction.saved_path}",
        prediction.reused and "An earlier identical request was joined: nothing new was paid.",
        prediction.video_url
        and prediction.expires_at
        and f"Atlas Cloud deletes the clip at {prediction.expires_at:%Y-%m-%d %H:%M} UTC: save_video keeps it.",
        prediction.sandbox and "Made by the built-in sandbox, not by Atlas Cloud: nothing was paid.",
        *(f"Note: {note}" for note in prediction.notes or ()),
        prediction.next_step,
    ]
    return [fact for fact in facts if fact]


def _answer(result: BaseModel, lines: list[str], *, is_error: bool = False) -> CallToolResult:
    content: list[ContentBlock] = [TextContent(type="text", text="\n".join(lines))]
    structured = result.model_dump(mode="json", exclude_none=True)
    return CallToolResult(content=content, structured_content=structured, is_error=is_error)
