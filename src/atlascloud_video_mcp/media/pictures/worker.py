"""The child of `process`: one picture, within bounds.

It reads a task, an object of JSON, to the end of stdin. It writes the picture's bytes, and on a line behind them what
is told of it, another object.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, cast

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures.decode import MOST_MEMORY
from atlascloud_video_mcp.media.pictures.picture import open_picture
from atlascloud_video_mcp.media.pictures.rules import Fit, PictureRules

SECONDS = 10
"""Of processor, that any one picture may take."""
_STATUS = Path("/proc/self/statm")


def main() -> None:
    """Do one task."""
    # What libraries print must not get between the bytes.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        limit()
        told, data = answer(json.load(sys.stdin))
        out.write(data)
        out.write(b"\n" + json.dumps(told).encode())


def answer(task: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """What is told of a picture, and its bytes."""
    # JSON knows no tuples.
    limits = {name: tuple(value) if isinstance(value, list) else value for name, value in task["rules"].items()}
    rules = PictureRules(**cast("dict[str, Any]", limits))
    fit = Fit(task["fit"]) if task["fit"] else None
    try:
        picture = open_picture(task["image"], rules=rules, allowed_dirs=[*map(Path, task["allowed_dirs"])], fit=fit)
    except InvalidPicture as error:
        return {"refused": str(error)}, b""
    except MemoryError:
        return {"refused": "The picture takes more memory than is spent on one: save it smaller, as JPEG or PNG."}, b""
    except Exception:  # noqa: BLE001 - a mistake of ours, which the parent reports
        return {"crashed": traceback.format_exc()}, b""
    names = ("filename", "content_type", "width", "height", "notes", "source_digest")
    return {name: getattr(picture, name) for name in names}, picture.data


def limit() -> None:
    """Have the system end this process beyond its share of processor and memory, where it can."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # One for what its start took; the signal of the first limit ends it.
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS - 1, SECONDS))
    if _STATUS.exists():
        reserved = int(_STATUS.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (reserved + MOST_MEMORY,) * 2)


if __name__ == "__main__":
    main()
