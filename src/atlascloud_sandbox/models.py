"""What a model is: what it takes and costs, how it is listed, and the schema it publishes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from .rules import complaints

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .rules import Rule

VIDEO_PATH = "/api/v1/model/generateVideo"
WEBHOOK = {"type": "string", "description": "Accepted by every model, never called by the sandbox"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a generation costs, in US dollars per unit; an invention of the sandbox.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model.

    `properties` and `required` are published as they stand, `shared` beside them for `$ref`; `unpublished` adds rules
    that are applied only. `pictures` names the fields that take pictures, that of the first frame first.
    `seconds_plain` is how long the clip is when nobody says, unless the model `chooses_seconds` then. `ordered` tells
    if the document has `x-order-properties`; `path` is the endpoint it names, right or wrong.
    """

    id: str
    name: str
    price: Price
    properties: Mapping[str, Rule]
    required: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    shared: Mapping[str, Rule] = field(default_factory=dict)
    unpublished: Mapping[str, Rule] = field(default_factory=dict)
    seconds_plain: int = 6
    chooses_seconds: bool = False
    ordered: bool = True
    path: str = VIDEO_PATH
    type: Literal["Video", "Image"] = "Video"
    categories: tuple[str, ...] = ("Image-to-Video",)
    tags: tuple[str, ...] = ("sandbox",)
    organization: str = "Sandbox"
    shown: bool = True
    readme: str = ""

    def complaints(self, body: Mapping[str, Any]) -> Iterator[str]:
        """Say what is wrong with a request body, parameter by parameter."""
        known = {**self.properties, "webhook_url": WEBHOOK}
        for name in sorted(body.keys() - known.keys() - {"model"}):
            yield f"unknown parameter {name}"
        for name, rule in known.items():
            if name in body:
                yield from self._complaints(name, body[name], rule)
            elif name in self.required and "default" not in rule:
                yield f"{name} is required"

    def _complaints(self, name: str, value: object, rule: Rule) -> Iterator[str]:
        if rule.get("disabled"):
            yield f"{name} cannot be set"
        else:
            yield from complaints(name, value, {**rule, **self.unpublished.get(name, {})}, self.shared)

    def picture_urls(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        """List the pictures of a checked request by the field each is in, that of the first frame first."""
        given = [(name, body[name]) for name in self.pictures if body.get(name) is not None]
        return [(name, url) for name, value in given for url in ([value] if isinstance(value, str) else value)]

    def seconds(self, body: Mapping[str, Any]) -> int:
        """Tell how long the clip will be."""
        return int(body.get("duration") or self.seconds_plain)

    def listed(self, body: Mapping[str, Any]) -> Decimal:
        """Price a request before the discount, in US dollars."""
        return self.price.listed(body, self.seconds(body))

    def quote(self, body: Mapping[str, Any]) -> Decimal:
        """Price a request, in US dollars."""
        return self.listed(body) * self.price.discount / 100

    def estimated(self, body: Mapping[str, Any]) -> bool:
        """Tell if the price is a guess, because the model itself chooses how long the clip will be."""
        return self.chooses_seconds and body.get("duration") is None

    def entry(self, origin: str) -> dict[str, Any]:
        """Describe the model for the catalogue. Source: npm atlascloud-mcp 1.7.0, type Model."""
        return {
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, self.id)),
            "model": self.id,
            "type": self.type,
            "displayName": self.name,
            "profile": f"{self.name}, as the sandbox plays it: a camera move over the picture.",
            "avatar": "",
            "readme": self.readme,
            "schema": f"{origin}/schema/{self.id}.json",
            "tags": list(self.tags),
            "price": self.price.entry(),
            "categories": list(self.categories),
            "organization": self.organization,
            "display_console": self.shown,
        }

    def document(self, origin: str) -> dict[str, Any]:
        """Describe the model's parameters as an OpenAPI 3.0 document.

        Source: npm atlascloud-mcp 1.7.0, schema validator: what counts is `components.schemas.Input`.
        """
        reference = {"$ref": "#/components/schemas/Input"}
        post = {"requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}}
        return {
            "openapi": "3.0.0",
            "info": {"title": self.name, "version": "1.0.0"},
            "servers": [{"url": origin}],
            "paths": {self.path: {"post": post | {"responses": {"200": {"description": "OK"}}}}},
            "components": {"schemas": {"Input": self._input(), **self.shared}},
        }

    def _input(self) -> dict[str, Any]:
        model = {"type": "string", "description": "Model id", "default": self.id, "hidden": True}
        properties = {"model": model, **self.properties}
        described = {"type": "object", "required": ["model", *self.required], "properties": properties}
        return described | ({"x-order-properties": list(properties)} if self.ordered else {})
