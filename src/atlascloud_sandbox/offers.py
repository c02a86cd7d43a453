"""The models on offer: the Hailuo 2.3 family.

Parameters: Atlas Cloud's public ComfyUI nodes, generated from the live schemas in March 2026. The limit of the prompt
is applied but, as by Atlas, not published. Prices are invented.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .models import Model, Price

PROMPT_LIMIT = {"prompt": {"maxLength": 2000}}
IMAGE = {"type": "string", "description": "URL or base64 data URI of the first frame, JPEG or PNG"}
PROMPT = {"type": "string", "description": "The motion to add"}
DURATION = {"type": "integer", "description": "Length of the clip in seconds", "enum": [6, 10], "default": 6}


def _flag(description: str, *, default: bool) -> dict[str, Any]:
    return {"type": "boolean", "description": description, "default": default}


def _hailuo(name: str, title: str, usd: str, **properties: dict[str, Any]) -> Model:
    return Model(
        id=f"minimax/hailuo-2.3/{name}",
        name=f"Hailuo 2.3 {title}",
        price=Price(usd=Decimal(usd)),
        properties={"image": IMAGE, "prompt": PROMPT, **properties},
        required=("image",),
        pictures=("image",),
        unpublished=PROMPT_LIMIT,
        organization="MiniMax",
    )


EXPANSION = "Let the model rewrite the prompt"
HAILUO = (
    _hailuo(
        "i2v-standard",
        "I2V Standard",
        "0.05",
        duration=DURATION,
        enable_prompt_expansion=_flag(EXPANSION, default=False),
    ),
    _hailuo("i2v-pro", "I2V Pro", "0.09", enable_prompt_expansion=_flag(EXPANSION, default=True)),
    _hailuo(
        "fast",
        "Fast",
        "0.03",
        duration=DURATION,
        enable_prompt_expansion=_flag(EXPANSION, default=True),
        go_fast=_flag("Trade some quality for time", default=True),
    ),
)
