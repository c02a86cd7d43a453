"""Predictions as resources: what is known of one, for hosts that attach resources to a conversation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import Context  # noqa: TC002 - the SDK reads the annotations
from mcp.server.mcpserver.exceptions import ResourceNotFoundError

from atlascloud_video_mcp.errors import PredictionNotFound
from atlascloud_video_mcp.server.answers import prediction_answer
from atlascloud_video_mcp.server.tool_call import ServerState, ToolCall

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer


async def prediction(ctx: Context[ServerState], prediction_id: str) -> str:
    """What this machine knows of a prediction, as get_prediction tells it; nobody is asked.

    Raises:
        ResourceNotFoundError: Nothing is known of it.
    """
    call = ToolCall(ctx)
    service = await call.service()
    try:
        known = await service.recall(prediction_id)
    except PredictionNotFound as error:
        raise ResourceNotFoundError(str(error)) from error
    return json.dumps(prediction_answer(known, call.client).structured_content, ensure_ascii=False)


def add_predictions(server: MCPServer[Any]) -> None:
    """Offer each prediction as a resource; which there are, list_predictions tells."""
    server.resource(
        "prediction://{prediction_id}",
        name="prediction",
        title="A prediction",
        description="What is known of a prediction, without asking Atlas Cloud",
        mime_type="application/json",
    )(prediction)
