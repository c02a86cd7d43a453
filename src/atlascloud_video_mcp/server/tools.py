"""A tool as this server publishes it: plain schemas, lenient arguments, errors in one or two sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from mcp.server.mcpserver import tools
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import override

from atlascloud_video_mcp.errors import AtlasError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.mcpserver import Context
    from mcp.types import ToolAnnotations
    from pydantic_core import core_schema


class Tool(tools.Tool):
    """A tool whose arguments may be null when they may be left out, and whose failures are answers."""

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        output: type[BaseModel],
        *,
        title: str,
        annotations: ToolAnnotations,
        meta: dict[str, Any] | None = None,
    ) -> Tool:
        """Make a tool of a function: its name, its docstring, its arguments.

        Args:
            function: What the tool does.
            output: What its structured content is.
            title: Its name for people.
            annotations: Hints for the client.
            meta: What extensions of MCP say of it.
        """
        description = " ".join((function.__doc__ or "").split())
        made = cls.from_function(function, title=title, description=description, annotations=annotations, meta=meta)
        tool = cast("Tool", made)  # the SDK's constructor makes what it is called on, but does not say so
        tool.parameters = _plain_schema(tool.fn_metadata.arg_model)
        tool.fn_metadata.output_schema = _plain_schema(output)
        return tool

    @override
    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> CallToolResult:
        """Run the tool; what a caller can expect to go wrong becomes an answer, anything else stays a crash."""
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            return cast("CallToolResult", await super().run(given, context, convert_result))
        except ToolError as error:
            match error.__cause__:
                case ValidationError() as cause:
                    message = _faults(cause)
                case AtlasError() as cause:
                    message = str(cause)
                case _:
                    raise
            return CallToolResult(content=[TextContent(type="text", text=message)], is_error=True)


class _PlainSchema(GenerateJsonSchema):
    """Flat schemas without unions with null, titles, defaults, formats and limits.

    Some clients refuse unions, others strip formats and limits: those stand in the descriptions, and bytes are dear.
    """

    @override
    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    @override
    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return {"type": "number"}

    @override
    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        return {"type": "string"}

    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def _plain_schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(schema_generator=_PlainSchema)
    return {key: value for key, value in schema.items() if key in {"type", "properties", "required"}}


def _faults(error: ValidationError) -> str:
    """What is wrong with the arguments, in words free of the validator's own."""
    faults = "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
        + ("" if fault["type"] == "missing" else f", got {str(fault['input'])[:80]!r}")
        for fault in error.errors(include_url=False, include_context=False)
    )
    return f"Nothing was sent or paid: the arguments do not fit. {faults}."
