"""Who comes in: tokens in a real database, at real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from atlascloud_video_mcp.journal import Journal
from atlascloud_video_mcp.server.http.access import People
from http_kit import (
    ANN,
    BOB,
    ERAS,
    EVE,
    HANDSHAKE,
    answer_in,
    bearer,
    call,
    client_of,
    initialize,
    issue,
    raw,
    ready_again,
    replica_at,
    team_at,
)
from kit import REMOTE, text_of

if TYPE_CHECKING:
    from http_kit import Era
    from postgresql import Cluster
    from scripted_sandbox import Sandbox


@pytest.mark.parametrize(
    "headers", [{}, bearer("guessed"), {"authorization": "Basic YTpi"}, {"authorization": "Bearer"}]
)
@pytest.mark.parametrize("path", ["/mcp", "/probe"])
async def test_without_a_token_nobody_comes_in_and_is_told_how(
    base_url: str, database_url: str, headers: dict[str, str], path: str
) -> None:
    async with team_at(base_url, database_url) as replica, raw(replica.url) as http:
        response = await http.post(path, json=initialize(), headers=headers)
        where = response.headers["www-authenticate"].partition('resource_metadata="')[2].partition('"')[0]
        metadata = await http.get(where)

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer ")
    assert metadata.json()["resource"] == f"{replica.url}/mcp"


async def test_health_takes_no_token_and_tells_both_clocks(base_url: str, database_url: str) -> None:
    async with team_at(base_url, database_url) as replica, raw(replica.url, **bearer("guessed")) as http:
        lives, ready = await http.get("/healthz"), await http.get("/readyz")
        again = await http.get("/readyz")

    assert (lives.status_code, ready.status_code) == (200, 200)
    assert ready.json()["database"] == "ok"
    assert ready.json()["database_time"].endswith("+00:00")
    assert again.json() == ready.json()  # one look serves all who ask within a second


@ERAS
async def test_a_token_lets_in_until_it_is_revoked(base_url: str, database_url: str, era: Era) -> None:
    async with team_at(base_url, database_url) as replica:
        async with client_of(replica.url, era=era, token=ANN) as client:
            before = await client.call_tool("get_balance", {})
        async with raw(replica.url, **bearer(ANN)) as http:
            await replica.service.journal.revoke_token("ann")
            after = await http.post("/mcp", json=call("get_balance"))

    assert not before.is_error
    assert after.status_code == 401


async def test_what_the_database_said_is_good_for_five_seconds(database_url: str) -> None:
    now = 0.0
    async with Journal(database_url) as journal:
        people = People(journal, may_be_open=True, clock=lambda: now)
        assert await people.open_to_all()
        await issue(journal, ANN)
        assert await people.open_to_all()
        token = await people.verify_token(ANN)
        assert token
        assert (token.client_id, token.token) == ("ann", "")
        await journal.revoke_token("ann")
        now = 4.9
        assert await people.verify_token(ANN)
        now = 5.0
        assert await people.verify_token(ANN) is None
        assert not await people.open_to_all()
        await issue(journal, BOB)
        assert await people.verify_token(BOB)


async def test_whoever_guesses_tokens_does_not_fill_the_memory(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlascloud_video_mcp.server.http.access._MOST_REMEMBERED", 3)
    async with Journal(database_url) as journal:
        await issue(journal, ANN)
        people = People(journal, may_be_open=False, clock=lambda: 0.0)
        assert await people.verify_token(ANN)
        await journal.revoke_token("ann")
        assert await people.verify_token(ANN)  # still remembered
        assert [await people.verify_token(str(number)) for number in range(3)] == [None] * 3
        assert await people.verify_token(ANN) is None


async def test_until_the_first_token_is_given_out_this_machine_needs_none(base_url: str, database_url: str) -> None:
    async with replica_at(base_url, directory=database_url) as replica, raw(replica.url) as http:
        before = await http.post("/mcp", json=call("get_balance"))
        await issue(replica.service.journal, ANN)
        after = await http.post("/mcp", json=call("get_balance"))

    assert (before.status_code, after.status_code) == (200, 401)


async def test_behind_a_proxy_a_token_is_needed_from_the_start(base_url: str) -> None:
    async with (
        replica_at(base_url, public_url="https://video.example") as replica,
        raw(replica.url, host="video.example") as http,
    ):
        response = await http.post("/mcp", json=call("get_balance"))

    assert response.status_code == 401


async def test_a_database_that_is_away_is_no_wrong_token(base_url: str, database_url: str, postgresql: Cluster) -> None:
    async with team_at(base_url, database_url) as replica, raw(replica.url, **bearer(ANN)) as http:
        postgresql.stop()
        try:
            away = await http.post("/mcp", json=call("get_balance"))
            ready = await http.get("/readyz")
            lives = await http.get("/healthz")
        finally:
            postgresql.start()
        await ready_again(http)
        back = await http.post("/mcp", json=call("get_balance"))

    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert away.json()["error"]
    assert "www-authenticate" not in away.headers
    assert (ready.status_code, ready.json()["database"], lives.status_code) == (503, "unavailable", 200)
    assert back.status_code == 200


async def test_a_session_is_its_owners_alone(base_url: str, database_url: str) -> None:
    async with team_at(base_url, database_url) as replica, raw(replica.url) as http:
        greeted = await http.post("/mcp", json=initialize(), headers=bearer(ANN))
        known = {"mcp-protocol-version": HANDSHAKE, "mcp-session-id": greeted.headers["mcp-session-id"]}
        hers = await http.post("/mcp", json=call("get_balance"), headers=known | bearer(ANN))
        his = await http.post("/mcp", json=call("get_balance"), headers=known | bearer(BOB))

    assert (hers.status_code, his.status_code) == (200, 404)


@ERAS
async def test_people_on_two_replicas_pay_once_and_see_what_they_asked_for(
    sandbox: Sandbox, base_url: str, database_url: str, era: Era
) -> None:
    arguments = {"image": REMOTE, "wait_seconds": 0}
    async with (
        team_at(base_url, database_url) as one,
        replica_at(base_url, directory=database_url) as other,
        client_of(one.url, era=era, token=ANN) as ann,
        client_of(other.url, era=era, token=BOB) as bob,
    ):
        first = await ann.call_tool("animate_image", arguments)
        clip = (first.structured_content or {})["prediction_id"]
        unseen = [
            await bob.call_tool("get_prediction", {"prediction_id": clip, "wait_seconds": 0}),
            await bob.call_tool("get_prediction", {"prediction_id": "0" * 32, "wait_seconds": 0}),
        ]
        none = await bob.call_tool("list_predictions", {})
        joined = await bob.call_tool("animate_image", arguments)
        listed = await bob.call_tool("list_predictions", {})

    assert len(sandbox.submissions) == 1
    assert all(each.is_error for each in unseen)
    assert len({text_of(each).replace(clip, "0" * 32) for each in unseen}) == 1
    assert (none.structured_content or {})["predictions"] == []
    assert (joined.structured_content or {})["prediction_id"] == clip
    assert [each["prediction_id"] for each in (listed.structured_content or {})["predictions"]] == [clip]


@ERAS
async def test_whoever_may_only_look_can_neither_spend_nor_upload(
    sandbox: Sandbox, base_url: str, database_url: str, era: Era
) -> None:
    async with team_at(base_url, database_url) as replica, client_of(replica.url, era=era, token=EVE) as client:
        refused = [
            await client.call_tool("animate_image", {"image": REMOTE}),
            await client.call_tool("create_upload", {}),
        ]
        looked = await client.call_tool("get_balance", {})

    assert all(each.is_error and "may look" in text_of(each) for each in refused)
    assert not looked.is_error
    assert sandbox.submissions == []


async def test_a_task_is_found_by_any_replica_for_its_person_alone(base_url: str, database_url: str) -> None:
    def asked(method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "claude-code", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
        }
        return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": meta}}

    def routed(token: str, method: str, name: str = "") -> dict[str, str]:
        names = {"mcp-name": name} if name else {}
        return bearer(token) | {"mcp-protocol-version": "2026-07-28", "mcp-method": method} | names

    async with (
        team_at(base_url, database_url) as one,
        replica_at(base_url, directory=database_url) as other,
        raw(one.url) as http,
        raw(other.url) as elsewhere,
    ):
        begun = await http.post(
            "/mcp",
            json=asked("tools/call", name="animate_image", arguments={"image": REMOTE}),
            headers=routed(ANN, "tools/call", "animate_image"),
        )
        task = answer_in(begun)["result"]["taskId"]
        look = asked("tasks/get", taskId=task)
        hers = await elsewhere.post("/mcp", json=look, headers=routed(ANN, "tasks/get", task))
        his = await elsewhere.post("/mcp", json=look, headers=routed(BOB, "tasks/get", task))

    assert answer_in(hers)["result"]["status"] == "working"
    assert "You asked for no prediction" in answer_in(his)["error"]["message"]
