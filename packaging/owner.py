"""Say who publishes this: `python packaging/owner.py NAME` puts the account's name in the place of OWNER."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACEHOLDER = "OWNER"
FILES = ("pyproject.toml", "README.md", "server.json")
"""All that name the account: links, and the name in the MCP registry."""


def name_owner(root: Path, owner: str) -> None:
    """Put a GitHub account's name into the files.

    Raises:
        ValueError: GitHub has no such names.
    """
    if not re.fullmatch(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}", owner):
        raise ValueError(f"A GitHub account's name is of letters, digits and single hyphens, and not {owner!r}.")
    for name in FILES:
        path = root / name
        path.write_text(re.sub(rf"\b{PLACEHOLDER}\b", owner, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    name_owner(ROOT, sys.argv[1])
