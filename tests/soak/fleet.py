"""Many calls over several server processes that share one state directory, in bad weather, with kills and cancels."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import threading
from collections import Counter
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent
from PIL import Image
from pydantic import SecretStr

from atlascloud_video_mcp.cloud.api import Cloud
from atlascloud_video_mcp.journal import Journal
from scripted_sandbox import Chaos, Fault, Sandbox

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-key-0xC0FFEE"
GENERATION = 1.5  # seconds
LAG = 1.0  # seconds until a submission is in the history
WORKERS = 20
BALANCE = 1e6  # US dollars
SERVERS = 4
NO_ANSWER_IS_A_HANG = 120.0
CANCELLED, TWICE, LEFT, REPEATED = 0.08, 0.10, 0.05, 0.15  # shares of calls and of orders
TRIES = 8
TAKES, SEVERAL = 3, 0.05  # how many takes some orders are, and the share of those
PHOTOS = 60  # few enough that some are wanted again, whose bytes then are up already

_FAILURES = (500, 502, 503, 504)
ACTIONS = (
    Fault(endpoint="*", action="reset_before"),
    Fault(endpoint="*", action="reset_after"),
    Fault(endpoint="*", action="truncate"),
    Fault(endpoint="*", action="wrong_length"),
    Fault(endpoint="*", action="drip", chunks=5, pause=0.05),
    Fault(endpoint="*", action="delay", seconds=0.7),
    Fault(endpoint="*", action="delay_after", seconds=0.7),
    Fault(endpoint="*", action="status", status=429),
    Fault(endpoint="*", action="status", status=429, headers={"Retry-After": "1"}),
    *(Fault(endpoint="*", action="status", status=status, act=act) for status in _FAILURES for act in (True, False)),
    *(
        Fault(endpoint="*", action=action, act=act)
        for action in ("malformed", "html", "empty")
        for act in (True, False)
    ),
    # Not for generate: there it is no lost answer, but one that names an id which is another's.
    *(Fault(endpoint=endpoint, action="wrong_types") for endpoint in ("upload", "prediction", "history")),
)


class Weather(Chaos):
    """Chaos that ends when it has cleared up."""

    clear: ClassVar[threading.Event] = threading.Event()

    def draw(self, endpoint: str, dice: random.Random) -> Fault | None:
        """Roll the dice for a request, while the weather is bad."""
        return None if self.clear.is_set() else super().draw(endpoint, dice)


@dataclass
class Order:
    """One clip that somebody wants: a take of arguments, which no other order has."""

    prompt: str
    image: str
    take: int = 1
    told: set[str] = field(default_factory=set)
    """The ids that answers gave for it."""
    done: bool = False
    """Whether an answer gave its clip."""
    unknown: bool = False
    """Whether the last answer was that it is not known."""


@dataclass
class Figures:
    """What happened."""

    calls: int = 0
    looks: int = 0
    kills: int = 0
    cancels: int = 0
    hangs: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    accepted: int = 0
    paid_twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    absent: int = 0
    books: Decimal = Decimal(0)
    """US dollars by the journals, without what was lost on its way and never arrived."""
    charged: Decimal = Decimal(0)
    """US dollars by the account."""
    leaks: list[str] = field(default_factory=list)
    tracebacks: int = 0


class Slot:
    """A place for a server process: whenever one is killed, another takes its place."""

    def __init__(self, number: int, root: Path, base_url: str) -> None:
        self._number, self._root, self._base_url = number, root, base_url
        self._generation = 0
        self._dead = anyio.Event()
        self._ready = anyio.Event()
        self._client: Client | None = None

    async def run(self) -> None:
        """Keep a server running."""
        while True:
            self._generation += 1
            self._dead = anyio.Event()
            try:
                async with AsyncExitStack() as stack:
                    errlog = stack.enter_context(self._file("stderr").open("w"))
                    transport = stdio_client(self._parameters(), errlog=errlog)
                    self._client = await stack.enter_async_context(Client(transport))
                    self._ready.set()
                    await self._dead.wait()
            except Exception as error:  # noqa: BLE001 - a server that was killed may end its client in many ways
                print(f"  (server {self._number}: {type(error).__name__}: {error})", file=sys.stderr)

    async def client(self) -> Client:
        """The client of the server that runs now."""
        while self._client is None or not self._ready.is_set():
            await self._ready.wait()
        return self._client

    def kill(self) -> bool:
        """Send SIGKILL, if there is one to be killed."""
        if not self._ready.is_set():
            return False
        self._ready = anyio.Event()
        os.kill(int(self._file("pid").read_text()), signal.SIGKILL)
        self._dead.set()
        return True

    def _file(self, kind: str) -> Path:
        return self._root / f"server-{self._number}-{self._generation}.{kind}"

    def _parameters(self) -> StdioServerParameters:
        script = 'echo $$ > "$0"; exec "$@"'
        program = [sys.executable, "-m", "atlascloud_video_mcp"]
        return StdioServerParameters(
            command="/bin/sh",
            args=["-c", script, str(self._file("pid")), *program],
            env={
                "ATLASCLOUD_BASE_URL": self._base_url,
                "ATLASCLOUD_API_KEY": CANARY,
                "ATLASCLOUD_STATE_DIR": str(self._root / "state"),
                "ATLASCLOUD_POLL_INTERVAL": "0.05",
                "ATLASCLOUD_LOG_LEVEL": "DEBUG",
                # So high that it refuses nothing: what is tried is whether the books are right.
                "ATLASCLOUD_BUDGET_USD": "100000",
                "TMPDIR": str(self._root / "tmp"),
            },
            cwd="/",
        )


class Fleet:
    """The servers, their callers, and what they went through."""

    def __init__(self, root: Path, sandbox: Sandbox, *, seed: int) -> None:
        self._root, self._sandbox = root, sandbox
        self._dice = random.Random(seed)
        self._pictures = _pictures(root)
        self.figures = Figures()
        self.orders: list[Order] = []
        self._slots: list[Slot] = []
        self._judged: set[str] = set()

    async def storm(self, base_url: str, *, calls: int, pause: float) -> None:
        """All the calls, while servers are killed about every `pause` seconds."""
        self._slots = [Slot(number, self._root, base_url) for number in range(SERVERS)]
        async with anyio.create_task_group() as servers:
            for slot in self._slots:
                servers.start_soon(slot.run)
            servers.start_soon(self._kill_now_and_then, pause)
            servers.start_soon(self._watch_payments)
            async with anyio.create_task_group() as workers:
                for _ in range(WORKERS):
                    workers.start_soon(self._work, calls)
            self._judge()
            servers.cancel_scope.cancel()

    async def reckoning(self, base_url: str) -> None:
        """In good weather, with a new process: every order gets its answer, every paid id can be read."""
        Weather.clear.set()
        self._slots = [Slot(SERVERS, self._root, base_url)]
        async with anyio.create_task_group() as servers:
            servers.start_soon(self._slots[0].run)
            limit = anyio.CapacityLimiter(8)
            async with anyio.create_task_group() as tasks:
                for order in self.orders:
                    if not order.done:
                        tasks.start_soon(self._settle, order, limit)
            self._judge()
            async with anyio.create_task_group() as tasks:
                for prediction_id, body in self._sandbox.accepted:
                    tasks.start_soon(self._read, prediction_id, body["prompt"], limit)
            servers.cancel_scope.cancel()
        await self._audit(base_url)
        self._count()

    async def _audit(self, base_url: str) -> None:
        """Hold the books against the account."""
        async with Cloud(base_url, SecretStr(CANARY)) as cloud, Journal(self._root / "state") as journal:
            lost = await journal.lost(cloud.account, within=timedelta(days=1))
            spent = (await journal.spending()).total
            self.figures.books = spent - sum((entry.spent for entry in lost), Decimal(0))
            self.figures.charged = Decimal(int(BALANCE)) - await cloud.balance()

    async def _work(self, calls: int) -> None:
        while self.figures.calls < calls:
            number = len(self.orders)
            remote = self._dice.random() < 0.7
            image = f"https://pictures.example/{number % 7}.jpg" if remote else self._dice.choice(self._pictures)
            takes = TAKES if self._dice.random() < SEVERAL else 1
            orders = [Order(f"order {number}", image, take) for take in range(1, takes + 1)]
            self.orders += orders
            async with anyio.create_task_group() as tasks:
                for order in orders:
                    tasks.start_soon(self._fulfil, order)

    async def _fulfil(self, order: Order) -> None:
        """As an agent would: ask until there is an id, then look until there is a clip."""
        await self._ask(order)
        if order.told and not order.done and self._dice.random() < REPEATED:
            await self._animate(order)
        if not order.told or self._dice.random() < LEFT:
            return
        prediction_id = next(iter(order.told))
        for _ in range(3 * TRIES):
            if order.done:
                break
            await anyio.sleep(self._dice.uniform(0.3, GENERATION))
            await self._look(order, prediction_id)

    async def _ask(self, order: Order) -> None:
        if self._dice.random() < TWICE:
            async with anyio.create_task_group() as tasks:
                for _ in range(2):
                    tasks.start_soon(self._animate, order)
        for _ in range(TRIES):
            if order.told or order.done:
                break
            await self._animate(order)
            if order.unknown and self._dice.random() < 0.5:
                break
            if not order.told:
                await anyio.sleep(self._dice.uniform(0, 1))

    async def _animate(self, order: Order, *, calmly: bool = False) -> None:
        self.figures.calls += 1
        wait = self._dice.choice((0, 0, 1, 2))
        arguments = {"image": order.image, "prompt": order.prompt, "take": order.take, "wait_seconds": wait}
        self._note(order, await self._call("animate_image", arguments, calmly=calmly), animate=True)

    async def _look(self, order: Order, prediction_id: str, *, calmly: bool = False) -> None:
        self.figures.looks += 1
        arguments = {"prediction_id": prediction_id, "wait_seconds": 5 if calmly else 0}
        self._note(order, await self._call("get_prediction", arguments, calmly=calmly), animate=False)

    async def _call(self, tool: str, arguments: dict[str, Any], *, calmly: bool) -> CallToolResult | None:
        client = await self._dice.choice(self._slots).client()
        cancelled = not calmly and self._dice.random() < CANCELLED
        patience = self._dice.uniform(0, 1.5) if cancelled else NO_ANSWER_IS_A_HANG
        with anyio.move_on_after(patience) as scope:
            try:
                return await client.call_tool(tool, arguments)
            except Exception as error:  # noqa: BLE001 - a server that was killed may end its calls in many ways
                self.figures.answers[f"no answer: {type(error).__name__}"] += 1
                return None
        if scope.cancelled_caught:
            self.figures.cancels += cancelled
            self.figures.hangs += not cancelled
        return None

    def _note(self, order: Order, result: CallToolResult | None, *, animate: bool) -> None:
        if result is None:
            return
        text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
        if CANARY in result.model_dump_json():
            self.figures.leaks.append(f"answer about {order.prompt}")
        self.figures.tracebacks += "Traceback" in text
        clip = result.structured_content or {}
        if prediction_id := clip.get("prediction_id"):
            self.figures.answers[clip["status"]] += 1
            if animate:
                order.told.add(prediction_id)
            order.done = order.done or clip["status"] == "completed"
            order.unknown = False
            return
        self.figures.answers[text[:60]] += 1
        if animate:
            order.unknown = "only another take" in text

    async def _kill_now_and_then(self, pause: float) -> None:
        while True:
            await anyio.sleep(self._dice.uniform(0.5, 1.5) * pause)
            self.figures.kills += self._dice.choice(self._slots).kill()

    async def _watch_payments(self) -> None:
        while True:
            await anyio.sleep(0.1)
            self._judge()

    def _judge(self) -> None:
        """Look for orders that were paid again, as soon as may be."""
        paid: dict[str, list[str]] = {}
        for prediction_id, body in self._sandbox.accepted:
            paid.setdefault(body["prompt"], []).append(prediction_id)
        for prompt, ids in paid.items():
            orders = [order for order in self.orders if order.prompt == prompt]
            if len(ids) > len(orders) and prompt not in self._judged:
                self._judged.add(prompt)
                told = [(order.take, order.told) for order in orders]
                self.figures.paid_twice.append(f"{prompt}: {' '.join(ids)}, told {told} {self._journalled(ids)}")

    def _journalled(self, ids: list[str]) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._root / "state" / "journal.sqlite3", timeout=10)) as db:
            select = "SELECT seq, stage, owner, key, created_at, prediction_id FROM entries"
            return [row for row in db.execute(select) if row[5] in ids]

    async def _settle(self, order: Order, limit: anyio.CapacityLimiter) -> None:
        async with limit:
            if not order.told or self._dice.random() < 0.5:
                await self._animate(order, calmly=True)
            while not order.told and not order.unknown:
                await anyio.sleep(0.2)
                await self._animate(order, calmly=True)
            for prediction_id in order.told:
                if not order.done:
                    await self._look(order, prediction_id, calmly=True)

    async def _read(self, prediction_id: str, prompt: str, limit: anyio.CapacityLimiter) -> None:
        async with limit:
            client = await self._slots[0].client()
            result = await client.call_tool("get_prediction", {"prediction_id": prediction_id, "wait_seconds": 5})
            clip = result.structured_content or {}
            if clip.get("status") != "completed":
                self.figures.lost.append(f"{prompt}: {prediction_id} cannot be read: {result.content}")

    def _count(self) -> None:
        figures = self.figures
        accepted = self._sandbox.accepted
        paid = {prediction_id: body["prompt"] for prediction_id, body in accepted}
        told = {prediction_id for order in self.orders for prediction_id in order.told}
        for prediction_id, prompt in paid.items():
            if prediction_id not in told and prompt not in self._judged:
                figures.lost.append(f"{prompt}: {prediction_id} was told to nobody")
        for order in self.orders:
            if not order.unknown and not any(paid.get(each) == order.prompt for each in order.told):
                figures.lost.append(f"{order.prompt}: has no answer, or that of another: {order.told}")
        figures.absent = sum(order.unknown and not order.told for order in self.orders)
        figures.orders, figures.accepted = len(self.orders), len(accepted)
        figures.faults = self._sandbox.played
        for path in self._root.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                figures.tracebacks += content.count(b"Traceback") if path.suffix == ".stderr" else 0
                if CANARY.encode() in content:
                    figures.leaks.append(str(path))


def _pictures(root: Path) -> list[str]:
    """Photos on disk, small ones: what they show is of no matter here."""
    paths = [root / f"photo-{number}.jpg" for number in range(PHOTOS)]
    for number, path in enumerate(paths):
        Image.linear_gradient("L").resize((400 + number, 400)).convert("RGB").save(path)
    return [str(path) for path in paths]


def bad_weather(seed: int) -> Sandbox:
    """An account with a fifth of all requests hit by a fault."""
    return Sandbox(
        seconds=GENERATION,
        short_side=64,
        balance_usd=BALANCE,
        history_lag=LAG,
        keys={CANARY},
        chaos=Weather(seed=seed, share=0.2, actions=ACTIONS),
    )
