"""Wheels for every system: what the lock files and the bundle pin can be installed there without a compiler.

A stand-in for installing it there, where neither the Python nor the system is at hand: uv resolves for them. With
hashes required it also names what a system needs and the lock does not name. Needs a package
registry: `make install-test`.
"""

from __future__ import annotations

import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from test_installs import PYTHONS, ROOT, UV, only

if TYPE_CHECKING:
    from pathlib import Path

SYSTEMS = [
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",  # macOS 13, as uv understands it
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "aarch64-pc-windows-msvc",
]


@pytest.fixture(scope="module")
def locks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The lock files, and the bundle's in the same form."""
    directory = tmp_path_factory.mktemp("bundle")
    with zipfile.ZipFile(only("*.mcpb")) as bundle:
        bundle.extractall(directory)
    export = [UV, "export", "--frozen", "--quiet", "--no-config", "--no-emit-project", "--project", str(directory)]
    exported = subprocess.run([*export, "--format", "requirements.txt"], capture_output=True, text=True, check=True)
    (directory / "bundle.txt").write_text(exported.stdout, encoding="utf-8")
    requirements = ROOT / "requirements"
    return {
        "server": requirements / "server.txt",
        "sandbox": requirements / "sandbox.txt",
        "bundle": directory / "bundle.txt",
    }


def installed(lock: Path, system: str, python: str, target: Path) -> subprocess.CompletedProcess[str]:
    """What comes of an installation from nothing but wheels, as far as that can be known without doing it."""
    where = ["--python-platform", system, "--python-version", python, "--target", str(target)]
    command = [UV, "pip", "install", "--dry-run", "--require-hashes", "--only-binary", ":all:", *where, "-r", str(lock)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["server", "sandbox", "bundle"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_all_that_is_pinned_has_a_wheel(name: str, system: str, locks: dict[str, Path], tmp_path: Path) -> None:
    for python in PYTHONS:
        done = installed(locks[name], system, python, tmp_path / "there")

        assert done.returncode == 0, f"{name} on {system} with Python {python}: {done.stderr}"


def test_what_a_system_needs_and_the_lock_does_not_name_is_named(locks: dict[str, Path], tmp_path: Path) -> None:
    blocks = locks["server"].read_text(encoding="utf-8").split("\npywin32==")
    assert len(blocks) == 2
    rest = blocks[1].split("\n", 1)[1].lstrip()
    while not rest[:1].isalpha():
        rest = rest.split("\n", 1)[1].lstrip()
    short = tmp_path / "short.txt"
    short.write_text(f"{blocks[0]}\n{rest}", encoding="utf-8")

    done = installed(short, "x86_64-pc-windows-msvc", "3.12", tmp_path / "there")

    assert done.returncode != 0
    assert "pywin32" in done.stderr
