"""One clip that everybody wants, and journals that things happen to; run as a program, it is one of the callers.

Each caller is a process that asks for the same few clips again and again, and is killed now and then.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager, closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from pydantic import SecretStr

from atlascloud_video_mcp.cloud.api import Cloud
from atlascloud_video_mcp.cloud.documents import clip_hosts
from atlascloud_video_mcp.cloud.request import ApiPatience
from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.journal import Journal, VideoRequest
from atlascloud_video_mcp.media.clips import ClipSaver
from atlascloud_video_mcp.models import Catalogue
from atlascloud_video_mcp.server.reporter import Reporter
from atlascloud_video_mcp.service.service import VideoService
from scripted_sandbox import Chaos, Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

REMOTE = "https://pictures.example/cat.jpg"
PRICE = Decimal("0.30")
BUDGET = Decimal("3.00")
LAG = 15.0  # seconds after a journal was begun anew in which nothing is paid with a budget
PROMPTS = 40  # of which the budget pays for a quarter
QUICK = ApiPatience(altogether=5, first_pause=0.01, longest_pause=0.1, connect=5, silence=5, answer=5)
_FREE = ("upload", "prediction", "history", "calculate")
ACTIONS = (
    # Only such as leave no doubt for ever: those are the storm's part.
    Fault(endpoint="generate", action="reset_after"),
    Fault(endpoint="generate", action="malformed", act=True),
    Fault(endpoint="generate", action="status", status=503, act=True),
    Fault(endpoint="generate", action="status", status=429),
    *(Fault(endpoint=endpoint, action=action) for endpoint in _FREE for action in ("reset_before", "reset_after")),
    *(Fault(endpoint=endpoint, action="status", status=503) for endpoint in _FREE),
)


class Caller:
    """One process, what it said, and another in its place when it was killed."""

    def __init__(self, job: dict[str, Any], answers: list[dict[str, Any]]) -> None:
        self.job = job
        self._answers = answers
        self._start()

    def _start(self) -> None:
        command = [sys.executable, __file__, json.dumps(self.job)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            if line.endswith("\n"):  # else it was killed in the middle of it
                self._answers.append(json.loads(line))

    def kill(self, **changes: object) -> None:
        """Send SIGKILL, and start another, with these changes to its job."""
        self.stop()
        self.job |= changes
        self._start()

    def stop(self) -> None:
        """Send SIGKILL."""
        self.process.kill()
        self.process.wait()


@contextmanager
def _callers(count: int, answers: list[dict[str, Any]], **job: object) -> Generator[list[Caller]]:
    callers = [Caller(job | {"seed": seed}, answers) for seed in range(count)]
    try:
        yield callers
    finally:
        for caller in callers:
            caller.stop()


def same_call(root: Path, *, calls: int, processes: int, seed: int) -> dict[str, int]:
    """Takes 1 to 3 of one request, asked for by everybody; returns figures, of which "wrong" must be 0."""
    dice = random.Random(seed)
    answers: list[dict[str, Any]] = []
    sandbox = Sandbox(seconds=2, short_side=64, chaos=Chaos(seed=seed, share=0.2, actions=ACTIONS))
    kills = 0
    with (
        sandbox.running() as base_url,
        _callers(processes, answers, base_url=base_url, state=str(root), key="soak", prompts=1, takes=3) as callers,
    ):
        while len(answers) < calls:
            time.sleep(dice.uniform(0.5, 2))
            dice.choice(callers).kill(seed=kills + processes)
            kills += 1
    told = {(answer["take"], answer["id"]) for answer in answers if "id" in answer}
    paid = {prediction_id for prediction_id, _ in sandbox.accepted}
    wrong = len(paid) > 3 or len(told) > 3 or not {prediction_id for _, prediction_id in told} <= paid
    return {"calls": len(answers), "kills": kills, "takes": 3, "payments": len(paid), "wrong": int(wrong)}


def disturbed(root: Path, what: str, *, seconds: float) -> dict[str, int]:
    """Things that happen to a journal in use, with a budget; returns figures, of which "wrong" must be 0."""
    answers: list[dict[str, Any]] = []
    sandbox = Sandbox(seconds=1, short_side=64, balance_usd=1e6)
    state = root / what
    job = {"state": str(state), "key": "soak", "prompts": PROMPTS, "takes": 1, "budget": str(BUDGET)}
    with sandbox.running() as base_url:
        with _callers(4, answers, base_url=base_url, **job) as callers:
            while len(sandbox.accepted) < 3:
                time.sleep(0.05)
            past = _DISTURBANCES[what](state, callers, sandbox, seconds)
            time.sleep(seconds)
        lost = anyio.run(_lost, sandbox, base_url, state)
    paid = Counter(body["prompt"] for _, body in sandbox.accepted)
    double = sum(count > 1 for count in paid.values())
    over = PRICE * len(sandbox.accepted) > BUDGET
    figures = {"calls": len(answers), "payments": len(sandbox.accepted), "double": double, "lost": lost}
    return figures | {"over budget": int(over), "past it": past, "wrong": double + lost + over + past}


def _newer(state: Path, callers: list[Caller], sandbox: Sandbox, seconds: float) -> int:
    """How many were paid although the journal was a newer version's."""
    del callers
    _add_to_version(state, 1)
    time.sleep(1)  # what was on its way may arrive
    before = len(sandbox.accepted)
    time.sleep(seconds)
    paid = len(sandbox.accepted) - before
    _add_to_version(state, -1)
    return paid


def _add_to_version(state: Path, more: int) -> None:
    with closing(sqlite3.connect(state / "journal.sqlite3", timeout=30, isolation_level=None)) as db:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        db.execute(f"PRAGMA user_version = {version + more}")


def _renewed(_: Path, callers: list[Caller], __: Sandbox, seconds: float) -> int:
    for number, caller in enumerate(callers):
        caller.kill(key=f"renewed {number}".replace(" ", "-"))
        time.sleep(seconds / len(callers))
    return 0


def _full(_: Path, callers: list[Caller], sandbox: Sandbox, seconds: float) -> int:
    """How many were paid although nothing could be written."""
    _signal_all(callers, signal.SIGUSR1)
    time.sleep(1)
    before = len(sandbox.accepted)
    time.sleep(seconds)
    paid = len(sandbox.accepted) - before
    _signal_all(callers, signal.SIGUSR2)
    return paid


def _signal_all(callers: list[Caller], number: signal.Signals) -> None:
    for caller in callers:
        caller.process.send_signal(number)


def _deleted(state: Path, _: list[Caller], __: Sandbox, seconds: float) -> int:
    for _turn in range(3):
        shutil.rmtree(state, ignore_errors=True)
        time.sleep(seconds / 3)
    time.sleep(LAG)
    return 0


_DISTURBANCES = {"newer": _newer, "renewed": _renewed, "full": _full, "deleted": _deleted}
DISTURBANCES = tuple(_DISTURBANCES)


async def _lost(sandbox: Sandbox, base_url: str, state: Path) -> int:
    """How many of what was paid a new process is not given for the same call."""
    lost = 0
    async with _service({"base_url": base_url, "state": str(state), "key": "soak"}) as service:
        for prediction_id, body in sandbox.accepted:
            told = await _ask(service, body["prompt"], 1)
            lost += told.get("id") != prediction_id
    return lost


@asynccontextmanager
async def _service(job: dict[str, Any]) -> AsyncGenerator[VideoService, None]:
    async with (
        Cloud(job["base_url"], SecretStr(job["key"]), patience=QUICK) as cloud,
        Journal(Path(job["state"])) as journal,
        ClipSaver(hosts=clip_hosts((), job["base_url"])) as saver,
        VideoService(
            cloud,
            journal,
            saver,
            Catalogue(cloud.documents.get, base_url=cloud.base_url),
            model="minimax/hailuo-2.3/i2v-standard",
            poll_interval=0.2,
            budget=Decimal(job["budget"]) if "budget" in job else None,
        ) as service,
    ):
        yield service


async def _ask(service: VideoService, prompt: str, take: int) -> dict[str, Any]:
    told: dict[str, Any] = {"prompt": prompt, "take": take}
    request, deadline = VideoRequest(REMOTE, prompt=prompt, take=take), anyio.current_time() + 5
    try:
        made = await Reporter(reply_deadline=deadline).wait(
            lambda progress: service.animate_image(request, clip_deadline=0, reply_deadline=deadline, progress=progress)
        )
        told |= {"id": made.prediction_id, "reused": made.reused}
    except AtlasError as error:
        told["error"] = type(error).__name__
    return told


async def _call_on_and_on(job: dict[str, Any]) -> None:
    dice = random.Random(job["seed"])
    async with _service(job) as service:
        while True:
            prompt, take = f"prompt {dice.randrange(job['prompts'])}", dice.randint(1, job["takes"])
            print(json.dumps(await _ask(service, prompt, take)), flush=True)


def _heed_the_signals() -> None:
    """A disk that is full from one signal to another, as far as this process can tell."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (0, unlimited[1])))
    signal.signal(signal.SIGUSR2, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, unlimited))


if __name__ == "__main__":
    _heed_the_signals()
    anyio.run(_call_on_and_on, json.loads(sys.argv[1]))
