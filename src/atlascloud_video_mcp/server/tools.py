"""The tools: what each takes, and how it hands over to the service."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context, tools  # noqa: TC002 - the SDK reads the signatures
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import BeforeValidator, Field

from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.server.list_results import ModelList, Predictions, list_answer, model_list_answer
from atlascloud_video_mcp.server.player import shown_in
from atlascloud_video_mcp.server.tool import Tool
from atlascloud_video_mcp.server.tool_call import ServerState, ToolCall
from atlascloud_video_mcp.server.tool_results import (
    UploadAddress,
    balance_answer,
    dry_run_answer,
    prediction_answer,
    saved_answer,
    upload_address_answer,
    upload_answer,
)
from atlascloud_video_mcp.service.results import Balance, DryRun, Prediction, SavedVideo, Upload

_IMAGE_TO_UPLOAD = "upload:// from create_upload's PUT, or a small base64 data: URI"
_IMAGE_OVER_HTTP = f"https URL, {_IMAGE_TO_UPLOAD}"
_FIT_OVER_HTTP = "For a data: URI too wide or tall: pad (bars) or crop (its middle); for a file see create_upload"
_UPLOADS = "Upload a picture for its URL. Free; not needed before animate_image."
_ALWAYS = {"anthropic/alwaysLoad": True}  # Claude Code hides a tool behind its tool search without it


def _without_unit(value: object) -> object:
    """`6s` and `6 seconds` are understood where seconds are meant."""
    seconds = isinstance(value, str) and re.fullmatch(r"\s*([\d.]+)\s*s(ec(ond)?s?)?\s*", value, re.IGNORECASE)
    return seconds[1] if seconds else value


Duration = Annotated[
    int | None,
    Field(description="Seconds: 6 or 10 for Hailuo 2.3 standard, fast; none for pro"),
    BeforeValidator(_without_unit),
]
WaitSeconds = Annotated[
    float | None,
    Field(ge=0, allow_inf_nan=False, description="0: do not wait; default and maximum: what this client allows"),
    BeforeValidator(_without_unit),
]


FitTo = Annotated[
    Literal["pad", "crop"] | None,
    Field(description="For a picture too wide or tall: pad (bars) or crop (its middle); default: refuse"),
]


async def upload_image(
    ctx: Context[ServerState],
    image: Annotated[str, Field(description="Absolute or ~ path, file:// or base64 data: URI")],
) -> Annotated[CallToolResult, Upload]:
    """Upload a local picture for its URL. Free; not needed before animate_image."""
    call = ToolCall(ctx)
    service = await call.service()
    return upload_answer(
        await call.run(lambda progress: service.upload_image(image, person=call.person, progress=progress))
    )


async def animate_image(
    ctx: Context[ServerState],
    image: Annotated[str, Field(description="Absolute or ~ path, file:// or base64 data: URI, or https URL")],
    prompt: Annotated[
        str, Field(description="Motion: one or two sentences, camera verbs; at most 2000 characters")
    ] = "",
    duration: Duration = None,
    model: Annotated[str, Field(description="Default: normally minimax/hailuo-2.3/i2v-standard")] = "",
    enable_prompt_expansion: Annotated[bool | None, Field(description="Let it rewrite the prompt")] = None,
    parameters: Annotated[dict[str, Any] | None, Field(description="Further parameters: see list_models")] = None,
    fit: FitTo = None,
    wait_seconds: WaitSeconds = None,
    save_to: Annotated[str, Field(description="Directory or .mp4 file: absolute or ~ path")] = "",
    take: Annotated[
        int,
        Field(
            ge=1,
            le=10**12,
            description="1 or more, to 10^12; default 1. Another number is another variation, which is paid",
        ),
    ] = 1,
    dry_run: Annotated[bool, Field(description="Only check, and show the request and its price; free")] = False,  # noqa: FBT002
    unlisted: dict[str, Any] | None = None,
) -> Annotated[CallToolResult, DryRun]:
    """Make a video clip from a picture and wait for it. COSTS MONEY.

    Takes 30 s to 5 min. If it answers that it is still rendering, call get_prediction with the id it gave. If its
    answer was lost (a time-out, a cancelled call), do not start over: list_predictions has the id. The same call again
    gives the same clip, paid once; another take is another clip, paid again.
    """
    from atlascloud_video_mcp.journal import VideoRequest  # noqa: PLC0415 - with SQLite, and only a call needs it
    from atlascloud_video_mcp.media.pictures import Fit  # noqa: PLC0415 - with Pillow, and only a call needs it

    call = ToolCall(ctx, wait_seconds)
    service = await call.service()
    request = VideoRequest(
        image=image,
        prompt=prompt,
        duration=duration,
        model=model,
        enable_prompt_expansion=enable_prompt_expansion,
        parameters=parameters,
        unlisted=unlisted,
        fit=Fit(fit) if fit else None,
        save_to=save_to or None,
        take=take,
        person=call.person,
    )
    if dry_run:
        return dry_run_answer(await call.run(lambda progress: service.dry_run(request, progress=progress)))
    result = await call.wait(
        lambda progress: service.animate_image(
            request, clip_deadline=call.clip_deadline, reply_deadline=call.reply_deadline, progress=progress
        )
    )
    return prediction_answer(result, call.client, is_error=result.status == "failed")


async def list_models(
    ctx: Context[ServerState],
    query: Annotated[str, Field(description="Words or an id; up to five matches show parameters")] = "",
) -> Annotated[CallToolResult, ModelList]:
    """Find models for animate_image, best match first, with list prices. Free, without key."""
    call = ToolCall(ctx)
    service = await call.service()
    return model_list_answer(await call.run(lambda progress: service.list_models(query, progress=progress)))


async def get_prediction(
    ctx: Context[ServerState],
    prediction_id: Annotated[str, Field(description="The id from animate_image")],
    wait_seconds: WaitSeconds = None,
    preview: Annotated[bool, Field(description="Add three frames as an image")] = False,  # noqa: FBT002 - arguments of a tool are always named
) -> Annotated[CallToolResult, Prediction]:
    """Wait for a clip that animate_image began, or look at it: status, clip URL, what to do next. Free."""
    call = ToolCall(ctx, wait_seconds)
    service = await call.service()
    prediction = await call.wait(
        lambda progress: service.get_prediction(
            prediction_id, clip_deadline=call.clip_deadline, preview=preview, person=call.person, progress=progress
        )
    )
    return prediction_answer(prediction, call.client)


async def save_video(
    ctx: Context[ServerState],
    prediction_id: Annotated[str, Field(description="The id from animate_image")],
    save_to: Annotated[
        str,
        Field(
            description="Directory or .mp4 file: absolute or ~ path; default: ATLASCLOUD_DOWNLOAD_DIR, else your videos"
        ),
    ] = "",
) -> Annotated[CallToolResult, SavedVideo]:
    """Save a finished clip to disk, before it is deleted. Overwrites nothing. Free."""
    call = ToolCall(ctx)
    service = await call.service()
    saved = await call.run(lambda progress: service.save_video(prediction_id, save_to or None, progress=progress))
    return saved_answer(saved)


async def list_predictions(
    ctx: Context[ServerState],
    limit: Annotated[int, Field(ge=1, le=50, description="1 to 50; default 10")] = 10,
    status: Literal["processing", "completed", "failed"] | None = None,
) -> Annotated[CallToolResult, Predictions]:
    """What was made and what is being made, newest first. Finds the id of a call whose answer was lost. Free."""
    call = ToolCall(ctx)
    service = await call.service()
    wanted = Status(status) if status else None
    listed = await call.run(
        lambda progress: service.list_predictions(
            limit=limit, status=wanted, person=call.person, reply_deadline=call.reply_deadline, progress=progress
        )
    )
    return list_answer(listed, of_all=wanted is None)


async def get_balance(ctx: Context[ServerState]) -> Annotated[CallToolResult, Balance]:
    """Money left on the account, and spent in the last 24 hours. Free."""
    call = ToolCall(ctx)
    service = await call.service()
    return balance_answer(await call.run(lambda progress: service.get_balance(person=call.person, progress=progress)))


async def create_upload(
    ctx: Context[ServerState],
    fit: FitTo = None,
) -> Annotated[CallToolResult, UploadAddress]:
    """Get an address for one picture file: send it there with one PUT; its answer has the image to animate. Free."""
    from atlascloud_video_mcp.media.pictures import Fit  # noqa: PLC0415 - with Pillow, and only a call needs it

    call = ToolCall(ctx)
    service = await call.service()
    ticket = await call.run(lambda _: service.tickets.create(call.person, Fit(fit) if fit else None))
    return upload_address_answer(f"{call.public_url}/upload/{ticket.ticket}", ticket.expires_at)


def all_tools(*, local_files: bool = True) -> list[tools.Tool]:
    """Every tool, as it is published.

    Args:
        local_files: Whether a path means the same to the client and to this server; else pictures come by address.
    """
    # None says openWorldHint: it is true where it is left out, and VS Code asks to confirm each result where it is not.
    saves = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True)
    looks = ToolAnnotations(read_only_hint=True)
    uploads = ToolAnnotations(read_only_hint=False, destructive_hint=False)
    remote: dict[str, str] = {} if local_files else {"image": _IMAGE_OVER_HTTP, "fit": _FIT_OVER_HTTP}
    get_address = (
        [] if local_files else [Tool.of(create_upload, UploadAddress, title="Send a picture", annotations=uploads)]
    )
    save = [Tool.of(save_video, SavedVideo, title="Save a clip", annotations=saves)] if local_files else []
    return [
        *get_address,
        Tool.of(
            upload_image,
            Upload,
            title="Upload a picture",
            annotations=uploads,
            instead=remote and {"image": _IMAGE_TO_UPLOAD, "upload_image": _UPLOADS},
        ),
        # A dry run's schema fits predictions, too. The player may not spend: hosts that honour this do not let it call.
        Tool.of(
            animate_image,
            DryRun,
            title="Animate a picture",
            annotations=saves,
            meta=_ALWAYS | shown_in("model"),
            instead=remote,
            without=() if local_files else ("save_to",),
        ),
        Tool.of(list_models, ModelList, title="List models", annotations=looks),
        Tool.of(get_prediction, Prediction, title="Look at a prediction", annotations=looks, meta=_ALWAYS | shown_in()),
        *save,
        Tool.of(list_predictions, Predictions, title="List predictions", annotations=looks),
        Tool.of(get_balance, Balance, title="Balance", annotations=looks),
    ]
