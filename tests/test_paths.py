"""Paths as people, models and hosts write them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from atlascloud_video_mcp import paths
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.paths import full_path, scheme_of, unquoted, windows_fault

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="what is tested is told on POSIX systems only")


@pytest.mark.parametrize(
    "written",
    [
        "/a b.png",
        "  /a b.png\n",
        '"/a b.png"',
        "' /a b.png '",
        "`/a b.png`",
        "</a b.png>",
        "\u201c/a b.png\u201d",
        "\u2018/a b.png\u2019",
        "\u201e/a b.png\u201c",
        "\u201d/a b.png\u201d",
        "«/a b.png»",
        "\"'/a b.png'\"",
        "\ufeff/a b.png",
        "\u200b/a b.png\u2060",
        "@/a b.png",
        '@"/a b.png"',
        "'@/a b.png'",
        "[a](/a b.png)",
        "[a]( /a b.png )",
        "![x](/a b.png)",
        "![](</a b.png>)",
        '![x](/a b.png "a title")',
        "`[a](/a b.png)`",
        '"/a b.png',
        "\u201c/a b.png",
    ],
)
def test_what_stands_around_a_path_is_no_part_of_it(written: str) -> None:
    assert unquoted(written) == "/a b.png"


@pytest.mark.parametrize("written", ["it's", "'", "/a'b'", "'a\"", "", "5' 6'", "@me", "[a]", "[a](b", "x (1)"])
def test_a_quotation_mark_that_encloses_nothing_is_kept(written: str) -> None:
    assert unquoted(written) == written


@POSIX
@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a%20b/%C3%A9.png", "/a b/é.png"),
        ("file://localhost/a.png", "/a.png"),
        ("FILE:/a.png", "/a.png"),
        ("file:////a.png", "/a.png"),
        ("file:///a #1?50%.png", "/a #1?50%.png"),
        ("file:///C:/My%20Pictures/a.png", "C:/My Pictures/a.png"),
        ("file://C:/a.png", "C:/a.png"),
        (r"file://C:\a.png", r"C:\a.png"),
        ("file://localhost/C:/a.png", "C:/a.png"),
        ("file://~/a.png", "~/a.png"),
        ("file:///~/a.png", "~/a.png"),
        ("file:///%22/a.png%22", '/"/a.png"'),
    ],
)
def test_the_path_in_a_file_uri_is_found_in_the_forms_that_are_written(uri: str, path: str) -> None:
    assert scheme_of(uri) == "file"
    if path[1] == ":":
        with pytest.raises(InvalidInput, match=re.escape(f"{path} is a Windows path")):
            full_path(uri)
    else:
        assert full_path(uri) == Path(path).expanduser()


def test_a_drive_is_no_scheme() -> None:
    assert scheme_of("C:/a.png") is None
    assert scheme_of("sandbox:/a.png") == "sandbox"


@POSIX
@pytest.mark.parametrize(
    "written", [r"C:\a.png", "c:/a.png", r"\\server\a.png", "file:///C:/a.png", r"file://C:\a.png"]
)
def test_a_path_of_windows_is_told_from_a_relative_one(written: str) -> None:
    with pytest.raises(InvalidInput, match="is a Windows path, but this server does not run on Windows"):
        full_path(written)


def test_the_home_directory_is_meant_by_a_tilde_in_each_form(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    for written in ("~/a.png", "file://~/a.png", "file:///~/a.png"):
        assert full_path(written) == tmp_path / "a.png"


@pytest.mark.parametrize("written", ["image: /a.png", "path=/a.png", '<img src="/a.png">', "see ~/a.png", "a, /b.png"])
def test_what_holds_more_than_a_path_is_not_called_a_relative_one(written: str) -> None:
    with pytest.raises(InvalidInput, match="holds more than a path: give the full path and nothing else"):
        full_path(unquoted(written))


def test_what_is_a_relative_path_is_called_one() -> None:
    for written in ("a.png", "photos/a.png", "./a.png", "../a b.png", "@me/a.png"):
        with pytest.raises(InvalidInput, match="is a relative path"):
            full_path(written)


# --- Windows, told by the words of a path alone

ON_ANOTHER_MACHINE = [
    r"\\server\share\a.png",
    "//server/share/a.png",
    r"\/server\share\a.png",
    r"\\server@SSL@443\DavWWWRoot\a.png",
    r"\\127.0.0.1\c$\a.png",
    r"\\?\C:\a.png",
    r"\\?\UNC\server\share\a.png",
    r"\\.\pipe\a",
    "//./C:/a.png",
    r"\\.\PhysicalDrive0",
    r"\??\C:\a.png",
]


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        *((path, "names another machine or a device") for path in ON_ANOTHER_MACHINE),
        (r"C:\x.png:evil.mp4", "names a stream"),
        (r"C:\clips:evil\a.mp4", "names a stream"),
        ("C:/x.png::$DATA", "names a stream"),
        (r"C:\CON", "keeps for a device"),
        (r"C:\con.png", "keeps for a device"),
        (r"C:\clips\nul.tar.gz", "keeps for a device"),
        (r"C:\COM1\a.mp4", "keeps for a device"),
        ("C:/LPT\u00b2.mp4", "keeps for a device"),
        (r"C:\aux .png", "keeps for a device"),
        (r"C:\conin$", "keeps for a device"),
        ("~/prn.mp4", "keeps for a device"),
        (r"C:\a.png.", "ends in a dot or a blank"),
        (r"C:\a.png ", "ends in a dot or a blank"),
        (r"C:\clips. \a.mp4", "ends in a dot or a blank"),
        (r"C:\...\a.mp4", "ends in a dot or a blank"),
        (r"C:\a?.png", "holds a character that no file name can"),
        ("C:/a\x07.png", "holds a character that no file name can"),
    ],
)
def test_what_windows_would_take_for_something_else_is_refused_before_it_is_looked_at(
    path: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fault in (windows_fault(path) or "")
    monkeypatch.setattr(paths, "_WINDOWS", True)
    with pytest.raises(InvalidInput, match=f"{fault}.*: give a full path on a drive of this machine"):
        full_path(path)


@pytest.mark.parametrize(
    "path",
    [
        *(
            r"C:\a.png",
            "C:/Users/me/My Clips/a.b.mp4",
            r"C:\clips\..\a.png",
            r"C:\.\a.png",
            "~/a.png",
            "~me/a.png",
            "C:/",
        ),
        *(
            r"C:\console.png",
            r"C:\com.png",
            r"C:\COM10.png",
            r"C:\a con.png",
            r"C:\.con",
            r"C:\.mp4",
            r"D:\clips" + "\\",
        ),
    ],
)
def test_what_is_a_plain_file_on_windows_has_no_fault(path: str) -> None:
    assert windows_fault(path) is None


def test_a_file_uri_names_no_other_machine_and_no_stream_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_WINDOWS", True)
    for uri in ("file://server/share/a.png", "file:////%5Cserver/share/a.png", "file:///%5C%5Cserver%5Cshare"):
        with pytest.raises(InvalidInput, match=r"on the host 'server'|names another machine|relative path"):
            full_path(uri)
    with pytest.raises(InvalidInput, match="names a stream"):
        full_path("file:///C:/a.png%3Aevil.mp4")


@POSIX
@pytest.mark.parametrize("windows", [True, False])
def test_backslashes_separate_on_windows_and_escape_elsewhere(
    monkeypatch: pytest.MonkeyPatch, *, windows: bool
) -> None:
    monkeypatch.setattr(paths, "_WINDOWS", windows)

    assert paths.unescaped(r"/my\ cat\ \(1\).png") == (r"/my\ cat\ \(1\).png" if windows else "/my cat (1).png")
