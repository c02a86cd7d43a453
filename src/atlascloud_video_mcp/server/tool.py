"""A tool as this server publishes it: plain schemas, lenient arguments, errors in one or two sentences."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any, cast

from mcp.server.mcpserver import tools
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import override

from atlascloud_video_mcp.errors import AtlasError, KeyRejected
from atlascloud_video_mcp.server.tool_results import tool_result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp.server.mcpserver import Context
    from mcp.types import CallToolResult, ToolAnnotations
    from pydantic_core import core_schema

_log = logging.getLogger(__name__)
_CRASHED = (
    "This server made a mistake; its log on stderr says which. A clip in progress goes on: repeating the same call "
    "joins it and does not pay twice."
)
UNLISTED = "unlisted"
"""The argument by which a tool's function that has it is given what came under names that its schema does not list."""
_BLANK = frozenset({"", "null", "none", "undefined"})
_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
}
_QUOTED = 80  # characters of an argument in a message


class Tool(tools.Tool):
    """A tool whose arguments may be null when they may be left out, and whose failures are answers."""

    unpublished: dict[str, Any] = Field(default_factory=dict)
    """The schemas of arguments that are understood, so that it can be said why they will not do."""

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        output: type[BaseModel],
        *,
        title: str,
        annotations: ToolAnnotations,
        meta: dict[str, Any] | None = None,
        instead: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
    ) -> Tool:
        """Make a tool of a function: its name, its docstring, its arguments.

        Args:
            function: What the tool does.
            output: What its structured content is.
            title: Its name for people.
            annotations: Hints for the client.
            meta: What extensions of MCP say of it.
            instead: Descriptions that take the place of the function's: by the arguments' names, the tool's own by its.
            without: Arguments that are not published, since they are refused.
        """
        other = dict(instead or {})
        description = other.pop(function.__name__, "") or " ".join((function.__doc__ or "").split())
        # The SDK's own schema of the output would be made for nothing, and each answer be checked against it.
        made = cls.from_function(
            function,
            title=title,
            description=description,
            annotations=annotations,
            meta=meta,
            structured_output=False,
        )
        tool = cast("Tool", made)  # the SDK's constructor makes what it is called on, but does not say so
        tool.parameters = _plain_schema(tool.fn_metadata.arg_model)
        properties = tool.parameters["properties"]
        properties.pop(UNLISTED, None)
        tool.unpublished = {name: properties.pop(name) for name in without}
        for name, text in other.items():
            properties[name]["description"] = text
        # What is always there stands in docs/contract.md: said here too, it would be a tenth of all that is published.
        tool.fn_metadata.output_schema = {
            key: value for key, value in _plain_schema(output).items() if key != "required"
        }
        return tool

    @override
    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> CallToolResult:
        """Run the tool; what a caller can expect to go wrong becomes an answer, and a crash one without its details."""
        kinds = {name: schema.get("type") for name, schema in self._schemas.items()}
        given = {name: value for name, value in arguments.items() if not _left_out(value, kinds.get(name))}
        unlisted = {name: value for name, value in given.items() if name not in kinds}
        known = {name: value for name, value in given.items() if name in kinds}
        try:
            return cast("CallToolResult", await super().run(known | {UNLISTED: unlisted}, context, convert_result))
        except ToolError as error:
            match error.__cause__:
                case ValidationError() as cause:
                    message = self._faults(cause, given)
                case KeyRejected() as cause:
                    message = f"{cause} The server reads it at startup: restart it afterwards."
                case AtlasError() as cause:
                    message = str(cause)
                case _:
                    _log.exception("The tool %s crashed", self.name)
                    message = _CRASHED
            return tool_result([message], is_error=True)

    @property
    def _schemas(self) -> dict[str, Any]:
        return {**self.parameters["properties"], **self.unpublished}

    def _faults(self, error: ValidationError, given: dict[str, Any]) -> str:
        """What is wrong with the arguments: each fault with its rule and what was found, in our own words."""
        schemas = self._schemas
        strangers = [name for name in given if name not in schemas and re.fullmatch(r"\w{1,40}", name, re.ASCII)]
        faults = []
        for name in dict.fromkeys(str(fault["loc"][0]) for fault in error.errors(include_url=False)):
            rule = schemas[name].get("description", "see the tool's description")
            if name in given:
                found = json.dumps(given[name])
                found = found if len(found) <= _QUOTED else f"{found[:_QUOTED]}..."
                faults.append(f"{name} takes {_kind(schemas[name])}, not {found} ({rule}).")
            else:
                instead = f"; this tool has no {' or '.join(strangers[:3])}" if strangers else ""
                faults.append(f"{name} is missing{instead} ({rule}).")
        return f"Nothing was sent or paid: the arguments do not fit. {' '.join(faults)}"


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
    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        return {"type": "object"}

    @override
    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return {"type": "integer"}

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


def _left_out(value: object, kind: str | None) -> bool:
    """Whether an argument is as good as absent: null, or text that spells it where no text is taken."""
    blank = isinstance(value, str) and kind != "string" and value.strip().lower() in _BLANK
    return value is None or blank


def _kind(schema: dict[str, Any]) -> str:
    if choices := schema.get("enum"):
        return " or ".join(map(str, choices))
    return _KINDS[schema["type"]]
