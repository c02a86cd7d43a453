"""Puts one client through its paces: a clip, a call that its user stops, a call that it has no patience for."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import httpx
from anyio.streams.buffered import BufferedByteReceiveStream

from reader import Reading, read_structured, read_text, says_again
from roster import HERE
from wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from anyio.abc import Process

    from roster import Client
    from scripted_sandbox import Sandbox

PICTURE = HERE.parent / "photos" / "rocket.jpg"
THINKING = 2.0  # seconds a model takes between two calls
_TOO_LONG = 600
_PATIENCE = 150.0  # seconds for any one answer, the clip of 90 seconds among them
_STEPS = 100  # calls that a clip may take
_TRIES = 5  # how often in a row a call may come back with nothing but the word to make it again
_TOLD = 20  # the last orders and answers that a failure is told with
_LINE = 1000  # characters of each


class Unexpected(Exception):
    """A client, or the server, did what it should not."""


@dataclass
class Course:
    """The way to a clip."""

    calls: int = 0
    heard: int = 0
    """How many progress notifications the user was shown."""
    seconds: float = 0.0
    reading: Reading = field(default_factory=Reading)
    """What the last answer says."""


@dataclass
class Outcome:
    """What came of it all."""

    client: Client
    version: str = ""
    course: Course = field(default_factory=Course)
    """The way to the clip that nobody stopped."""
    shown: set[str] = field(default_factory=set)
    """What of a result a model sees: `text`, `structured`, or both, which leaves the choice to the host."""
    paid: dict[str, int] = field(default_factory=dict)
    """How many generations were paid, by what was wanted."""
    stopped: str = ""
    """The client's own error for a call that its user stopped, where that is one."""
    too_long: str = ""
    """The client's own error for a call that it had no patience for."""
    failure: str = ""
    """What went wrong."""
    wire: Wire | None = None


class Hands:
    """A driver at work: orders in, answers out, both noted in `said`."""

    def __init__(self, process: Process, said: list[str]) -> None:
        if process.stdin is None or process.stdout is None:
            raise Unexpected("the driver has no pipes")
        self._orders = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)
        self._said = said

    async def answer(self) -> dict[str, Any]:
        """The next answer."""
        with anyio.fail_after(_PATIENCE):
            answer: dict[str, Any] = json.loads(await self._answers.receive_until(b"\n", 1_000_000))
        self._note("<", answer)
        return answer

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Have a tool called."""
        await self._send({"tool": tool, "arguments": arguments})
        return await self.answer()

    async def stop(self) -> None:
        """Have the call that is under way given up; whoever made it gets the answer."""
        await self._send({"stop": True})

    async def _send(self, order: dict[str, Any]) -> None:
        self._note(">", order)
        await self._orders.send(json.dumps(order).encode() + b"\n")

    def _note(self, whose: str, said: dict[str, Any]) -> None:
        self._said.append(f"{anyio.current_time():.1f} {whose} {said}"[:_LINE])


class Turn:
    """One client's turn.

    Args:
        client: The client.
        sandbox: The account, where every generation takes 90 seconds.
        base_url: Where it is.
        directory: Is made, and holds all that client and server write.
    """

    def __init__(self, client: Client, sandbox: Sandbox, base_url: str, directory: Path) -> None:
        self.outcome = Outcome(client)
        self._sandbox, self._directory = sandbox, directory
        self._wire = directory / "wire"
        self._wire.mkdir(parents=True)
        self._said: list[str] = []
        tap = [sys.executable, "-I", "-S", str(HERE / "tap.py"), str(self._wire)]
        self._command = [*client.driver, "--", *tap, sys.executable, "-m", "atlascloud_video_mcp"]
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "ATLASCLOUD_BASE_URL": base_url,
            "ATLASCLOUD_API_KEY": "a-key",
            "ATLASCLOUD_STATE_DIR": str(directory / "state"),
        }

    async def run(self, starting: anyio.Semaphore) -> None:
        """Run it all; what goes wrong is in the outcome, for the others are to go on."""
        try:
            await self._run(starting)
        except Exception:  # noqa: BLE001 - in a driver of somebody else's client anything may happen
            stderr = (self._directory / "stderr").read_text(errors="replace")[-2000:]
            self.outcome.failure = "\n".join([traceback.format_exc(), *self._said[-_TOLD:], stderr])
        accepted = Counter(body["prompt"] for _, body in self._sandbox.accepted)
        self.outcome.paid = {what: accepted[self._prompt(what)] for what in self.outcome.client.wants}
        self.outcome.wire = Wire(self._wire)

    async def _run(self, starting: anyio.Semaphore) -> None:
        async with AsyncExitStack() as stack:
            # On a machine of two cores the start of all at once would be what is measured.
            async with starting:
                hands = await stack.enter_async_context(self._hands(self.outcome.client.max_wait))
                self.outcome.version = (await hands.answer())["version"]
                picture = (await self._heed(hands, "upload_image", {"image": str(PICTURE)}, Course())).upload
            # A clip takes 90 seconds, and to wait too long a minute: the one is waited for beside the other.
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._clip, hands, {"image": picture, "prompt": self._prompt("clip")})
                tasks.start_soon(self._give_up, starting, picture)

    async def _give_up(self, starting: anyio.Semaphore, picture: str | None) -> None:
        """The calls that are given up, by a second session of the same client."""
        # What a call must not outlive is no longer up to the model: its user has promised more than it holds.
        async with AsyncExitStack() as stack:
            async with starting:
                hands = await stack.enter_async_context(self._hands(_TOO_LONG))
                await hands.answer()
            await self._stopped(hands, {"image": picture, "prompt": self._prompt("stop")})
            if self.outcome.client.too_long:
                await self._outlived(hands, {"image": picture, "prompt": self._prompt("too long")})

    @asynccontextmanager
    async def _hands(self, max_wait: int | None) -> AsyncGenerator[Hands, None]:
        env = self._env if max_wait is None else self._env | {"ATLASCLOUD_MAX_WAIT": str(max_wait)}
        with (self._directory / "stderr").open("ab") as stderr:
            # Its pipes are stdin and stdout; the servers inherit its stderr.
            process = await anyio.open_process(self._command, stderr=stderr, env=env, cwd="/")
            try:
                yield Hands(process, self._said)
            finally:
                with anyio.fail_after(_PATIENCE):
                    await process.aclose()

    async def _clip(self, hands: Hands, arguments: dict[str, Any]) -> None:
        """The clip within the client's own limits, which is there to be fetched, and can be looked at again."""
        self.outcome.course = await self._obey(hands, arguments)
        reading = self.outcome.course.reading
        async with httpx.AsyncClient(trust_env=False) as http:
            fetched = await http.get(reading.clip or "", timeout=60)
        if fetched.content[4:8] != b"ftyp":
            raise Unexpected(f"{reading.clip} is no MP4")
        await self._look(hands, reading.prediction_id)

    async def _stopped(self, hands: Hands, arguments: dict[str, Any]) -> None:
        """The user stops a call whose generation has just begun, and asks for the same again.

        On a slow machine the client may have given it up before that, of itself; then it is asked for again, too.
        """
        for _ in range(_TRIES):
            answer = await self._stop_once_paid(hands, arguments | {"wait_seconds": 30})
            if "error" not in answer or answer["stopped"]:
                break
            await anyio.sleep(THINKING)
        if not answer["stopped"] or "text" in answer:
            raise Unexpected(f"the call was stopped, but: {answer}")
        self.outcome.stopped = answer.get("error", "")
        await self._again(hands, arguments)

    async def _stop_once_paid(self, hands: Hands, arguments: dict[str, Any]) -> dict[str, Any]:
        """What the client makes of a call that is stopped as soon as it is paid, unless it has come back by then."""
        answers = []
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                answers.append(await hands.call("animate_image", arguments))
                tasks.cancel_scope.cancel()

            tasks.start_soon(ask)
            await self._once_paid(arguments["prompt"])
            await hands.stop()
        return answers[0]

    async def _outlived(self, hands: Hands, arguments: dict[str, Any]) -> None:
        """A call waits longer than the client has patience for, and then the model asks for the same again."""
        for _ in range(_TRIES):
            answer = await hands.call("animate_image", arguments)
            if "error" not in answer:
                raise Unexpected(f"the client was patient: {answer}")
            self.outcome.too_long = answer["error"]
            await anyio.sleep(THINKING)
            if self._paid(arguments["prompt"]):
                break
        await self._again(hands, arguments)

    async def _again(self, hands: Hands, arguments: dict[str, Any]) -> None:
        prediction_id = self._paid(arguments["prompt"])
        if not prediction_id:
            raise Unexpected(f"{arguments} was asked for again and again, and never submitted")
        self._sandbox.finish(prediction_id)
        joined = await self._obey(hands, arguments)
        if joined.reading.prediction_id != prediction_id:
            raise Unexpected(f"{joined.reading} is not of {prediction_id}, which was paid")
        await self._look(hands, prediction_id)

    async def _obey(self, hands: Hands, arguments: dict[str, Any]) -> Course:
        """Ask for a clip, and do as the answers say until it is there."""
        course, began, tool = Course(), anyio.current_time(), "animate_image"
        for _ in range(_STEPS):
            course.reading = await self._heed(hands, tool, arguments, course)
            if course.reading.clip:
                course.seconds = anyio.current_time() - began
                return course
            step = course.reading.step
            if not step:
                raise Unexpected(f"the answer does not say what to do next: {course.reading}")
            await anyio.sleep(THINKING)
            tool, arguments = step.tool, step.arguments
        raise Unexpected(f"no clip after {_STEPS} steps: {course.reading}")

    async def _heed(self, hands: Hands, tool: str, arguments: dict[str, Any], course: Course) -> Reading:
        """Make one call, and make it again while all that comes back is the word to do so."""
        for _ in range(_TRIES):
            answer = await hands.call(tool, arguments)
            course.calls += 1
            course.heard += answer.get("heard", 0)
            if not says_again(answer):
                return self._read(answer)
            await anyio.sleep(THINKING)
        raise Unexpected(f"{tool} brought nothing, {_TRIES} times in a row")

    async def _look(self, hands: Hands, prediction_id: str | None) -> None:
        reading = await self._heed(hands, "get_prediction", {"prediction_id": prediction_id}, Course())
        if not reading.clip:
            raise Unexpected(f"{prediction_id} cannot be looked at: {reading}")

    def _read(self, answer: dict[str, Any]) -> Reading:
        if "error" in answer:
            raise Unexpected(answer["error"])
        readings = {}
        if answer.get("text"):
            readings["text"] = read_text(answer["text"])
        if answer.get("structured"):
            readings["structured"] = read_structured(answer["structured"])
        if len(set(readings.values())) != 1:
            raise Unexpected(f"text and structured content do not say the same: {readings} in {answer}")
        self.outcome.shown.add(" and ".join(readings))
        return next(iter(readings.values()))

    async def _once_paid(self, prompt: str) -> None:
        while True:
            if self._paid(prompt):
                return
            await anyio.sleep(0.02)

    def _paid(self, prompt: str) -> str | None:
        """The id of the generation, where it is paid."""
        return next((each for each, body in self._sandbox.accepted if body["prompt"] == prompt), None)

    def _prompt(self, what: str) -> str:
        return f"[Push in] {what}, for {self.outcome.client.key}"
