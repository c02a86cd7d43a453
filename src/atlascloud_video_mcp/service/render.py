"""What there is to tell of a model, as data and in lines for a person, and of an account's money.

It is apart from the catalogue, which brings all of it along, and the server is to start without.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.text import in_dollars, in_marks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlascloud_video_mcp.models import CatalogEntry, Model, Parameter
    from atlascloud_video_mcp.service.results import Balance


_LONGEST_WORDS = 120  # characters


def as_data(offer: CatalogEntry, model: Model | None, *, longest: int) -> dict[str, Any]:
    """A model as an object; its parameters where it is known, each described in so many characters at most."""
    found: dict[str, Any] = {"id": offer.id, "name": offer.name}
    found |= {"price_usd": offer.price_usd, "price_unit": offer.price_unit}
    if model:
        found["parameters"] = [_parameter(parameter, longest) for parameter in model.offered]
    return {name: value for name, value in found.items() if value is not None}


def as_lines(offer: CatalogEntry, model: Model | None, *, longest: int) -> Iterator[str]:
    """A model on a line; its parameters where it is known on one more each."""
    price = "" if offer.price_usd is None else f", ${offer.price_usd:.10g}"
    unit = f" per {in_marks(offer.price_unit, _LONGEST_WORDS)}" if price and offer.price_unit else ""
    yield f"{offer.id}: {in_marks(offer.name, _LONGEST_WORDS)}{price}{unit}"
    for parameter in model.offered if model else ():
        facts = _parameter(parameter, longest)
        said = [facts["type"], "required" if facts["required"] else None, facts.get("allowed")]
        said.append(f"default {json.dumps(facts['default'], ensure_ascii=False)}" if "default" in facts else None)
        about = f'. "{facts["description"]}"' if "description" in facts else ""
        yield f"- {parameter.name}: {', '.join(filter(None, said))}{about}"


def _parameter(parameter: Parameter, longest: int) -> dict[str, Any]:
    found = {
        "name": parameter.name,
        "type": parameter.type,
        "required": parameter.must_be_given,
        "default": parameter.shown_default,
        "allowed": parameter.allowed,
        "description": _cut(parameter.description, longest),
    }
    return {name: value for name, value in found.items() if value is not None}


def _cut(text: str, longest: int) -> str | None:
    return (text if len(text) <= longest else f"{text[:longest].rstrip()}...") if text and longest else None


def balance_lines(balance: Balance) -> list[str]:
    """An account's money, a line each."""
    available, spent = Decimal(str(balance.available_usd)), Decimal(str(balance.spent_24h_usd))
    lines = [
        f"Available on the account: {in_dollars(available)}.",
        f"Spent in the last 24 hours through this server, unfinished clips included: {in_dollars(spent)}.",
    ]
    if balance.budget_usd is not None:
        budget = Decimal(str(balance.budget_usd))
        left = max(budget - spent, Decimal(0))
        lines.append(f"The budget for 24 hours is {in_dollars(budget)}, of which {in_dollars(left)} are left.")
    return [*lines, *(balance.notes or ())]
