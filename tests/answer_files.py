"""The answers in `answers/`, as values."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

ANSWERS = Path(__file__).parent / "answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer; `answers/README.md` says what each field holds."""

    name: str
    fact: str
    source: str
    confidence: Literal["H", "M", "L"]
    status: int
    headers: dict[str, str]
    body: str
    meaning: dict[str, Any]
    encoding: str = field(default="utf-8")

    @property
    def endpoint(self) -> str:
        """The sandbox's name of the endpoint, "any" for what each of them can answer."""
        return self.name.partition("/")[0]

    @property
    def content(self) -> bytes:
        """The body as it goes over the wire."""
        return self.body.encode(self.encoding)

    def __str__(self) -> str:
        return self.name  # the id of a test that is made for each


@cache
def every_answer() -> tuple[Answer, ...]:
    """All of them, by name."""
    return tuple(
        Answer(name=path.relative_to(ANSWERS).with_suffix("").as_posix(), **tomllib.loads(path.read_text("utf-8")))
        for path in sorted(ANSWERS.rglob("*.toml"))
    )


def answers(endpoint: str, *outcomes: str) -> list[Answer]:
    """Those that an endpoint can give, with those of the guard before it; of some outcomes only, if any are named."""
    return [
        answer
        for answer in every_answer()
        if answer.endpoint in (endpoint, "any") and (not outcomes or answer.meaning["outcome"] in outcomes)
    ]


def answer(name: str) -> Answer:
    """One by its name."""
    [found] = [answer for answer in every_answer() if answer.name == name]
    return found
