"""Reads an answer as a model would that sees only its text, or only its structured content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """A look at a prediction that an answer asks for."""

    tool: str
    prediction_id: str
    wait_seconds: int | None
    """What to pass, when it says so."""
    pause: int
    """Seconds to let pass before."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the call."""
        wait = {} if self.wait_seconds is None else {"wait_seconds": self.wait_seconds}
        return {"prediction_id": self.prediction_id} | wait


@dataclass(frozen=True)
class Reading:
    """What a reader takes from an answer."""

    prediction_id: str | None = None
    upload: str | None = None
    clip: str | None = None
    step: Step | None = None


def read_text(text: str) -> Reading:
    """Read an answer's text."""
    prediction_id = _first(r"\bprediction_id:? ([\w-]+)", text)
    return Reading(
        prediction_id=prediction_id,
        upload=None if prediction_id else _first(r"(https?://\S+\.jpg)\b", text),
        clip=_first(r"(https?://\S+\.mp4)\b", text),
        step=_step(text),
    )


def read_structured(content: dict[str, Any]) -> Reading:
    """Read an answer's structured content."""
    return Reading(
        prediction_id=content.get("prediction_id"),
        upload=content.get("url"),
        clip=content.get("video_url"),
        step=_step(content.get("next_step", "")),
    )


def _step(text: str) -> Step | None:
    found = re.search(r"Next: (\w+) with prediction_id ([\w-]+)([^.]*)", text)
    if not found:
        return None
    tool, prediction_id, how = found.groups()
    wait, pause = _first(r"wait_seconds (\d+)", how), _first(r"in about (\d+) seconds", how)
    return Step(tool, prediction_id, int(wait) if wait else None, int(pause or 0))


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None
