"""The Hailuo 2.3 family, known without the catalogue.

Source: Atlas Cloud's public ComfyUI nodes, generated from the models' schemas in March 2026; the limit of the prompt is
MiniMax's for the same models, as six resellers give it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.models.entries import CatalogEntry
from atlascloud_video_mcp.models.model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping

_DURATION = {"type": ["integer"], "enum": [6, 10], "default": 6, "description": "Length of the clip in seconds"}


def _model(model_id: str, *, expansion: bool, **further: Mapping[str, Any]) -> Model:
    properties: dict[str, Any] = {
        "image": {"type": ["string"]},
        "prompt": {"type": ["string"], "maxLength": 2000, "description": "The motion to add"},
        **further,
        "enable_prompt_expansion": {
            "type": ["boolean"],
            "default": expansion,
            "description": "Let the model rewrite the prompt",
        },
    }
    return Model.of(model_id, {"properties": properties, "required": ["image"]})


FAMILY = {
    model.id: model
    for model in (
        _model("minimax/hailuo-2.3/i2v-standard", expansion=False, duration=_DURATION),
        _model("minimax/hailuo-2.3/i2v-pro", expansion=True),
        _model(
            "minimax/hailuo-2.3/fast",
            expansion=True,
            duration=_DURATION,
            go_fast={"type": ["boolean"], "default": True, "description": "Trade some quality for time"},
        ),
    )
}
OFFERS = (
    CatalogEntry("minimax/hailuo-2.3/i2v-standard", "Hailuo 2.3 I2V Standard", animates=True),
    CatalogEntry("minimax/hailuo-2.3/i2v-pro", "Hailuo 2.3 I2V Pro", animates=True),
    CatalogEntry("minimax/hailuo-2.3/fast", "Hailuo 2.3 Fast", animates=True),
)
