"""What is wrong with a value, by the rule of its parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.models.parameter import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.exceptions import ValidationError

    from atlascloud_video_mcp.models.parameter import Parameter

_MOST_FAULTS = 5  # of one value


def faults(parameter: Parameter, value: object) -> Iterator[str]:
    """Each breach of the rule, in words that name where, what was found and what is allowed."""
    # Imported at the first check: it takes a tenth of a second, which listing the tools must not.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    found = Draft202012Validator(parameter.rule).iter_errors(value)
    for error, _ in zip(map(_telling, found), range(_MOST_FAULTS), strict=False):
        where = parameter.name + "".join(
            f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path
        )
        yield f"{where} {_breach(error)}"


def _telling(error: ValidationError) -> ValidationError:
    """Of the errors of a union's branches the one that tells most: not that a value is of another branch's type."""
    while error.context:
        error = next((inner for inner in error.context if inner.validator != "type" or inner.path), error.context[0])
    return error


def _breach(error: ValidationError) -> str:
    value: Any = error.instance  # of the type that the rule is about
    rule = error.validator_value
    match error.validator:
        case "enum":
            return f"is {shown(value)}, which is not on offer"
        case "maxLength":
            return f"has {len(value)} characters, above the limit of {rule}"
        case "minLength":
            return f"has {len(value)} characters, at least {rule} are needed"
        case "maxItems":
            return f"has {len(value)} items, above the limit of {rule}"
        case "minItems":
            return f"has {len(value)} items, at least {rule} are needed"
        case "minimum" | "exclusiveMinimum":
            return f"is {shown(value)}, below the minimum"
        case "maximum" | "exclusiveMaximum":
            return f"is {shown(value)}, above the maximum"
        case "multipleOf":
            return f"is {shown(value)}, which is no multiple of {rule}"
        case "required":
            return f"lacks {error.message.split(' is ', maxsplit=1)[0]}"
        case _:
            return f"is {shown(value)}, which is of the wrong type"
