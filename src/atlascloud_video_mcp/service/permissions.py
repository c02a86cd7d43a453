"""What a person of a team may do and see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import NotAllowed, PredictionNotFound
from atlascloud_video_mcp.text import PredictionId, Quoted

if TYPE_CHECKING:
    from atlascloud_video_mcp.journal import Journal, Person


def require_more_than_looks(person: Person | None) -> None:
    """Let pass who may spend and upload."""
    if person and person.read_only:
        raise NotAllowed(
            "Nothing was sent or paid: the token of this connection may look, and neither spend nor upload."
        )


async def require_asked(journal: Journal, prediction_id: str, person: Person | None) -> None:
    """Let a person look at what they asked for; whether there is anything else, nobody is told."""
    known = PredictionId.of(prediction_id.strip())
    if person and not (known and await journal.asked(known, person.name)):
        raise PredictionNotFound(
            f'You asked for no prediction "{Quoted(prediction_id, 40)}". Next: list_predictions shows the ids there '
            "are."
        )
