"""The tables in docs/clients.md, made of what was seen; nothing in them differs from run to run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from roster import HERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from turn import Outcome
    from wire import Wire

PAGE = HERE.parent.parent / "docs" / "clients.md"
_SEEN = ("client", "set", "name, protocol", "a clip of 90 s takes", "progress", "its model sees", "its user's stop")
_SAID = ("client", "set", "when", "its own words")
_STOPS = {"cancelled": "cancels the call", "ended": "ends the server", "silent": "is not heard of"}


def page(outcomes: Iterable[Outcome]) -> str:
    """The whole page, with its tables as they should be."""
    outcomes = list(outcomes)
    text = PAGE.read_text(encoding="utf-8")
    text = _put(text, "seen", [_SEEN, *(_seen(outcome) for outcome in outcomes)])
    return _put(text, "said", [_SAID, *(row for outcome in outcomes for row in _said(outcome))])


def _put(text: str, name: str, rows: Sequence[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(row)} |\n" for row in rows]
    table = "".join([head, "|---" * len(rows[0]), "|\n", *body])
    begin, end = f"<!-- {name}: written by make test-clients -->\n", f"<!-- {name}: end -->\n"
    return re.sub(f"(?<={re.escape(begin)}).*(?={re.escape(end)})", lambda _: table, text, flags=re.DOTALL)


def _seen(outcome: Outcome) -> tuple[str, ...]:
    client, wire = outcome.client, outcome.wire
    named = (f"{client.title} {outcome.version}", client.setting)
    if outcome.failure or wire is None:
        return (*named, *("",) * 5)
    return (
        *named,
        f"`{', '.join(sorted(wire.names))}`, {', '.join(sorted(wire.protocols))}",
        _calls(outcome, wire),
        "shown" if outcome.course.heard else "not shown" if wire.sends_tokens else "not asked for",
        " or ".join(sorted(outcome.shown)),
        _STOPS[wire.stop_of("stop")],
    )


def _calls(outcome: Outcome, wire: Wire) -> str:
    fewest, most = outcome.client.calls[0], outcome.client.calls[-1]
    calls = "1 call" if most == 1 else f"{fewest} to {most} calls"
    return f"{calls}, a new server for each" if wire.process_per_call else calls


def _said(outcome: Outcome) -> list[tuple[str, ...]]:
    named = (f"{outcome.client.title} {outcome.version}", outcome.client.setting)
    words = {"a call lasts longer than it waits": outcome.too_long, "its user stops a call": outcome.stopped}
    return [(*named, when, f"`{' '.join(said.split())}`") for when, said in words.items() if said]
