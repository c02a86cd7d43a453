from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.media.clips import ClipSaver, Target, clip_name, read_target
from atlascloud_video_mcp.media.directories import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator

on_posix = pytest.mark.skipif(os.name == "nt", reason="POSIX paths and permissions")


@contextmanager
def a_directory_that_may_not_be_written() -> Iterator[Path]:
    """Not in tmp_path, which other users cannot look into: root becomes another user, who may write nothing."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made).resolve()
        directory.chmod(0o555)
        assert sys.platform != "win32"
        root = os.getuid() == 0
        if root:
            os.setresuid(65534, 65534, 0)
        try:
            yield directory
        finally:
            if root:
                os.setresuid(0, 0, 0)
            directory.chmod(0o755)


@pytest.mark.parametrize(
    ("picture", "prediction_id", "name"),
    [
        ("/home/me/rocket.jpg", "0f9d-1a2b3c4d", "rocket-1a2b3c4d"),
        (r"C:\Users\me\Bilder\Über uns.png", "1a2b3c4d", "Uber-uns-1a2b3c4d"),
        ("~/rocket", "1a2b3c4d", "rocket-1a2b3c4d"),
        ("'/home/me/rocket.jpg'", "1a2b3c4d", "rocket-1a2b3c4d"),
        ("file:///home/me/my%20cat.png", "1a2b3c4d", "my-cat-1a2b3c4d"),
        ("https://host.example/a/cat.jpg?Signature=s3cret/x.y#z", "1a2b3c4d", "cat-1a2b3c4d"),
        ("https://host.example", "1a2b3c4d", "clip-1a2b3c4d"),
        ("data:image/png;base64,iVBORw0KGgo=", "1a2b3c4d", "clip-1a2b3c4d"),
        (None, "1a2b3c4d", "clip-1a2b3c4d"),
        ("/home/me/猫.png", "1a2b3c4d", "clip-1a2b3c4d"),
        ("/home/me/con.png", "", "con-clip"),
        ("nul.tar.gz", "1a2b3c4d", "nul-tar-1a2b3c4d"),
        ("..", "../../etc", "clip-etc"),
        (".", "/", "clip-clip"),
    ],
)
def test_a_clip_is_called_after_its_picture_and_the_end_of_its_id(
    picture: str | None, prediction_id: str, name: str
) -> None:
    assert clip_name(picture, prediction_id) == name


def test_a_long_name_is_cut_to_80_characters_and_keeps_the_id() -> None:
    name = clip_name("x" * 300 + ".png", "1a2b3c4d")
    assert len(name) == 80
    assert name.endswith("x-1a2b3c4d")


def test_a_name_that_is_a_path_loses_what_makes_it_one() -> None:
    assert safe_name("../../etc/passwd", "clip") == "etc-passwd"
    assert safe_name("..", "clip") == "clip"


def test_a_directory_is_what_exists_as_one_ends_with_a_separator_or_has_no_ending(tmp_path: Path) -> None:
    (tmp_path / "v1.0").mkdir()
    assert read_target(str(tmp_path / "v1.0"), ()) == Target(tmp_path / "v1.0", None)
    assert read_target(f"{tmp_path}/v2.0/", ()) == Target(tmp_path / "v2.0", None)
    assert read_target(str(tmp_path / "new" / "clips"), ()) == Target(tmp_path / "new" / "clips", None)


def test_a_file_is_what_ends_in_mp4(tmp_path: Path) -> None:
    assert read_target(str(tmp_path / "new" / "a.b.MP4"), ()) == Target(tmp_path / "new", "a.b.MP4")


@on_posix
def test_quotes_home_and_file_uris_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = Target(tmp_path / "my clips", None)
    for text in (
        "~/my clips",
        " '~/my clips' ",
        f"file://{tmp_path}/my%20clips",
        f"file://localhost{tmp_path}/my clips/",
    ):
        assert read_target(text, ()) == expected


@pytest.mark.parametrize(
    ("save_to", "said"),
    [
        ("", "save_to is empty"),
        ("' '", "save_to is empty"),
        ("/clips\0/a.mp4", "NUL character"),
        ("clips/a.mp4", "relative path, and hosts start this server in any directory"),
        ("~no-such-user-here/a.mp4", "home directory"),
        ("https://host.example/a.mp4", "A clip cannot be saved to a 'https:' address"),
        ("file://elsewhere/clips", "on the host 'elsewhere'"),
        pytest.param("C:\\clips\\a.mp4", "is a Windows path", marks=on_posix),
    ],
)
def test_what_names_no_full_path_here_is_refused(save_to: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        ClipSaver().check_target(save_to)


def test_another_ending_is_refused_as_it_may_be_meant_as_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"does not end in \.mp4"):
        ClipSaver().check_target(str(tmp_path / "clips.v2"))


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    for save_to in ("notes", "notes/a.mp4", "notes/deep/er/"):
        with pytest.raises(InvalidInput, match=r"notes(.a\.mp4)? is not a directory|Not a directory"):
            ClipSaver().check_target(f"{tmp_path}/{save_to}")


def test_a_path_no_system_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"No clip can be saved to .*: File name too long"):
        ClipSaver().check_target(str(tmp_path / ("x" * 300 + ".mp4")))


@on_posix
def test_a_directory_that_may_not_be_written_is_refused_before_anything_is_paid() -> None:
    with (
        a_directory_that_may_not_be_written() as directory,
        pytest.raises(InvalidInput, match="may not write to"),
    ):
        read_target(str(directory / "clips"), ())


@pytest.mark.parametrize("save_to", [".bashrc", ".mp4", ".mp4/", ".clips/", ".a/b/c.mp4", "new/.b/", ".WEBM"])
def test_no_directory_whose_name_begins_with_a_dot_is_made(tmp_path: Path, save_to: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"would make a directory '\.[^/]*', but none is made whose name begins with a dot"
    ):
        read_target(f"{tmp_path}/{save_to}", ())


def test_a_hidden_directory_that_is_there_and_a_hidden_file_are_the_callers_own_business(tmp_path: Path) -> None:
    (tmp_path / ".clips").mkdir()
    (tmp_path / ".bashrc").write_text("mine")
    (tmp_path / "x.mp4").mkdir()
    assert read_target(f"{tmp_path}/.clips", ()) == Target(tmp_path / ".clips", None)
    assert read_target(f"{tmp_path}/.clips/new/a.mp4", ()) == Target(tmp_path / ".clips" / "new", "a.mp4")
    assert read_target(f"{tmp_path}/.a.mp4", ()) == Target(tmp_path, ".a.mp4")
    assert read_target(f"{tmp_path}/x.mp4", ()) == Target(tmp_path / "x.mp4", None)
    with pytest.raises(InvalidInput, match=r"\.bashrc is not a directory"):
        read_target(f"{tmp_path}/.bashrc", ())


def test_a_file_is_what_ends_as_films_do_which_may_be_the_name_of_a_saved_one(tmp_path: Path) -> None:
    for name in ("a.webm", "a.MOV", "a.mkv"):
        assert read_target(str(tmp_path / name), ()) == Target(tmp_path, name)


def test_what_hosts_put_around_a_place_is_taken_off(tmp_path: Path) -> None:
    for text in (f"@{tmp_path}/my clips/", f"[clips]({tmp_path}/my clips/)", f"\ufeff{tmp_path}/my clips"):
        assert read_target(text, ()) == Target(tmp_path / "my clips", None)


@on_posix
def test_a_place_as_shells_write_it_is_understood(tmp_path: Path) -> None:
    assert read_target(rf"{tmp_path}/my\ clips\ \(1\)", ()) == Target(tmp_path / "my clips (1)", None)


def test_checking_a_target_makes_nothing(tmp_path: Path) -> None:
    ClipSaver(allowed_dirs=[tmp_path]).check_target(str(tmp_path / "new" / "a.mp4"))
    assert not list(tmp_path.iterdir())


@on_posix
def test_links_and_dots_out_of_the_allowed_directories_are_seen_through(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "out").symlink_to(tmp_path)
    checked = ClipSaver(allowed_dirs=[allowed])
    checked.check_target(str(allowed / "out" / "allowed" / "clips"))
    for save_to in ("out/clips", "../clips", "new/../../a.mp4", "../allowed2/"):
        with pytest.raises(InvalidInput, match=r"lies outside the directories .* ATLASCLOUD_ALLOWED_DIRS"):
            checked.check_target(f"{allowed}/{save_to}")
