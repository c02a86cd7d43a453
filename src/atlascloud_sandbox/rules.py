"""What a published schema says of one value: the rules of JSON Schema that the models' schemas use, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Rule = Mapping[str, Any]

# Exact types: to Python a bool is an integer, to the API it is not.
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "null": (type(None),),
}
REFERENCE = "#/components/schemas/"


def complaints(name: str, value: object, rule: Rule, shared: Mapping[str, Rule]) -> Iterator[str]:
    """Say what is wrong with a value; `shared` are the schemas that a `$ref` may name."""
    if "$ref" in rule:
        rule = shared[rule["$ref"].removeprefix(REFERENCE)]
    if "anyOf" in rule:
        yield from _against_any(name, value, rule["anyOf"], shared)
    elif value is None and rule.get("nullable"):
        return
    elif type(value) not in TYPES[rule["type"]]:
        yield f"{name} must be of type {rule['type']}"
    elif "enum" in rule and value not in rule["enum"]:
        yield f"{name} must be one of {', '.join(map(str, rule['enum']))}"
    else:
        yield from _out_of_bounds(name, value, rule)
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from complaints(f"{name}[{index}]", item, rule["items"], shared)


def _against_any(name: str, value: object, branches: list[Rule], shared: Mapping[str, Rule]) -> Iterator[str]:
    """Take a value that fits any branch; else complain as the first does, which holds what the field is for."""
    found = [list(complaints(name, value, branch, shared)) for branch in branches]
    if all(found):
        yield from found[0]


def _out_of_bounds(name: str, value: Any, rule: Rule) -> Iterator[str]:  # noqa: ANN401 - of the type the rule has
    if "minimum" in rule and value < rule["minimum"]:
        yield f"{name} must be at least {rule['minimum']}"
    if "maximum" in rule and value > rule["maximum"]:
        yield f"{name} must be at most {rule['maximum']}"
    if "maxLength" in rule and len(value) > rule["maxLength"]:
        yield f"{name} must have at most {rule['maxLength']} characters"
    if "minItems" in rule and len(value) < rule["minItems"]:
        yield f"{name} must have at least {rule['minItems']} items"
    if "maxItems" in rule and len(value) > rule["maxItems"]:
        yield f"{name} must have at most {rule['maxItems']} items"
