"""An emulator of the Atlas Cloud media API on loopback: an independent witness of the wire format.

It shares no code with the client it is there to test. Money, prices and generation times are its own invention.
"""

from __future__ import annotations

from .account import Account
from .emulator import Sandbox

__all__ = ["Account", "Sandbox"]
