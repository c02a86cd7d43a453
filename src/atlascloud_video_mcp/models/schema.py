"""The schema document of a model, read leniently and normalized to the few keywords that we apply.

Source: Atlas Cloud's model schemas are OpenAPI 3.0 documents whose `components.schemas.Input` describes the request
body. They have several authors: references, unions with null and the vendor's own flags occur.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# A schema may refer to itself, even several times at each level.
_DEEPEST = 8
_MOST_RULES = 3000
_MOST_PARAMETERS = 200
_LARGEST = 1e15  # of numbers and counts: no real limit is larger

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}", re.ASCII)
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


class Malformed(ValueError):
    """A document is not what it should be; the message says why in a few words."""


def read_input(document: object) -> dict[str, Any]:
    """The schema of the request body: `properties` in order of display, normalized, and the names of the `required`.

    Raises:
        Malformed: There is none.
    """
    schemas = _at(document, "components", "schemas")
    found = schemas.get("Input", document)
    properties = _at(found, "properties")
    if not properties:
        raise Malformed("it describes no parameters")
    normalizer = _Normalizer(schemas)
    order = dict.fromkeys([*_list(found, "x-order-properties"), *properties])
    names = [name for name in order if name in properties and _NAME.fullmatch(name)]
    return {
        "properties": {name: normalizer.rule(properties[name]) for name in names[:_MOST_PARAMETERS]},
        "required": [name for name in _list(found, "required") if name in properties],
    }


class _Normalizer:
    """Normalizes rules: resolves references, keeps the keywords that we apply, drops malformed ones."""

    def __init__(self, shared: Mapping[str, object]) -> None:
        self._shared = shared
        self._left = _MOST_RULES

    def rule(self, rule: object, depth: int = 0) -> dict[str, Any]:
        self._left -= 1
        if not isinstance(rule, dict) or depth > _DEEPEST or self._left < 0:
            return {}
        found: dict[str, Any] = {}
        for part in self._parts(rule):
            found |= self.rule(part, depth + 1)
        found |= {name: rule[name] for name, fits in _KEYWORDS.items() if name in rule and fits(rule[name])}
        found |= _old_bounds(rule)
        if types := _types(rule):
            found["type"] = types
        if isinstance(rule.get("items"), dict):
            found["items"] = self.rule(rule["items"], depth + 1)
        if isinstance(rule.get("properties"), dict):
            found["properties"] = {name: self.rule(each, depth + 1) for name, each in rule["properties"].items()}
            found["required"] = _list(rule, "required")
        unions = [each for name in ("anyOf", "oneOf") for each in _list(rule, name, of=dict)]
        if unions:
            found["anyOf"] = [self.rule(each, depth + 1) for each in unions]
        for flag in ("hidden", "disabled"):
            if rule.get(flag) is True or rule.get(f"x-{flag}") is True:
                found[flag] = True
        return found

    def _parts(self, rule: Mapping[str, Any]) -> Iterator[object]:
        """The rules that a rule refers to or combines."""
        if isinstance(rule.get("$ref"), str):
            yield self._shared.get(rule["$ref"].rpartition("/")[2])
        yield from _list(rule, "allOf", of=dict)


def _types(rule: Mapping[str, Any]) -> list[str]:
    named = rule.get("type")
    types = [kind for kind in (named if isinstance(named, list) else [named]) if isinstance(kind, str)]
    types = [kind for kind in types if kind in _KINDS]
    if types and rule.get("nullable") is True:
        types.append("null")
    # Where the allowed values have another type than the declared one, the API compares with the values.
    values = rule.get("enum")
    if isinstance(values, list) and values and not any(_is_of(value, types) for value in values):
        return []
    return types


def _is_of(value: object, types: list[str]) -> bool:
    # The exact type: in Python a bool is an int.
    return any(type(value) in _KINDS[kind] for kind in types)


def _old_bounds(rule: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0 has booleans that make `minimum` and `maximum` exclusive."""
    return {
        exclusive: rule[bound]
        for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))
        if rule.get(exclusive) is True and _is_number(rule.get(bound))
    }


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_text(value: object) -> bool:
    return isinstance(value, str)


# Patterns are left to the API: JavaScript's differ from Python's, and a bad one takes for ever.
_KEYWORDS: dict[str, Callable[[object], bool]] = {
    "description": _is_text,
    "format": _is_text,
    "enum": lambda value: isinstance(value, list) and bool(value),
    "minimum": _is_number,
    "maximum": _is_number,
    "exclusiveMinimum": _is_number,
    "exclusiveMaximum": _is_number,
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "minLength": _is_count,
    "maxLength": _is_count,
    "minItems": _is_count,
    "maxItems": _is_count,
    "default": lambda value: value is not None,
}


def _at(document: object, *path: str) -> dict[str, Any]:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _list(rule: object, name: str, of: type = str) -> list[Any]:
    found = rule.get(name) if isinstance(rule, dict) else None
    return [each for each in found if isinstance(each, of)] if isinstance(found, list) else []
