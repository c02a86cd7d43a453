"""Who asks, where several people share one account."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal  # noqa: TC003 - pydantic reads the fields of Person
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Person:
    """Somebody with a token of the team's."""

    name: str
    budget: Decimal | None = None
    """What the person may spend in 24 hours, US dollars; None: whatever the team may."""
    read_only: bool = False
    """Whether the person may look, and neither spend nor upload."""


@dataclass(frozen=True)
class IssuedToken:
    """A token that was given to a person, without the token itself."""

    person: Person
    created_at: datetime
    revoked_at: datetime | None


def digest_of(secret: str) -> str:
    """What is kept of a token or a ticket: the SHA-256, in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()
