"""A team's servers as real processes: replicas, one account for all of them, a proxy, and clients of both eras."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Implementation, TextContent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence
    from decimal import Decimal

    from mcp.types import CallToolResult

CANARY = "canary-key-0xC0FFEE"
ERAS = ("legacy", "2026-07-28")
LEASE = 15.0  # seconds
SECRET = "the-ring-of-the-soak-0123456789abcdef"
PROGRAM = [sys.executable, "-m", "atlascloud_video_mcp"]
UP_WITHIN = 60.0  # seconds, on a machine that is busy with the storm


async def until(true: Callable[[], object], *, within: float) -> bool:
    """Wait for what happens elsewhere; returns whether it did."""
    limit = time.monotonic() + within
    while not (found := bool(true())) and time.monotonic() < limit:  # noqa: ASYNC110 - of other processes and threads
        await anyio.sleep(0.02)
    return found


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Figures:
    """What was measured, beside what was promised."""

    def __init__(self) -> None:
        self.wrong = 0

    def show(self, name: str, measured: object, promised: object, *, good: bool) -> None:
        """Print one."""
        self.wrong += not good
        print(f"{'' if good else 'WRONG  '}{name}: {measured} ({promised})", flush=True)

    def none(self, name: str, found: list[str] | int) -> None:
        """Print one that must be 0, and what was found."""
        count = found if isinstance(found, int) else len(found)
        self.show(name, count, 0, good=not count)
        for each in [] if isinstance(found, int) else found[:10]:
            print(f"    {each}", flush=True)


@dataclass
class Replica:
    """One `serve-http` process at a port of its own, and the next one in its place."""

    number: int
    root: Path
    environ: dict[str, str]
    port: int = field(default_factory=free_port)
    stopped: bool = False
    generation: int = 0

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        self.generation += 1
        command = [*PROGRAM, "serve-http", "--port", str(self.port)]
        with self.log.open("w") as file:
            self.process = subprocess.Popen(command, env=self.environ, stdout=file, stderr=file, cwd="/")

    @property
    def up(self) -> bool:
        """Whether it runs and was not stopped."""
        return self.process.poll() is None and not self.stopped

    @property
    def log(self) -> Path:
        """What the process says."""
        return self.root / f"replica-{self.number}-{self.generation}.stderr"

    @property
    def served(self) -> bool:
        """Whether the process came so far as to serve."""
        return "Serving MCP" in self.log.read_text(errors="replace")

    async def ready(self) -> bool:
        """Wait until it takes requests; returns whether it does."""
        limit = time.monotonic() + UP_WITHIN
        async with httpx2.AsyncClient(trust_env=False, timeout=2) as http:
            while time.monotonic() < limit and self.process.poll() is None:
                with suppress(httpx2.TransportError):
                    if (await http.get(f"http://127.0.0.1:{self.port}/readyz")).is_success:
                        return True
                await anyio.sleep(0.1)
        return False

    def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Send SIGSTOP."""
        self.stopped = True
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Send SIGCONT."""
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    async def end(self, within: float = 30.0) -> tuple[float, int]:
        """Send SIGTERM; returns how many seconds it took, and the status (-9: it had to be killed)."""
        begun = time.monotonic()
        self.process.terminate()
        ended = await until(lambda: self.process.poll() is not None, within=within)
        took = time.monotonic() - begun
        if not ended:
            self.kill()
        return took, self.process.returncode


class Spread(httpx2.AsyncBaseTransport):
    """A balancer: each request goes to a replica by chance; one that refuses the connection is passed by."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = replicas
        # No connection is kept, as nginx does it: one that a replica just closes would fail a request.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._inner = httpx2.AsyncHTTPTransport(limits=limits)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it."""
        error: Exception | None = None
        for replica in random.sample(self._replicas, len(self._replicas)):
            request.url = request.url.copy_with(port=replica.port)
            try:
                return await self._inner.handle_async_request(request)
            except httpx2.ConnectError as refused:
                error = refused
        raise error or RuntimeError("no replica")

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()


@dataclass
class Member:
    """Somebody of the team."""

    name: str
    budget: Decimal | None
    token: str = ""


class Team:
    """Replicas that share a database and an account."""

    def __init__(self, root: Path, base_url: str, database: str, *, count: int, **more: str) -> None:
        self.root, self.database = root, database
        self.public_port = free_port()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "TMPDIR": str(root / "tmp"),
            "ATLASCLOUD_API_KEY": CANARY,
            "ATLASCLOUD_BASE_URL": base_url,
            "ATLASCLOUD_DATABASE_URL": database,
            "ATLASCLOUD_STATE_DIR": str(root / "state"),
            "ATLASCLOUD_PUBLIC_URL": self.public_url,
            "ATLASCLOUD_TEAM_SECRET": SECRET,
            "ATLASCLOUD_LOG_LEVEL": "INFO",
            **more,
        }
        (root / "tmp").mkdir(parents=True, exist_ok=True)
        self.refusals: Counter[str] = Counter()
        """What clients were answered by HTTP status."""
        self.replicas = [Replica(number, root, dict(self.environ)) for number in range(count)]

    @property
    def public_url(self) -> str:
        """Where a proxy would stand."""
        return f"http://127.0.0.1:{self.public_port}"

    def command(self, *arguments: str) -> str:
        """Run one of the program's commands; returns the last line of what it printed."""
        done = subprocess.run(
            [*PROGRAM, *arguments], env=self.environ, check=False, capture_output=True, text=True, cwd="/"
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout.strip().splitlines()[-1]

    def admit(self, *members: Member) -> None:
        """Give each a token, into a database that is brought up to date first."""
        self.command("team", "migrate")
        for member in members:
            budget = [] if member.budget is None else ["--budget", str(member.budget)]
            member.token = self.command("team", "token", "add", member.name, *budget)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """All replicas, from ready to gone."""
        try:
            for replica in self.replicas:
                replica.start()
            for replica in self.replicas:
                if not await replica.ready():
                    raise RuntimeError(f"a replica does not come up: {replica.log.read_text()[-500:]}")
            yield
        finally:
            for replica in self.replicas:
                if replica.generation and replica.process.poll() is None:
                    replica.kill()

    async def _heed(self, response: httpx2.Response) -> None:
        if response.is_error:
            self.refusals[f"{response.status_code}, Retry-After {response.headers.get('retry-after')}"] += 1

    @asynccontextmanager
    async def client(
        self, member: Member, era: str, *, to: Sequence[Replica] | str | None = None, name: str = "soak"
    ) -> AsyncGenerator[Client]:
        """A client of some replicas (by default of all), or of a proxy at an address."""
        transport = None if isinstance(to, str) else Spread(to or self.replicas)
        address = f"{to if isinstance(to, str) else self.public_url}/mcp"
        headers = {"Authorization": f"Bearer {member.token}"}
        patience = httpx2.Timeout(15, read=300)
        async with httpx2.AsyncClient(
            headers=headers,
            transport=transport,
            timeout=patience,
            trust_env=False,
            event_hooks={"response": [self._heed]},
        ) as http:
            mcp = streamable_http_client(address, http_client=http)
            async with Client(mcp, mode=era, client_info=Implementation(name=name, version="1.0")) as client:
                yield client


def text_of(result: CallToolResult) -> str:
    """All text of an answer."""
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def reason(error: BaseException) -> str:
    """The first error that is in a group, in one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:120]


def _nginx() -> str:
    if found := shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"):
        return found
    raise FileNotFoundError("nginx is not installed: apt-get install nginx-light")


@contextmanager
def nginx(team: Team, *, silence: int) -> Generator[str]:
    """A real nginx before the replicas, which cuts after so many seconds of silence; its own defaults else.

    Raises:
        FileNotFoundError: It is not installed.
    """
    root = team.root
    with tempfile.TemporaryDirectory(prefix="nginx-", dir="/tmp") as directory:
        place = Path(directory)
        servers = " ".join(f"server 127.0.0.1:{replica.port} max_fails=0;" for replica in team.replicas)
        temporary = " ".join(
            f"{kind}_temp_path {place}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (place / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {place}/pid; error_log {root}/nginx.log;\n"
            f"events {{ worker_connections 1024; }}\n"
            f"http {{ access_log off; {temporary} client_max_body_size 21m;\n"
            f"  upstream replicas {{ {servers} }}\n"
            f"  server {{ listen 127.0.0.1:{team.public_port}; location / {{\n"
            f"    proxy_pass http://replicas; proxy_set_header Host $http_host; proxy_read_timeout {silence}s;\n"
            f"  }} }} }}\n"
        )
        process = subprocess.Popen([_nginx(), "-e", f"{root}/nginx.log", "-c", f"{place}/nginx.conf", "-p", directory])
        try:
            yield team.public_url
        finally:
            process.terminate()
            process.wait()
