"""The sandbox as tests want it: with faults and other answers on order, more models, and a look at what came in.

It is for the tests, the soak and the benchmarks; what is shipped is `atlascloud_sandbox`, which it stands on.
"""

from __future__ import annotations

from .emulator import Sandbox
from .fault_injection import Received
from .faults import Chaos, Fault, FaultEndpoint
from .styles import Style

__all__ = ["Chaos", "Fault", "FaultEndpoint", "Received", "Sandbox", "Style"]
