"""The books: what was spent of late, and whether one more request fits into its budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from atlascloud_video_mcp.errors import OverBudget
from atlascloud_video_mcp.money import in_dollars

SPAN = timedelta(hours=24)
"""How far back spending counts."""
_NEXT = (
    "Next: ask the user to wait, or to raise ATLASCLOUD_BUDGET_USD and restart the server; then animate_image with the "
    "same arguments."
)


class HistoryNeeded(Exception):
    """There is a budget, and entries from before `begun_anew` may be missing: the account's history is to be read."""

    def __init__(self, begun_anew: datetime) -> None:
        super().__init__(begun_anew)
        self.begun_anew = begun_anew


class PriceNeeded(Exception):
    """There is a budget, and nothing to hold against it: the price of the request is not known."""


@dataclass(frozen=True)
class Terms:
    """On what terms a request may be submitted; amounts in US dollars."""

    account: str = ""
    """Who pays."""
    price: Decimal | None = None
    """What it costs, where that is known."""
    budget: Decimal | None = None
    """What may be spent in 24 hours, this request included; None: any amount."""
    history_counted: datetime | None = None
    """When the journal was begun anew into which the account's history was read."""


@dataclass(frozen=True)
class Spending:
    """What was spent in the last 24 hours: when and how many US dollars, the oldest first."""

    items: tuple[tuple[datetime, Decimal], ...]

    @property
    def total(self) -> Decimal:
        """The sum."""
        return sum((amount for _, amount in self.items), Decimal(0))

    def objection(self, terms: Terms) -> str | None:
        """Why the budget does not allow it, as a sentence that says when it will; None when it does.

        Raises:
            PriceNeeded: There is a budget but no price.
        """
        if terms.budget is None:
            return None
        if terms.price is None:
            raise PriceNeeded
        total, budget, price = self.total, terms.budget, terms.price
        if total + price <= budget:
            return None
        free_at = self._free_at(budget - price)
        when = (
            f"there will be room for it at {free_at:%Y-%m-%d %H:%M} UTC"
            if free_at
            else "it alone costs more than the whole budget"
        )
        return (
            f"It costs {in_dollars(price)}, and {in_dollars(total)} of the {in_dollars(budget)} that "
            f"ATLASCLOUD_BUDGET_USD allows in 24 hours are spent: {when}"
        )

    def _free_at(self, left: Decimal) -> datetime | None:
        """When no more than so much of it will be counted, to the minute."""
        total = self.total
        for at, amount in self.items:
            total -= amount
            if total <= left:
                return at + SPAN + timedelta(minutes=1)
        return None


def since() -> datetime:
    """From when on spending counts at this moment."""
    return datetime.now(UTC) - SPAN


def require_room(spending: Spending, terms: Terms) -> None:
    """Let a request pass that fits.

    Raises:
        PriceNeeded: There is a budget but no price.
        OverBudget: It does not fit.
    """
    if objection := spending.objection(terms):
        raise OverBudget(f"Nothing was sent or paid. {objection}. {_NEXT}")
