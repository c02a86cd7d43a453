"""Any order of operations of two processes leads where a simple model of the journal leads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.errors import OverBudget
from atlascloud_video_mcp.journal import Journal, PriceNeeded, SpendingRequest, Stage
from kit import as_sent, submission_of

if TYPE_CHECKING:
    from postgresql import Cluster

PROCESSES = st.integers(0, 1)
PRICES = st.sampled_from([None, "0.30", "0.40"])
CLAIMS = st.tuples(st.just("claim"), PROCESSES, st.sampled_from("abc"), st.integers(1, 2), PRICES)
STEPS = st.tuples(
    st.sampled_from(["sending", "submitted", "unknown", "refused", "abandoned", "processing", "completed", "failed"]),
    PROCESSES,
    st.integers(0, 5),
    st.sampled_from([None, "0.10"]),  # what the API reports as the price
)
RESTARTS = st.tuples(st.just("restart"), PROCESSES)
BUDGET = Decimal("0.70")
ACCOUNTS = {"a": "one", "b": "one", "c": "another"}  # by key


@dataclass
class ModelRules:
    """What the model holds of one intent."""

    intent_id: str
    key: str
    take: int
    owner: Journal
    quote: Decimal
    stage: Stage = Stage.INTENDED
    status: Status = Status.PROCESSING
    billed: Decimal | None = None

    @property
    def blocks(self) -> bool:
        if self.stage is Stage.SUBMITTED:
            return self.status is not Status.FAILED
        return self.stage in {Stage.INTENDED, Stage.SENDING, Stage.UNKNOWN}

    @property
    def spent(self) -> Decimal:
        free = self.stage in {Stage.REFUSED, Stage.ABANDONED} or self.status is Status.FAILED
        return Decimal(0) if free else self.billed or self.quote


class Model:
    """Two processes, and all that they did."""

    def __init__(self, place: Path | str) -> None:
        self.place = place
        self.journals = [Journal(place), Journal(place)]
        self.known: list[ModelRules] = []
        self.revived = False
        """Whether one that was given up was sent all the same, which our program does not do."""

    def expected(self, key: str, take: int) -> ModelRules | None:
        """The newest that blocks; a dead owner's entries are settled up to there."""
        for each in [each for each in reversed(self.known) if (each.key, each.take) == (key, take)]:
            if each.owner not in self.journals and each.stage is Stage.INTENDED:
                each.stage = Stage.ABANDONED
            if each.owner not in self.journals and each.stage is Stage.SENDING:
                each.stage = Stage.UNKNOWN
            if each.blocks:
                return each
        return None

    def spent(self) -> Decimal:
        """What was spent by whichever account; what dead owners had not sent is given up."""
        for each in self.known:
            if each.owner not in self.journals and each.stage is Stage.INTENDED:
                each.stage = Stage.ABANDONED
        return sum((each.spent for each in self.known), Decimal(0))

    async def claim(self, process: int, key: str, take: int, price: str | None) -> None:
        journal = self.journals[process]
        terms = SpendingRequest(ACCOUNTS[key], Decimal(price) if price else None, BUDGET)
        expected = self.expected(key, take)
        if expected is None and (price is None or self.spent() + Decimal(price) > BUDGET):
            with pytest.raises(OverBudget if price else PriceNeeded):
                await journal.claim(key, take, terms=terms)
            return
        claim = await journal.claim(key, take, terms=terms)
        assert claim.won is (expected is None)
        if expected is None:
            self.known.append(ModelRules(claim.submission.intent_id, key, take, journal, Decimal(price or 0)))
        else:
            assert (claim.submission.intent_id, claim.submission.stage) == (expected.intent_id, expected.stage)
            assert claim.submission.owner_alive is (expected.owner in self.journals)

    async def restart(self, process: int) -> None:
        await self.journals[process].__aexit__(None, None, None)
        self.journals[process] = Journal(self.place)

    async def step(self, action: str, process: int, number: int, price: str | None) -> None:
        if not self.known:
            return
        journal, known = self.journals[process], self.known[number % len(self.known)]
        if known.stage is not Stage.SUBMITTED:
            await self.before_the_id(action, journal, known)
        elif action in {"unknown", "refused", "abandoned"}:
            await getattr(journal, f"mark_{action}")(known.intent_id)  # too late to matter
        elif action in {"processing", "completed", "failed"}:
            await journal.set_report(known.intent_id, told(known.intent_id, action, price))
            if action != "processing" or known.status is Status.PROCESSING:
                known.status = Status(action)
                known.billed = Decimal(price) if price else None

    async def before_the_id(self, action: str, journal: Journal, known: ModelRules) -> None:
        self.revived |= known.stage in {Stage.REFUSED, Stage.ABANDONED} and action in {"submitted", "unknown"}
        if action == "sending":
            may_be_sent = known.stage is Stage.INTENDED and known.owner is journal
            assert await journal.mark_sending(as_sent(known.intent_id, {}, [])) is may_be_sent
            if not may_be_sent:
                return
        elif action == "submitted":
            await journal.mark_submitted(known.intent_id, told(known.intent_id, "processing"), datetime.now(UTC))
        elif action in {"unknown", "refused", "abandoned"}:
            await getattr(journal, f"mark_{action}")(known.intent_id)
        else:
            return
        known.stage = Stage(action)

    async def agrees(self) -> None:
        for journal in self.journals:
            assert (await journal.spending()).total == self.spent()
            for known in self.known:
                entry = await submission_of(journal, known.intent_id)
                assert entry
                status = entry.report.status if entry.report else Status.PROCESSING
                assert (entry.stage, status, entry.take) == (known.stage, known.status, known.take)
            assert journal.warnings == ()


def told(prediction_id: str, status: str, price: str | None = None) -> Report:
    outputs = ["https://clips.example/1.mp4"] if status == "completed" else []
    return Report.model_validate({"id": prediction_id, "status": status, "outputs": outputs, "price": price})


async def play(place: Path | str, operations: list[tuple[Any, ...]]) -> None:
    model = Model(place)
    try:
        for name, *arguments in operations:
            do = getattr(model, name, None) or partial(model.step, name)
            await do(*arguments)
            assert model.revived or model.spent() <= BUDGET
        await model.agrees()
    finally:
        for process in (0, 1):
            await model.restart(process)


OPERATIONS = st.lists(CLAIMS | STEPS | STEPS | RESTARTS, min_size=5, max_size=30)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(OPERATIONS)
def test_two_processes_never_disagree_with_the_model(operations: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as directory:
        anyio.run(play, Path(directory), operations)


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(operations=OPERATIONS)
def test_nor_do_two_machines(postgresql: Cluster, operations: list[tuple[Any, ...]]) -> None:
    anyio.run(play, postgresql.database(), operations)
