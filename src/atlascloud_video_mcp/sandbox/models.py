"""The models on offer: a table, the schema each publishes, and the check of a request against it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN_DURATION = 6
PROMPT_LIMIT = 2000
TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a model; `default` None means that it has none."""

    name: str
    type: Literal["string", "integer", "boolean"]
    description: str
    required: bool = False
    default: int | bool | None = None
    allowed: tuple[int, ...] = ()
    max_length: int | None = None

    def schema(self) -> dict[str, Any]:
        """Describe the parameter as an OpenAPI property; a length limit is applied but, as by Atlas, not published."""
        facts = {"default": self.default, "enum": list(self.allowed) or None}
        known = {name: value for name, value in facts.items() if value is not None}
        return {"type": self.type, "description": self.description} | known

    def complaints(self, value: object) -> Iterator[str]:
        """Say what is wrong with a value."""
        # An exact type: to Python a bool is an integer, to the API it is not.
        if type(value) is not TYPES[self.type]:
            yield f"{self.name} must be of type {self.type}"
        elif self.allowed and value not in self.allowed:
            yield f"{self.name} must be one of {', '.join(map(str, self.allowed))}"
        elif self.max_length is not None and len(str(value)) > self.max_length:
            yield f"{self.name} must have at most {self.max_length} characters"


@dataclass(frozen=True, slots=True)
class Model:
    """One model. The price, in US dollars per second of video, is an invention of the sandbox."""

    id: str
    name: str
    usd_per_second: Decimal
    parameters: tuple[Parameter, ...]

    def complaints(self, body: dict[str, Any]) -> Iterator[str]:
        """Say what is wrong with a request body, parameter by parameter."""
        known = {parameter.name: parameter for parameter in (*self.parameters, WEBHOOK)}
        for name in sorted(body.keys() - known.keys() - {"model"}):
            yield f"unknown parameter {name}"
        for name, parameter in known.items():
            if name in body:
                yield from parameter.complaints(body[name])
            elif parameter.required:
                yield f"{name} is required"

    def seconds(self, body: dict[str, Any]) -> int:
        """Tell how long the clip will be."""
        return int(body.get("duration", PLAIN_DURATION))

    def price(self, body: dict[str, Any]) -> Decimal:
        """Quote a request, in US dollars."""
        return self.usd_per_second * self.seconds(body)

    def entry(self, origin: str) -> dict[str, Any]:
        """Describe the model for the catalogue. Source: npm atlascloud-mcp 1.7.0, type Model."""
        side = {"base_price": str(self.usd_per_second), "unit": "second"}
        return {
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, self.id)),
            "model": self.id,
            "type": "Video",
            "displayName": self.name,
            "profile": f"{self.name}, as the sandbox plays it: a camera move over the picture.",
            "avatar": "",
            "readme": "",
            "schema": f"{origin}/schema/{self.id}.json",
            "tags": ["sandbox"],
            "price": {"discount": "100", "actual": side, "origin": side},
            "categories": ["Image-to-Video"],
            "organization": "MiniMax",
            "display_console": True,
        }

    def document(self, origin: str) -> dict[str, Any]:
        """Describe the model's parameters as an OpenAPI 3.0 document.

        Source: npm atlascloud-mcp 1.7.0, schema validator: what counts is `components.schemas.Input`.
        """
        model = {"type": "string", "description": "Model id", "default": self.id, "hidden": True}
        reference = {"$ref": "#/components/schemas/Input"}
        post = {"requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}}
        return {
            "openapi": "3.0.0",
            "info": {"title": self.name, "version": "1.0.0"},
            "servers": [{"url": origin}],
            "paths": {"/api/v1/model/generateVideo": {"post": post | {"responses": {"200": {"description": "OK"}}}}},
            "components": {
                "schemas": {
                    "Input": {
                        "type": "object",
                        "required": ["model", *(p.name for p in self.parameters if p.required)],
                        "properties": {"model": model} | {p.name: p.schema() for p in self.parameters},
                        "x-order-properties": ["model", *(p.name for p in self.parameters)],
                    }
                }
            },
        }


WEBHOOK = Parameter("webhook_url", "string", "Accepted by every model, never called by the sandbox")
IMAGE = Parameter("image", "string", "URL or base64 data URI of the first frame, JPEG or PNG", required=True)
PROMPT = Parameter("prompt", "string", "The motion to add", max_length=PROMPT_LIMIT)
DURATION = Parameter("duration", "integer", "Length of the clip in seconds", default=PLAIN_DURATION, allowed=(6, 10))
GO_FAST = Parameter("go_fast", "boolean", "Trade some quality for time", default=True)


def _expansion(*, default: bool) -> Parameter:
    return Parameter("enable_prompt_expansion", "boolean", "Let the model rewrite the prompt", default=default)


# Parameters: Atlas Cloud's public ComfyUI nodes, generated from the live schemas in March 2026.
MODELS = {
    model.id: model
    for model in (
        Model(
            "minimax/hailuo-2.3/i2v-standard",
            "Hailuo 2.3 I2V Standard",
            Decimal("0.05"),
            (IMAGE, PROMPT, DURATION, _expansion(default=False)),
        ),
        Model(
            "minimax/hailuo-2.3/i2v-pro",
            "Hailuo 2.3 I2V Pro",
            Decimal("0.09"),
            (IMAGE, PROMPT, _expansion(default=True)),
        ),
        Model(
            "minimax/hailuo-2.3/fast",
            "Hailuo 2.3 Fast",
            Decimal("0.03"),
            (IMAGE, PROMPT, DURATION, _expansion(default=True), GO_FAST),
        ),
    )
}
