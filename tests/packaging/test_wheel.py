"""The wheel and the source archive, as they are built."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp import __version__

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).parents[2]
NOT_FOR_OTHERS = {".ci/run"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def tracked() -> list[str]:
    git = shutil.which("git")
    if not git or not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def built(source: Path, target: str) -> bytes:
    """What one build of a tree gives, byte by byte."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", "out"]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (file,) = (source / "out").iterdir()
    data = file.read_bytes()
    shutil.rmtree(source / "out")
    return data


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The sources twice, in other places, with other times and other rights."""
    made = []
    for mode in (0o644, 0o664):
        tree = tmp_path_factory.mktemp("tree")
        for name in tracked():
            copy = tree / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy)
            copy.chmod(mode)
        made.append(tree)
    return made


@pytest.fixture(scope="module")
def archive(trees: list[Path]) -> bytes:
    return built(trees[0], "sdist")


@pytest.fixture(scope="module")
def wheel(trees: list[Path]) -> bytes:
    return built(trees[0], "wheel")


@pytest.fixture(scope="module")
def unpacked(archive: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sdist")
    packed = directory / "sdist.tar.gz"
    packed.write_bytes(archive)
    with tarfile.open(packed) as tar:
        tar.extractall(directory, filter="data")
    return directory / f"atlascloud_video_mcp-{__version__}"


@pytest.fixture(scope="module")
def files(wheel: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    packed = tmp_path_factory.mktemp("wheel") / "it.whl"
    packed.write_bytes(wheel)
    with zipfile.ZipFile(packed) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.fixture(scope="module")
def metadata(files: dict[str, bytes]) -> Message:
    return message_from_bytes(files[f"atlascloud_video_mcp-{__version__}.dist-info/METADATA"])


def test_the_wheel_is_the_same_byte_by_byte_wherever_and_from_whatever_it_is_built(
    trees: list[Path], wheel: bytes, unpacked: Path
) -> None:
    assert built(trees[1], "wheel") == wheel
    assert built(unpacked, "wheel") == wheel


def test_the_source_archive_is_the_same_byte_by_byte_wherever_it_is_built(trees: list[Path], archive: bytes) -> None:
    assert built(trees[1], "sdist") == archive


def test_the_time_in_the_wheel_is_the_one_that_the_builder_names(
    trees: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    packed = tmp_path / "it.whl"
    packed.write_bytes(built(trees[0], "wheel"))

    with zipfile.ZipFile(packed) as opened:
        assert {entry.date_time for entry in opened.infolist()} == {(2023, 11, 14, 22, 13, 20)}


def test_the_source_archive_holds_all_that_others_need(unpacked: Path) -> None:
    held = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}

    assert set(tracked()) - held == NOT_FOR_OTHERS


def test_the_wheel_holds_the_package_whole_and_nothing_else(files: dict[str, bytes]) -> None:
    ours = {name.removeprefix("src/") for name in tracked() if name.startswith("src/")}

    assert {name for name in files if not name.split("/")[0].endswith(".dist-info")} == ours
    assert "atlascloud_video_mcp/py.typed" in ours


def test_the_metadata_says_what_is_true(metadata: Message) -> None:
    assert metadata["Name"] == "atlascloud-video-mcp"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"
    pythons = [row.rsplit(" ", 1)[1] for row in metadata.get_all("Classifier", []) if " :: 3." in row]
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]
    assert metadata.get_all("Provides-Extra") == ["heif", "preview", "sandbox", "team"]


def test_every_dependency_has_a_lower_bound_and_all_but_those_numbered_by_year_an_upper_one() -> None:
    wanted = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]

    bounds = {re.split(r"[\[>]", one)[0]: re.sub(r"^[^>]*", "", one) for one in wanted}
    assert all(bound.startswith(">=") for bound in bounds.values())
    assert {name for name, bound in bounds.items() if ",<" not in bound} == {"packaging", "stamina"}
