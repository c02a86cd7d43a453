"""An agent of the OpenAI Agents SDK with an `MCPServerStdio`; its model does what it is told.

With `--patient` the host has set `client_session_timeout_seconds` to 300.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from importlib.metadata import version
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage
from agents.mcp import MCPServerStdio
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from hands import ARGUMENTS, COMMAND, ENV, OPTIONS, carry_out, text_of


# What is in another environment has no types here.
class Obedient(Model):  # type: ignore[misc]
    """Calls the tool that it is told to call, and keeps what it is shown of the result."""

    def __init__(self) -> None:
        self.wanted: tuple[str, str] | None = None
        self.seen: Any = None
        self._ids = itertools.count()

    async def get_response(self, *arguments: Any, **others: Any) -> ModelResponse:  # noqa: ANN401 - not ours to type
        """One turn of the model."""
        shown = others["input"] if "input" in others else arguments[1]
        if self.wanted:
            (tool, call), self.wanted = self.wanted, None
            made = ResponseFunctionToolCall(
                type="function_call", name=tool, arguments=call, call_id=f"call-{next(self._ids)}"
            )
            return ModelResponse(output=[made], usage=Usage(), response_id=None)
        self.seen = shown[-1]["output"]
        text = ResponseOutputText(type="output_text", text="Done.", annotations=[])
        said = ResponseOutputMessage(type="message", id="1", role="assistant", status="completed", content=[text])
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *arguments: Any, **others: Any) -> Any:  # noqa: ANN401 - not ours to type
        """Not asked for: the runner is not told to stream."""
        raise NotImplementedError


async def main() -> None:
    """Drive it."""
    patience = {"client_session_timeout_seconds": 300} if "--patient" in OPTIONS else {}
    model = Obedient()
    async with MCPServerStdio({"command": COMMAND, "args": ARGUMENTS, "env": ENV}, **patience) as server:
        agent = Agent(name="Agent", model=model, mcp_servers=[server])

        async def call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
            model.wanted = (tool, json.dumps(arguments))
            await Runner.run(agent, "Do as you were told.", run_config=RunConfig(tracing_disabled=True))
            text = model.seen if isinstance(model.seen, str) else text_of(model.seen)
            # A failed call is text to the model too; the SDK begins it with these words.
            return {"error": text} if text.startswith("An error occurred") else {"text": text, "heard": 0}

        await carry_out(version("openai-agents"), call)


asyncio.run(main())
