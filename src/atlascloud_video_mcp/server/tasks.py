"""A generation as a task of MCP, for clients that poll by themselves while their model goes on with other work.

There is no store of tasks: a task's id is the prediction's, and all that is told of it is what `get_prediction` tells.
So it works in any process that shares the journal, and after a restart.

Source: the extension `io.modelcontextprotocol/tasks` of MCP 2026-07-28.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
from mcp import MCPError
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, CallToolResult, RequestParams, TextContent
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field
from typing_extensions import override

from atlascloud_video_mcp.cloud.reports import KEPT_FOR
from atlascloud_video_mcp.errors import AtlasError, PredictionNotFound
from atlascloud_video_mcp.server.reporter import Reporter
from atlascloud_video_mcp.server.tool_call import caller, person_of
from atlascloud_video_mcp.server.tool_results import POLL_INTERVAL, prediction_answer
from atlascloud_video_mcp.text import PredictionId, Quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp.types import CallToolRequestParams

    from atlascloud_video_mcp.server.tool_call import ServerState
    from atlascloud_video_mcp.service.results import Prediction
    from atlascloud_video_mcp.service.service import VideoService

TASKS = "io.modelcontextprotocol/tasks"
_LONGEST_LOOK = 10.0  # seconds; then what the journal knows has to do
_VERSIONS = frozenset(MODERN_PROTOCOL_VERSIONS)


class TaskParams(RequestParams):
    """What every request about a task names; which id is none, we say ourselves."""

    task_id: Any = Field(None, alias="taskId")


class Tasks(Extension):
    """Answers `animate_image` with a task where the caller declares that it takes one, and tells of it later."""

    identifier = TASKS

    @override
    def methods(self) -> Sequence[MethodBinding]:
        handlers = {"tasks/get": self._get, "tasks/cancel": self._acknowledge, "tasks/update": self._acknowledge}
        return [MethodBinding(method, TaskParams, handler, _VERSIONS) for method, handler in handlers.items()]

    @override
    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any], call_next: CallNext
    ) -> HandlerResult:
        if params.name != "animate_image" or not _declared(ctx):
            return await call_next(ctx)
        # It need not wait: the id is in the journal before it answers.
        params.arguments = (params.arguments or {}) | {"wait_seconds": 0}
        result = await call_next(ctx)
        if isinstance(result, CallToolResult) and _goes_on(result) and "video_url" not in _data(result):
            return {"resultType": "task", **_working(result)}
        return result

    async def _get(self, ctx: ServerRequestContext[ServerState], params: TaskParams) -> HandlerResult:
        answer = await _told(ctx, params)
        if _goes_on(answer):
            return _working(answer)
        result = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {**_task(answer, "completed"), "result": result}

    async def _acknowledge(self, ctx: ServerRequestContext[ServerState], params: TaskParams) -> HandlerResult:
        """What is paid for goes on, and nothing is ever asked of the client."""
        await _told(ctx, params)
        return {}


def _declared(ctx: ServerRequestContext[Any]) -> bool:
    capabilities = ctx.session.client_capabilities
    declared = (capabilities.extensions if capabilities else None) or {}
    return ctx.protocol_version in _VERSIONS and TASKS in declared


async def _told(ctx: ServerRequestContext[ServerState], params: TaskParams) -> CallToolResult:
    """What `animate_image` would answer about a task now; while the API cannot be asked, by the journal.

    Raises:
        MCPError: The client did not declare the extension, or there is no such task.
    """
    require_client_extension(ctx, TASKS)
    task_id = PredictionId.of(params.task_id)
    if task_id is None:
        raise MCPError(code=INVALID_PARAMS, message=f'"{Quoted(str(params.task_id), 40)}" is not a taskId.')
    service = await ctx.lifespan_context.service()
    try:
        prediction = await _look(ctx, service, task_id)
    except PredictionNotFound as error:
        raise MCPError(code=INVALID_PARAMS, message=str(error)) from error
    except AtlasError as trouble:
        try:
            prediction = await service.recall(task_id, person=person_of(ctx))
        except PredictionNotFound:
            raise MCPError(code=INTERNAL_ERROR, message=str(trouble)) from trouble
    return prediction_answer(prediction, caller(ctx), is_error=prediction.status == "failed")


async def _look(ctx: ServerRequestContext[ServerState], service: VideoService, prediction_id: str) -> Prediction:
    # Its watch in this process looks at it anyway: more looks would tell nothing sooner.
    now = anyio.current_time()
    reporter = Reporter(reply_deadline=now + _LONGEST_LOOK, stopping=ctx.lifespan_context.stopping)
    return await reporter.wait(
        lambda progress: service.get_prediction(
            prediction_id, clip_deadline=now, poll=False, person=person_of(ctx), progress=progress
        )
    )


def _goes_on(answer: CallToolResult) -> bool:
    return POLL_INTERVAL in (answer.meta or {})


def _data(answer: CallToolResult) -> dict[str, Any]:
    return answer.structured_content or {}


def _working(answer: CallToolResult) -> dict[str, Any]:
    head = next(block.text for block in answer.content if isinstance(block, TextContent)).partition("\n")[0]
    more = {"statusMessage": head, "pollIntervalMs": (answer.meta or {})[POLL_INTERVAL]}
    return _task(answer, "working") | more


def _task(answer: CallToolResult, status: str) -> dict[str, Any]:
    known, now = _data(answer), datetime.now(UTC)
    created = datetime.fromisoformat(known["created_at"]) if "created_at" in known else now
    expires = datetime.fromisoformat(known["expires_at"]) if "expires_at" in known else created + KEPT_FOR
    return {
        "taskId": known["prediction_id"],
        "status": status,
        "createdAt": created.isoformat(),
        "lastUpdatedAt": now.isoformat(),
        "ttlMs": round((expires - created).total_seconds() * 1000),
    }
