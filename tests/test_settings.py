from __future__ import annotations

import logging
import os
from decimal import Decimal
from pathlib import Path

import pytest

from atlascloud_video_mcp import settings as settings_module
from atlascloud_video_mcp.app import service_opener
from atlascloud_video_mcp.errors import SettingsError
from atlascloud_video_mcp.network import is_loopback
from atlascloud_video_mcp.settings import Settings, read_settings, usable_settings
from atlascloud_video_mcp.text import PlainLines


def test_an_empty_environment_gives_the_defaults_of_the_contract() -> None:
    settings = read_settings({})

    assert settings.api_key is None
    assert settings.base_url == "https://api.atlascloud.ai/api/v1"
    assert settings.model == "minimax/hailuo-2.3/i2v-standard"
    assert settings.max_wait is None
    assert settings.state_dir is None
    assert settings.download_dir is None
    assert settings.poll_interval == 0.5
    assert settings.allowed_dirs == ()
    assert settings.budget_usd is None
    assert not settings.sandbox
    assert settings.log_level == "WARNING"


def test_what_is_set_is_read(tmp_path: Path) -> None:
    settings = read_settings(
        {
            "ATLASCLOUD_API_KEY": " key ",
            "ATLASCLOUD_BASE_URL": "http://127.0.0.1:8787/api/v1/",
            "ATLASCLOUD_MODEL": "minimax/hailuo-2.3/fast",
            "ATLASCLOUD_MAX_WAIT": "0",
            "ATLASCLOUD_POLL_INTERVAL": "2.5",
            "ATLASCLOUD_ALLOWED_DIRS": os.pathsep.join([str(tmp_path), "~", ""]),
            "ATLASCLOUD_BUDGET_USD": "2.50",
            "ATLASCLOUD_SANDBOX": "1",
            "ATLASCLOUD_LOG_LEVEL": "debug",
            "PATH": "/usr/bin",
        }
    )

    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "key"
    assert settings.base_url == "http://127.0.0.1:8787/api/v1"
    assert settings.model == "minimax/hailuo-2.3/fast"
    assert (settings.max_wait, settings.poll_interval) == (0, 2.5)
    assert settings.allowed_dirs == (tmp_path, Path.home())
    assert settings.budget_usd == Decimal("2.5")
    assert settings.sandbox
    assert settings.log_level == "DEBUG"


def test_a_download_directory_lies_inside_the_allowed_ones(tmp_path: Path) -> None:
    allowed = {"ATLASCLOUD_ALLOWED_DIRS": str(tmp_path)}

    inside = read_settings(allowed | {"ATLASCLOUD_DOWNLOAD_DIR": str(tmp_path / "clips")})
    alone = read_settings({"ATLASCLOUD_DOWNLOAD_DIR": str(tmp_path.parent)})

    assert inside.download_dir == tmp_path / "clips"
    assert alone.download_dir == tmp_path.parent
    with pytest.raises(
        SettingsError, match=r"ATLASCLOUD_DOWNLOAD_DIR is .*: it takes .* inside ATLASCLOUD_ALLOWED_DIRS"
    ):
        read_settings(allowed | {"ATLASCLOUD_DOWNLOAD_DIR": str(tmp_path / ".." / "clips")})


def test_further_hosts_of_clips_are_read_in_the_spelling_that_is_compared() -> None:
    given = " CDN.Example.com. , *.clips.example,.media.example, B\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example,"

    named = read_settings({"ATLASCLOUD_CLIP_HOSTS": given}).clip_hosts

    assert named == ("cdn.example.com", "clips.example", "media.example", "xn--bcher-kva.example")
    assert read_settings({"ATLASCLOUD_CLIP_HOSTS": "*"}).clip_hosts == ("*",)
    assert read_settings({}).clip_hosts == ()


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read_settings({"ATLASCLOUD_API_KEY": " ", "ATLASCLOUD_MAX_WAIT": ""}) == read_settings({})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ATLASCLOUD_BASE_URL", "http://example.com/api/v1"),
        ("ATLASCLOUD_BASE_URL", "ftp://127.0.0.1/"),
        ("ATLASCLOUD_BASE_URL", "https://"),
        ("ATLASCLOUD_BASE_URL", "https://user@example.com/"),
        ("ATLASCLOUD_BASE_URL", "https://example.com/?a=b"),
        ("ATLASCLOUD_BASE_URL", "https://example.com:port/"),
        ("ATLASCLOUD_BASE_URL", "https://a b/"),
        ("ATLASCLOUD_ALLOWED_DIRS", os.pathsep),
        ("ATLASCLOUD_ALLOWED_DIRS", "~nosuchuser/pictures"),
        ("ATLASCLOUD_MAX_WAIT", "soon"),
        ("ATLASCLOUD_MAX_WAIT", "-1"),
        ("ATLASCLOUD_MAX_WAIT", "nan"),
        ("ATLASCLOUD_MAX_WAIT", "inf"),
        ("ATLASCLOUD_POLL_INTERVAL", "0"),
        ("ATLASCLOUD_POLL_INTERVAL", "nan"),
        ("ATLASCLOUD_ALLOWED_DIRS", "pictures"),
        ("ATLASCLOUD_CLIP_HOSTS", ","),
        ("ATLASCLOUD_CLIP_HOSTS", "https://cdn.example.com"),
        ("ATLASCLOUD_CLIP_HOSTS", "cdn.example.com:8443"),
        ("ATLASCLOUD_CLIP_HOSTS", "cdn.example.com/clips"),
        ("ATLASCLOUD_CLIP_HOSTS", "cdn..example.com"),
        ("ATLASCLOUD_CLIP_HOSTS", "[::1]"),
        ("ATLASCLOUD_CLIP_HOSTS", "a b"),
        ("ATLASCLOUD_CLIP_HOSTS", "x" * 64),
        ("ATLASCLOUD_BUDGET_USD", "$5"),
        ("ATLASCLOUD_BUDGET_USD", "-1"),
        ("ATLASCLOUD_BUDGET_USD", "nan"),
        ("ATLASCLOUD_BUDGET_USD", "inf"),
        ("ATLASCLOUD_BUDGET_USD", "1e400"),
        ("ATLASCLOUD_SANDBOX", "perhaps"),
        ("ATLASCLOUD_LOG_LEVEL", "LOUD"),
        ("ATLASCLOUD_PUBLIC_URL", "http://video.example.com"),
        ("ATLASCLOUD_PUBLIC_URL", "video.example.com"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_with_what_it_held_and_what_it_takes(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({variable: value})

    message = str(caught.value)
    assert message.startswith(f"{variable} is {value!r}: it takes ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ATLASCLOUD_API_KEY", "a canary"),
        ("ATLASCLOUD_TEAM_SECRET", " , "),
        ("ATLASCLOUD_DATABASE_URL", "canary"),
        ("ATLASCLOUD_DATABASE_URL", "mysql://me:canary@127.0.0.1/clips"),
        ("ATLASCLOUD_DATABASE_URL", "postgresql://me:can ary@127.0.0.1/clips"),
        # What the driver would take for a host, a port or an option, and name in its error.
        ("ATLASCLOUD_DATABASE_URL", "postgresql://me:c@nary@127.0.0.1/clips"),
        ("ATLASCLOUD_DATABASE_URL", "postgresql://me:can/ary@127.0.0.1/clips"),
        ("ATLASCLOUD_DATABASE_URL", "postgresql://me:can?ary@127.0.0.1/clips"),
        ("ATLASCLOUD_DATABASE_URL", "postgresql://me:can#ary@127.0.0.1/clips"),
        ("ATLASCLOUD_DATABASE_URL", "postgresql://me:can%ary@127.0.0.1/clips"),
    ],
)
def test_of_a_secret_that_is_not_usable_nothing_is_shown(variable: str, value: str) -> None:
    settings, fault = usable_settings({variable: value, "ATLASCLOUD_MAX_WAIT": value.strip()})

    assert settings == Settings()
    assert fault.startswith((f"{variable} is not usable: it takes ", "ATLASCLOUD_MAX_WAIT is '"))
    assert f"{variable} is not usable: it takes " in fault
    assert not [part for part in ("can", "ary", "127.0.0.1", "mysql") if part in fault]


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("postgresql://me:canary7%40x@db.example:5432,other:5433/clips?sslmode=require", "canary7@x"),
        ("postgres://me@db/clips?password=canary7%26x", "canary7&x"),
        ("postgresql:///clips?host=/var/run/postgresql", None),
        ("postgresql://db:5432/clips", None),
    ],
)
def test_the_databases_address_and_its_password_are_secret(address: str, password: str | None) -> None:
    settings = read_settings({"ATLASCLOUD_DATABASE_URL": address, "ATLASCLOUD_API_KEY": "key-1"})

    assert settings.database_url == address
    assert settings.secrets == tuple(filter(None, (address, password, "key-1")))
    assert repr(settings) == "Settings()"


def test_what_is_secret_is_not_shown_of_a_wrong_variable_nor_in_the_log() -> None:
    secret = {
        "ATLASCLOUD_TEAM_SECRET": "canary-1, canary-2",
        "ATLASCLOUD_DATABASE_URL": "postgresql://me:canary-3@db/clips",
    }
    _, fault = usable_settings({**secret, "ATLASCLOUD_MAX_WAIT": "canary-2 canary-3"})
    settings = read_settings(secret)
    record = logging.LogRecord("psycopg", logging.WARNING, "", 0, "canary-1 %s", ("canary-2 canary-3",), None)

    assert settings.team_secret == ("canary-1", "canary-2")
    assert fault.startswith("ATLASCLOUD_MAX_WAIT is '*** ***': it takes ")
    assert PlainLines(*settings.secrets).format(record) == "psycopg: *** *** ***"
    assert "canary" not in repr(settings)


def test_a_key_that_is_not_usable_is_never_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"ATLASCLOUD_API_KEY": "a key with\nblanks", "ATLASCLOUD_MAX_WAIT": "x"})

    message = str(caught.value)
    assert message.startswith("ATLASCLOUD_API_KEY is not usable: it takes ")
    assert "; ATLASCLOUD_MAX_WAIT is 'x'" in message
    assert "blanks" not in message


@pytest.mark.parametrize(
    ("held", "shown"),
    [
        ("https://user:canary@example.com/api", "https://user:***@example.com/api"),
        ("https://:canary@example.com/", "https://:***@example.com/"),
        ("http://user:can/ary@canary@example.com", "http://user:***@example.com"),
        ("user:canary@example.com", "user:***@example.com"),
        ("https://canary-0123456789abc@example.com", "https://***@example.com"),
        ("https://example.com/?api_key=canary&a=b", "https://example.com/?api_key=***&a=b"),
        ("canary-0123456789abcdef", "***"),
        ("Bearer canary-0123456789abcdef", "Bearer ***"),
    ],
)
def test_no_password_and_nothing_that_looks_like_a_key_is_shown_of_an_address(held: str, shown: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"ATLASCLOUD_BASE_URL": held})

    assert str(caught.value).startswith(f"ATLASCLOUD_BASE_URL is {shown!r}: it takes ")


@pytest.mark.parametrize("variable", ["ATLASCLOUD_MAX_WAIT", "ATLASCLOUD_BUDGET_USD", "ATLASCLOUD_STATE_DIR"])
def test_the_key_in_a_wrong_variable_is_not_shown(variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"ATLASCLOUD_API_KEY": "canary", variable: "canary"})

    assert str(caught.value).startswith(f"{variable} is '***': it takes ")


def test_a_directory_with_a_long_name_is_shown_as_it_is() -> None:
    with pytest.raises(SettingsError, match="'pictures/holidays-of-2026-in-norway'"):
        read_settings({"ATLASCLOUD_STATE_DIR": "pictures/holidays-of-2026-in-norway"})


@pytest.mark.parametrize("around", ['"', "'", "`", " ", "\u201c", "\ufeff", "\n"])
def test_what_comes_around_a_key_when_it_is_copied_is_no_part_of_it(around: str) -> None:
    key = read_settings({"ATLASCLOUD_API_KEY": f"{around}canary{around}"}).api_key

    assert key is not None
    assert key.get_secret_value() == "canary"
    assert read_settings({"ATLASCLOUD_API_KEY": around * 2}).api_key is None


def test_the_key_is_not_in_the_settings_own_text() -> None:
    assert "canary" not in repr(read_settings({"ATLASCLOUD_API_KEY": "canary"}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", [None, "10.0.0.1", "example.com", "::2"])
def test_another_machine_is_not_loopback(host: str | None) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "directory", [r"\\nas\clips", "//nas/clips", r"\\?\C:\clips", "/clips:x", "/con/clips", "/clips. /x"]
)
@pytest.mark.parametrize("name", ["ATLASCLOUD_ALLOWED_DIRS", "ATLASCLOUD_DOWNLOAD_DIR", "ATLASCLOUD_STATE_DIR"])
def test_directories_that_windows_takes_for_something_else_are_refused_there(
    monkeypatch: pytest.MonkeyPatch, name: str, directory: str
) -> None:
    monkeypatch.setattr(os, "pathsep", ";")
    monkeypatch.setattr(settings_module, "_WINDOWS", True)
    with pytest.raises(SettingsError, match=name):
        read_settings({name: directory})
    assert read_settings({name: "/clips"}) != read_settings({})


async def test_a_sandbox_writes_nothing_into_a_teams_journal() -> None:
    settings = read_settings({"ATLASCLOUD_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing"})
    async with service_opener(settings, sandbox=True, speed=1000)() as service:
        assert (await service.list_predictions()).predictions == ()
        assert not service.journal.is_shared
