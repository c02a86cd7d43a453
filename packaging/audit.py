"""Ask for known vulnerabilities of all that the lock files pin: `python packaging/audit.py [SERVICE]`.

Ends with 1 when there are any that nobody has looked at. Where the service cannot be reached it says so, and ends with
0: whoever builds without a network is to build all the same.

Source: the API of OSV, https://google.github.io/osv.dev/post-v1-querybatch/.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
SERVICE = "https://api.osv.dev/v1"
LOCKS = ("server.txt", "sandbox.txt", "build.txt", "dev.txt")
LOOKED_AT = {"cryptography": "mcp uses no more of it than AES-GCM, to open a requestState, and no tool makes any"}


def pins(directory: Path) -> list[tuple[str, str]]:
    """What the lock files pin, by name and version, for all systems."""
    text = "\n".join((directory / name).read_text(encoding="utf-8") for name in LOCKS)
    return sorted(set(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)", text, re.MULTILINE)))


def vulnerabilities(service: str, pinned: list[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """The ids of what is known of each pin that anything is known of.

    Raises:
        httpx.HTTPError: The service cannot be asked.
    """
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pinned]
    answer = httpx.post(f"{service}/querybatch", json={"queries": queries}, timeout=20).raise_for_status().json()
    found = ([each["id"] for each in result.get("vulns", ())] for result in answer["results"])
    return {pin: ids for pin, ids in zip(pinned, found, strict=True) if ids}


def main(service: str = SERVICE) -> int:
    """Say what is known; returns the exit status."""
    pinned = pins(ROOT / "requirements")
    try:
        known = vulnerabilities(service, pinned)
    except (httpx.HTTPError, OSError, ValueError, LookupError) as error:
        print(f"audit: skipped, {service} cannot be asked ({type(error).__name__})")  # noqa: T201 - this is how it reports
        return 0
    for (name, version), ids in known.items():
        why = f" (looked at: {LOOKED_AT[name]})" if name in LOOKED_AT else ""
        print(f"audit: {name} {version}: {', '.join(ids)}{why}")  # noqa: T201
    print(f"audit: {len(pinned)} pins, {len(known)} with known vulnerabilities")  # noqa: T201
    return 1 if any(name not in LOOKED_AT for name, _ in known) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
