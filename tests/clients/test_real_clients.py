"""The server in the hands of real clients, not only those of its own SDK, each with its own defaults.

All at the same time, for the generation takes 90 real seconds: whoever gives a call up sooner, as most do, must get
its clip all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from page import PAGE, page
from roster import CLIENTS
from scripted_sandbox import Sandbox
from turn import Outcome, Turn

if TYPE_CHECKING:
    from pathlib import Path

    from roster import Client

GENERATION = 90.0  # seconds
AT_ONCE = 2  # clients that start

each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.key)


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What came of each client that a selected test is about."""
    asked = [getattr(item, "callspec", None) for item in request.session.items]
    clients = CLIENTS if None in asked else {spec.params["client"]: None for spec in asked if spec}
    return anyio.run(_drive, list(clients), tmp_path_factory.mktemp("clients"))


async def _drive(clients: list[Client], directory: Path) -> dict[str, Outcome]:
    sandbox = Sandbox(seconds=GENERATION, short_side=64)
    starting = anyio.Semaphore(AT_ONCE)
    with sandbox.running() as base_url:
        turns = [Turn(client, sandbox, base_url, directory / client.key) for client in clients]
        async with anyio.create_task_group() as tasks:
            for turn in turns:
                tasks.start_soon(turn.run, starting)
    return {turn.outcome.client.key: turn.outcome for turn in turns}


@each_client
def test_it_gets_its_clip_by_doing_as_the_answers_say(client: Client, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[client.key]

    if outcome.failure:
        pytest.fail(outcome.failure)
    assert outcome.course.calls in client.calls


@each_client
def test_progress_goes_on_to_the_end_where_it_is_shown(client: Client, outcomes: dict[str, Outcome]) -> None:
    heard = outcomes[client.key].course.heard

    # It comes every 5 seconds; the rest is allowance for a busy machine.
    assert heard >= GENERATION / 7.5 if client.listens else heard == 0


@each_client
def test_whatever_it_gives_up_is_paid_once(client: Client, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[client.key]

    assert outcome.paid == dict.fromkeys(client.wants, 1), outcome.failure


@each_client
def test_nothing_but_protocol_reaches_it(client: Client, outcomes: dict[str, Outcome]) -> None:
    wire = outcomes[client.key].wire

    assert wire is not None, outcomes[client.key].failure
    assert [line.message for line in wire.lines if line.sender == "server"]


def test_the_page_about_clients_says_what_was_seen(
    outcomes: dict[str, Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    written, seen = PAGE.read_text(encoding="utf-8"), page(outcomes.values())
    with capsys.disabled():
        for key, outcome in outcomes.items():
            starts = outcome.wire.cold_starts if outcome.wire else []
            print(
                f"{key}: {outcome.course.calls} calls, clip after {outcome.course.seconds:.0f} s, "
                f"{outcome.course.heard} notifications, first answer of a server after {max(starts, default=0):.1f} s"
            )
    if seen != written:
        PAGE.write_text(seen, encoding="utf-8")

    assert seen == written, "docs/clients.md is written anew: see whether the difference is meant"
