"""A sandbox that refuses connections for a while."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sandbox_kit import account, order, submit, wait_until
from scripted_sandbox import Fault, Sandbox


def refused(client: httpx.Client) -> bool:
    """Tell if a new connection is refused."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10))
        except ConnectionRefusedError:
            return True
    return False


def test_connections_are_refused_for_a_while_and_nothing_of_it_arrives() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        first = submit(client)
        with sandbox.refusing():
            for _ in range(3):
                with pytest.raises(httpx.ConnectError):
                    client.post("/model/generateVideo", json=order())
        second = submit(client)
    assert [prediction_id for prediction_id, _ in sandbox.accepted] == [first, second]
    assert len(sandbox.received) == 2


def test_it_can_be_done_again_and_again_at_the_same_port() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        for _ in range(20):
            assert client.get("/models").status_code == 200
            with sandbox.refusing():
                assert refused(client)
            assert not refused(client)
    assert len(sandbox.received) == 20


def test_connections_kept_open_are_closed() -> None:
    sandbox = Sandbox()
    with (
        account(sandbox) as client,
        socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10) as idle,
    ):
        with sandbox.refusing(), contextlib.suppress(ConnectionResetError):
            assert idle.recv(1) == b""
        assert client.get("/models").status_code == 200


def test_a_request_under_way_loses_its_answer() -> None:
    sandbox = Sandbox(faults=[Fault(endpoint="generate", action="delay_after", seconds=60)])
    with account(sandbox) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.post, "/model/generateVideo", json=order())
        wait_until(lambda: len(sandbox.accepted) == 1)
        with sandbox.refusing(), pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            waiting.result(timeout=10)
        assert client.get("/model/history").json()["data"]["total"] == 1


def test_nobody_slips_in_while_the_door_is_closed() -> None:
    sandbox, done = Sandbox(), threading.Event()

    def knock() -> int:
        answered = 0
        while not done.is_set():
            with contextlib.suppress(httpx.TransportError):
                answered += client.get("/models").status_code == 200
        return answered

    with account(sandbox) as client, ThreadPoolExecutor(4) as pool:
        knocking = [pool.submit(knock) for _ in range(4)]
        for _ in range(20):
            seen = len(sandbox.received)
            wait_until(lambda before=seen: len(sandbox.received) > before)  # type: ignore[misc] # a default, not an argument
            with sandbox.refusing():
                settled = len(sandbox.received)
                assert refused(client)
                assert len(sandbox.received) == settled
        done.set()
        answered = sum(future.result(timeout=10) for future in knocking)
    assert 20 <= answered <= len(sandbox.received)


def test_the_door_opens_when_the_last_of_several_who_closed_it_lets_go() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        first, second = contextlib.ExitStack(), contextlib.ExitStack()
        with ThreadPoolExecutor(2) as pool:
            pool.submit(first.enter_context, sandbox.refusing()).result(timeout=10)
            pool.submit(second.enter_context, sandbox.refusing()).result(timeout=10)
            first.close()
            assert refused(client)
            pool.submit(second.close).result(timeout=10)
        assert not refused(client)


def test_an_error_in_the_block_opens_the_door_too() -> None:
    sandbox = Sandbox()
    with account(sandbox) as client:
        with pytest.raises(RuntimeError, match="from the block"), sandbox.refusing():
            raise RuntimeError("from the block")
        assert client.get("/models").status_code == 200


def test_a_sandbox_that_stops_with_its_door_closed_frees_its_port() -> None:
    sandbox, stack = Sandbox(), contextlib.ExitStack()
    with stack, account(sandbox) as client:
        client.get("/models")
        stack.enter_context(sandbox.refusing())
    with sandbox.running(client.base_url.port or 0) as base_url:
        assert httpx.get(f"{base_url}/models", headers={"user-agent": "t"}, trust_env=False).status_code == 200


def test_each_server_of_a_sandbox_refuses() -> None:
    sandbox = Sandbox()
    with account(sandbox) as one, account(sandbox) as other:
        with sandbox.refusing():
            assert (refused(one), refused(other)) == (True, True)
        assert (refused(one), refused(other)) == (False, False)


def test_a_sandbox_that_does_not_run_cannot_refuse() -> None:
    with pytest.raises(RuntimeError, match="not running"), Sandbox().refusing():
        pytest.fail("there was no port to refuse at")
