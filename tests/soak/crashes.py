"""A process that dies at one turn of its event loop after another; run as a program, it is the nursery of those.

The nursery imports everything once, and forks: for each turn a child that dies there, then one that asks again.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from pydantic import SecretStr

from atlascloud_video_mcp.cloud.api import Cloud
from atlascloud_video_mcp.cloud.documents import clip_hosts
from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.journal import Journal, VideoRequest
from atlascloud_video_mcp.media.clips import ClipSaver
from atlascloud_video_mcp.models import Catalogue
from atlascloud_video_mcp.service.service import VideoService

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripted_sandbox import Sandbox

DIED = 9
ENOUGH = 3  # children in a row that ended by themselves
AGAIN = 0.3  # seconds after which what a dead process sent has surely arrived


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that ends the process at one of its turns.

    Each turn counts twice: before it waits, when what the last one began has just begun, and after it has waited, when
    an answer is there that nobody has heard of.
    """

    turns_left = 0

    def _run_once(self) -> None:
        self._count()
        super()._run_once()  # type: ignore[misc]

    def _process_events(self, event_list: list[object]) -> None:
        self._count()
        super()._process_events(event_list)  # type: ignore[misc]

    def _count(self) -> None:
        self.turns_left -= 1
        if self.turns_left == 0:
            os._exit(DIED)


async def _animate(base_url: str, key: str, state: Path, image: str, prompt: str, *, turns: int = 0) -> str:
    """Ask for a clip; returns whether it was submitted or joined and its id, or the name of the error."""
    async with (
        Cloud(base_url, SecretStr(key)) as cloud,
        Journal(state) as journal,
        ClipSaver(hosts=clip_hosts((), base_url)) as saver,
        VideoService(
            cloud,
            journal,
            saver,
            Catalogue(cloud.documents.get, base_url=cloud.base_url, directory=state / "catalogue"),
            model="minimax/hailuo-2.3/i2v-standard",
            poll_interval=0.01,
        ) as service,
    ):
        loop = asyncio.get_running_loop()
        if isinstance(loop, _Loop):
            loop.turns_left = turns
        try:
            made = await service.animate_image(VideoRequest(image, prompt=prompt), clip_deadline=0.0)
        except AtlasError as error:
            return type(error).__name__
        finally:
            if isinstance(loop, _Loop):
                loop.turns_left = 0
    return f"{'joined' if made.reused else 'submitted'} {made.prediction_id}"


def _in_child(work: Callable[[], str]) -> tuple[int, str]:
    """Do it in a fork; returns how that ended, and what it said."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, work().encode())
            os._exit(0)
        except BaseException:  # noqa: BLE001 - nothing may get back into the nursery's code
            traceback.print_exc()
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def _nursery(base_url: str, key: str, root: Path, image: str, stride: int) -> None:
    ended = 0
    for turns in itertools.count(1, stride):
        if ended == ENOUGH:
            return
        state, prompt = root / f"state-{turns}", f"crash at turn {turns}"

        def ask(turns: int = 0, state: Path = state, prompt: str = prompt) -> str:
            options = {"loop_factory": _Loop}
            call = _animate
            return anyio.run(
                lambda: call(base_url, key, state, image, prompt, turns=turns),
                backend_options=options,
            )

        code, first = _in_child(lambda turns=turns, ask=ask: ask(turns))  # type: ignore[misc]
        again = [_in_child(ask)]
        if again[0][1] == "SubmissionUnknown":
            anyio.run(anyio.sleep, AGAIN)
            again.append(_in_child(ask))
        ended = 0 if code == DIED else ended + 1
        print(json.dumps({"turn": turns, "prompt": prompt, "code": code, "first": first, "again": again}), flush=True)


def crash_everywhere(sandbox: Sandbox, base_url: str, key: str, root: Path, image: str, stride: int) -> dict[str, int]:
    """Die at one turn after another; returns figures, of which "wrong" must be 0."""
    command = [sys.executable, __file__, base_url, str(root), image, str(stride)]
    environ = os.environ | {"SOAK_KEY": key, "TMPDIR": str(root)}
    with (root / "crashes.stderr").open("w") as errors:
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=errors, check=True, text=True)
    figures = dict.fromkeys(("crashes", "submitted", "joined", "unknown", "by themselves", "wrong"), 0)
    paid: dict[str, list[str]] = {}
    for prediction_id, body in sandbox.accepted:
        paid.setdefault(body["prompt"], []).append(prediction_id)
    for line in done.stdout.splitlines():
        told = json.loads(line)
        ids = paid.get(told["prompt"], [])
        word, _, last = told["again"][-1][1].partition(" ")
        figures["crashes"] += told["code"] == DIED
        figures["by themselves"] += told["code"] == 0
        if len(ids) == 1 and last == ids[0]:
            figures[word] += 1
        elif not ids and word == "SubmissionUnknown":
            figures["unknown"] += 1
        else:
            figures["wrong"] += 1
            print(f"  WRONG: {told}, paid {ids}")
        figures["wrong"] += told["code"] not in (0, DIED)
    return figures


if __name__ == "__main__":
    _nursery(sys.argv[1], os.environ["SOAK_KEY"], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
