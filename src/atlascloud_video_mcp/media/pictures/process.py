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
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, cast

import anyio

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures.picture import Picture
from atlascloud_video_mcp.media.pictures.worker import SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import ByteReceiveStream, ByteSendStream

    from atlascloud_video_mcp.media.pictures.rules import Fit, PictureRules

# Where this package lies is told, since it need not be installed: in a bundle it lies beside the script that is run.
_RUN = "import runpy, sys; sys.path.append(sys.argv.pop()); runpy.run_module(sys.argv.pop(), run_name='__main__')"
_COMMAND = [
    sys.executable,
    "-P",
    "-c",
    _RUN,
    "atlascloud_video_mcp.media.pictures.worker",
    str(Path(__file__).parents[3]),
]
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
    answer = None
    with anyio.move_on_after(_LONGEST_WAIT):
        answer = await _answer_to(json.dumps(task).encode())
    if answer is None:
        raise InvalidPicture(
            f"The picture takes more than {SECONDS} s of processor to open, or breaks its decoder: save it anew, as an "
            "ordinary JPEG or PNG."
        )
    end = answer.getvalue().rfind(b"\n")
    answer.seek(end)
    told = json.loads(answer.read())
    match told:
        case {"refused": str(reason)}:
            raise InvalidPicture(reason)
        case {"crashed": str(trace)}:
            raise RuntimeError(trace)
        case _:
            answer.truncate(end)
            return Picture(answer.getvalue(), **{**told, "notes": tuple(told["notes"])})


async def _answer_to(task: bytes) -> io.BytesIO | None:
    """What a child says to a task; None where it was ended before it had said all."""
    # Decoders need no key. One arena, since a limit on memory counts what is reserved for each.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLASCLOUD_")}
    answer = io.BytesIO()
    async with await anyio.open_process(
        _COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={**environment, "MALLOC_ARENA_MAX": "1"}
    ) as process:
        stdin, stdout = cast("ByteSendStream", process.stdin), cast("ByteReceiveStream", process.stdout)
        with suppress(anyio.BrokenResourceError):
            await stdin.send(task)
        await stdin.aclose()
        with suppress(anyio.EndOfStream):
            while True:
                answer.write(await stdout.receive(_PIECE))
        return answer if await process.wait() == 0 else None
