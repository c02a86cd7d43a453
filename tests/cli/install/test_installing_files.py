"""A client's file on disk: read, copied, replaced as a whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from atlascloud_video_mcp.cli.install.config_file import CannotInstall, copies_of, read_file, write_file
from installing_kit import NOW

root_only = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of this kind")


def test_a_file_that_is_not_there_is_empty_and_is_made_with_its_folders_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "mcp.json"
    file = read_file(path)
    assert file.text == ""

    assert write_file(file, "{}", now=NOW) is None

    assert path.read_text(encoding="utf-8") == "{}"
    assert os.name != "posix" or stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [other.name for other in path.parent.iterdir()] == ["mcp.json"]


def test_each_change_leaves_a_copy_and_the_three_newest_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(b"0")

    copies = [write_file(read_file(path), str(number), now=NOW) for number in range(1, 13)]

    assert [copy.name for copy in copies if copy][:2] == [
        "mcp.json.bak-20261125-130509",
        "mcp.json.bak-20261125-130509-2",
    ]
    assert [copy.read_bytes() for copy in copies_of(path)] == [b"9", b"10", b"11"]
    assert sorted(tmp_path.iterdir()) == sorted([path, *copies_of(path)])
    assert path.read_bytes() == b"12"


def test_a_file_below_a_file_is_said_to_be_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "settings").write_text("{}", encoding="utf-8")
    with pytest.raises(CannotInstall, match=r"settings/mcp\.json cannot be read: "):
        read_file(tmp_path / "settings" / "mcp.json")


def test_what_only_looks_like_a_copy_of_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    theirs = [tmp_path / f"mcp.json.bak-{name}" for name in ("mine", "2026", "20261125-130509.old")]
    for other in (path, *theirs):
        other.write_bytes(b"0")

    for _ in range(5):
        write_file(read_file(path), "1", now=NOW)

    assert all(other.read_bytes() == b"0" for other in theirs)


@posix_only
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
@pytest.mark.parametrize("private", [True, False])
def test_the_mode_stays_unless_it_is_private_and_no_copy_is_for_others(
    mode: int,
    private: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(b"old")
    path.chmod(mode)
    older = tmp_path / "mcp.json.bak-20250101-000000"
    older.write_bytes(b"older")
    older.chmod(0o644)
    before = os.umask(0o022)

    try:
        copy = write_file(read_file(path), "new", now=NOW, private=private)
    finally:
        os.umask(before)

    assert copy is not None
    assert stat.S_IMODE(path.stat().st_mode) == (0o600 if private else mode)
    assert {stat.S_IMODE(each.stat().st_mode) for each in (older, copy)} == {0o600}


@root_only
def test_root_leaves_a_file_and_its_copy_to_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)

    copy = write_file(read_file(path), "new", now=NOW, private=True)

    assert copy is not None
    for each in (path, copy):
        assert (each.stat().st_uid, each.stat().st_gid) == (1234, 2345)


@root_only
def test_what_root_makes_belongs_to_whose_folder_it_is_in(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 1234, 2345)
    path = home / ".config" / "goose" / "config.yaml"

    write_file(read_file(path), "new", now=NOW)

    for each in (path, path.parent, path.parent.parent):
        assert (each.stat().st_uid, each.stat().st_gid) == (1234, 2345)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in its folders")
def test_a_pipe_is_not_waited_for_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(CannotInstall, match="is not a regular file"):
            read_file(path)

    assert Path(os.devnull).is_char_device()


@posix_only
def test_a_disk_that_is_full_leaves_no_part_of_a_copy_behind(tmp_path: Path) -> None:
    import resource  # noqa: PLC0415 - not on Windows

    path = tmp_path / "mcp.json"
    path.write_bytes(b"0" * 100_000)
    file = read_file(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(CannotInstall, match="cannot be written"):
            write_file(file, "1", now=NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, heard)

    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"0" * 100_000


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
    path.write_bytes(b"\x89PNG")

    with pytest.raises(CannotInstall, match=r"mcp\.json is not UTF-8 text"):
        read_file(path)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_text_as_some_windows_editors_save_it_is_told_as_that(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes("\ufeff{}".encode(encoding))

    with pytest.raises(CannotInstall, match=r"mcp\.json is UTF-16 text: save it as UTF-8"):
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

    with pytest.raises(CannotInstall, match="just changed by another program"):
        write_file(file, "ours", now=NOW)

    assert path.read_bytes() == b"newer"
    assert sorted(other.name for other in tmp_path.iterdir()) == ["mcp.json", "mcp.json.bak-20261125-130509"]
