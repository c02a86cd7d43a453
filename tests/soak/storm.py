"""What a team promises in bad weather: replicas are killed and stopped, the database restarts, the API fails."""

from __future__ import annotations

import base64
import io
import random
import re
import time
from collections import Counter
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from PIL import Image

from atlascloud_sandbox.offers import HAILUO
from fleet import ACTIONS, BALANCE, GENERATION, LAG, Weather
from replicas import CANARY, ERAS, LEASE, Figures, Member, Replica, Team, reason, text_of, until
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp import Client
    from mcp.types import CallToolResult

    from postgresql import Cluster

REMOTE = "https://pictures.example/cat.jpg"
WORKERS = 24
HANG = 60.0  # seconds after which a call is taken for hanging
CANCELLED, REPEATED, TWICE = 0.06, 0.45, 0.15  # shares of calls and of turns
TRIES = 12
HANGS = 8.0  # seconds, longer than anybody waits for the database
OVER, UNKNOWN, NOTHING = "allows in 24 hours", "only another take", "Nothing was (sent or )?paid"
SHARES = {"anna": Decimal("0.2"), "bert": Decimal("0.3"), "cleo": Decimal("0.5")}  # of what all requests cost
OF_THE_TEAM = Decimal("0.72")
CENT = Decimal("0.01")


@dataclass
class Order:
    """One clip that somebody wants, which has a prompt of its own."""

    prompt: str
    image: str
    payer: str
    """Who alone asks for it until it has an id: so who pays is known without the journal."""
    told: set[str] = field(default_factory=set)
    """The ids that answers gave for it."""
    calls: int = 0
    unheard: int = 0
    """Calls without an answer: they may still be at work."""
    refused: set[str] = field(default_factory=set)
    """Whose budget had no room for it."""
    done: bool = False
    unknown: bool = False


class Storm:
    """Many requests to replicas that are killed and stopped, with a database that is restarted."""

    def __init__(self, sandbox: Sandbox, postgresql: Cluster, *, calls: int, scale: float, seed: int) -> None:
        self._sandbox, self._postgresql = sandbox, postgresql
        self._dice = random.Random(seed)
        self._calls, self._kills = int(calls * scale), int(30 * scale)
        self._stops, self._until_restart = max(1, int(5 * scale)), max(10, 35 * scale)
        all_of_it = calls * Decimal(str(scale)) * Decimal("0.12")  # US dollars
        self.budget = (all_of_it * OF_THE_TEAM).quantize(CENT)
        self.members = {name: Member(name, (all_of_it * share).quantize(CENT)) for name, share in SHARES.items()}
        self._orders: list[Order] = []
        self._waiting: dict[str, list[Order]] = {name: [] for name in self.members}
        for _ in range(int(calls * scale * 0.4)):
            order = self._order(self._dice.choice(list(self.members)), local=self._dice.random() < 0.3)
            self._waiting[order.payer].append(order)
        self._told: list[Order] = []
        self._events_over = False
        self._made = self._looks = self._cancels = self._hangs = 0
        self._happened: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._leaks: list[str] = []
        self._lies: list[str] = []
        self._unread: list[str] = []

    def _order(self, payer: str, *, local: bool) -> Order:
        number = len(self._orders)
        order = Order(f"order {number}", _picture(number) if local else REMOTE, payer)
        self._orders.append(order)
        return order

    async def run(self, team: Team) -> None:
        """All of it, and then the reckoning."""
        self._team = team
        self._begun = time.monotonic()
        async with anyio.create_task_group() as tasks:
            for number in range(WORKERS):
                tasks.start_soon(self._work, list(self.members.values())[number % 3], ERAS[number // 3 % 2])
            async with anyio.create_task_group() as events:
                tasks.start_soon(self._supervise)
                events.start_soon(self._kill)
                events.start_soon(self._stop_aimed)
                events.start_soon(self._restart)
            self._events_over = True
        print(f"the storm took {time.monotonic() - self._begun:.0f} s", flush=True)
        await self._reckon()
        print(f"with the reckoning {time.monotonic() - self._begun:.0f} s", flush=True)

    async def _reckon(self) -> None:
        """In good weather: every order gets its answer, and every paid id can be read by who paid."""
        Weather.clear.set()
        for replica in self._team.replicas:
            self._happened["not ready in the end"] += not await replica.ready()
        limit = anyio.CapacityLimiter(12)
        async with AsyncExitStack() as stack:
            clients = {
                member.name: await stack.enter_async_context(self._team.client(member, ERAS[0]))
                for member in self.members.values()
            }
            async with anyio.create_task_group() as tasks:
                for order in self._orders:
                    if order.calls and not order.done:
                        tasks.start_soon(self._settle, clients[order.payer], order, limit)
            payers = {order.prompt: order.payer for order in self._orders}
            async with anyio.create_task_group() as tasks:
                for prediction_id, body in self._sandbox.accepted:
                    tasks.start_soon(self._read, clients[payers[body["prompt"]]], prediction_id, body["prompt"], limit)

    # What happens to the replicas and the database.

    async def _supervise(self) -> None:
        """Start what ended by itself anew, as a manager of processes does."""
        while not self._over():
            for replica in self._team.replicas:
                if replica.process.poll() is not None:
                    self._happened["ended by itself" if replica.served else "did not start"] += 1
                    replica.start()
            await anyio.sleep(1)

    async def _kill(self) -> None:
        for _ in range(self._kills):
            await anyio.sleep(self._dice.uniform(2, 4.5))
            replica = self._dice.choice([replica for replica in self._team.replicas if replica.up])
            replica.kill()
            replica.start()
            self._happened["kill -9"] += 1

    async def _stop_aimed(self) -> None:
        """Stop replicas between their claim and their payment, and ask the others for the same."""
        while self._happened["SIGSTOP"] < self._stops:
            await anyio.sleep(self._dice.uniform(1, 3))
            replica = self._dice.choice(self._team.replicas)
            if not await replica.ready():
                continue  # it was killed meanwhile
            order = self._order(self._dice.choice(list(self.members)), local=True)
            async with anyio.create_task_group() as tasks:
                # It is between both while it uploads.
                self._sandbox.script(Fault(endpoint="upload", action="delay", seconds=3))
                before = self._uploads()
                tasks.start_soon(self._ask, order, [replica])
                # Where a budget refuses it, the replica is stopped all the same.
                aimed = await until(lambda before=before: self._uploads() > before, within=5)  # type: ignore[misc]
                if replica.up:
                    await self._stop(replica, order)
                    self._happened["SIGSTOP while it uploads"] += aimed
            self._put_back(order)

    async def _stop(self, replica: Replica, order: Order) -> None:
        """For longer than its lease; another is asked when that is over, and meanwhile."""
        replica.stop()
        self._happened["SIGSTOP"] += 1
        others = [each for each in self._team.replicas if each is not replica]
        async with anyio.create_task_group() as tasks:
            await anyio.sleep(LEASE - 5)
            tasks.start_soon(self._ask, order, others)
            await anyio.sleep(6)
            tasks.start_soon(self._ask, order, others)
            await anyio.sleep(2)
            replica.resume()

    def _uploads(self) -> int:
        return sum(request.endpoint == "upload" for request in self._sandbox.received)

    async def _ask(self, order: Order, replicas: list[Replica]) -> None:
        member = self.members[order.payer]
        with self._session_may_end():
            async with self._team.client(member, self._dice.choice(ERAS), to=replicas) as client:
                await self._animate(client, member, order)

    async def _restart(self) -> None:
        for mode in ("fast", "immediate"):
            await anyio.sleep(self._until_restart)
            await anyio.to_thread.run_sync(self._postgresql.stop, mode)
            await anyio.sleep(self._dice.uniform(0, 2))
            await anyio.to_thread.run_sync(self._postgresql.start)
            self._happened[f"restart of the database, {mode}"] += 1
        await anyio.sleep(self._until_restart / 2)
        with self._postgresql.frozen():
            await anyio.sleep(HANGS)
        self._happened["database that hangs"] += 1

    # What callers do.

    async def _work(self, member: Member, era: str) -> None:
        while not self._over():
            with self._session_may_end():
                async with self._team.client(member, era) as client:
                    while not self._over():
                        await self._turn(client, member)
                        await anyio.sleep(self._dice.uniform(0.3, 3.5))
            await anyio.sleep(self._dice.uniform(0.1, 0.5))

    @contextmanager
    def _session_may_end(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a replica that was killed may end its clients in many ways
            self._answers[f"no answer: {reason(error)}"] += 1

    @property
    def _elapsed(self) -> float:
        """How much of the storm is over: so that there is something new to want until its end."""
        return (time.monotonic() - self._begun) / (3.5 * self._until_restart)

    def _over(self) -> bool:
        return self._events_over and self._made >= self._calls

    async def _turn(self, client: Client, member: Member) -> None:
        """As an agent would: ask until there is an id, then look until there is a clip; or want what others have."""
        wanted = sum(order.calls > 0 for order in self._orders) < len(self._orders) * self._elapsed
        mine = self._waiting[member.name] if wanted or self._elapsed > 1 else []
        if self._told and (not mine or self._dice.random() < REPEATED):
            await self._animate(client, member, self._dice.choice(self._told))
            return
        if not mine:
            return
        order = mine.pop(0)
        try:
            async with anyio.create_task_group() as tasks:
                for _ in range(1 + (self._dice.random() < TWICE)):
                    tasks.start_soon(self._animate, client, member, order)
        finally:
            self._put_back(order)
        if order.told and not order.done and self._dice.random() < 0.5:
            await anyio.sleep(self._dice.uniform(0.3, GENERATION))
            await self._look(client, order, next(iter(order.told)))

    def _put_back(self, order: Order) -> None:
        """Among what has an id; or to be asked for again, by another person where it is sure that nobody pays yet."""
        if order.told:
            self._told.append(order)
            return
        if order.payer in order.refused and not order.unheard and not order.unknown:
            order.payer = next((name for name in self.members if name not in order.refused), order.payer)
        if order.calls < TRIES and not order.refused.issuperset(self.members):
            self._waiting[order.payer].append(order)

    async def _animate(self, client: Client, member: Member, order: Order, *, calmly: bool = False) -> None:
        self._made += 1
        order.calls += 1
        arguments = {"image": order.image, "prompt": order.prompt, "wait_seconds": self._dice.choice((0, 0, 1, 2))}
        alone, number, was_paid = not order.unheard, order.calls, self._paid_for(order)
        order.unheard += 1
        result = await self._call(client, "animate_image", arguments, calmly=calmly)
        if result is None:
            return
        order.unheard -= 1
        text, told = text_of(result), result.structured_content or {}
        if prediction_id := told.get("prediction_id"):
            order.told.add(prediction_id)
            order.done = order.done or told["status"] == "completed"
            order.unknown = False
            return
        order.unknown = UNKNOWN in text
        if OVER in text:
            order.refused.add(member.name)
        # That a budget has no room says as much for what is paid already: to join it costs nothing.
        alone = alone and order.calls == number
        if re.search(NOTHING, text) and (OVER in text if was_paid else alone and self._paid_for(order)):
            self._lies.append(f"{order.prompt}, asked by {member.name}, paid before {was_paid}: {text[:250]}")

    def _paid_for(self, order: Order) -> bool:
        return any(body["prompt"] == order.prompt for _, body in self._sandbox.accepted)

    async def _look(self, client: Client, order: Order, prediction_id: str, *, calmly: bool = False) -> None:
        self._looks += 1
        arguments = {"prediction_id": prediction_id, "wait_seconds": 5 if calmly else 1}
        result = await self._call(client, "get_prediction", arguments, calmly=calmly)
        if result and (result.structured_content or {}).get("status") == "completed":
            order.done = True

    async def _call(
        self, client: Client, tool: str, arguments: dict[str, Any], *, calmly: bool
    ) -> CallToolResult | None:
        """The answer; None where it was not waited for. In a storm, what the client raises ends its session."""
        cancelled = not calmly and self._dice.random() < CANCELLED
        with anyio.move_on_after(self._dice.uniform(0, 1.5) if cancelled else HANG):
            try:
                result = await client.call_tool(tool, arguments)
            except Exception as error:
                if not calmly:
                    raise
                self._answers[f"no answer, calmly: {reason(error)}"] += 1
                return None
            told = result.structured_content or {}
            self._answers[told.get("status") or f"{tool}: {text_of(result)[:110]}"] += 1
            if CANARY in result.model_dump_json():
                self._leaks.append(f"an answer of {tool}")
            return result
        self._cancels += cancelled
        self._hangs += not cancelled
        return None

    async def _settle(self, client: Client, order: Order, limit: anyio.CapacityLimiter) -> None:
        member = self.members[order.payer]
        for _ in range(40):
            async with limit:
                if order.told:
                    break
                await self._animate(client, member, order, calmly=True)
                if order.unknown or order.payer in order.refused:
                    break
            await anyio.sleep(0.5)
        async with limit:
            for prediction_id in order.told:
                await self._look(client, order, prediction_id, calmly=True)

    async def _read(self, client: Client, prediction_id: str, prompt: str, limit: anyio.CapacityLimiter) -> None:
        async with limit:
            arguments = {"prediction_id": prediction_id, "wait_seconds": 5}
            result = await self._call(client, "get_prediction", arguments, calmly=True)
            if result is None or (result.structured_content or {}).get("status") != "completed":
                said = text_of(result)[:120] if result else "no answer"
                self._unread.append(f"{prompt}: {prediction_id} cannot be read: {said}")

    # What came of it.

    def show(self, figures: Figures) -> None:
        """Print the figures."""
        asked = [order for order in self._orders if order.calls]
        played = self._sandbox.played.total()
        print(f"calls of animate_image: {self._made}, for {len(asked)} requests; {self._looks} of get_prediction")
        print(f"API faults: {played} on {len(self._sandbox.received)} requests; {self._cancels} calls cancelled")
        print(f"what happened: {dict(self._happened)}")
        for text, count in self._answers.most_common(40):
            print(f"    {count:>5}  {text}")
        paid: dict[str, list[str]] = {}
        for prediction_id, body in self._sandbox.accepted:
            paid.setdefault(body["prompt"], []).append(prediction_id)
        figures.show("a. requests", self._made, f"{self._calls} or more", good=self._made >= self._calls)
        figures.none("a. paid twice", [f"{prompt}: {ids}" for prompt, ids in paid.items() if len(ids) > 1])
        faults = (_lost(order, paid.get(order.prompt, [])) for order in asked)
        figures.none("a. lost", [*self._unread, *filter(None, faults)])
        print(f"a. unknown, and truly absent: {sum(order.unknown and order.prompt not in paid for order in asked)}")
        figures.none("a. told that nothing was paid, and it was", self._lies)
        figures.none("a. calls that hang", self._hangs)
        # A good token is never refused; what cannot be served now is served later; there is no stream to listen to.
        odd = [each for each in self._team.refusals.elements() if not re.fullmatch(r"405.*|503, Retry-After \d+", each)]
        print(f"a. refused by HTTP status: {dict(self._team.refusals)}")
        figures.none("a. refused by another status than 503 with Retry-After", odd)
        figures.none("a. replicas that ended by themselves once they served", self._happened["ended by itself"])
        figures.none("a. replicas that are not ready in the end", self._happened["not ready in the end"])
        self._show_money(figures)
        self._show_logs(figures)

    def _show_money(self, figures: Figures) -> None:
        prices = {model.id: model for model in HAILUO}
        payers = {order.prompt: order.payer for order in self._orders}
        charged = dict.fromkeys(self.members, Decimal(0))
        for _, body in self._sandbox.accepted:
            charged[payers[body["prompt"]]] += prices[body["model"]].quote(body)
        refused = Counter(name for order in self._orders for name in order.refused)
        for name, member in self.members.items():
            budget = member.budget or Decimal(0)
            figures.show(
                f"a. charged to {name}", f"${charged[name]}", f"at most ${budget}", good=charged[name] <= budget
            )
        total = sum(charged.values(), Decimal(0))
        figures.show("a. charged to the team", f"${total}", f"at most ${self.budget}", good=total <= self.budget)
        figures.show("a. refused by budgets", dict(refused), "more than none", good=bool(refused))

    def _show_logs(self, figures: Figures) -> None:
        tracebacks: list[str] = []
        secrets = (CANARY, *(member.token for member in self.members.values()))
        for path in self._team.root.rglob("*.stderr"):
            log = path.read_text(errors="replace")
            tracebacks += [path.name] * log.count("Traceback")
            self._leaks += [path.name for secret in secrets if secret in log]
        figures.none("a. key or token told", self._leaks)
        figures.none("a. tracebacks", tracebacks)


def _lost(order: Order, paid: list[str]) -> str | None:
    """What is wrong with what is known of an order; `paid` are the ids that the account has of it."""
    if len(order.told) > 1 or not set(paid) <= order.told:
        return f"{order.prompt}: told {order.told}, paid {paid}, unknown {order.unknown}"
    if not paid and (order.told or not (order.unknown or order.payer in order.refused)):
        return f"{order.prompt}: told {order.told} in {order.calls} calls, and nothing is paid"
    return None


def _picture(number: int) -> str:
    """A small picture of its own, as data: URI."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((320 + number % 200, 320 + number // 200)).convert("RGB").save(file, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def bad_weather(seed: int) -> Sandbox:
    """An account with a fifth of all requests hit by a fault."""
    chaos = Weather(seed=seed, share=0.2, actions=ACTIONS)
    known = {CANARY}
    return Sandbox(seconds=GENERATION, short_side=64, balance_usd=BALANCE, history_lag=LAG, keys=known, chaos=chaos)
