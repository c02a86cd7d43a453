"""One generation: when it ends, how, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .pictures import File


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a generation fails at its end, with the task-level error code where one is known."""

    message: str
    code: int | None = None


@dataclass(slots=True)
class Prediction:
    """One accepted generation.

    Its state is never stored: it follows from the clock, so that no timer has to run. `started` and `due` are
    `time.monotonic` seconds (`due` is infinite for one that does not finish by itself), `created` is Unix time,
    `planned` is how long the status words are spread over, `seconds` how long the clip is to be, `text` is the request
    body exactly as it came in. `price` is held while it runs, `billed` is taken once it has succeeded, in US dollars.
    """

    id: str
    model: str
    body: dict[str, Any]
    text: str
    picture: File | None
    failure: Failure | None
    seconds: int
    price: Decimal
    billed: Decimal
    started: float
    created: float
    planned: float
    due: float

    @property
    def took(self) -> float:
        """How long it was at work once it has ended, in seconds."""
        return self.due - self.started

    def ended(self, now: float) -> bool:
        """Tell if the generation is over, well or badly."""
        return now >= self.due

    def succeeded(self, now: float) -> bool:
        """Tell if the clip is ready."""
        return self.ended(now) and self.failure is None

    def cost(self, now: float) -> Decimal:
        """Tell what is held or spent, in US dollars: a failure gives all of it back."""
        if not self.ended(now):
            return self.price
        return self.billed if self.failure is None else Decimal(0)

    def progress(self, now: float) -> float:
        """Tell how much of the planned time has gone by, 1.0 being all of it."""
        return (now - self.started) / self.planned if self.planned else 1.0
