"""Which way the camera moves: read from the prompt, given as a crop box for every moment.

Source of the commands in brackets: pages of other sellers of Hailuo 2.3 (evolink, toapis); Atlas Cloud lists none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera looks: the centre as a share of width and height, and the magnification."""

    x: float
    y: float
    zoom: float


@dataclass(frozen=True, slots=True)
class Move:
    """A slow move from one view to another."""

    start: View
    end: View

    @property
    def closest(self) -> float:
        """The largest magnification on the way."""
        return max(self.start.zoom, self.end.zoom)

    def box(self, moment: float, width: int, height: int) -> tuple[float, float, float, float]:
        """Give the part of a picture that is seen at a moment from 0 to 1, in fractions of pixels."""
        eased = moment * moment * (3 - 2 * moment)
        x, y, zoom = (
            a + (b - a) * eased
            for a, b in (
                (self.start.x, self.end.x),
                (self.start.y, self.end.y),
                (self.start.zoom, self.end.zoom),
            )
        )
        half_width, half_height = width / zoom / 2, height / zoom / 2
        left, top = x * width - half_width, y * height - half_height
        return max(left, 0.0), max(top, 0.0), min(left + 2 * half_width, width), min(top + 2 * half_height, height)


CENTRE = View(0.5, 0.5, 1.0)
NEAR = View(0.5, 0.5, 1.25)
NEARER = View(0.5, 0.5, 1.4)
LEFT, RIGHT = View(0.4, 0.5, 1.25), View(0.6, 0.5, 1.25)
TOP, BOTTOM = View(0.5, 0.4, 1.25), View(0.5, 0.6, 1.25)
PUSH_IN = Move(CENTRE, NEAR)

# Between the verb and the way it goes a few words may stand ("panning slowly to the left"), but no end of a clause.
_GAP = r"\b[^.,;\[\]]{0,30}?\b"
MOVES = {
    rf"(?:push|pushes|pushing|dolly){_GAP}in\b": PUSH_IN,
    rf"(?:pull|pulls|pulling|dolly){_GAP}(?:out|back|away)\b": Move(NEAR, CENTRE),
    rf"(?:zoom|zooms|zooming){_GAP}in\b": Move(CENTRE, NEARER),
    rf"(?:zoom|zooms|zooming){_GAP}out\b": Move(NEARER, CENTRE),
    rf"(?:pan|pans|panning|truck|trucks|trucking){_GAP}left\b": Move(RIGHT, LEFT),
    rf"(?:pan|pans|panning|truck|trucks|trucking){_GAP}right\b": Move(LEFT, RIGHT),
    rf"(?:tilt|tilts|tilting|pedestal){_GAP}up\b": Move(BOTTOM, TOP),
    rf"(?:tilt|tilts|tilting|pedestal){_GAP}down\b": Move(TOP, BOTTOM),
    r"static shot\b": Move(CENTRE, View(0.5, 0.5, 1.08)),
}
_PATTERNS = {re.compile(rf"\b{pattern}", re.IGNORECASE): move for pattern, move in MOVES.items()}


def choose(prompt: str) -> Move:
    """Pick the first camera move the prompt names, a slow push in when it names none."""
    found = ((match.start(), move) for pattern, move in _PATTERNS.items() if (match := pattern.search(prompt)))
    return min(found, key=lambda hit: hit[0], default=(0, PUSH_IN))[1]
