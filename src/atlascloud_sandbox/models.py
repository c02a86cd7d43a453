"""What a model is: what it takes and costs, how it is listed, and the schema it publishes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from jsonschema import ValidationError

    Rule = Mapping[str, Any]

VIDEO_PATH = "/api/v1/model/generateVideo"


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model.

    `usd` is the price of a second, an invention of the sandbox. `properties` and `required` are published as they
    stand; `unpublished` adds rules that are applied only. `pictures` names the fields that take pictures, that of the
    first frame first.
    """

    id: str
    name: str
    usd: Decimal
    properties: Mapping[str, Rule]
    required: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    unpublished: Mapping[str, Rule] = field(default_factory=dict)
    type: Literal["Video", "Image"] = "Video"
    organization: str = "Sandbox"

    def complaints(self, body: Mapping[str, Any]) -> Iterator[str]:
        """Say what is wrong with a request body. `webhook_url` is taken by every model, and never called here."""
        for name in sorted(body.keys() - self.properties.keys() - {"model", "webhook_url"}):
            yield f"unknown parameter {name}"
        for error in Draft202012Validator(self.applied()).iter_errors(body):
            yield _complaint(error)

    def applied(self) -> dict[str, Any]:
        """Give the schema that requests are held against, which is a bit more than is published."""
        rules = {name: {**rule, **self.unpublished.get(name, {})} for name, rule in self.properties.items()}
        required = [name for name in self.required if "default" not in self.properties[name]]
        return {"properties": rules | {"webhook_url": {"type": "string"}}, "required": required}

    def picture_urls(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        """List the pictures of a checked request by the field each is in, that of the first frame first."""
        given = [(name, body[name]) for name in self.pictures if body.get(name) is not None]
        return [(name, url) for name, value in given for url in ([value] if isinstance(value, str) else value)]

    def seconds(self, body: Mapping[str, Any]) -> int:
        """Tell how long the clip will be."""
        return int(body.get("duration") or 6)

    def listed(self, body: Mapping[str, Any]) -> Decimal:
        """Price a request before any discount, in US dollars."""
        return self.usd * self.seconds(body)

    def quote(self, body: Mapping[str, Any]) -> Decimal:
        """Price a request, in US dollars."""
        return self.listed(body)

    def estimated(self, body: Mapping[str, Any]) -> bool:  # noqa: ARG002 - others choose how long the clip will be
        """Tell if the price is a guess."""
        return False

    def entry(self, origin: str) -> dict[str, Any]:
        """Describe the model for the catalogue. Source: npm atlascloud-mcp 1.7.0, types Model and ModelPrice."""
        price = {"base_price": str(self.usd), "unit": "second"}
        return {
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, self.id)),
            "model": self.id,
            "type": self.type,
            "displayName": self.name,
            "profile": f"{self.name}, as the sandbox plays it: a camera move over the picture.",
            "avatar": "",
            "readme": "",
            "schema": f"{origin}/schema/{self.id}.json",
            "tags": ["sandbox"],
            "price": {"discount": "100", "actual": price, "origin": price},
            "categories": ["Image-to-Video"],
            "organization": self.organization,
            "display_console": True,
        }

    def document(self, origin: str) -> dict[str, Any]:
        """Describe the model's parameters as an OpenAPI 3.0 document.

        Source: npm atlascloud-mcp 1.7.0, schema validator: what counts is `components.schemas.Input`.
        """
        reference = {"$ref": "#/components/schemas/Input"}
        post = {"requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}}
        model = {"type": "string", "description": "Model id", "default": self.id, "hidden": True}
        properties = {"model": model, **self.properties}
        return {
            "openapi": "3.0.0",
            "info": {"title": self.name, "version": "1.0.0"},
            "servers": [{"url": origin}],
            "paths": {VIDEO_PATH: {"post": post | {"responses": {"200": {"description": "OK"}}}}},
            "components": {
                "schemas": {
                    "Input": {
                        "type": "object",
                        "required": ["model", *self.required],
                        "properties": properties,
                        "x-order-properties": list(properties),
                    }
                }
            },
        }


def _complaint(error: ValidationError) -> str:
    place = ".".join(map(str, error.absolute_path))
    if not place:
        return error.message
    return f"{place} must fit {error.validator}: {error.validator_value}"
