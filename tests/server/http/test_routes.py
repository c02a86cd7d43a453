"""What is served beside MCP, by raw HTTP."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest

from atlascloud_video_mcp.errors import SettingsError
from atlascloud_video_mcp.server.http.serving import listen
from http_kit import initialize, raw, replica_at

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PUBLIC = "https://video.example"


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 70])
def test_an_address_that_is_none_is_named(host: str) -> None:
    with pytest.raises(SettingsError, match=f"cannot listen at {host}, port 80: .*--host"):
        listen(host, 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.7:9000", "evil.example"])
async def test_health_is_told_whatever_the_host(base_url: str, host: str) -> None:
    async with replica_at(base_url) as replica, raw(replica.url, host=host) as http:
        lives, ready = await http.get("/healthz"), await http.get("/readyz")

    assert (lives.status_code, lives.json()) == (200, {"status": "ok"})
    assert ready.status_code == 200
    told = ready.json()
    assert (told["ready"], told["database"], told["database_time"]) == (True, "none", None)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(told["time"])) < timedelta(minutes=1)


@pytest.mark.parametrize("seconds", ["-1", "76", "nan", "soon", "inf"])
async def test_a_probe_of_no_possible_length_is_refused(base_url: str, seconds: str) -> None:
    async with replica_at(base_url) as replica, raw(replica.url) as http:
        response = await http.post(f"/probe?seconds={seconds}")

    assert response.status_code == 400
    assert response.json() == {"error": "seconds takes a number from 0 to 75."}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/upload/t", 405), ("GET", "/probe", 405)]
)
async def test_what_is_not_served_is_said_in_json(base_url: str, method: str, path: str, status: int) -> None:
    async with replica_at(base_url) as replica, raw(replica.url) as http:
        response = await http.request(method, path)

    assert response.status_code == status
    assert response.json()["error"]


async def test_how_to_get_in_is_said_without_an_authorization_server(base_url: str) -> None:
    async with replica_at(base_url, public_url=f"{PUBLIC}/team") as replica, raw(replica.url) as http:
        answers = [await http.get(f"/.well-known/oauth-protected-resource{path}") for path in ("", "/mcp", "/team/mcp")]

    for answer in answers:
        assert answer.json() == {"resource": f"{PUBLIC}/team/mcp", "bearer_methods_supported": ["header"]}


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:1", "http://localhost:5173", 401),
        ("[::1]:1", "http://[::1]:1", 401),
        ("video.example", "https://video.example", 401),
        ("video.example:443", "https://video.example:443", 401),
        ("video.example:8443", "https://video.example", 421),
        ("evil.example", "https://video.example", 421),
        ("video.example", "https://evil.example", 403),
        ("video.example", "null", 403),
    ],
)
async def test_only_our_own_hosts_and_origins_come_in(base_url: str, host: str, origin: str, status: int) -> None:
    async with (
        replica_at(base_url, public_url=PUBLIC) as replica,
        raw(replica.url, host=host, origin=origin) as http,
    ):
        answers = [
            await http.post("/mcp", json=initialize()),
            await http.post("/probe?seconds=0"),
        ]
        sent = await http.put("/upload/t", content=b"x" * 10)

    assert [answer.status_code for answer in answers] == [status, status]
    assert sent.status_code == (404 if status == 401 else status)  # it takes no token, but an address given out


async def test_beyond_loopback_this_machines_names_are_not_ours(base_url: str) -> None:
    async with replica_at(base_url, public_url=PUBLIC, loopback=False) as replica, raw(replica.url) as http:
        response = await http.post("/mcp", json=initialize())

    assert response.status_code == 421


@pytest.mark.parametrize("declared", [True, False])
async def test_a_picture_that_is_too_large_is_refused(base_url: str, *, declared: bool) -> None:
    async def body() -> AsyncGenerator[bytes, None]:
        for _ in range(20):
            yield b"x" * 1_000_000
        yield b"x"

    async with replica_at(base_url) as replica, raw(replica.url) as http:
        headers = {"content-length": "20000001"} if declared else {}
        response = await http.put("/upload/t", content=body(), headers=headers)

    assert response.status_code == 413
    assert response.json() == {"error": "A picture may have 20,000,000 bytes at most: send a smaller one."}


async def test_one_that_does_not_end_is_not_read_for_ever(base_url: str) -> None:
    async def body() -> AsyncGenerator[bytes, None]:
        while True:
            yield b"x" * 1_000_000

    async with replica_at(base_url) as replica, raw(replica.url) as http:
        with anyio.fail_after(30), suppress(httpx.WriteError, httpx.ReadError):
            assert (await http.put("/upload/t", content=body())).status_code == 413


async def test_a_message_that_is_too_large_is_refused(base_url: str) -> None:
    async with replica_at(base_url) as replica, raw(replica.url) as http:
        response = await http.post("/mcp", json=initialize("x" * 5_000_000))

    assert response.status_code == 413
