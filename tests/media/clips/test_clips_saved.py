from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from atlascloud_video_mcp.media.clips import CannotSave
from atlascloud_video_mcp.media.clips.partial_file import PartialFile, explained
from atlascloud_video_mcp.paths import shown
from clips_kit import answer, box, everything, files, film, saver, webm
from kit import TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

on_posix = pytest.mark.skipif(os.name == "nt", reason="POSIX files")
CLIP = film()


async def saved(save_to: Path | str, body: bytes = CLIP, allowed_dirs: tuple[Path, ...] = ()) -> str:
    """Save a clip from a server of its own; gives the name of the file."""
    async with files(answer(200, body)) as there, saver(allowed_dirs) as clips:
        clip = await clips.save(there.url, str(save_to), name="rocket-1a2b3c4d")
        assert clip.path.read_bytes() == body
        assert clip.size_bytes == len(body)
        return clip.path.name


async def test_a_clip_is_saved_under_its_name_in_a_directory_made_for_it(tmp_path: Path) -> None:
    assert await saved(tmp_path / "new" / "clips") == "rocket-1a2b3c4d.mp4"
    assert everything(tmp_path) == ["new", "new/clips", "new/clips/rocket-1a2b3c4d.mp4"]


async def test_a_clip_is_saved_under_the_name_the_caller_gives(tmp_path: Path) -> None:
    assert await saved(tmp_path / "new" / "mine.mp4") == "mine.mp4"


async def test_a_name_that_is_a_path_stays_in_the_directory(tmp_path: Path) -> None:
    async with files(answer(200, CLIP)) as there, saver() as clips:
        clip = await clips.save(there.url, str(tmp_path), name="../../x")
    assert clip.path == tmp_path / "x.mp4"


@on_posix
async def test_a_saved_clip_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    await saved(tmp_path / "mine.mp4")
    assert (tmp_path / "mine.mp4").stat().st_mode == (tmp_path / "other").stat().st_mode


async def test_another_file_of_the_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "rocket-1a2b3c4d.mp4").write_bytes(b"mine")
    (tmp_path / "rocket-1a2b3c4d-2.mp4").write_bytes(film(filling=b"x"))
    assert await saved(tmp_path) == "rocket-1a2b3c4d-3.mp4"
    assert (tmp_path / "rocket-1a2b3c4d.mp4").read_bytes() == b"mine"
    assert (tmp_path / "rocket-1a2b3c4d-2.mp4").read_bytes() == film(filling=b"x")


async def test_saving_the_same_clip_again_gives_the_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine.mp4").write_bytes(b"mine")
    assert await saved(tmp_path / "mine.mp4") == "mine-2.mp4"
    assert await saved(tmp_path / "mine.mp4") == "mine-2.mp4"
    assert everything(tmp_path) == ["mine-2.mp4", "mine.mp4"]


async def test_two_savers_at_once_leave_one_file(tmp_path: Path) -> None:
    names = await asyncio.gather(*(saved(tmp_path / "new") for _ in range(5)))
    assert set(names) == {"rocket-1a2b3c4d.mp4"}
    assert everything(tmp_path) == ["new", "new/rocket-1a2b3c4d.mp4"]


@on_posix
async def test_links_and_pipes_that_bear_the_name_are_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(CLIP)
    here = tmp_path / "here"
    here.mkdir()
    (here / "mine.mp4").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(here / "mine-2.mp4")
    assert await saved(here / "mine.mp4", allowed_dirs=(here,)) == "mine-3.mp4"


async def test_without_hard_links_nothing_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refused)
    (tmp_path / "mine.mp4").write_bytes(b"mine")
    assert await saved(tmp_path / "mine.mp4") == "mine-2.mp4"
    assert await saved(tmp_path / "mine.mp4") == "mine-2.mp4"
    assert everything(tmp_path) == ["mine-2.mp4", "mine.mp4"]
    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(CannotSave, match="may not write there"):
        await saved(tmp_path / "other.mp4")
    assert everything(tmp_path) == ["mine-2.mp4", "mine.mp4"]


async def test_a_target_outside_the_allowed_directories_is_refused_before_the_download(tmp_path: Path) -> None:
    async with files(answer(200, CLIP)) as there, saver([tmp_path / "allowed"]) as clips:
        with pytest.raises(CannotSave, match=r"lies outside .* The clip itself stays good at its video_url\."):
            await clips.save(there.url, str(tmp_path / "other"), name="rocket")
    assert not there.requests
    assert not everything(tmp_path)


@on_posix
async def test_a_directory_swapped_for_a_link_during_the_download_gets_nothing(tmp_path: Path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    allowed.mkdir()
    outside.mkdir()

    def swap() -> None:
        allowed.rename(tmp_path / "moved")
        allowed.symlink_to(outside)

    async with files(answer(200, CLIP)) as there, saver([tmp_path]) as clips:
        there.on_request = swap
        with pytest.raises(CannotSave, match="was replaced by a link while the clip was being saved"):
            await clips.save(there.url, str(allowed), name="rocket")
    assert not everything(outside)


@on_posix
async def test_a_temporary_file_swapped_during_the_download_is_not_published(tmp_path: Path) -> None:
    def swap() -> None:
        part = next(tmp_path.glob(".*.part"))
        part.unlink()
        part.write_bytes(b"theirs")

    async with files(answer(200, CLIP)) as there, saver() as clips:
        there.on_request = swap
        with pytest.raises(CannotSave, match="was replaced meanwhile"):
            await clips.save(there.url, str(tmp_path), name="rocket")
    assert not everything(tmp_path)


@on_posix
async def test_a_directory_removed_during_the_download_is_explained(tmp_path: Path) -> None:
    async with files(answer(200, CLIP)) as there, saver() as clips:
        there.on_request = lambda: shutil.rmtree(tmp_path / "new")
        with pytest.raises(CannotSave, match="removed meanwhile"):
            await clips.save(there.url, str(tmp_path / "new"), name="rocket")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@on_posix
async def test_a_file_the_system_will_not_let_grow_is_explained_and_removed(tmp_path: Path) -> None:
    with files_of_at_most(500), pytest.raises(CannotSave, match="larger than a file may be there; save elsewhere"):
        await saved(tmp_path / "new")
    assert not everything(tmp_path)


async def test_a_disk_that_turns_out_full_is_explained_and_nothing_is_left_on_it(tmp_path: Path) -> None:
    """On a file system of 64 KB, mounted in a namespace of its own."""
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mounted = f"mount -t tmpfs -o size=64k tmpfs '{tmp_path}'"
    if not shutil.which("unshare") or (await anyio.run_process([*unshare, mounted], check=False)).returncode:
        pytest.skip("no file system can be mounted here")
    script = """
import sys, anyio
from pathlib import Path
from clips_kit import everything, saver

async def main():
    async with saver(api=sys.argv[1]) as clips:
        try:
            await clips.save(sys.argv[1], sys.argv[2], name="rocket")
        except Exception as error:
            print(error, everything(Path(sys.argv[2])))

anyio.run(main)
"""
    async with files(answer(200, film(200_000))) as there:
        run = [*unshare, f'{mounted} && exec "$@"', "sh", sys.executable, "-c", script, there.url, str(tmp_path)]
        done = await anyio.run_process(
            run, env=os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{Path(__file__).parent}"}
        )
    assert "the disk is full; free some space there" in done.stdout.decode()
    assert done.stdout.decode().endswith("stays good at its video_url. []\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EROFS, "x"), "read-only; save elsewhere"),
        (OSError(errno.EDQUOT, "x"), "quota is used up; free some space"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error; save elsewhere"),
        (OSError(), "OSError; save elsewhere"),
    ],
)
def test_what_the_disk_says_comes_with_what_to_do(tmp_path: Path, error: OSError, said: str) -> None:
    with pytest.raises(CannotSave, match=f"cannot be written to .*{said}.* stays good at its video_url"):  # noqa: SIM117 - the error is raised inside
        with explained(tmp_path):
            raise error


def test_paths_in_messages_are_short_and_on_one_line() -> None:
    assert shown("a\nb\udcff") == "a?b\\udcff"
    assert len(shown("x" * 5000)) < 300


@pytest.mark.parametrize("way", ["scope", "task", "again and again"])
async def test_a_cancelled_download_leaves_nothing_behind(tmp_path: Path, way: str) -> None:
    async with files(answer(200, CLIP[:500], Content_Length=len(CLIP)), held=True) as there, saver() as clips:

        async def save() -> None:
            await clips.save(there.url, str(tmp_path / "new"), name="rocket")

        async with anyio.create_task_group() as tasks:
            if way == "scope":
                tasks.start_soon(save)
            else:
                saving = asyncio.ensure_future(save())
            await there.answered.wait()
            assert any(name.endswith(".part") for name in everything(tmp_path))
            if way == "task":
                saving.cancel()
                await asyncio.wait([saving])
            else:
                tasks.cancel_scope.cancel()
            if way == "again and again":
                # The scope cancels this task on every turn of the loop, and each time this task cancels the other.
                await saving
        assert not everything(tmp_path)


def test_a_part_given_up_early_does_nothing_that_comes_late(tmp_path: Path) -> None:
    part = PartialFile(tmp_path / "new")
    part.discard()
    part.open()
    part.write(b"late")
    part.restart()
    part.check(came_whole=True)
    with pytest.raises(CannotSave, match="cancelled before it was complete"):
        part.publish("late.mp4")
    assert not everything(tmp_path)


@pytest.mark.parametrize(
    ("body", "asked", "name"),
    [
        (webm(), "", "rocket-1a2b3c4d.webm"),
        (webm(), "mine.mp4", "mine.webm"),
        (webm(doctype=b"matroska"), "mine.mp4", "mine.mkv"),
        (box(b"ftyp", b"qt  ") + film()[16:], "mine.mp4", "mine.mov"),
        (film(), "mine.webm", "mine.mp4"),
        (film(), "a.b.MP4", "a.b.MP4"),
        (film() + b"\0" * 100, "", "rocket-1a2b3c4d.mp4"),
    ],
)
async def test_whatever_plays_is_saved_with_the_ending_of_what_it_is(
    tmp_path: Path, body: bytes, asked: str, name: str
) -> None:
    assert await saved(tmp_path / asked, body) == name
    assert await saved(tmp_path / asked, body) == name
    assert everything(tmp_path) == [name]
