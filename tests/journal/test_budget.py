"""The price of a clip and the budget of the last 24 hours, through the studio and in several processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import anyio
import pytest

from atlascloud_video_mcp.errors import JournalUnusable, OverBudget, RequestRefused, SubmissionUnknown
from atlascloud_video_mcp.journal import Journal
from atlascloud_video_mcp.service.results import DryRun
from kit import (
    CANARY,
    REMOTE,
    ROCKET,
    STANDARD,
    TESTS,
    animate,
    cloud_at,
    look,
    rehearse,
    requests_to,
    service_at,
    until,
)
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from pathlib import Path

NOW = 0.0
LATER = 1e12
PRICE = Decimal("0.30")  # of six seconds of the standard model in the sandbox
NO_PRICES = Fault(endpoint="calculate", action="status", status=404, times=99)


def counted(sandbox: Sandbox, endpoint: str) -> int:
    return sum(request.endpoint == endpoint for request in sandbox.received)


async def spent(directory: Path) -> Decimal:
    async with Journal(directory) as journal:
        return (await journal.spending()).total


async def test_a_prediction_costs_what_the_api_quotes_until_it_reports_a_price(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    unpriced = json.dumps({"data": {"status": "processing"}})
    sandbox.script(Fault(endpoint="prediction", action="status", status=200, body=unpriced, times=9999))

    async with service_at(base_url, directory=tmp_path) as service:
        made = await animate(service, ROCKET, duration=10, deadline=NOW)
        await until(lambda: counted(sandbox, "calculate"))
        seen = made
        while seen.cost_usd is None:
            seen = await look(service, made.prediction_id, deadline=NOW)
    async with service_at(base_url, directory=tmp_path) as restarted:
        again = await look(restarted, made.prediction_id, deadline=NOW)

    assert seen.cost_usd == again.cost_usd == 0.5
    assert await spent(tmp_path) == Decimal("0.5")


async def test_a_price_that_cannot_be_had_neither_delays_nor_fails_a_submission(
    sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(Fault(endpoint="calculate", action="delay", seconds=30, times=9))

    async with service_at(base_url) as service:
        with anyio.fail_after(10):
            made = await animate(service, REMOTE, deadline=NOW)
        sandbox.finish(made.prediction_id)
        clip = await look(service, made.prediction_id, deadline=LATER)

    assert clip.status == "completed"
    assert clip.cost_usd == 0.3


async def test_a_crash_while_the_price_is_asked_for_is_nobodys_trouble(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="calculate", action="malformed", times=99))

    async with service_at(base_url) as service:
        made = await animate(service, REMOTE, deadline=NOW)
        await until(lambda: counted(sandbox, "calculate") == 4)
        assert (await look(service, made.prediction_id, deadline=NOW)).status == "processing"


async def test_what_would_break_the_budget_is_refused_before_upload_and_submission(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path, budget="0.50") as service:
        made = await animate(service, REMOTE, deadline=NOW)
        with pytest.raises(OverBudget) as caught:
            await animate(service, ROCKET, deadline=NOW)
        joined = await animate(service, REMOTE, deadline=NOW)

    said = str(caught.value)
    assert "Nothing was sent or paid" in said
    assert "costs $0.30, and $0.30 of the $0.50 that ATLASCLOUD_BUDGET_USD allows in 24 hours are spent" in said
    assert "there will be room for it at " in said
    assert joined.reused
    assert made.cost_usd == joined.cost_usd == 0.3
    assert len(sandbox.submissions) == 1
    assert counted(sandbox, "upload") == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(endpoint="calculate", action="status", status=404, times=9),
        Fault(endpoint="calculate", action="status", status=503, times=9),
        Fault(endpoint="calculate", action="status", status=200, body='{"data": {"price": -1}}', times=9),
        Fault(endpoint="calculate", action="status", status=200, body='{"data": {"price": "NaN"}}', times=9),
        Fault(endpoint="calculate", action="empty", times=9),
    ],
    ids=lambda fault: f"{fault.action}-{fault.status}",
)
async def test_without_a_price_a_budget_lets_nothing_be_sent(
    sandbox: Sandbox, base_url: str, tmp_path: Path, fault: Fault
) -> None:
    sandbox.script(fault)

    async with service_at(base_url, directory=tmp_path, budget="100") as service:
        for image in (ROCKET, REMOTE):
            with pytest.raises(OverBudget, match="without a price nothing is submitted: Atlas Cloud "):
                await animate(service, image, deadline=NOW)

    assert {request.endpoint for request in sandbox.received} == {"calculate"}
    assert await spent(tmp_path) == 0


async def test_what_was_submitted_without_a_price_counts_with_the_one_that_is_had_later(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(NO_PRICES.model_copy(update={"times": 2}))
    async with service_at(base_url, directory=tmp_path) as service:
        await animate(service, REMOTE, prompt="one", deadline=NOW)
        await until(lambda: requests_to(sandbox, "calculate"))
    async with service_at(base_url, directory=tmp_path, budget="0.50") as service:
        with pytest.raises(OverBudget, match=r"what the request of .* UTC cost, which counts in it, is not known"):
            await animate(service, REMOTE, prompt="two", deadline=NOW)
        with pytest.raises(OverBudget, match=r"\$0\.30 of the \$0\.50 .* are spent"):
            await animate(service, REMOTE, prompt="two", deadline=NOW)

    assert len(sandbox.submissions) == 1


async def test_an_identical_request_is_joined_though_no_price_can_be_had(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path, budget="0.30") as service:
        first = await animate(service, REMOTE, deadline=NOW)
        sandbox.script(NO_PRICES)
        joined = await animate(service, REMOTE, deadline=NOW)

    assert (joined.prediction_id, joined.reused) == (first.prediction_id, True)


async def test_failed_and_refused_clips_free_their_room_and_unknown_ones_do_not(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path, budget="0.30") as service:
        failing = await animate(service, REMOTE, prompt="sandbox:fail", deadline=NOW)
        with pytest.raises(OverBudget):
            await animate(service, REMOTE, deadline=NOW)
        sandbox.finish(failing.prediction_id)
        failed = await look(service, failing.prediction_id, deadline=LATER)
        sandbox.script(Fault(endpoint="generate", action="status", status=400))
        with pytest.raises(RequestRefused):
            await animate(service, REMOTE, deadline=NOW)
        sandbox.script(Fault(endpoint="generate", action="reset_before"))
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, deadline=NOW)
        with pytest.raises(OverBudget):
            await animate(service, REMOTE, take=2, deadline=NOW)

    assert failed.cost_usd is None
    assert await spent(tmp_path) == PRICE


async def test_clips_that_nobody_watches_any_more_are_looked_at_before_anything_is_refused(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path, budget="0.60") as gone:
        failing = await animate(gone, REMOTE, prompt="sandbox:fail", deadline=NOW)
        await animate(gone, REMOTE, prompt="running", deadline=NOW)
    sandbox.finish(failing.prediction_id)
    async with service_at(base_url, directory=tmp_path, budget="0.60") as service:
        rehearsed = await rehearse(service, REMOTE)
        made = await animate(service, REMOTE, deadline=NOW)
        with pytest.raises(OverBudget):
            await animate(service, REMOTE, prompt="wind", deadline=NOW)

    assert isinstance(rehearsed, DryRun)
    assert "The budget allows it: $0.30 of $0.60 for 24 hours are left before it." in (rehearsed.notes or ())
    assert made.status == "processing"
    assert await spent(tmp_path) == 2 * PRICE


async def test_clips_that_cannot_be_looked_at_go_on_counting(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    async with service_at(base_url, directory=tmp_path, budget="0.30") as gone:
        failing = await animate(gone, REMOTE, prompt="sandbox:fail", deadline=NOW)
    sandbox.finish(failing.prediction_id)
    sandbox.script(Fault(endpoint="prediction", action="status", status=503, times=99))
    async with service_at(base_url, directory=tmp_path, budget="0.30") as service:
        with pytest.raises(OverBudget):
            await animate(service, REMOTE, deadline=NOW)

    assert len(sandbox.submissions) == 1


@pytest.mark.parametrize(("billed", "cost", "fits"), [(0.5, "0.15", True), (2.0, "0.60", False)])
async def test_an_actual_price_that_is_reported_later_corrects_the_books(
    tmp_path: Path, billed: float, cost: str, *, fits: bool
) -> None:
    sandbox = Sandbox(seconds=3600, short_side=64, billed=billed)
    with sandbox.running() as base_url:
        async with service_at(base_url, directory=tmp_path, budget="0.60") as service:
            first = await animate(service, REMOTE, prompt="one", deadline=NOW)
            sandbox.finish(first.prediction_id)
            clip = await look(service, first.prediction_id, deadline=LATER)
            assert await spent(tmp_path) == Decimal(cost)
            if fits:
                await animate(service, REMOTE, prompt="two", deadline=NOW)
            else:
                with pytest.raises(OverBudget, match=r"\$0\.60 of the \$0\.60"):
                    await animate(service, REMOTE, prompt="two", deadline=NOW)

    assert clip.cost_usd == float(cost)


async def test_a_budget_is_the_state_directorys_whoever_pays_and_however_the_address_is_spelled(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path, budget="0.50") as service:
        await animate(service, REMOTE, deadline=NOW)
    for key, address in (("another", base_url), (CANARY, base_url.replace("127.0.0.1", "LOCALHOST") + "/")):
        async with service_at(address, directory=tmp_path, budget="0.50", key=key) as service:
            with pytest.raises(OverBudget, match=r"\$0\.30 of the \$0\.50"):
                await animate(service, REMOTE, prompt="wind", deadline=NOW)

    assert len(sandbox.submissions) == 1
    assert await spent(tmp_path) == PRICE


def damage(directory: Path) -> None:
    for name in ("journal.sqlite3", "journal.sqlite3-wal"):
        if (directory / name).exists():
            (directory / name).write_bytes(b"damaged" * 1000)


def rows(*made: dict[str, object]) -> Fault:
    """A page of the account's history, in the shape that the vendor's own tools read, and no further page."""
    body = {"code": "200", "data": {"items": list(made), "total": str(len(made))}}
    return Fault(endpoint="history", action="status", status=200, body=json.dumps(body), times=99)


async def test_with_a_budget_and_no_journal_on_disk_nothing_is_submitted(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    (tmp_path / "state").write_bytes(b"not a directory")

    async with service_at(base_url, directory=tmp_path / "state", budget="0.50") as service:
        with pytest.raises(
            JournalUnusable, match=r"^Nothing was sent or paid\. ATLASCLOUD_BUDGET_USD is set, .* Fix that"
        ):
            await animate(service, REMOTE, deadline=NOW)
        assert {request.endpoint for request in sandbox.received} <= {"calculate"}
        (tmp_path / "state").unlink()
        made = await animate(service, REMOTE, deadline=NOW)

    assert made.notes is None
    assert await spent(tmp_path / "state") == PRICE


async def test_after_damage_the_accounts_own_history_counts_in_the_place_of_what_was_lost(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path, budget="0.70") as service:
        await animate(service, REMOTE, prompt="one", deadline=NOW)
        failing = await animate(service, REMOTE, prompt="sandbox:fail", deadline=NOW)
        sandbox.finish(failing.prediction_id)
    damage(tmp_path)
    async with service_at(base_url, directory=tmp_path, budget="0.70") as service:
        sandbox.script(Fault(endpoint="history", action="status", status=503, times=4))
        with pytest.raises(OverBudget, match=r"begun anew in the last 24 hours, .* cannot be counted: Atlas Cloud"):
            await animate(service, REMOTE, prompt="two", deadline=NOW)
        assert len(sandbox.submissions) == 2
        await animate(service, REMOTE, prompt="two", deadline=NOW)
    # The mark is in the file: it holds in other processes, and after a restart.
    async with service_at(base_url, directory=tmp_path, budget="0.70") as restarted:
        with pytest.raises(OverBudget, match=r"\$0\.60 of the \$0\.70"):
            await animate(restarted, REMOTE, prompt="three", deadline=NOW)
        rehearsed = await rehearse(restarted, REMOTE, prompt="three")

    assert isinstance(rehearsed, DryRun)
    assert "The budget would refuse it." in "".join(rehearsed.notes or ())
    assert await spent(tmp_path) == 2 * PRICE
    assert len(sandbox.submissions) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no open file")
async def test_a_state_directory_that_is_deleted_under_running_processes_breaks_no_budget(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    async with (
        service_at(base_url, directory=state, budget="0.70") as ours,
        service_at(base_url, directory=state, budget="0.70") as theirs,
    ):
        made = await animate(ours, REMOTE, prompt="one", deadline=NOW)
        await animate(theirs, REMOTE, prompt="two", deadline=NOW)
        shutil.rmtree(state)
        for service, prompt in ((theirs, "three"), (ours, "four")):
            with pytest.raises(OverBudget, match=r"\$0\.60 of the \$0\.70"):
                await animate(service, REMOTE, prompt=prompt, deadline=NOW)
        again = await animate(ours, REMOTE, prompt="one", deadline=NOW)

    assert (again.prediction_id, again.reused) == (made.prediction_id, True)
    assert len(sandbox.submissions) == 2


async def refused_after_damage(directory: Path, *faults: Fault) -> str:
    """What is said with a budget of $1.20 to who asks for a clip once the journal was damaged."""
    await anyio.Path(directory).mkdir(mode=0o700)
    await anyio.Path(directory / "journal.sqlite3").write_bytes(b"damaged" * 1000)
    sandbox = Sandbox(seconds=3600)
    sandbox.script(*faults)
    with sandbox.running() as base_url:
        async with service_at(base_url, directory=directory, budget="1.20") as service:
            with pytest.raises(OverBudget) as caught:
                await animate(service, REMOTE, deadline=NOW)
    assert sandbox.submissions == []
    return str(caught.value)


async def test_a_history_is_counted_row_by_row_and_not_at_all_where_that_cannot_be(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    asked = json.dumps({"model": STANDARD, "image": REMOTE})
    young = {"createdAt": now.isoformat(), "requestBody": asked}
    done = {"outputs": ["https://c.example/1.mp4"], "price": "0.10"}
    page = rows(
        {"ID": "running", "status": "processing", **young},
        {"ID": "priced", "status": "completed", "result": done, **young},
        {"ID": "failed", "status": "failed", **young},
        {"ID": "whenever", "status": "processing", "requestBody": asked},
        {"ID": "says-nothing", **young},
        {"ID": "old", "requestBody": asked, "createdAt": (now - timedelta(hours=25)).isoformat()},
    )
    endless = [
        rows({"ID": f"p{number}", "status": "failed", **young}).model_copy(update={"after": number, "times": 1})
        for number in range(30)
    ]

    assert "$1.00 of the $1.20" in await refused_after_damage(tmp_path / "counted", page)
    assert await spent(tmp_path / "counted") == 3 * PRICE + Decimal("0.10")
    said = await refused_after_damage(tmp_path / "unpriced", NO_PRICES, page)
    assert "cannot be counted: No price could be had for prediction" in said
    assert "cannot be counted: It has too many pages" in await refused_after_damage(tmp_path / "endless", *endless)


async def test_a_shorter_clip_may_fit_where_a_longer_one_does_not(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url, budget="0.40") as service:
        with pytest.raises(OverBudget, match=r"costs \$0\.50, .* it alone costs more than the whole budget"):
            await animate(service, REMOTE, duration=10, deadline=NOW)
        await animate(service, REMOTE, duration=6, deadline=NOW)

    assert [body["duration"] for body in sandbox.submissions] == [6]


MANY_CALLS = """
import sys, anyio
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from atlascloud_video_mcp.errors import OverBudget
from kit import REMOTE, animate, service_at

async def make(service, prompt, told):
    try:
        result = await animate(service, REMOTE, prompt=prompt)
    except OverBudget:
        told.append("refused")
    else:
        told.append(result.prediction_id)

async def main():
    told = []
    async with service_at(sys.argv[2], directory=Path(sys.argv[3]), budget=sys.argv[4]) as service:
        sys.stdin.readline()
        async with anyio.create_task_group() as tasks:
            for number in range(25):
                tasks.start_soon(make, service, f"{sys.argv[5]} {number}", told)
    print(*told, flush=True)

anyio.run(main)
"""


async def test_the_budget_holds_to_the_cent_under_50_calls_at_once_from_two_processes(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    budget = Decimal("2.23")
    told: list[str] = []

    async with AsyncExitStack() as stack:
        processes = []
        for name in ("one", "two"):
            arguments = [str(TESTS), base_url, str(tmp_path), str(budget), name]
            command = [sys.executable, "-c", MANY_CALLS, *arguments]
            process = await anyio.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None)
            processes.append(await stack.enter_async_context(process))
        for process in processes:
            assert process.stdin
            await process.stdin.send(b"\n")
        for process in processes:
            assert process.stdout
            told += b"".join([part async for part in process.stdout]).decode().split()

    assert len(told) == 50
    accepted = sorted(word for word in told if word != "refused")
    assert len(accepted) == budget // PRICE == 7
    assert accepted == sorted(prediction_id for prediction_id, _ in sandbox.accepted)
    assert await spent(tmp_path) == 7 * PRICE
    async with cloud_at(base_url) as cloud:
        assert await cloud.balance() == 100 - 7 * PRICE
        assert (await cloud.quote({"model": STANDARD, "image": REMOTE})).price == PRICE
