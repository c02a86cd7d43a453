"""An agent of Pydantic AI with an `MCPToolset`; its model is a function that does what it is told."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelResponse, RetryPromptPart, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from hands import ARGUMENTS, COMMAND, ENV, carry_out

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage


async def main() -> None:
    """Drive it."""
    heard: list[float] = []
    seen: list[ToolReturnPart | RetryPromptPart] = []
    wanted: list[ToolCallPart] = []

    async def hear(progress: float, _total: float | None, _message: str | None) -> None:
        heard.append(progress)

    def obey(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        if wanted:
            return ModelResponse(parts=[wanted.pop()])
        seen.extend(part for part in messages[-1].parts if isinstance(part, ToolReturnPart | RetryPromptPart))
        return ModelResponse(parts=[TextPart("Done.")])

    toolset = MCPToolset(StdioTransport(COMMAND, ARGUMENTS, env=ENV), progress_handler=hear)
    async with Agent(FunctionModel(obey), toolsets=[toolset]) as agent:

        async def call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
            heard.clear()
            seen.clear()
            wanted[:] = [ToolCallPart(tool, arguments)]
            await agent.run("Do as you were told.")
            match seen:
                case [ToolReturnPart(content=dict() as content)]:
                    return {"structured": content, "heard": len(heard)}
                case [ToolReturnPart(content=list() as items)]:
                    return {"text": "\n".join(map(str, items)), "heard": len(heard)}
                case [ToolReturnPart() as part]:
                    return {"text": part.model_response_str(), "heard": len(heard)}
                case _:
                    return {"error": seen[0].model_response() if seen else "the model saw nothing"}

        await carry_out(version("pydantic-ai-slim"), call)


asyncio.run(main())
