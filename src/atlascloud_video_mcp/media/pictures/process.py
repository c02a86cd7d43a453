"""Prepare a picture in a child process, which can be stopped whatever a decoder is doing.

A thread could not be stopped: it would go on after its call was answered or cancelled. A decoder that takes too much
memory, or crashes, harms the child only. The child starts in a tenth of a second, and has no API key.

The child reads a task, a JSON object, from stdin up to its end. It writes the picture's bytes and then one line, the
JSON object that describes them or says why there are none.
"""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, Any, cast

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures import Fit, Picture, PictureRules, open_picture
from atlascloud_video_mcp.media.pictures.decode import MOST_MEMORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import ByteReceiveStream, ByteSendStream

_SECONDS = 10  # of processor time, for one picture
_MODULE = "atlascloud_video_mcp.media.pictures.process"
# The child is told where this package is, since it need not be installed: in a bundle it is beside the script.
_RUN = "import runpy, sys; sys.path.append(sys.argv.pop()); runpy.run_module(sys.argv.pop(), run_name='__main__')"
_COMMAND = [sys.executable, "-P", "-c", _RUN, _MODULE, str(Path(__file__).parents[3])]
# On Windows the clock stands in for processor time; elsewhere it ends the wait for files that never arrive.
_LONGEST_WAIT = _SECONDS if sys.platform == "win32" else 6 * _SECONDS
_PIECE = 1 << 20
_MEMORY_STATUS = Path("/proc/self/statm")


async def prepare_picture(
    image: str, *, rules: PictureRules, allowed_dirs: Sequence[Path] = (), fit: Fit | None = None
) -> Picture:
    """Do what `open_picture` does, without blocking; the child ends with the task that calls this.

    Raises:
        InvalidPicture: As from `open_picture`; also where the picture takes too much time or memory.
    """
    import anyio  # noqa: PLC0415 - the child runs this module, too, and does without

    task = {"image": image, "rules": asdict(rules), "allowed_dirs": [str(path) for path in allowed_dirs], "fit": fit}
    output = None
    with anyio.move_on_after(_LONGEST_WAIT):
        output = await _output_of(json.dumps(task).encode())
    if output is None:
        raise InvalidPicture(
            f"The picture takes more than {_SECONDS} s of processor time to open, or crashes its decoder: save it "
            "again, as an ordinary JPEG or PNG."
        )
    end = output.getvalue().rfind(b"\n")
    output.seek(end)
    match told := json.loads(output.read()):
        case {"refused": str(reason)}:
            raise InvalidPicture(reason)
        case {"crashed": str(trace)}:
            raise RuntimeError(trace)
        case _:
            output.truncate(end)
            return Picture(output.getvalue(), **{**told, "notes": tuple(told["notes"])})


async def _output_of(task: bytes) -> io.BytesIO | None:
    """What a child writes for a task; None where it ended before it was done."""
    import anyio  # noqa: PLC0415 - as above

    # A single malloc arena: the limit on memory counts what is reserved for each.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLASCLOUD_")}
    output = io.BytesIO()
    async with await anyio.open_process(
        _COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={**environment, "MALLOC_ARENA_MAX": "1"}
    ) as process:
        stdin, stdout = cast("ByteSendStream", process.stdin), cast("ByteReceiveStream", process.stdout)
        with suppress(anyio.BrokenResourceError):
            await stdin.send(task)
        await stdin.aclose()
        with suppress(anyio.EndOfStream):
            while True:
                output.write(await stdout.receive(_PIECE))
        return output if await process.wait() == 0 else None


def _main() -> None:
    """Do one task, in the child."""
    # What libraries print must not mix with the bytes.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        limit()
        told, data = answer(json.load(sys.stdin))
        out.write(data)
        out.write(b"\n" + json.dumps(told).encode())


def answer(task: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """What describes the picture of a task, and its bytes."""
    # JSON has no tuples.
    limits = {name: tuple(value) if isinstance(value, list) else value for name, value in task["rules"].items()}
    rules = PictureRules(**cast("dict[str, Any]", limits))
    fit = Fit(task["fit"]) if task["fit"] else None
    try:
        picture = open_picture(task["image"], rules=rules, allowed_dirs=[*map(Path, task["allowed_dirs"])], fit=fit)
    except InvalidPicture as error:
        return {"refused": str(error)}, b""
    except MemoryError:
        return {"refused": "The picture takes more memory than one may: save it smaller, as JPEG or PNG."}, b""
    except Exception:  # noqa: BLE001 - a bug of ours, which the parent reports
        return {"crashed": traceback.format_exc()}, b""
    names = ("filename", "content_type", "width", "height", "notes", "source_digest")
    return {name: getattr(picture, name) for name in names}, picture.data


def limit() -> None:
    """Have the system end this process when it exceeds its processor time or memory, where it can."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # One second less, for its start; the signal of the first limit ends it.
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS - 1, _SECONDS))
    if _MEMORY_STATUS.exists():
        reserved = int(_MEMORY_STATUS.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (reserved + MOST_MEMORY,) * 2)


if __name__ == "__main__":
    _main()
