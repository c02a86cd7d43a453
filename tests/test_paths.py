"""Paths as people, models and hosts write them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.paths import full_path, path_of_file_uri, scheme_of, unquoted

if TYPE_CHECKING:
    from pathlib import Path

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
    ],
)
def test_what_stands_around_a_path_is_no_part_of_it(written: str) -> None:
    assert unquoted(written) == "/a b.png"


@pytest.mark.parametrize("written", ["it's", "'", "/a'b'", "'a\"", "", "5' 6'"])
def test_a_quotation_mark_that_encloses_nothing_is_kept(written: str) -> None:
    assert unquoted(written) == written


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
    assert path_of_file_uri(uri) == path


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
