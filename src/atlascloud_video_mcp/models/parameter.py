"""One parameter of a model: what it takes, in words and as a rule, and how a value breaks that rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.cloud.body_fields import seconds_in
from atlascloud_video_mcp.text import in_marks, printable, sanitize_untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.exceptions import ValidationError

_MOST_VALUES = 20
_MOST_VIOLATIONS = 5  # of one value
_LONGEST = 60  # characters of a value or a name in a sentence of ours
_LONGEST_DESCRIPTION = 400  # characters
_KIND_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}

Rule = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """A parameter as its model's schema describes it."""

    name: str
    rule: Rule
    is_required: bool
    """By the schema; one with a default may still be left out."""

    @property
    def is_offered(self) -> bool:
        """Whether callers may set it."""
        return not (self.rule.get("hidden") or self.rule.get("disabled"))

    @property
    def must_be_given(self) -> bool:
        """Whether the caller has to give it."""
        return self.is_required and self.default is None

    @property
    def default(self) -> object:
        """What the model uses when it is left out; None if the schema does not say."""
        return self.rule.get("default")

    @property
    def shown_default(self) -> object:
        """The default as shown to people and models, sanitized; None when it is long."""
        default = self.default
        if default is None or len(json.dumps(default)) > _LONGEST:
            return None
        return _shown_safely(default)

    @property
    def description(self) -> str:
        """What it is for, in the vendor's words, on one line."""
        return sanitize_untrusted(str(self.rule.get("description", "")), _LONGEST_DESCRIPTION)

    @property
    def kinds(self) -> list[str]:
        """The JSON types it takes, but null; empty when it takes any."""
        return list(dict.fromkeys(kind for rule in _branches(self.rule) for kind in _kinds(rule) if kind != "null"))

    @property
    def type(self) -> str:
        """The JSON types in a word or two."""
        return " or ".join(self.kinds) or "any"

    @property
    def values(self) -> list[object]:
        """The values on offer; empty when there is no such list."""
        return [value for rule in _branches(self.rule) for value in rule.get("enum", ()) if value is not None]

    @property
    def allowed(self) -> str | None:
        """The values on offer, or the limits, in words; None when there are none."""
        if self.values:
            return _choice(self.values)
        found = (_limits(rule) for rule in _branches(self.rule))
        return ", or ".join(words for words in found if words) or None

    @property
    def takes(self) -> str:
        """What it takes, as a sentence ends."""
        kinds = " or ".join(_KIND_WORDS[kind] for kind in self.kinds)
        if self.values or not kinds:
            return self.allowed or "any value"
        return f"{kinds} ({self.allowed})" if self.allowed else kinds

    def read(self, value: object) -> object:
        """A value as the model spells it: text becomes a number and a number text where only that fits."""
        kinds = self.kinds
        if isinstance(value, str) and kinds and "string" not in kinds:
            with suppress(ValueError, RecursionError):
                return self.read_number(json.loads(value.lower() if kinds == ["boolean"] else value))
        if isinstance(value, int | float) and not isinstance(value, bool) and kinds == ["string"]:
            alike = (spelling for spelling in self.values if seconds_in(spelling) == value)
            return next(alike, value)
        return self.read_number(value)

    def read_number(self, value: object) -> object:
        """A number as the model spells it: 5.0 is 5 where whole numbers are taken."""
        whole = isinstance(value, float) and value.is_integer() and "integer" in self.kinds
        return int(value) if whole else value  # type: ignore[call-overload]

    def violations(self, value: object) -> Iterator[str]:
        """Each way in which a value breaks the rule: where, and what was found."""
        # Imported at the first check: the import takes a tenth of a second, too long for listing the tools.
        from jsonschema import Draft202012Validator  # noqa: PLC0415

        found = Draft202012Validator(self.rule).iter_errors(value)
        for error, _ in zip(map(_most_specific, found), range(_MOST_VIOLATIONS), strict=False):
            where = self.name + "".join(
                f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path
            )
            yield f"{where} {_explain(error)}"


def shown(value: object) -> str:
    """A value as our sentences show it: on one line, and not long."""
    text = printable(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _most_specific(error: ValidationError) -> ValidationError:
    """Of the errors of a union's branches the most useful one: not that a value has another branch's type."""
    while error.context:
        error = next((inner for inner in error.context if inner.validator != "type" or inner.path), error.context[0])
    return error


def _explain(error: ValidationError) -> str:
    value: Any = error.instance  # of the type the rule applies to
    rule = error.validator_value
    match error.validator:
        case "enum":
            return f"is {shown(value)}, which is not allowed"
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
            return f"is {shown(value)}, which is not a multiple of {rule}"
        case "required":
            return f"lacks {error.message.split(' is ', maxsplit=1)[0]}"
        case _:
            return f"is {shown(value)}, which is of the wrong type"


def _shown_safely(value: object) -> object:
    match value:
        case str():
            return sanitize_untrusted(value, _LONGEST)
        case list():
            return [_shown_safely(each) for each in value]
        case dict():
            return {sanitize_untrusted(name, _LONGEST): _shown_safely(each) for name, each in value.items()}
        case _:
            return value


def _branches(rule: Rule) -> list[Rule]:
    """The rule itself, or the alternatives of which one must hold."""
    found = [each for branch in rule.get("anyOf", ()) for each in _branches(branch)]
    return [rule, *found] if found and ("enum" in rule or "type" in rule) else found or [rule]


def _kinds(rule: Rule) -> list[str]:
    named: list[str] = rule.get("type", [])
    return named or [_kind_of(value) for value in rule.get("enum", ())]


def _kind_of(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case None:
            return "null"
        case _:
            return "object"


def _choice(values: list[object]) -> str:
    words = [in_marks(value, _LONGEST) if isinstance(value, str) else shown(_shown_safely(value)) for value in values]
    more = len(words) - _MOST_VALUES
    if more > 0:
        return f"{', '.join(words[:_MOST_VALUES])} and {more} more"
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _limits(rule: Rule) -> str:
    low, high = _bound(rule, "minimum", "exclusiveMinimum"), _bound(rule, "maximum", "exclusiveMaximum")
    found = [_span(low, high, ""), f"in steps of {_figure(rule['multipleOf'])}" if "multipleOf" in rule else ""]
    found.append(_span(rule.get("minLength") or None, rule.get("maxLength"), " characters"))
    found.append(_span(rule.get("minItems") or None, rule.get("maxItems"), " items"))
    return ", ".join(filter(None, found))


def _bound(rule: Rule, plain: str, exclusive: str) -> str | None:
    if exclusive in rule:
        return f"{_figure(rule[exclusive])} (itself not included)"
    return _figure(rule[plain]) if plain in rule else None


def _figure(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _span(low: object, high: object, unit: str) -> str:
    if low is not None and high is not None:
        return f"{low} to {high}{unit}"
    if low is not None:
        return f"at least {low}{unit}"
    return f"at most {high}{unit}" if high is not None else ""
