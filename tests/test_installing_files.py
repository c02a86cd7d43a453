"""A client's file on disk: read, copied, replaced as a whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.installing.files import open_to_others, read_file, write_file
from atlascloud_video_mcp.installing.problems import CannotInstall
from installing_kit import NOW

if TYPE_CHECKING:
    from pathlib import Path

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of this kind")


def test_a_file_that_is_not_there_is_empty_and_is_made_with_its_folders_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "mcp.json"
    file = read_file(path)
    assert file.text == ""

    assert write_file(file, "{}", now=NOW) is None

    assert path.read_text(encoding="utf-8") == "{}"
    assert os.name != "posix" or stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [other.name for other in path.parent.iterdir()] == ["mcp.json"]


def test_each_change_leaves_a_copy_that_the_next_one_does_not_touch(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(b"0")

    copies = [write_file(read_file(path), text, now=NOW) for text in "123"]

    assert [copy.name for copy in copies if copy] == [
        "mcp.json.bak-20261125-130509",
        "mcp.json.bak-20261125-130509-2",
        "mcp.json.bak-20261125-130509-3",
    ]
    assert [copy.read_bytes() for copy in copies if copy] == [b"0", b"1", b"2"]
    assert path.read_bytes() == b"3"


@posix_only
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_mode_stays_and_the_copy_has_it_too(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(b"old")
    path.chmod(mode)
    before = os.umask(0o022)

    try:
        copy = write_file(read_file(path), "new", now=NOW)
    finally:
        os.umask(before)

    assert copy is not None
    assert {stat.S_IMODE(each.stat().st_mode) for each in (path, copy)} == {mode}
    assert open_to_others(path) == (mode != 0o600)


@posix_only
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_of_a_dotfiles_manager_stays_a_link(exists: bool, tmp_path: Path) -> None:  # noqa: FBT001
    target = tmp_path / "dotfiles" / "mcp.json"
    target.parent.mkdir()
    if exists:
        target.write_bytes(b"old")
    link = tmp_path / "home" / "mcp.json"
    link.parent.mkdir()
    link.symlink_to(target)

    copy = write_file(read_file(link), "new", now=NOW)

    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert [other.name for other in target.parent.iterdir()] == ["mcp.json"]
    assert (copy is not None) == exists
    assert copy is None or copy.parent == link.parent


def test_the_mark_of_some_windows_editors_is_read_over_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(b"\xef\xbb\xbf{}\r\n")
    file = read_file(path)
    assert file.text == "{}\r\n"

    write_file(file, "[]\r\n", now=NOW)

    assert path.read_bytes() == b"\xef\xbb\xbf[]\r\n"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes("{}".encode("utf-16"))

    with pytest.raises(CannotInstall, match=r"mcp\.json is not UTF-8 text"):
        read_file(path)


def test_a_directory_in_the_files_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotInstall, match="cannot be read: "):
        read_file(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"")
    file = read_file(tmp_path / "other" / "mcp.json")
    (tmp_path / "other").write_bytes(b"")

    with pytest.raises(CannotInstall, match="cannot be written: "):
        write_file(file, "{}", now=NOW)


def test_a_file_that_changed_meanwhile_keeps_what_it_got(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(b"old")
    file = read_file(path)
    path.write_bytes(b"newer")

    with pytest.raises(CannotInstall, match="changed by another program just now"):
        write_file(file, "ours", now=NOW)

    assert path.read_bytes() == b"newer"
    assert sorted(other.name for other in tmp_path.iterdir()) == ["mcp.json", "mcp.json.bak-20261125-130509"]
