"""Models of the shapes that published schemas have and the Hailuo family does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from atlascloud_sandbox.models import VIDEO_PATH, Model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlascloud_sandbox.models import Rule


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a generation costs, in US dollars per unit.

    `unit` is the catalogue's own word, None where the catalogue leaves it open and a run is meant. `dearer` multiplies
    the price for single values of parameters. `discount` is in percent of the listed price.
    """

    usd: Decimal
    unit: Literal["second", "generation", "image"] | None = "second"
    dearer: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    discount: int = 100

    def listed(self, body: Mapping[str, Any], seconds: int) -> Decimal:
        """Price a request before the discount."""
        price = self.usd * (seconds if self.unit == "second" else 1)
        for name, factors in self.dearer.items():
            price *= factors.get(str(body.get(name)), Decimal(1))
        return price

    def entry(self) -> dict[str, Any]:
        """Describe the price for the catalogue. Source: npm atlascloud-mcp 1.7.0, type ModelPrice."""
        unit = {"unit": self.unit} if self.unit else {}
        actual = {"base_price": str(self.usd * self.discount / 100)} | unit
        return {"discount": str(self.discount), "actual": actual, "origin": {"base_price": str(self.usd)} | unit}


@dataclass(frozen=True, kw_only=True)
class Invented(Model):
    """One model, with more freedom than the shipped ones have.

    `shared` is published beside the properties for `$ref`. `seconds_plain` is how long the clip is when nobody says,
    unless the model `chooses_seconds` then. `ordered` tells if the document has `x-order-properties`; `path` is the
    endpoint it names, right or wrong.
    """

    usd: Decimal = Decimal(0)
    price: Price
    shared: Mapping[str, Rule] = field(default_factory=dict)
    seconds_plain: int = 6
    chooses_seconds: bool = False
    ordered: bool = True
    path: str = VIDEO_PATH
    categories: tuple[str, ...] = ("Image-to-Video",)
    tags: tuple[str, ...] = ("sandbox",)
    shown: bool = True
    readme: str = ""

    def applied(self) -> dict[str, Any]:
        schema = super().applied()
        rules = {name: _as_json_schema(rule) for name, rule in schema["properties"].items()}
        return schema | {"properties": rules, "components": {"schemas": self.shared}}

    def seconds(self, body: Mapping[str, Any]) -> int:
        return int(body.get("duration") or self.seconds_plain)

    def listed(self, body: Mapping[str, Any]) -> Decimal:
        return self.price.listed(body, self.seconds(body))

    def quote(self, body: Mapping[str, Any]) -> Decimal:
        return self.listed(body) * self.price.discount / 100

    def estimated(self, body: Mapping[str, Any]) -> bool:
        return self.chooses_seconds and body.get("duration") is None

    def entry(self, origin: str) -> dict[str, Any]:
        return super().entry(origin) | {
            "price": self.price.entry(),
            "categories": list(self.categories),
            "tags": list(self.tags),
            "display_console": self.shown,
            "readme": self.readme,
        }

    def document(self, origin: str) -> dict[str, Any]:
        document = super().document(origin)
        schemas = document["components"]["schemas"]
        if not self.ordered:
            del schemas["Input"]["x-order-properties"]
        schemas |= self.shared
        return document | {"paths": {self.path: document["paths"][VIDEO_PATH]}}


def _as_json_schema(rule: Rule) -> object:
    """Say in JSON Schema what OpenAPI 3.0 and the vendor say in words of their own."""
    if rule.get("disabled"):
        return {"enum": []}
    return {"anyOf": [rule, {"type": "null"}]} if rule.get("nullable") else rule
