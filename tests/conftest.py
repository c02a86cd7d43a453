from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from postgresql import MISSING, cluster, programs
from scripted_sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgresql import Cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--server", default=None, help="the installed command to test over stdio (default: this package)")


@pytest.fixture(scope="session")
def server_command(request: pytest.FixtureRequest) -> list[str]:
    """How the server is started as a process."""
    command = request.config.getoption("--server")
    return [str(Path(command).absolute())] if command else [sys.executable, "-m", "atlascloud_video_mcp"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sandbox() -> Sandbox:
    """An account whose generations end when the test says so, with clips small enough to render at once."""
    return Sandbox(seconds=3600, short_side=64)


@pytest.fixture
def base_url(sandbox: Sandbox) -> Iterator[str]:
    with sandbox.running() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A server of this test run's own; tests that restart or freeze it leave it running."""
    if programs() is None:
        pytest.skip(MISSING)
    with cluster() as running:
        yield running


@pytest.fixture
def own_cluster(postgresql: Cluster) -> Iterator[Cluster]:
    """For tests that stop it: it runs again afterwards."""
    try:
        yield postgresql
    finally:
        if not (postgresql.directory / "data" / "postmaster.pid").exists():
            postgresql.start()


@pytest.fixture
def database_url(postgresql: Cluster) -> str:
    """A database that a journal can use, and nobody else does."""
    return postgresql.database()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a journal is kept that several processes may share: each store."""
    return tmp_path if request.param == "sqlite" else str(request.getfixturevalue("database_url"))


@pytest.fixture(params=["file", "memory", "postgresql"])
def any_place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str | None:
    """Where a journal is kept."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("database_url"))
    return tmp_path / "state" if request.param == "file" else None
