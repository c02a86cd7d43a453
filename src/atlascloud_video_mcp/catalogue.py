"""The image-to-video models we know, and what each takes.

Source: Atlas Cloud's model schemas of the Hailuo 2.3 family, and MiniMax's published limits for the same models.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.pictures import PictureRules


@dataclass(frozen=True)
class Model:
    """One model's rules."""

    id: str
    durations: tuple[int, ...]
    """Seconds of video it offers; empty when it takes no `duration` at all."""
    parameters: frozenset[str]
    """The names of all it takes."""
    prompt_limit: int = 2000
    """Characters."""
    pictures: PictureRules = field(default_factory=PictureRules)

    def request(
        self, *, prompt: str | None, duration: int | None, enable_prompt_expansion: bool | None
    ) -> dict[str, Any]:
        """The body of a submission, all but the picture; what is not asked for is left to the model.

        Raises:
            InvalidInput: An argument the model would refuse; every fault is named in the one message.
        """
        faults = []
        if prompt is not None and len(prompt) > self.prompt_limit:
            faults.append(f"prompt has {len(prompt)} characters: {self.id} takes at most {self.prompt_limit}")
        if duration is not None and duration not in self.durations:
            offered = " or ".join(map(str, self.durations))
            rule = f"takes {offered} seconds" if offered else "takes no duration: leave it out"
            faults.append(f"duration is {duration}: {self.id} {rule}")
        if faults:
            raise InvalidInput(f"Nothing was sent or paid. {'; '.join(faults)}.")
        asked = {"prompt": prompt or None, "duration": duration, "enable_prompt_expansion": enable_prompt_expansion}
        return {"model": self.id} | {name: value for name, value in asked.items() if value is not None}

    def with_picture(self, request: dict[str, Any], url: str) -> dict[str, Any]:
        """A request with the picture where the model takes it."""
        return request | {"image": url}


_PLAIN = frozenset({"image", "prompt", "enable_prompt_expansion"})
_BUILT_IN = {
    model.id: model
    for model in (
        Model("minimax/hailuo-2.3/i2v-standard", durations=(6, 10), parameters=_PLAIN | {"duration"}),
        Model("minimax/hailuo-2.3/i2v-pro", durations=(), parameters=_PLAIN),
        Model("minimax/hailuo-2.3/fast", durations=(6, 10), parameters=_PLAIN | {"duration", "go_fast"}),
    )
}


def model_called(model_id: str) -> Model:
    """The rules of a model.

    Raises:
        InvalidInput: A model we do not know; the message names those we do.
    """
    if model := _BUILT_IN.get(model_id):
        return model
    meant = get_close_matches(model_id, _BUILT_IN, n=1)
    guess = f" Did you mean {meant[0]}?" if meant else ""
    raise InvalidInput(f"There is no image-to-video model {model_id!r} here.{guess} Known are: {', '.join(_BUILT_IN)}.")
