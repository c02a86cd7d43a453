"""A generation as a task of MCP, as clients that declare the Tasks extension see it, on bare lines of the protocol."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from atlascloud_video_mcp.cloud.reports import Report
from atlascloud_video_mcp.journal import Journal
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.server.sessions import run_session
from atlascloud_video_mcp.server.stdio.opening import recorded
from atlascloud_video_mcp.server.stdio.pipe import Line
from atlascloud_video_mcp.server.tasks import TASKS
from kit import REMOTE, ROCKET, as_sent, polls, service_at, until
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from anyio.streams.memory import MemoryObjectSendStream

MODERN = "2026-07-28"
METHODS = pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel", "tasks/update"])


class Session:
    """A client in the version of 2026-07-28 that says with each request what it takes."""

    def __init__(self, lines: MemoryObjectSendStream[Line]) -> None:
        self._lines = lines
        self._answers: dict[int, dict[str, Any]] = {}

    async def hear(self, text: str) -> None:
        message = json.loads(text)
        if "id" in message:
            self._answers[message["id"]] = message

    async def ask(self, method: str, *, declares: bool = True, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """The result or error of a request, with `isError` and the like as they stand on the wire."""
        number = len(self._answers) + 1
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "claude-code", "version": "2.1.332"},
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}} if declares else {},
        }
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": {"_meta": meta, **params}}
        await self._lines.send(Line(json.dumps(request) + "\n", anyio.current_time()))
        await until(lambda: number in self._answers)
        return self._answers[number]

    async def animate(self, *, declares: bool = True, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        wanted = {"image": REMOTE, **arguments}
        answer = await self.ask("tools/call", declares=declares, name="animate_image", arguments=wanted)
        result: dict[str, Any] = answer["result"]
        return result

    async def get(self, task_id: str) -> dict[str, Any]:
        answer = await self.ask("tasks/get", taskId=task_id)
        result: dict[str, Any] = answer["result"]
        return result


@asynccontextmanager
async def session(base_url: str, **options: Any) -> AsyncGenerator[Session, None]:  # noqa: ANN401 - of service_at
    send, lines = anyio.create_memory_object_stream[Line](1)
    client = Session(send)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_session, build_server(lambda: service_at(base_url, **options)), lines, client.hear)
        yield client
        send.close()


def test_discovery_names_the_extension_before_the_sdk_is_loaded() -> None:
    assert recorded()[MODERN]["server/discover"]["result"]["capabilities"]["extensions"][TASKS] == {}


async def test_the_task_is_there_as_soon_as_the_id_is_in_the_journal_whatever_the_call_would_wait(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with session(base_url, directory=tmp_path) as client:
        with anyio.fail_after(30):
            task = await client.animate(wait_seconds=600)
        async with Journal(tmp_path) as journal:
            entry = await journal.submission_of(task["taskId"])

    assert entry
    assert (task["resultType"], task["status"]) == ("task", "working")
    assert [prediction_id for prediction_id, _ in sandbox.accepted] == [task["taskId"]]
    assert task["pollIntervalMs"] >= 2000
    assert task["statusMessage"].startswith("Still rendering: 0 s of about 0 s")
    assert abs(datetime.fromisoformat(task["createdAt"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert task["lastUpdatedAt"] >= task["createdAt"]


async def test_a_task_lives_as_long_as_its_clip(base_url: str) -> None:
    async with session(base_url) as client:
        task = await client.animate()
        assert task["ttlMs"] == 14 * 24 * 3600 * 1000  # Atlas Cloud deletes a clip 14 days after submission


@pytest.mark.parametrize("options", [{"dry_run": True}, {"duration": 7}, {"image": "/nope/cat.png"}])
async def test_a_dry_run_and_an_error_are_no_tasks(sandbox: Sandbox, base_url: str, options: dict[str, Any]) -> None:
    async with session(base_url) as client:
        result = await client.animate(**options)

    assert result["resultType"] == "complete"
    assert "taskId" not in result
    assert sandbox.submissions == []


async def test_what_is_finished_is_no_task(sandbox: Sandbox, base_url: str) -> None:
    async with session(base_url) as client:
        task = await client.animate()
        sandbox.finish(task["taskId"])
        await until(lambda: polls(sandbox) > 0)
        clip = await client.animate()

    assert clip["resultType"] == "complete"
    assert clip["structuredContent"]["status"] == "completed"


async def test_who_does_not_declare_it_gets_no_task(base_url: str) -> None:
    async with session(base_url) as client:
        result = await client.animate(declares=False, wait_seconds=0)

    assert result["structuredContent"]["status"] == "processing"
    assert "taskId" not in result


async def test_other_tools_are_no_tasks(base_url: str) -> None:
    async with session(base_url) as client:
        task = await client.animate()
        wanted = {"prediction_id": task["taskId"], "wait_seconds": 0}
        answer = await client.ask("tools/call", name="get_prediction", arguments=wanted)

    assert answer["result"]["structuredContent"]["status"] == "processing"


async def test_the_finished_task_hands_over_what_the_tool_would_have_answered(sandbox: Sandbox, base_url: str) -> None:
    async with session(base_url) as client:
        task = await client.animate(image=ROCKET)
        working = await client.get(task["taskId"])
        sandbox.finish(task["taskId"])
        done = await ended(client, task["taskId"])
        waited = await client.ask(
            "tools/call", name="get_prediction", arguments={"prediction_id": task["taskId"]}, declares=False
        )

    assert working["status"] == "working"
    assert (done["taskId"], done["status"], done["createdAt"]) == (task["taskId"], "completed", working["createdAt"])
    assert "pollIntervalMs" not in done
    expected = {name: value for name, value in waited["result"].items() if name in {"content", "structuredContent"}}
    assert {name: value for name, value in done["result"].items() if name in expected} == expected
    assert done["result"]["isError"] is False
    assert [block["type"] for block in done["result"]["content"]] == ["text", "resource_link"]


async def ended(client: Session, task_id: str) -> dict[str, Any]:
    with anyio.fail_after(60):
        while True:
            task = await client.get(task_id)
            if task["status"] != "working":
                return task
            await anyio.sleep(0.01)


async def test_a_failed_generation_is_completed_with_an_error(sandbox: Sandbox, base_url: str) -> None:
    async with session(base_url) as client:
        task = await client.animate(prompt="sandbox:fail")
        sandbox.finish(task["taskId"])
        done = await ended(client, task["taskId"])

    assert done["status"] == "completed"
    assert done["result"]["isError"] is True
    assert done["result"]["structuredContent"]["status"] == "failed"


async def test_a_task_that_is_to_be_saved_works_until_the_clip_is_on_disk(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with session(base_url) as client:
        task = await client.animate(image=ROCKET, save_to=str(tmp_path / "rocket.mp4"))
        sandbox.finish(task["taskId"])
        done = await ended(client, task["taskId"])

    assert done["result"]["structuredContent"]["saved_path"] == str((tmp_path / "rocket.mp4").resolve())


async def test_another_process_and_the_next_one_know_the_task(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    async with session(base_url, directory=tmp_path) as client, session(base_url, directory=tmp_path) as other:
        task = await client.animate()
        working = await other.get(task["taskId"])
    sandbox.finish(task["taskId"])
    async with session(base_url, directory=tmp_path) as client:
        done = await ended(client, task["taskId"])

    assert (working["status"], done["status"]) == ("working", "completed")
    assert len(sandbox.submissions) == 1


async def test_asking_for_a_task_adds_no_look_to_those_of_its_watch(sandbox: Sandbox, base_url: str) -> None:
    async with session(base_url, poll_interval=600) as client:
        task = await client.animate()
        before = polls(sandbox)
        for _ in range(5):
            await client.get(task["taskId"])

    assert polls(sandbox) == before


async def test_cancelling_is_acknowledged_and_stops_nothing_that_is_paid_for(sandbox: Sandbox, base_url: str) -> None:
    async with session(base_url) as client:
        task = await client.animate()
        cancelled = await client.ask("tasks/cancel", taskId=task["taskId"])
        updated = await client.ask("tasks/update", taskId=task["taskId"], inputResponses={})
        sandbox.finish(task["taskId"])
        done = await ended(client, task["taskId"])

    for answer in (cancelled, updated):
        assert answer["result"]["resultType"] == "complete"
        assert set(answer["result"]) <= {"resultType", "_meta"}
    assert done["result"]["structuredContent"]["status"] == "completed"


@METHODS
@pytest.mark.parametrize("task_id", ["never-made", "sandbox-0123", "../secret", "", None, 5.5, ["p1"]])
async def test_an_id_that_is_none_or_unknown_is_an_invalid_parameter(
    base_url: str, method: str, task_id: object
) -> None:
    async with session(base_url) as client:
        params: dict[str, Any] = {} if task_id is None else {"taskId": task_id}
        answer = await client.ask(method, **params)

    assert answer["error"]["code"] == -32602
    assert "Traceback" not in answer["error"]["message"]


@METHODS
async def test_who_did_not_declare_the_extension_is_told_what_is_missing(base_url: str, method: str) -> None:
    async with session(base_url) as client:
        answer = await client.ask(method, declares=False, taskId="never-made")

    assert answer["error"]["code"] == -32021
    assert answer["error"]["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


@METHODS
async def test_an_outage_is_never_an_unknown_id(method: str, tmp_path: Path) -> None:
    """What the API cannot be asked about is told as the journal knows it; what that does not know is no unknown id."""
    sandbox = Sandbox(seconds=3600)
    with sandbox.running() as base_url:
        async with session(base_url, directory=tmp_path) as client:
            task = await client.animate()
        sandbox.script(Fault(endpoint="prediction", action="status", status=503, times=1000))
        async with session(base_url, directory=tmp_path) as client:
            known = await client.ask(method, taskId=task["taskId"])
            unknown = await client.ask(method, taskId="never-made")

    if method == "tasks/get":
        assert known["result"]["status"] == "working"
        assert known["result"]["pollIntervalMs"] >= 2000
    assert known["result"]["resultType"] == "complete"
    assert unknown["error"]["code"] == -32603


async def test_without_a_key_the_journal_answers(base_url: str, tmp_path: Path) -> None:
    async with session(base_url, directory=tmp_path) as client:
        task = await client.animate()
    async with session(base_url, directory=tmp_path, key=None) as client:
        assert (await client.get(task["taskId"]))["status"] == "working"


async def test_a_task_whose_prediction_the_api_has_lost_ends_with_what_is_known(base_url: str, tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=20)
    async with Journal(tmp_path) as journal:
        claim = await journal.claim("key")
        await journal.mark_sending(as_sent(claim.submission.intent_id, {"model": "m"}, []))
        await journal.mark_submitted(
            claim.submission.intent_id, Report.model_validate({"id": "gone-1", "status": "processing"}), long_ago
        )
    async with session(base_url, directory=tmp_path) as client:
        task = await client.get("gone-1")

    assert task["status"] == "completed"
    assert "no longer has this prediction" in str(task["result"]["structuredContent"]["notes"])


def test_a_request_about_a_task_is_answered_by_the_whole_server_over_stdio(
    server_command: list[str], tmp_path: Path
) -> None:
    """`server/discover` is answered before the SDK is loaded; what the extension serves makes it take over."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "claude-code", "version": "2.1.332"},
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}},
    }
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}},
        {"jsonrpc": "2.0", "id": 2, "method": "tasks/get", "params": {"_meta": meta, "taskId": "../secret"}},
        {"jsonrpc": "2.0", "id": 3, "method": "tasks/get", "params": {"_meta": meta, "taskId": "sandbox-01"}},
    ]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ATLASCLOUD_STATE_DIR": str(tmp_path / "state")}
    process = subprocess.Popen(server_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    assert process.stdin
    assert process.stdout
    with process:
        process.stdin.write("".join(json.dumps(request) + "\n" for request in requests).encode())
        process.stdin.flush()
        answers = {each["id"]: each for each in (json.loads(process.stdout.readline()) for _ in requests)}
        process.stdin.close()

    assert TASKS in answers[1]["result"]["capabilities"]["extensions"]
    assert [answers[number]["error"]["code"] for number in (2, 3)] == [-32602, -32602]
    assert "a built-in sandbox that has ended" in answers[3]["error"]["message"]
