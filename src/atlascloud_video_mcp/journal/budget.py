"""The books: what was spent of late, and whether one more request fits into its budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import OverBudget
from atlascloud_video_mcp.journal.people import Person
from atlascloud_video_mcp.text import in_dollars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlascloud_video_mcp.journal.submission import Submission

SPAN = timedelta(hours=24)
"""How far back spending counts."""
_NEXT = (
    "Ask the user to wait, or to raise ATLASCLOUD_BUDGET_USD and restart the server. Next: animate_image with the same "
    "arguments."
)

_NEXT_OF_A_PERSON = (
    "Ask the user to wait, or to have whoever runs the server raise it. Next: animate_image with the same arguments."
)


class HistoryNeeded(Exception):
    """There is a budget, and what was submitted before `begun_anew` may be missing: the account's history is needed."""

    def __init__(self, begun_anew: datetime) -> None:
        super().__init__(begun_anew)
        self.begun_anew = begun_anew


class PriceNeeded(Exception):
    """There is a budget, and nothing to hold against it: the price of the request is not known."""


class PricesNeeded(Exception):
    """There is a budget, and of earlier requests that count in it the price is not known; those are `submissions`."""

    def __init__(self, submissions: Sequence[Submission]) -> None:
        super().__init__(f"{len(submissions)} without a price")
        self.submissions = submissions


@dataclass(frozen=True)
class Limit:
    """What may be spent in 24 hours, US dollars."""

    amount: Decimal
    person: str = ""
    """By this person; empty: by all together."""
    next_step: str = _NEXT
    """What whoever asks can do about it."""

    @property
    def set_by(self) -> str:
        """What sets it, in words."""
        return f"the token of {self.person}" if self.person else "ATLASCLOUD_BUDGET_USD"


@dataclass(frozen=True)
class SpendingRequest:
    """On what terms a request may be submitted; amounts in US dollars."""

    account: str = ""
    """Who pays."""
    price: Decimal | None = None
    """What it costs, where that is known."""
    budget: Decimal | None = None
    """What may be spent in 24 hours, this request included; None: any amount."""
    history_counted: datetime | None = None
    """When the journal was begun anew into which the account's history was read."""
    person: Person | None = None
    """Who asks, where several people share the account."""

    @property
    def limits(self) -> tuple[Limit, ...]:
        """All that bounds it."""
        person, next_step = self.person or Person(""), _NEXT_OF_A_PERSON if self.person else _NEXT
        amounts = ((self.budget, ""), (person.budget, person.name))
        return tuple(Limit(amount, whose, next_step) for amount, whose in amounts if amount is not None)


@dataclass(frozen=True)
class Spending:
    """What was spent in the last 24 hours: when and how many US dollars, the oldest first."""

    items: tuple[tuple[datetime, Decimal], ...]

    @property
    def total(self) -> Decimal:
        """The sum."""
        return sum((amount for _, amount in self.items), Decimal(0))

    def refusal(self, price: Decimal, limit: Limit) -> OverBudget:
        """Why a limit has no room for a price in US dollars beside it, and when it will."""
        free_at = self._free_at(limit.amount - price)
        when = (
            f"there will be room for it at {free_at:%Y-%m-%d %H:%M} UTC"
            if free_at
            else "it alone costs more than the whole budget"
        )
        return OverBudget(
            f"Nothing was sent or paid. It costs {in_dollars(price)}, and {in_dollars(self.total)} of the "
            f"{in_dollars(limit.amount)} that {limit.set_by} allows in 24 hours are spent: {when}. "
            f"{limit.next_step}"
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


def to_millionths(amount: Decimal) -> int:
    """The same amount as a whole number."""
    return int(amount.scaleb(6))


def from_millionths(count: int) -> Decimal:
    """The amount of so many millionths of a dollar."""
    return Decimal(count).scaleb(-6)
