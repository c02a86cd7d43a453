"""An emulator of the Atlas Cloud media API on loopback: an independent witness of the wire format.

It shares no code with the client it is there to test. Money, prices and generation times are its own invention.
"""

from __future__ import annotations

from .answers import Style
from .emulator import Sandbox
from .faults import Chaos, Fault, load_faults
from .front import Received

__all__ = ["Chaos", "Fault", "Received", "Sandbox", "Style", "load_faults"]
