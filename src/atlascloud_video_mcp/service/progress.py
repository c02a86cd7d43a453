"""How far a call has come: what the service tells whoever waits, who says it in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlascloud_video_mcp.service.results import Prediction

    ProgressSink = Callable[["Progress"], None]
    """Is called with each phase of a call as it begins; it must return at once."""


class Phase(Enum):
    """What a call is doing; the sentence for it is written where it is shown."""

    READING_MODEL = auto()
    READING_CATALOGUE = auto()
    CATALOGUE_READ = auto()
    CHECKING_PICTURE = auto()
    COUNTING_HISTORY = auto()
    PRICING_EARLIER = auto()
    PRICING = auto()
    ASKING_WHOSE = auto()
    WAITING_FOR_TWIN = auto()
    UPLOADING = auto()
    UPLOADED = auto()
    SUBMITTING = auto()
    """The paid request is on its way: it may be paid from here on."""
    SEARCHING_LOST = auto()
    SUBMITTED = auto()
    FOUND = auto()
    LOOKING = auto()
    LOOKING_AGAIN = auto()
    RENDERING = auto()
    IN_TROUBLE = auto()
    GONE = auto()
    SAVING = auto()
    TAKING_FRAMES = auto()
    FINISHED = auto()
    REHEARSED = auto()
    LOOKING_FOR_CLIP = auto()
    SAVING_CLIP = auto()
    CLIP_SAVED = auto()
    READING_HISTORY = auto()
    LISTED = auto()
    READING_BALANCE = auto()
    BALANCE_READ = auto()


@dataclass(frozen=True)
class Progress:
    """How far a call has come."""

    phase: Phase
    fraction: float
    """How much of the whole was done when this phase began, from 0 to 1, which it reaches only with the clip."""
    subject: str = ""
    """What the phase is about: a model, a file's name, a prediction's id."""
    done_bytes: float = 0
    all_bytes: float = 0
    """Of an upload."""
    raw_status: str = ""
    """The API's own word for the prediction, a change of which is told."""
    prediction: Callable[[], Prediction] | None = None
    """The prediction as it is told at the moment; None while there is none to tell of."""


def nowhere(_: Progress) -> None:
    """The sink of those who do not want to know."""
