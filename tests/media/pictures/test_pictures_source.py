"""Where pictures come from: paths, URIs, and everything that must not be read."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures import open_picture
from atlascloud_video_mcp.media.pictures.source import MAX_FILE_BYTES, MAX_INLINE_BYTES, read_source
from kit import PHOTOS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROCKET = PHOTOS / "rocket.jpg"
# What goes up: the photograph without the comment in it.
SENT = ROCKET.read_bytes().replace(b"\xff\xfe\0\x1ccmp3.10.3.2Lq3 0x756ffbf7\0", b"")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="what is tested exists on POSIX systems only")


def read(image: str, *allowed: Path) -> bytes:
    picture = open_picture(image, allowed_dirs=allowed)
    return picture.data


def content(uri: str) -> bytes:
    """What a data: URI holds, be it a picture or not."""
    return read_source(uri, ())[0]


def refusal(image: str, *allowed: Path) -> str:
    with pytest.raises(InvalidPicture) as caught:
        open_picture(image, allowed_dirs=allowed)
    return str(caught.value)


def data_uri(data: bytes, header: str = "data:image/jpeg;base64") -> str:
    return f"{header},{base64.b64encode(data).decode()}"


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.fixture
def rocket(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROCKET, tmp_path / "Mein Bild #1?50%é.jpg" if os.name != "nt" else tmp_path / "Bild é.jpg"))


# --- Ways to name a picture


def test_a_path_may_be_plain_quoted_or_surrounded_by_space(rocket: Path) -> None:
    for image in (str(rocket), f'"{rocket}"', f"'{rocket}'", f"  {rocket}\n", f' " {rocket} " '):
        assert read(image) == SENT


def test_a_tilde_stands_for_the_home_directory(rocket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(rocket.parent))
    monkeypatch.setenv("USERPROFILE", str(rocket.parent))
    assert read(f"~/{rocket.name}") == SENT


def test_a_file_uri_is_decoded(rocket: Path) -> None:
    uri = rocket.as_uri()
    for image in (uri, uri.replace("file://", "FILE://localhost"), uri.replace("file://", "file:")):
        assert read(image) == SENT


@POSIX
def test_a_file_uri_may_hold_a_name_as_people_paste_it(tmp_path: Path) -> None:
    path = Path(shutil.copy(ROCKET, tmp_path / "a #1?.jpg"))
    assert read(f"file://{path}") == SENT


@pytest.mark.parametrize(
    "header",
    [
        "data:image/jpeg;base64",
        "data:;base64",
        "DATA:image/png;name=x.png;BASE64",
        "data:text/plain;charset=utf-8; base64",
    ],
)
def test_a_data_uri_is_judged_by_its_content_whatever_it_claims(header: str) -> None:
    picture = open_picture(data_uri(ROCKET.read_bytes(), header))
    assert picture.data == SENT
    assert (picture.filename, picture.content_type) == ("picture.jpg", "image/jpeg")
    assert (picture.width, picture.height, picture.size_bytes) == (640, 427, len(SENT))


def test_base64_may_be_wrapped_url_safe_percent_encoded_or_unpadded() -> None:
    plain = base64.b64encode(ROCKET.read_bytes()).decode()
    wrapped = "\r\n ".join(plain[start : start + 76] for start in range(0, len(plain), 76))
    url_safe = base64.urlsafe_b64encode(ROCKET.read_bytes()).decode().rstrip("=")
    escaped = plain.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    for payload in (wrapped, url_safe, escaped):
        assert read(f"data:image/jpeg;base64,{payload}") == SENT


def test_the_file_name_that_goes_up_is_plain_and_fits_the_content(tmp_path: Path) -> None:
    for name, expected in {
        "Été à la mer (1).png": "Ete-a-la-mer-1.jpg",
        "猫.webp": "picture.jpg",
        "holiday": "holiday.jpg",
        "x" * 200 + ".jpeg": "x" * 80 + ".jpg",
    }.items():
        path = shutil.copy(ROCKET, tmp_path / name)
        picture = open_picture(str(path))
        assert picture.filename == expected


def test_line_breaks_may_be_spelled_out_as_json_and_shells_do() -> None:
    plain = base64.b64encode(ROCKET.read_bytes()).decode()
    for brk in (r"\n", r"\r\n", "\\\n", "\n", "\t", " \n "):
        wrapped = brk.join(plain[at : at + 76] for at in range(0, len(plain), 76))
        assert read("data:image/jpeg;base64," + wrapped) == SENT
    assert read("data:image/jpeg;base64," + plain.replace("/", r"\/")) == SENT


def test_plus_signs_that_became_blanks_are_put_back() -> None:
    plain = base64.b64encode(ROCKET.read_bytes()).decode()
    assert "+" in plain
    for uri in (
        f"data:image/jpeg;base64,{plain.replace('+', ' ')}",
        f"data:image/jpeg;base64, {plain.replace('+', ' ')}\n",
        f'"data:image/jpeg;base64,{plain.replace("+", "%20")}"',
    ):
        assert read(uri) == SENT


def test_blanks_that_wrap_base64_without_any_plus_sign_are_no_plus_signs() -> None:
    plain = base64.b64encode(bytes(300)).decode()
    assert content("data:;base64," + " ".join(plain[at : at + 76] for at in range(0, 400, 76))) == bytes(300)
    assert content(f"data:;base64,{plain} ") == bytes(300)


@given(st.binary(min_size=1, max_size=400), st.sampled_from(["=", ""]), st.booleans())
def test_base64_that_was_decoded_as_a_form_is_put_right_or_refused(data: bytes, padding: str, escaped: bool) -> None:  # noqa: FBT001 - hypothesis gives them
    sent = base64.b64encode(b"\xff" + data).decode().replace("+", " ")
    sent = sent if padding else sent.rstrip("=")
    try:
        got = content(f"data:;base64,{sent.replace(' ', '%20') if escaped else sent}")
    except InvalidPicture as error:
        told = str(error)
        assert "each of which may have been a plus sign" in told or "damaged" in told
    else:
        # Without padding a lost sign at the very end looks like nothing at all.
        assert got == b"\xff" + data or (not padding and sent.endswith(" "))


@given(st.binary(min_size=1, max_size=2000), st.sampled_from([60, 64, 76, 80]), st.sampled_from([" ", "\r\n ", "\n"]))
def test_base64_that_was_wrapped_is_read_as_it_was(data: bytes, width: int, brk: str) -> None:
    plain = base64.b64encode(data).decode()
    wrapped = brk.join(plain[at : at + width] for at in range(0, len(plain), width))
    assert content(f"data:;base64,{wrapped}") == data


@POSIX
def test_a_path_as_shells_links_and_sentences_write_it_is_understood_where_it_names_nothing_itself(
    tmp_path: Path,
) -> None:
    path = Path(shutil.copy(ROCKET, tmp_path / "my cat (1) & me's.jpg"))
    escaped = str(path).replace("my cat (1) & me's", r"my\ cat\ \(1\)\ \&\ me\'s")
    for image in (
        escaped,
        f"@{escaped}",
        str(path).replace(" ", "%20"),
        f"[the cat]({str(path).replace(' ', '%20')})",
        f"![the cat](<{path}>)",
        f'![the cat]({path} "my cat")',
        f"{path}.",
        f'{path}",',
        f"@file://{path}",
        f"\ufeff`{path}`\n",
    ):
        assert read(image, tmp_path) == SENT
    other = tmp_path / r"my\ cat.jpg"
    shutil.copy(PHOTOS / "coffee.png", other)
    shutil.copy(ROCKET, tmp_path / "my cat.jpg")
    assert read(str(other)).startswith(b"\x89PNG")


@POSIX
def test_another_spelling_does_not_lead_out_of_the_allowed_directories(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    shutil.copy(ROCKET, tmp_path / "a.jpg")
    for image in (f"{tmp_path}/allowed/%2e%2e/a.jpg", rf"{tmp_path}/allowed/\.\./a.jpg"):
        assert "no file there" in refusal(image, tmp_path / "allowed")


def test_a_screenshot_of_macos_is_found_by_the_name_that_a_model_writes(tmp_path: Path) -> None:
    shutil.copy(ROCKET, tmp_path / "Bildschirmfoto 2026-01-02 um 3.04.05\u202fPM.jpg")
    assert read(str(tmp_path / "Bildschirmfoto 2026-01-02 um 3.04.05 PM.jpg"), tmp_path) == SENT


# --- Names that lead nowhere


def test_a_relative_path_is_refused_with_the_reason() -> None:
    message = refusal("photos/cat.png")
    assert "photos/cat.png is a relative path" in message
    assert "any directory" in message
    assert "full path" in message
    assert "attached" not in message


def test_a_bare_attachment_name_is_met_with_advice() -> None:
    assert "A chat attachment is not a file on disk: save it" in refusal("image.png")


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("", "No picture was given: give an absolute path"),
        (' " " ', "No picture was given: give an absolute path"),
        ("file://", "cannot be read"),
        ("https://example.com/a.jpg", "animate_image passes https URLs on as they are"),
        ("HTTP://example.com/a.jpg", "give animate_image an https URL, or save the picture and give its full path"),
        ("ftp://example.com/a.jpg", "cannot be read from a 'ftp:' address"),
        (
            "sandbox:/mnt/data/a.png",
            "A picture cannot be read from a 'sandbox:' address. A chat attachment is not",
        ),
        ("attachment://image.png", "A chat attachment is not a file on disk: save the picture and give its full path"),
        ("cid:image001", "A chat attachment is not a file on disk"),
        ("blob:https://claude.ai/1234", "A chat attachment is not a file on disk"),
        ("the picture above", "A chat attachment is not a file on disk"),
        ("/mnt/data/a.png", "no file there. The path is in the chat's own sandbox, not on this machine"),
        ("/mnt/user-data/uploads/a.png", "save the picture here"),
        ("/9j/" + 30 * "4AAQSkZJ", "base64 without its header: put data:image/png;base64, before it"),
        ("iVBORw0KGgo" + 30 * "AAAANS+/\n", "base64 without its header"),
        ("/tmp/a\0.png", "NUL character"),  # noqa: S108 - never opened
        ("file:///a%00.png", "NUL character"),
        ("file://server/share/a.png", "on the host 'server'; only files of this machine are taken: give a full path"),
        ("file:///\ud800.png", "does not decode to a path"),
        ("data:image/png,abc", "is not base64: write data:image/png;base64,"),
        ("data:image/png;base64", "is not base64: write data:image/png;base64,"),
        ("data:image/png;base64,", "is empty (0 bytes)"),
        ("data:image/png;base64,!!!!", "damaged or cut off: send it whole"),
        ("data:image/png;base64,abcde", "damaged or cut off: send it whole"),
        ("data:image/png;base64,éé", "damaged or cut off: send it whole"),
    ],
)
def test_what_names_no_picture_is_refused_with_the_next_step(image: str, says: str) -> None:
    if image == "file://":
        says = "is a directory"
    assert says in refusal(image)


def test_an_oversized_data_uri_is_refused_before_it_is_decoded() -> None:
    message = refusal("data:image/png;base64," + "A" * (MAX_INLINE_BYTES * 4 // 3 + 1))
    assert "85.3 MB of base64; at most 85.3 MB are accepted: save the picture" in message
    assert len(message) < 300


@POSIX
def test_a_windows_path_elsewhere_says_so() -> None:
    for image in (r"C:\Users\me\cat.png", "c:/cat.png", r"\\server\share\cat.png"):
        assert "is a Windows path, but this server does not run on Windows: give the path" in refusal(image)


@POSIX
def test_an_unknown_home_directory_is_named() -> None:
    assert "home directory in ~nobody-by-this-name/a.png is not known" in refusal("~nobody-by-this-name/a.png")


def test_a_missing_file_is_named_on_one_short_line(tmp_path: Path) -> None:
    message = refusal(str(tmp_path / "nothing.png"))
    assert "nothing.png cannot be opened: no file there. Check the path." in message
    assert "\n" not in refusal(str(tmp_path / "no\nthing.png"))
    assert len(refusal(str(tmp_path / ("very/" * 500 + "long.png")))) < 500


@POSIX
def test_names_the_system_cannot_take_are_refused(tmp_path: Path) -> None:
    assert "File name too long" in refusal(str(tmp_path / ("n" * 1000)))
    assert "not a usable path" in refusal(f"{tmp_path}/\ud800.png")


# --- What is no regular file


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert refusal(str(tmp_path)).endswith("is a directory; give the path of one picture in it.")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert "is empty (0 bytes)" in refusal(str(tmp_path / "a.png"))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_files_of_proc_are_refused() -> None:
    assert "is empty (0 bytes)" in refusal("/proc/self/environ")


@POSIX
def test_a_named_pipe_without_a_writer_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "is a named pipe; only regular files are read" in refusal(str(tmp_path / "pipe.png"))


@POSIX
def test_a_named_pipe_that_takes_a_files_place_is_refused_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(ROCKET, tmp_path / "a.png"))
    opens = os.open

    def opens_a_moment_later(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if name == path.name:
            path.unlink()  # by another process
            os.mkfifo(path)
        return opens(name, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", opens_a_moment_later)
    assert "is a named pipe" in refusal(str(path))


@POSIX
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.png")
        assert "is a socket; only regular files are read" in refusal(str(tmp_path / "s.png"))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_a_device_is_refused() -> None:
    assert "/dev/zero is a device; only regular files are read" in refusal("/dev/zero")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert "has 150.0 MB; no file above 150.0 MB is read: export it smaller" in refusal(str(tmp_path / "huge.png"))


@POSIX
def test_a_broken_link_and_a_loop_of_links_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "broken.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    assert "a symbolic link to a file that does not exist" in refusal(str(tmp_path / "broken.png"))
    assert "cannot be opened" in refusal(str(tmp_path / "loop.png"))


@pytest.fixture
def unreadable(rocket: Path) -> Iterator[Path]:
    """Take away the right to read, from root too, who needs none."""
    rocket.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield rocket
    os.seteuid(user)


@POSIX
def test_a_file_without_permission_is_refused(unreadable: Path) -> None:
    message = refusal(str(unreadable))
    assert "may not be read by this server (permission denied): make it readable" in message


# --- Allowed directories


@POSIX
def test_a_picture_in_an_allowed_directory_is_read_through_links_too(rocket: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(rocket.parent)
    assert read(str(rocket), tmp_path / "other", link) == SENT
    assert read(str(link / rocket.name), rocket.parent) == SENT


@POSIX
def test_no_path_leads_out_of_the_allowed_directories(rocket: Path) -> None:
    allowed = rocket.parent / "allowed"
    allowed.mkdir()
    (allowed / "link.jpg").symlink_to(rocket)
    (allowed / "up").symlink_to(rocket.parent)
    sibling = rocket.parent / "allowed-not"
    sibling.mkdir()
    shutil.copy(ROCKET, sibling / "a.jpg")
    for escape in (
        rocket,
        allowed / "link.jpg",
        allowed / "up" / rocket.name,
        sibling / "a.jpg",
        f"{allowed}/../{rocket.name}",
    ):
        message = refusal(str(escape), allowed)
        assert f"lies outside the directories this server may read and write ({allowed.resolve()}): use" in message
        assert "ATLASCLOUD_ALLOWED_DIRS" in message


def test_a_missing_file_outside_tells_nothing_about_what_is_there(tmp_path: Path) -> None:
    assert "lies outside" in refusal(str(tmp_path / "nothing.jpg"), tmp_path / "allowed")


@POSIX
def test_a_refused_picture_leaves_no_file_open() -> None:
    before = open_files()
    refusal(str(PHOTOS / "README.md"))
    assert open_files() == before


# --- The open file


def test_the_file_that_was_checked_goes_up_even_if_its_name_means_another_by_then(rocket: Path) -> None:
    picture = open_picture(str(rocket))
    if os.name != "nt":
        rocket.unlink()
        rocket.write_text("another")
    assert picture.data == SENT


def test_what_was_checked_goes_up_whatever_becomes_of_the_file(rocket: Path) -> None:
    for spoil in (lambda: rocket.write_bytes(b"another"), lambda: rocket.write_bytes(b""), rocket.unlink):
        shutil.copy(ROCKET, rocket)
        picture = open_picture(str(rocket))
        spoil()
        assert picture.data == SENT
