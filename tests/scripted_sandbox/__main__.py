"""`python -m scripted_sandbox FAULTS`: the emulator alone, with the faults of a JSON file, until SIGTERM.

It prints `ATLASCLOUD_BASE_URL=...`, as `atlascloud-video-mcp sandbox` does; what is not in Python drives it.
"""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from scripted_sandbox import Fault, Sandbox


def main() -> None:
    """Run until told to stop."""
    faults = TypeAdapter(list[Fault]).validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Sandbox(faults=faults).running() as base_url, suppress(KeyboardInterrupt):
        sys.stdout.write(f"ATLASCLOUD_BASE_URL={base_url}\n")
        sys.stdout.flush()
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
