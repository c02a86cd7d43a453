"""The server as hosts run it: a process, its pipes, a real client, in both protocol eras."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import anyio
import httpx
import jsonschema
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import Implementation, TextResourceContents
from PIL import Image

from kit import CANARY, REMOTE, ROCKET, TINY, handed_on, only_id, text_of, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from scripted_sandbox import Sandbox

Era = Literal["auto", "legacy"]
ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "0"}},
}


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the servers' journals out of the home of whoever runs the tests."""
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(tmp_path_factory.mktemp("state")))


@asynccontextmanager
async def client_of(command: list[str], *arguments: str, era: Era = "auto", **env: str) -> AsyncGenerator[Client, None]:
    program, *rest = command
    parameters = StdioServerParameters(
        command=program, args=[*rest, *arguments], env=handed_on("COVERAGE_", "ATLASCLOUD_STATE_DIR") | env, cwd="/"
    )
    # One that is called mcp and shows no progress is answered after 4 s, sandbox or not; a busy machine needs longer.
    patient = Implementation(name="patient", version="1")
    async with Client(stdio_client(parameters), mode=era, client_info=patient) as client:
        yield client


@ERAS
async def test_a_picture_on_disk_becomes_a_clip_that_can_be_fetched(server_command: list[str], era: Era) -> None:
    told: list[tuple[float, float | None, str]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message or ""))

    async with client_of(server_command, "--sandbox", "--speed", "60", era=era) as client:
        result = await client.call_tool(
            "animate_image", {"image": ROCKET, "prompt": "[Push in]"}, progress_callback=hear
        )
        schema = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}["animate_image"]
        clip: dict[str, Any] = result.structured_content or {}
        async with httpx.AsyncClient(trust_env=False) as http:
            fetched = await http.get(clip["video_url"], timeout=60)
        await until(lambda: told and told[-1][0] == 100)

    assert schema is not None
    jsonschema.validate(clip, schema, format_checker=jsonschema.FormatChecker())
    assert clip["status"] == "completed"
    assert clip["sandbox"] is True
    assert fetched.content[4:8] == b"ftyp"
    values = [value for value, _, _ in told]
    assert values == sorted(set(values))
    assert {total for _, total, _ in told} == {100}
    stages = [message.split(" ")[0].rstrip(":") for _, _, message in told]
    assert list(dict.fromkeys(stages))[:3] == ["Checking", "Uploading", "Submitting"]
    assert all(clip["prediction_id"] in message for _, _, message in told[stages.index("Submitted") :])


@ERAS
async def test_what_goes_wrong_is_one_sentence_with_is_error(server_command: list[str], era: Era) -> None:
    async with client_of(server_command, era=era) as client:
        keyless = await client.call_tool("animate_image", {"image": ROCKET})
    async with client_of(server_command, "--sandbox", "--speed", "60", era=era) as client:
        refused = await client.call_tool("animate_image", {"image": TINY})
        failed = await client.call_tool(
            "animate_image", {"image": REMOTE, "prompt": "sandbox:fail", "wait_seconds": 60}
        )

    assert all(result.is_error for result in (refused, keyless, failed))
    assert "No API key is set. Create one at https://" in text_of(keyless)
    assert "300 px" in text_of(refused)
    assert 'The reason given: "Generation failed: Content moderation refused the prompt"' in text_of(failed)


@ERAS
async def test_a_host_reads_the_player_with_the_sandbox_among_what_it_may_load(
    server_command: list[str], era: Era
) -> None:
    async with client_of(server_command, "--sandbox", era=era) as client:
        (page,) = (await client.read_resource("ui://atlascloud-video/player.html")).contents
        uploaded = await client.call_tool("upload_image", {"image": ROCKET})

    assert isinstance(page, TextResourceContents)
    assert page.text.startswith("<!doctype html>")
    origin = (uploaded.structured_content or {})["url"].partition("/files/")[0]
    assert (page.meta or {})["ui"]["csp"]["resourceDomains"][-1] == origin


@ERAS
async def test_tools_are_listed_without_key_network_or_path(server_command: list[str], era: Era) -> None:
    async with client_of(server_command, era=era, PATH="", HOME="/nonexistent") as client:
        names = [tool.name for tool in (await client.list_tools()).tools]

    assert names == [
        "upload_image",
        "animate_image",
        "list_models",
        "get_prediction",
        "save_video",
        "list_predictions",
        "get_balance",
    ]


@ERAS
async def test_cancelling_a_call_leaves_the_server_answering_others(
    server_command: list[str], sandbox: Sandbox, base_url: str, era: Era
) -> None:
    settings = {"ATLASCLOUD_BASE_URL": base_url, "ATLASCLOUD_API_KEY": CANARY}
    async with client_of(server_command, era=era, **settings) as client:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "animate_image", {"image": REMOTE, "wait_seconds": 600})
                await until(lambda: sandbox.submissions)
                scope.cancel()
        prediction_id = await only_id(base_url)
        with anyio.fail_after(5):
            seen = await client.call_tool("get_prediction", {"prediction_id": prediction_id, "wait_seconds": 0})

    assert seen.structured_content is not None
    assert seen.structured_content["status"] == "processing"


def test_closing_stdin_ends_the_process_in_time_while_a_job_is_running(
    server_command: list[str], sandbox: Sandbox, base_url: str
) -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "animate_image", "arguments": {"image": REMOTE, "wait_seconds": 600}},
    }
    with started(server_command, ATLASCLOUD_BASE_URL=base_url, ATLASCLOUD_API_KEY=CANARY) as process:
        send(process, INITIALIZE, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call)
        anyio.run(until, lambda: sandbox.submissions)
        out, err = process.communicate(timeout=2)

    assert process.returncode == 0
    assert err == b""
    assert json.loads(out.splitlines()[0])["id"] == 1


def test_closing_stdin_ends_the_process_in_time_while_a_picture_is_converted(
    server_command: list[str], base_url: str, tmp_path: Path
) -> None:
    large = tmp_path / "large.webp"
    Image.linear_gradient("L").resize((5000, 5000)).save(large, method=0, quality=1)
    call = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "upload_image", "arguments": {"image": str(large)}, "_meta": {"progressToken": 1}},
    }
    with started(server_command, ATLASCLOUD_BASE_URL=base_url, ATLASCLOUD_API_KEY=CANARY) as process:
        send(process, INITIALIZE, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call)
        assert process.stdout is not None
        assert any(b"Checking" in line for line in process.stdout)
        process.communicate(timeout=2)

    assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_an_interrupt_ends_the_process_although_stdin_is_open(server_command: list[str]) -> None:
    with started(server_command) as process:
        send(process, INITIALIZE)
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(2) == -signal.SIGINT


def test_nothing_but_protocol_reaches_stdout_and_the_key_reaches_nothing(
    server_command: list[str], base_url: str
) -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "animate_image", "arguments": {"image": ROCKET, "wait_seconds": 0}},
    }
    settings = {"ATLASCLOUD_BASE_URL": base_url, "ATLASCLOUD_API_KEY": CANARY, "ATLASCLOUD_LOG_LEVEL": "DEBUG"}
    with started(server_command, **settings) as process:
        send(process, INITIALIZE, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call)
        assert process.stdout is not None
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        out, err = process.communicate(timeout=10)

    assert {answer["id"] for answer in answers} == {1, 2}
    assert out == b""
    assert b"generateVideo" in err
    assert CANARY.encode() not in err
    assert CANARY not in json.dumps(answers)


def test_a_setting_that_makes_no_sense_stops_the_program_with_one_line(server_command: list[str]) -> None:
    with started(server_command, ATLASCLOUD_MAX_WAIT="soon") as process:
        out, err = process.communicate(timeout=20)

    assert process.returncode == 2
    assert out == b""
    assert err.decode() == (
        "atlascloud-video-mcp: ATLASCLOUD_MAX_WAIT is 'soon': it takes a number of seconds, 0 or more (0: never wait)\n"
    )


async def test_the_demo_leaves_a_clip_in_the_current_directory_over_nothing_that_was_there(
    server_command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "rocket.mp4").write_bytes(b"mine")
    command = [*server_command, "--speed", "60", "demo"]

    done = await anyio.run_process(command, cwd=tmp_path, check=False)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rocket.mp4").read_bytes() == b"mine"
    assert (tmp_path / "rocket-2.mp4").read_bytes()[4:8] == b"ftyp"
    assert "rocket-2.mp4" in done.stdout.decode()


def started(command: list[str], **env: str) -> subprocess.Popen[bytes]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    bare = handed_on("PATH", "SYSTEMROOT", "COVERAGE_", "ATLASCLOUD_STATE_DIR")
    return subprocess.Popen(command, env=bare | env, **pipes)  # type: ignore[call-overload,no-any-return]


def send(process: subprocess.Popen[bytes], *messages: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
    process.stdin.flush()
