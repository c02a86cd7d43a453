"""`packaging/nginx.conf` before two real replicas, and what `doctor --url` says where it is changed for the worse."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.cli.doctor import Finding, State, remote
from atlascloud_video_mcp.journal import Journal
from http_kit import client_of, replica_at
from kit import ROOT, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
    from pathlib import Path

CONF = (ROOT / "packaging" / "nginx.conf").read_text(encoding="utf-8")
TOKEN = "acv_canary-0xC0FFEE"
BEAT = 0.2  # seconds between two signs of life
HELD_BACK = 2.0  # seconds, which a busy machine is no reason for


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def proxy(directory: Path, port: int, replicas: Sequence[str], changes: Mapping[str, str]) -> Iterator[None]:
    """nginx with the configuration that is shipped, at other addresses, with changes."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    where = {"replica-1:8080": replicas[0], "replica-2:8080": replicas[1], "listen 80;": f"listen 127.0.0.1:{port};"}
    text = CONF
    for old, new in {**where, **changes}.items():
        assert old in text
        text = text.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = "".join(f"{kind}_temp_path {kind};" for kind in kinds)
    head = f"{'user root root;' if os.geteuid() == 0 else ''} daemon off; pid pid; error_log stderr;"
    conf = directory / "nginx.conf"
    conf.write_text(head + text.replace("http {", f"http {{ access_log off; {own}"), encoding="utf-8")
    with subprocess.Popen([program, "-p", str(directory), "-c", str(conf)], stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


@asynccontextmanager
async def team(
    base_url: str,
    database_url: str,
    directory: Path,
    changes: Mapping[str, str] | None = None,
    rings: Sequence[str] = ("one", "one"),
) -> AsyncGenerator[str, None]:
    """The public URL of replicas with these secrets behind the proxy; where there is only one, the other is down."""
    async with Journal(database_url) as journal:
        await journal.add_token("anna", hashlib.sha256(TOKEN.encode()).hexdigest(), None, read_only=False)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(
                replica_at(base_url, directory=database_url, silence=BEAT, public_url=url, secrets=[ring])
            )
            for ring in rings
        ]
        places = [replica.url.removeprefix("http://") for replica in replicas]
        where = [*places, f"127.0.0.1:{free_port()}"][:2]
        stack.enter_context(proxy(directory, port, where, changes or {}))
        await until(lambda: _listens(port))
        yield url


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def checked(url: str, seconds: float = 1) -> dict[str, Finding]:
    """What is not well, by its name."""
    found = [*await remote.edge(url, TOKEN), *await remote.silence(url, TOKEN, seconds, beat=HELD_BACK / 2)]
    return {finding.name: finding for finding in found if finding.state is not State.OK}


@pytest.mark.parametrize("rings", [("one", "one"), ("one",)], ids=["both", "one is down"])
async def test_the_proxy_that_is_shipped_lets_all_through(
    base_url: str, database_url: str, tmp_path: Path, rings: Sequence[str]
) -> None:
    async with team(base_url, database_url, tmp_path, rings=rings) as url:
        assert await checked(url) == {}
        async with client_of(url, token=TOKEN) as client:
            tools = (await client.list_tools()).tools

    assert "animate_image" in {tool.name for tool in tools}


async def test_an_answer_may_take_longer_than_the_proxy_waits_in_silence(
    base_url: str, database_url: str, tmp_path: Path
) -> None:
    async with team(base_url, database_url, tmp_path, {"proxy_read_timeout 60s": "proxy_read_timeout 2s"}) as url:
        assert await checked(url, seconds=4) == {}


@pytest.mark.parametrize(
    ("name", "old", "new", "fix"),
    [
        ("silence", "proxy_read_timeout 60s", "proxy_read_timeout 100ms", "proxy_read_timeout 60s; in nginx"),
        (
            "silence",
            "proxy_buffering off",
            "proxy_ignore_headers X-Accel-Buffering; gzip on; gzip_types text/event-stream; gzip_min_length 0",
            "proxy_buffering off; gzip off; in nginx",
        ),
        ("body", "client_max_body_size 4m", "client_max_body_size 1m", "client_max_body_size"),
        ("auth", "proxy_set_header Host $http_host", "proxy_set_header Host $proxy_host", "proxy_set_header Host"),
        ("origin", "proxy_buffering off", 'proxy_set_header Origin ""; proxy_buffering off', "Origin"),
    ],
)
async def test_a_setting_that_does_harm_is_named(
    base_url: str, database_url: str, tmp_path: Path, name: str, old: str, new: str, fix: str
) -> None:
    async with team(base_url, database_url, tmp_path, {old: new}) as url:
        found = await checked(url, seconds=3)

    assert found[name].state is State.FAIL
    assert fix in found[name].fix


async def test_replicas_that_do_not_share_their_secret_are_found(
    base_url: str, database_url: str, tmp_path: Path
) -> None:
    async with team(base_url, database_url, tmp_path, rings=("one", "two")) as url:
        found = await checked(url)

    assert set(found) == {"token"}
    assert "ATLASCLOUD_TEAM_SECRET" in found["token"].fix
