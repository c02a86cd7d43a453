"""Directories that are exchanged, linked and misspelled: what is outside is not written, not read and not told of."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import pytest

from atlascloud_video_mcp.errors import InvalidInput, InvalidPicture
from atlascloud_video_mcp.media import directories
from atlascloud_video_mcp.media.clips import CannotSave, read_target
from atlascloud_video_mcp.media.clips.partial_file import PartialFile, explained
from atlascloud_video_mcp.media.directories import Replaced, confined, locate, open_directory
from atlascloud_video_mcp.media.pictures.source import read_regular
from clips_kit import everything, film

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX links and descriptors")

SECONDS = float(os.environ.get("RACE_SECONDS", "1.5"))  # `make soak` races for longer
LONGEST = 60.0
# Both names change hands in one step, so that each always means something; Python itself cannot ask for it.
EXCHANGE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
here, there = map(os.fsencode, sys.argv[1:])
def swap():
    if sys.platform == "darwin":
        return libc.renamex_np(here, there, 2)
    return libc.renameat2(-100, here, -100, there, 2)
print("begun" if swap() == 0 else "cannot", flush=True)
while swap() == 0:
    pass
"""


@contextmanager
def exchanged(directory: Path, outside: Path) -> Iterator[None]:
    """Another process that puts a link to `outside` in the place of a directory, and back, without a pause."""
    link = directory.with_name("link")
    link.symlink_to(outside)
    with subprocess.Popen([sys.executable, "-c", EXCHANGE, directory, link], stdout=subprocess.PIPE) as racer:
        try:
            assert racer.stdout
            if racer.stdout.readline() != b"begun\n":
                pytest.skip("no two names can be exchanged here")
            yield
            assert racer.poll() is None
        finally:
            racer.kill()


def racing(ends: dict[str, int]) -> Iterator[None]:
    """Again and again for the time of a race, and until each end was reached, but not for ever."""
    begun = time.monotonic()
    while (gone := time.monotonic() - begun) < SECONDS or (gone < LONGEST and not all(ends.values())):
        yield


def test_nothing_is_written_outside_while_a_directory_is_exchanged_for_a_link(tmp_path: Path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    (allowed / "clips").mkdir(parents=True)
    outside.mkdir()
    ends = {"saved": 0, "refused": 0}
    with exchanged(allowed / "clips", outside):
        for _ in racing(ends):
            part = None
            try:
                target = read_target(f"{allowed}/clips/", [allowed])
                with explained(target.directory):
                    part = PartialFile(target.directory)
                    part.open()
                    part.write(film())
                    part.publish(f"{sum(ends.values())}.mp4")
                ends["saved"] += 1
            except (CannotSave, InvalidInput):
                ends["refused"] += 1
            finally:
                if part:
                    part.discard()

    assert everything(outside) == []
    assert all(ends.values())
    assert not [name for name in everything(allowed) if name.endswith(".part")]


def test_nothing_outside_is_read_while_a_directory_is_exchanged_for_a_link(tmp_path: Path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    (allowed / "photos").mkdir(parents=True)
    outside.mkdir()
    (allowed / "photos" / "a.jpg").write_bytes(b"mine")
    (outside / "a.jpg").write_bytes(b"secret")
    ends = {"read": 0, "refused": 0}
    with exchanged(allowed / "photos", outside):
        for _ in racing(ends):
            try:
                assert read_regular(allowed / "photos" / "a.jpg", [allowed]) == b"mine"
                ends["read"] += 1
            except InvalidPicture:
                ends["refused"] += 1

    assert all(ends.values())


def test_an_allowed_directory_that_becomes_a_link_itself_is_no_longer_written_to(tmp_path: Path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    allowed.mkdir()
    outside.mkdir()
    real = directories.real_directories([allowed])
    allowed.rmdir()
    allowed.symlink_to(outside)

    with pytest.raises(InvalidInput, match="lies outside"):
        read_target(str(allowed), real)


def test_what_is_made_and_not_needed_is_removed_and_no_directory_stays_open(tmp_path: Path) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    part = PartialFile(tmp_path / "new" / "deep")
    part.open()
    assert everything(tmp_path)[:2] == ["new", "new/deep"]
    part.discard()
    part.discard()

    assert everything(tmp_path) == []
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(Replaced):
        open_directory(tmp_path / "link" / "x")
    with pytest.raises(FileNotFoundError):
        open_directory(tmp_path / "gone" / "x")
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_closed_directory_reaches_nothing(tmp_path: Path) -> None:
    directory = open_directory(tmp_path)
    directory.close()
    directory.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        directory.make("x")
    assert everything(tmp_path) == []


def test_a_directory_made_by_another_meanwhile_is_as_good_as_ones_own(tmp_path: Path) -> None:
    with closing(open_directory(tmp_path)) as directory:
        assert directory.make("x")
        assert not directory.make("x")


def test_a_directory_that_another_makes_at_the_same_moment_is_taken_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    makes = os.mkdir

    def makes_a_moment_later(path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        makes(path, mode, dir_fd=dir_fd)  # by another process
        makes(path, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", makes_a_moment_later)
    part = PartialFile(tmp_path / "clips" / "of today")
    part.open()
    part.discard()
    assert everything(tmp_path) == ["clips", "clips/of today"]  # what another made stays


def test_a_directory_that_is_exchanged_for_another_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    part = PartialFile(tmp_path / "clips")
    part.open()
    part.write(film())
    (tmp_path / "clips").rename(tmp_path / "moved")
    (tmp_path / "clips").mkdir()
    with pytest.raises(CannotSave, match="was replaced by a link while the clip was being saved, or moved"):  # noqa: SIM117 - the error is raised inside
        with explained(tmp_path / "clips"):
            part.publish("a.mp4")
    part.discard()

    assert everything(tmp_path) == ["clips", "moved"]


# --- Where directories have no descriptors, as on Windows


def test_without_descriptors_paths_are_looked_at_before_each_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directories, "_HAS_DESCRIPTORS", False)
    part = PartialFile(tmp_path / "new" / "clips")
    part.open()
    part.write(film())
    assert part.publish("a.mp4") == tmp_path / "new" / "clips" / "a.mp4"
    part.discard()
    assert everything(tmp_path) == ["new", "new/clips", "new/clips/a.mp4"]

    part = PartialFile(tmp_path / "new" / "clips")
    part.open()
    part.write(film())
    (tmp_path / "new").rename(tmp_path / "moved")
    (tmp_path / "new").symlink_to(tmp_path / "moved")
    with pytest.raises(Replaced):
        part.publish("b.mp4")
    part.discard()
    assert not (tmp_path / "moved" / "clips" / "b.mp4").exists()
    with pytest.raises(Replaced):
        open_directory(tmp_path / "new")


# --- The allowed directories are asked first


def test_nothing_is_told_of_what_is_outside(tmp_path: Path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    allowed.mkdir()
    (outside / "clips.v2").mkdir(parents=True)
    (outside / "notes").write_text("mine")
    (outside / "film.mp4").write_bytes(film())
    (outside / "loop").symlink_to(outside / "loop")
    (allowed / "to-loop").symlink_to(outside / "loop")
    (allowed / "to-nothing").symlink_to(outside / "nothing")
    names = [
        *("clips.v2", "clips.v3", "notes", "notes/x", "gone", "gone/x.mp4", "film.mp4", "loop", "loop/x", ".hidden"),
        *("x" * 300, "clips.v2/", "a.txt"),
    ]
    for path in [*(f"{outside}/{name}" for name in names), f"{allowed}/to-loop", f"{allowed}/to-nothing/x"]:
        for ask in (lambda: read_target(path, [allowed]), lambda: read_regular(Path(path), [allowed])):  # noqa: B023 - called at once
            with pytest.raises(InvalidInput) as caught:
                ask()
            assert "lies outside the directories this server may read and write" in str(caught.value)


def test_a_link_out_of_the_allowed_directories_that_bears_a_clips_name_is_told_by_nothing(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "a.mp4").symlink_to(tmp_path)
    (allowed / "b.mp4").symlink_to(tmp_path / "gone")

    for name in ("a.mp4", "b.mp4"):
        assert read_target(str(allowed / name), [allowed]).filename == name


# --- Names that look alike


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("Screenshot 2026-01-02 at 3.04.05\u202fPM.png", "Screenshot 2026-01-02 at 3.04.05 PM.png"),
        ("a\u00a0b.png", "a b.png"),
        ("a b.png", "a\u202fb.png"),
        (normalize("NFD", "Été.png"), normalize("NFC", "Été.png")),
        (normalize("NFC", "Été.png"), normalize("NFD", "Été.png")),
        ("Bob\u2019s \u201ccat\u201d.png", 'Bob\'s "cat".png'),
        ("2025\u20132026.png", "2025-2026.png"),
        ("a\u200b.png", "a.png"),
    ],
)
def test_a_name_that_looks_like_the_one_given_is_taken(tmp_path: Path, there: str, asked: str) -> None:
    (tmp_path / there).write_bytes(b"picture")

    assert read_regular(tmp_path / asked, ()) == b"picture"
    (tmp_path / asked).write_bytes(b"the very one")
    assert read_regular(tmp_path / asked, ()) == b"the very one"


def test_directories_on_the_way_are_found_by_their_looks_too(tmp_path: Path) -> None:
    real = tmp_path / "Mein\u00a0Ordner" / normalize("NFD", "Fotos für alle")
    real.mkdir(parents=True)
    (real / "a\u202fb.png").write_bytes(b"picture")

    assert read_regular(tmp_path / "Mein Ordner" / "Fotos für alle" / "a b.png", [tmp_path]) == b"picture"


def test_an_allowed_directory_is_known_in_another_spelling(tmp_path: Path) -> None:
    allowed = tmp_path / normalize("NFD", "Für Clips")
    allowed.mkdir()
    (allowed / "a.png").write_bytes(b"picture")
    asked = tmp_path / normalize("NFC", "Für Clips")

    assert read_regular(asked / "a.png", [allowed]) == b"picture"
    assert read_target(f"{asked}/", [allowed]).directory == allowed
    with pytest.raises(InvalidInput, match="lies outside"):
        confined(tmp_path / "Fur Clips", [allowed])


def test_of_several_names_that_look_alike_none_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a\u00a0b.png").write_bytes(b"one")
    (tmp_path / "a\u202fb.png").write_bytes(b"two")

    with pytest.raises(
        InvalidPicture, match=r"2 names in its directory look like it \('a\\xa0b.png', 'a\\u202fb.png'\)"
    ):
        read_regular(tmp_path / "a b.png", ())


def test_a_look_alike_that_leads_outside_or_nowhere_is_not_followed(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    (allowed / "a\u00a0b.png").symlink_to(tmp_path / "secret.png")
    (allowed / "c\u00a0d.png").symlink_to(allowed / "c d.png")

    with pytest.raises(InvalidPicture, match="lies outside"):
        read_regular(allowed / "a b.png", [allowed])
    assert locate(allowed / "c d.png", [allowed]) == allowed / "c d.png"


def test_below_a_file_there_are_no_look_alikes(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")

    assert locate(tmp_path / "notes" / "a b.png", ()) == tmp_path / "notes" / "a b.png"
