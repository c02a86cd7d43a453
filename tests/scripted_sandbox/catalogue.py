"""The catalogue of one sandbox: the models on offer, made longer where a test wants it so."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from atlascloud_sandbox.models import Model, Price
from atlascloud_sandbox.offers import IMAGE, PROMPT

from .offers import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator


def catalogue(fillers: int = 0, filler_bytes: int = 1500) -> list[Model]:
    """Give all models, with `fillers` further image-to-video models of about `filler_bytes` bytes each."""
    return [*MODELS.values(), *_fillers(fillers, filler_bytes)]


def _fillers(count: int, size: int) -> Iterator[Model]:
    readme = "A model that only makes the catalogue longer. " * (size // 46)
    for index in range(1, count + 1):
        yield Model(
            id=f"filler/model-{index:04}/image-to-video",
            name=f"Filler {index}",
            price=Price(usd=Decimal(index) / 1000),
            properties={"image": IMAGE, "prompt": PROMPT},
            required=("image",),
            pictures=("image",),
            readme=readme,
        )
