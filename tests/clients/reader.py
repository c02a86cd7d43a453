"""Reads an answer as a model would that sees only its text, or only its structured content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# The server's words, and those of the OpenAI Agents SDK: to its model, and to its host where the tools, which it lists
# before each call, did not come within 5 seconds.
_AGAIN = ("Next: the same call with the same arguments", "Please try again.", "'tools/list' timed out")


@dataclass(frozen=True)
class Step:
    """A look at a prediction that an answer asks for."""

    tool: str
    prediction_id: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the call."""
        return {"prediction_id": self.prediction_id}


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


def says_again(answer: dict[str, Any]) -> bool:
    """Whether all that an answer says is to make the same call again, in the server's words or the client's."""
    words = answer.get("error") or answer.get("text") or ""
    return any(again in words for again in _AGAIN)


def _step(text: str) -> Step | None:
    found = re.search(r"Next: (\w+) with prediction_id ([\w-]+)", text)
    return Step(*found.groups()) if found else None


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None
