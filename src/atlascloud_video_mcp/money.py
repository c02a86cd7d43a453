"""Amounts of money in US dollars, exact to the millionth: no float ever adds up what is spent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

_STEP = Decimal("0.000001")
_MOST = Decimal(1_000_000_000)
"""No price and no balance; a limit that keeps every amount and sum within what SQLite counts exactly."""


@dataclass(frozen=True)
class Quote:
    """What the API says a request would cost, before it is made."""

    price: Decimal | None
    """US dollars; None when no price could be had."""
    reason: str = ""
    """Why there is no price, as a sentence."""
    estimated: bool = False
    """Whether the API calls it an estimate."""


def dollars(value: object, *, debt: bool = False) -> Decimal | None:
    """The amount that was meant, rounded up to the millionth: a number, its text, or `{value, currency}` with either.

    Args:
        value: What the API gave.
        debt: Whether less than nothing is an amount, too.

    Returns:
        None for what is no usable amount: not a number, infinite, negative, in another currency.
    """
    if isinstance(value, dict):
        currency = value.get("currency")
        in_dollars = currency is None or str(currency).strip().lower() in {"", "usd"}
        return dollars(value.get("value"), debt=debt) if in_dollars else None
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        # the shortest text of a float is what was written, its binary value is not
        amount = Decimal(str(value) if isinstance(value, float) else value)
    except ArithmeticError:
        return None
    if not amount.is_finite() or not (-_MOST if debt else 0) <= amount <= _MOST:
        return None
    return amount.quantize(_STEP, ROUND_CEILING)


def says_yes(value: object) -> bool:
    """Whether a flag of the API is set, in whatever type it comes; what is not known to say no says yes."""
    return str(value).strip().lower() not in {"none", "", "false", "no", "0", "0.0"}


def to_millionths(amount: Decimal) -> int:
    """The same amount as a whole number."""
    return int(amount.scaleb(6))


def from_millionths(count: int) -> Decimal:
    """The amount of so many millionths of a dollar."""
    return Decimal(count).scaleb(-6)


def in_dollars(amount: Decimal | float) -> str:
    """As people write it: two decimals, and more only where they say something."""
    amount = Decimal(str(amount))
    whole, _, part = f"{abs(amount):f}".partition(".")
    return f"{'-' if amount < 0 else ''}${whole}.{part.rstrip('0'):0<2}"
