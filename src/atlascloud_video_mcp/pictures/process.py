"""Prepare a picture in a process of its own, which can be stopped whatever a decoder is at.

A thread cannot be: a call that is answered or cancelled would leave it at work. And what a decoder takes of memory, or
breaks, is the child's. It starts in a tenth of a second, and knows no key.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, Any

import anyio

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.pictures.picture import Picture
from atlascloud_video_mcp.pictures.worker import LENGTH_BYTES, SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atlascloud_video_mcp.pictures.rules import Fit, PictureRules

_COMMAND = [sys.executable, "-P", "-m", "atlascloud_video_mcp.pictures.worker"]
# Where the system does not count the processor's time, the clock has to do; elsewhere it is for files that never come.
_LONGEST_WAIT = SECONDS if sys.platform == "win32" else 6 * SECONDS
_PIECE = 1 << 20


async def prepare_picture(
    image: str, *, rules: PictureRules, allowed_dirs: Sequence[Path] = (), fit: Fit | None = None
) -> Picture:
    """Do what `open_picture` does, without blocking; it ends with the task that calls it.

    Raises:
        InvalidPicture: As from `open_picture`; also where the picture takes too much of the machine.
    """
    task = {"image": image, "rules": asdict(rules), "allowed_dirs": [str(path) for path in allowed_dirs], "fit": fit}
    answer = io.BytesIO()
    with anyio.move_on_after(_LONGEST_WAIT):
        answer = await _answer_of(json.dumps(task).encode())
    told = _taken_off(answer)
    if told is None:
        raise InvalidPicture(
            f"The picture takes more than {SECONDS} s of processor to open, or breaks its decoder: save it anew, as an "
            "ordinary JPEG or PNG."
        )
    match told:
        case {"refused": str(reason)}:
            raise InvalidPicture(reason)
        case {"crashed": str(trace)}:
            raise RuntimeError(trace)
        case _:
            return Picture(answer, **{**told, "notes": tuple(told["notes"])})


async def _answer_of(task: bytes) -> io.BytesIO:
    """What a child says to a task, however it ends."""
    # Decoders need no key. One arena, since a limit on memory counts what is reserved for each.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLASCLOUD_")}
    answer = io.BytesIO()
    async with await anyio.open_process(
        _COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={**environment, "MALLOC_ARENA_MAX": "1"}
    ) as process:
        if process.stdin and process.stdout:
            with suppress(anyio.BrokenResourceError):
                await process.stdin.send(task)
            await process.stdin.aclose()
            with suppress(anyio.EndOfStream):
                while True:
                    answer.write(await process.stdout.receive(_PIECE))
    return answer


def _taken_off(answer: io.BytesIO) -> dict[str, Any] | None:
    """Take what is told of a picture off the end of its bytes; None where the child was ended before it said that."""
    end = answer.tell()
    answer.seek(max(end - LENGTH_BYTES, 0))
    length = int.from_bytes(answer.read())
    if not 0 < length <= end - LENGTH_BYTES:
        return None
    answer.seek(end - LENGTH_BYTES - length)
    told: dict[str, Any] = json.loads(answer.read(length))
    answer.truncate(end - LENGTH_BYTES - length)
    answer.seek(0)
    return told
