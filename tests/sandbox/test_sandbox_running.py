"""Starting and stopping the sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

import atlascloud_sandbox
from kit import FAST, PRO, STANDARD
from sandbox_kit import account, poll, submit, wait_until
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def stopping_takes_less_than(seconds: float, running: contextlib.ExitStack) -> Iterator[None]:
    """Do the body, then close the stack and look at the clock."""
    yield
    started = time.monotonic()
    running.close()
    assert time.monotonic() - started < seconds


def test_it_listens_on_loopback_at_the_port_it_is_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Sandbox().running(port) as base_url:
        assert base_url == f"http://127.0.0.1:{port}/api/v1"
        assert httpx.get(f"{base_url}/models", headers={"user-agent": "t"}, trust_env=False).status_code == 200


def test_what_is_shipped_runs_by_itself_and_has_the_hailuo_family() -> None:
    with atlascloud_sandbox.Sandbox(atlascloud_sandbox.Account(seconds=0)).running() as base_url:
        answer = httpx.get(f"{base_url}/models", headers={"user-agent": "t"}, trust_env=False)
    assert {entry["model"] for entry in answer.json()["data"]} == {STANDARD, PRO, FAST}


def test_a_taken_port_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1 port {port}"), Sandbox().running(port):
            pytest.fail("the sandbox started on a port that was taken")


def test_the_port_is_free_again_afterwards() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        client.get("/models")
        port = client.base_url.port or 0
    with sandbox.running(port) as base_url:
        assert str(port) in base_url


def test_it_stops_at_once_with_a_connection_kept_open() -> None:
    stack = contextlib.ExitStack()
    with stopping_takes_less_than(0.5, stack):
        base_url = stack.enter_context(Sandbox().running())
        client = httpx.Client(base_url=base_url, headers={"user-agent": "t"}, trust_env=False)
        assert client.get("/models").status_code == 200
    client.close()


def test_it_stops_at_once_while_an_answer_is_delayed() -> None:
    stack, sandbox = contextlib.ExitStack(), Sandbox(faults=[Fault(endpoint="models", action="delay", seconds=60)])
    with ThreadPoolExecutor(1) as pool:
        with stopping_takes_less_than(0.5, stack):
            client = stack.enter_context(account(sandbox))
            waiting = pool.submit(client.get, "/models")
            wait_until(lambda: len(sandbox.received) == 1)
        with pytest.raises(httpx.TransportError):
            waiting.result(timeout=10)


def test_it_stops_at_once_while_a_clip_is_rendered_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stack, sandbox = contextlib.ExitStack(), Sandbox(seconds=0, short_side=1080)
    with ThreadPoolExecutor(1) as pool:
        with stopping_takes_less_than(0.5, stack):
            base_url = stack.enter_context(sandbox.running())
            client = httpx.Client(
                base_url=base_url, headers={"user-agent": "t", "authorization": "Bearer k"}, trust_env=False
            )
            [video] = poll(client, submit(client))["outputs"]
            waiting = pool.submit(client.get, video)
            wait_until(lambda: bool(list(tmp_path.glob("*/*.part"))))
        with pytest.raises(httpx.TransportError):
            waiting.result(timeout=10)
    client.close()
    assert list(tmp_path.iterdir()) == []


def test_clips_are_removed_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with account(Sandbox(seconds=0, short_side=96)) as client:
        [video] = poll(client, submit(client))["outputs"]
        client.get(video)
        assert len(list(tmp_path.glob("*/*.mp4"))) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_the_block_stops_the_sandbox_and_comes_out() -> None:
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="from the block"), Sandbox().running():
        raise RuntimeError("from the block")
    wait_until(lambda: threading.active_count() <= before)


def test_a_client_that_leaves_in_the_middle_of_a_request_does_no_harm() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
            head = (
                "POST /api/v1/model/generateVideo HTTP/1.1\r\nHost: s\r\nUser-Agent: t\r\nContent-Length: 99\r\n\r\n{"
            )
            connection.sendall(head.encode())
        wait_until(lambda: len(sandbox.received) == 1)
        assert client.get("/models").status_code == 200
    assert sandbox.submissions == []


def test_the_date_of_answers_moves_on() -> None:
    with account(Sandbox()) as client:
        first = client.get("/models").headers["date"]
        wait_until(lambda: client.get("/models").headers["date"] != first)


async def test_an_event_loop_of_the_caller_is_not_in_the_way() -> None:
    with Sandbox().running() as base_url:
        async with httpx.AsyncClient(headers={"user-agent": "t"}, trust_env=False) as client:
            answers = await asyncio.gather(*(client.get(f"{base_url}/models") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}


def test_two_sandboxes_are_two_accounts() -> None:
    one, other = Sandbox(), Sandbox()
    with account(one) as first, account(other) as second:
        submit(first)
        assert second.get("/model/history").json()["data"]["total"] == 0
    assert (len(one.submissions), len(other.submissions)) == (1, 0)


def test_a_sandbox_that_runs_again_remembers_its_account() -> None:
    sandbox = Sandbox(seconds=0, short_side=96)
    with account(sandbox) as client:
        prediction_id = submit(client)
    with account(sandbox) as client:
        [video] = poll(client, prediction_id)["outputs"]
        assert client.get(video).content[4:8] == b"ftyp"


def test_it_imports_nothing_else_of_ours_and_no_mcp() -> None:
    code = "import sys, atlascloud_sandbox; print(*sorted(sys.modules), sep='\\n')"
    listing = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    modules = listing.stdout.split()
    assert "atlascloud_sandbox.app" in modules
    assert not {"atlascloud_video_mcp", "mcp"} & set(modules)
