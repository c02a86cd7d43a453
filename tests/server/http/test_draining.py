"""SIGTERM: every call comes to its end, and what was begun is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import anyio
import httpx
import pytest

from http_kit import ERAS, client_of, data_uri, eventually, raw, replica_at
from kit import PHOTOS, REMOTE, polls, requests_to, text_of, until
from scripted_sandbox import Fault

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from http_kit import Era, Replica
    from scripted_sandbox import Sandbox

NEVER = 600.0  # seconds


async def animated(replica: Replica, era: Era, results: list[CallToolResult], image: str = REMOTE) -> None:
    async with client_of(replica.url, era=era) as client:
        await client.list_tools()  # else it asks afterwards, to check the answer against the schema
        results.append(await client.call_tool("animate_image", {"image": image}))


@ERAS
async def test_a_call_that_waits_is_told_its_id_at_once(sandbox: Sandbox, base_url: str, era: Era) -> None:
    results: list[CallToolResult] = []
    async with replica_at(base_url, patience=NEVER) as replica:
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(animated, replica, era, results)
                await until(lambda: polls(sandbox) > 0)
                replica.terminate()
            await replica.ended.wait()

    assert not results[0].is_error
    assert "Still rendering" in text_of(results[0])
    assert sandbox.accepted[0][0] in text_of(results[0])


@ERAS
async def test_a_call_without_an_id_yet_goes_on_to_it(sandbox: Sandbox, base_url: str, era: Era) -> None:
    sandbox.script(Fault(endpoint="generate", action="delay_after", seconds=0.5))
    results: list[CallToolResult] = []
    async with replica_at(base_url, patience=NEVER) as replica:
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(animated, replica, era, results)
                await until(lambda: requests_to(sandbox, "generate") > 0)
                replica.terminate()
            await replica.ended.wait()

    assert "Still rendering" in text_of(results[0])
    assert sandbox.accepted[0][0] in text_of(results[0])


@ERAS
@pytest.mark.parametrize(
    ("endpoint", "stands"),
    [
        ("upload", "Nothing was submitted or paid by this call so far."),
        ("generate", "The request was sent and may be running and paid; calling again joins it"),
    ],
)
async def test_a_call_that_comes_to_none_in_time_is_told_what_stands(
    sandbox: Sandbox, base_url: str, era: Era, endpoint: Literal["upload", "generate"], stands: str
) -> None:
    sandbox.script(Fault(endpoint=endpoint, action="delay_after", seconds=5, times=9))
    results: list[CallToolResult] = []
    async with replica_at(base_url, patience=0.2) as replica:
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(animated, replica, era, results, data_uri(PHOTOS / "rocket.jpg"))
                await until(lambda: requests_to(sandbox, endpoint) > 0)
                replica.terminate()
            await replica.ended.wait()

    assert results[0].is_error
    told = text_of(results[0])
    assert "this server is stopping" in told
    assert stands in told
    assert "Next: the same call with the same arguments" in told
    assert len(sandbox.submissions) == (endpoint == "generate")


async def test_while_it_lingers_it_is_not_ready_and_calls_are_still_answered(sandbox: Sandbox, base_url: str) -> None:
    results: list[CallToolResult] = []
    async with replica_at(base_url, linger=NEVER, patience=NEVER) as replica, raw(replica.url) as http:
        before = await http.get("/readyz")
        replica.terminate()
        await eventually(replica.stopping.begun.is_set)
        after = await http.get("/readyz")
        alive = await http.get("/healthz")
        probed = await http.post("/probe?seconds=70")
        await animated(replica, "auto", results)

    replica.stopping.begin()  # a second time changes nothing
    assert (before.status_code, after.status_code, alive.status_code) == (200, 503, 200)
    assert (before.json()["ready"], after.json()["ready"]) == (True, False)
    assert probed.json() == {"seconds": 70.0}
    assert sandbox.accepted[0][0] in text_of(results[0])


async def test_then_it_takes_no_more(base_url: str) -> None:
    async with replica_at(base_url) as replica:
        replica.terminate()
        await replica.ended.wait()
        async with raw(replica.url) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get("/healthz")
