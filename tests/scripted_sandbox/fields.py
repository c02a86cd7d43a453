"""Parameters as models publish them: the shapes that several models share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def text(description: str, **rules: object) -> dict[str, Any]:
    """A string."""
    return {"type": "string", "description": description, **rules}


def flag(description: str, **rules: object) -> dict[str, Any]:
    """A boolean."""
    return {"type": "boolean", "description": description, **rules}


def whole(description: str, **rules: object) -> dict[str, Any]:
    """An integer."""
    return {"type": "integer", "description": description, **rules}


def number(description: str, **rules: object) -> dict[str, Any]:
    """A number with a fraction."""
    return {"type": "number", "description": description, **rules}


def choice(description: str, values: Sequence[str], **rules: object) -> dict[str, Any]:
    """One of several strings."""
    return text(description, enum=list(values), **rules)


def several(description: str, least: int, most: int) -> dict[str, Any]:
    """A list of URLs."""
    items = {"type": "string", "format": "uri"}
    return {"type": "array", "description": description, "items": items, "minItems": least, "maxItems": most}


def optional(rule: dict[str, Any], **rules: object) -> dict[str, Any]:
    """What may be null, in the way of schemas that are made from Python classes: a union, with a title."""
    bare = {name: value for name, value in rule.items() if name != "description"}
    return {"anyOf": [bare, {"type": "null"}], "description": rule["description"], **rules}


SEED = whole("Same seed, same clip; -1 for chance", minimum=-1, maximum=2147483647, default=-1)
