"""Every place that a client may have an entry in: clients that moved, projects, copies that hold a key."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.cli.doctor import State
from atlascloud_video_mcp.cli.doctor.target import clients, find_target
from atlascloud_video_mcp.cli.install.clients import CLIENTS, client_named
from atlascloud_video_mcp.cli.install.config_file import CannotInstall, copies_of
from atlascloud_video_mcp.cli.install.server_entry import entry_in
from atlascloud_video_mcp.errors import AtlasError, InvalidInput
from installing_kit import Somebody, platform_at, prepared, run
from kit import CANARY

OURS = {"command": "/gone/atlascloud-video-mcp", "args": []}
EACH_NEW_CLIENT = pytest.mark.parametrize("name", ["copilot-cli", "devin", "antigravity", "kiro", "qwen-code"])


def written(path: Path, data: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def read(path: Path) -> Any:  # noqa: ANN401 - data is of any type
    return json.loads(path.read_text(encoding="utf-8"))


# --- clients that moved, and new ones (docs of the clients, as of November 2026) ---


@EACH_NEW_CLIENT
async def test_the_doctor_finds_each_new_client_set_up(name: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    run(platform, "install", name, "--force", "--no-key")

    (finding,) = await clients(platform)

    assert (finding.state, finding.said) == (State.OK, f"set up in {client_named(name).title}")
    assert find_target(platform, name).command == (platform.program,)


def test_windsurf_is_told_to_be_devin_now_and_is_set_up_as_that(tmp_path: Path) -> None:
    old = written(tmp_path / ".codeium" / "windsurf" / "mcp_config.json", {})

    somebody = run(platform_at(tmp_path), "install", "windsurf", "--no-key")

    assert "Windsurf is called Devin now" in somebody.warnings[0]
    assert "atlascloud-video" in read(old)["mcpServers"]
    assert not (tmp_path / ".config" / "devin").exists()


@pytest.mark.parametrize(
    ("there", "options", "place"),
    [
        (["old", "new"], [], "new"),
        (["old"], [], "old"),
        (["old"], ["--force"], "new"),
        ([], ["--force"], "new"),
    ],
)
def test_devins_file_is_written_where_it_is_there_or_asked_for(
    there: list[str], options: list[str], place: str, tmp_path: Path
) -> None:
    places = {
        "old": tmp_path / ".codeium" / "windsurf" / "mcp_config.json",
        "new": tmp_path / ".config" / "devin" / "mcp_config.json",
    }
    for name in there:
        written(places[name], {})

    run(platform_at(tmp_path), "install", "devin", "--no-key", *options)

    assert [name for name, path in places.items() if path.exists() and read(path)] == [place]
    assert set(read(places[place])["mcpServers"]["atlascloud-video"]) == {"command", "args"}, "others are refused"


def test_devin_on_windows_is_written_where_it_reads(tmp_path: Path) -> None:
    platform = platform_at(tmp_path, "win32", {"APPDATA": str(tmp_path / "Roaming")})

    assert client_named("devin").place(platform) == tmp_path / "Roaming" / "devin" / "mcp_config.json"


def test_the_folder_that_antigravity_shares_is_no_sign_of_gemini_cli(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    (tmp_path / ".gemini" / "config").mkdir(parents=True)

    assert [client.name for client in CLIENTS if client.is_installed(platform)] == ["antigravity"]
    written(tmp_path / ".gemini" / "settings.json", {})
    assert client_named("gemini-cli").is_installed(platform)


def test_who_has_vs_code_ask_is_told_of_its_agents_and_of_the_client_that_serves_them(tmp_path: Path) -> None:
    somebody = run(platform_at(tmp_path), "install", "vscode", "--force")

    assert "`install copilot-cli`" in "\n".join(somebody.warnings)
    names = [client.name for client in CLIENTS]
    assert names.index("copilot-cli") < names.index("vscode")


def test_an_opencode_that_keeps_its_servers_one_level_deeper_gets_the_entry_there(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("opencode", platform, '{"mcp": {"servers": {"a": {"type": "local", "command": ["a"]}}}}')

    run(platform, "install", "opencode", "--no-key")

    assert list(read(path)["mcp"]) == ["servers"]
    assert list(read(path)["mcp"]["servers"]) == ["a", "atlascloud-video"]
    run(platform, "uninstall", "opencode")
    assert list(read(path)["mcp"]["servers"]) == ["a"]


def test_several_clients_are_set_up_at_once_and_the_key_is_asked_for_once(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    somebody = Somebody([CANARY])

    run(platform, "install", "cursor", "zed", "--force", somebody=somebody)

    assert len(somebody.questions) == 1
    for name, section in (("cursor", "mcpServers"), ("zed", "context_servers")):
        entry = read(client_named(name).place(platform))[section]["atlascloud-video"]
        assert entry["env"] == {"ATLASCLOUD_API_KEY": CANARY}


def test_of_several_clients_one_that_cannot_be_done_keeps_no_other_from_it(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    prepared("cursor", platform, "{")

    with pytest.raises(CannotInstall, match="was not changed") as refused:
        run(platform, "install", "cursor", "nosuchclient", "kiro", "--force", "--no-key")

    assert "nosuchclient" in str(refused.value)
    assert client_named("kiro").place(platform).exists()


def test_nobody_is_asked_on_after_ctrl_c(tmp_path: Path) -> None:
    somebody = Somebody(["Ctrl-C", CANARY])

    with pytest.raises(CannotInstall, match="Stopped"):
        run(platform_at(tmp_path), "install", "cursor", "zed", "--force", somebody=somebody)

    assert len(somebody.questions) == 1


def test_one_file_is_not_for_several_clients(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--file takes the file of one client"):
        run(platform_at(tmp_path), "install", "cursor", "zed", "--file", str(tmp_path / "mcp.json"))


# --- scopes ---


async def test_an_entry_for_one_project_is_named_by_all_three_and_taken_out(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared(
        "claude-code",
        platform,
        json.dumps({"projects": {"/work/p": {"mcpServers": {"atlascloud-video": OURS}}}, "a": 1}),
    )

    installed = run(platform, "install", "claude-code", "--no-key")
    found = await clients(platform)
    taken = run(platform, "uninstall", "claude-code")

    assert any("for /work/p, where it overrides" in sentence for sentence in installed.warnings)
    assert {"for /work/p, where it overrides" in finding.said for finding in found} == {True, False}
    assert any("/gone/atlascloud-video-mcp, which no longer exists" in finding.said for finding in found)
    assert read(path) == {"projects": {"/work/p": {"mcpServers": {}}}, "a": 1, "mcpServers": {}}
    assert taken.heard[0].startswith("Removed atlascloud-video from Claude Code")


@pytest.mark.parametrize(("name", "file"), [("claude-code", ".mcp.json"), ("cursor", ".cursor/mcp.json")])
async def test_an_entry_of_the_folders_own_file_is_named_by_all_three_and_left(
    name: str, file: str, tmp_path: Path
) -> None:
    platform = replace(platform_at(tmp_path / "home"), folder=tmp_path / "project")
    theirs = written(tmp_path / "project" / file, {"mcpServers": {"atlascloud-video": OURS}})

    installed = run(platform, "install", name, "--force", "--no-key")
    found = await clients(platform)
    taken = run(platform, "uninstall", name)

    for said in (installed.warnings, taken.warnings, [f"{finding.said}: {finding.fix}" for finding in found]):
        assert any(str(theirs) in sentence and f"uninstall {name} --file {theirs}" in sentence for sentence in said)
    assert "atlascloud-video" in read(theirs)["mcpServers"]
    run(platform, "uninstall", name, "--file", str(theirs))
    assert "atlascloud-video" not in str(read(theirs))


def test_a_file_of_the_folder_that_nobody_can_read_is_no_concern_of_ours(tmp_path: Path) -> None:
    platform = replace(platform_at(tmp_path / "home"), folder=tmp_path)
    (tmp_path / ".mcp.json").write_text("{", encoding="utf-8")

    (about_the_key,) = run(platform, "install", "claude-code", "--force", "--no-key").warnings

    assert about_the_key.startswith("No API key is set yet")


async def test_the_doctor_passes_over_a_folders_file_that_is_none_of_ours(tmp_path: Path) -> None:
    platform = replace(platform_at(tmp_path / "home"), folder=tmp_path)
    (tmp_path / ".mcp.json").write_text("{", encoding="utf-8")
    run(platform, "install", "claude-code", "--force", "--no-key")

    assert [finding.state for finding in await clients(platform)] == [State.OK]


@pytest.mark.parametrize("off", [{"disabled": True}, {"enabled": False}])
async def test_an_entry_that_is_switched_off_is_told(off: dict[str, bool], tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    prepared("kiro", platform, json.dumps({"mcpServers": {"atlascloud-video": {"command": platform.program} | off}}))

    (finding,) = await clients(platform)
    installed = run(platform, "install", "kiro", "--no-key")

    assert (finding.state, "is disabled in" in finding.said) == (State.WARN, True)
    assert any("is disabled in" in sentence for sentence in installed.warnings)


# --- keys ---


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes of this kind")
def test_a_file_that_holds_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": CANARY})
    path = prepared("cline", platform)
    path.chmod(0o644)

    run(platform, "install", "cline", "--copy-key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    path.chmod(0o644)
    run(platform, "install", "cline", "--copy-key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "also where nothing else was to be done"


def test_uninstall_names_each_copy_that_holds_the_key_and_deletes_it_when_told_to_also_later(tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": CANARY})
    path = prepared("zed", platform)
    run(platform, "install", "zed", "--no-key")
    run(platform, "install", "zed", "--copy-key")

    taken = run(platform, "uninstall", "zed")
    holding = [copy for copy in copies_of(path) if CANARY in copy.read_text(encoding="utf-8")]
    later = run(platform, "uninstall", "zed", "--purge")

    assert len(holding) == 1
    assert [str(copy) in sentence and "--purge" in sentence for copy in holding for sentence in taken.warnings] == [
        True
    ]
    assert "nothing to do" in later.heard[-1]
    assert str(holding[0]) in later.heard[0]
    assert CANARY not in taken.everything + later.everything
    assert not any(CANARY in copy.read_text(encoding="utf-8") for copy in path.parent.iterdir())
    assert len(copies_of(path)) == 2, "those without the key stay"


def test_a_copy_that_cannot_be_read_and_names_the_key_counts_as_one_that_holds_it(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("zed", platform)
    copy = path.with_name(f"{path.name}.bak-20250101-000000")
    copy.write_text('{"ATLASCLOUD_API_KEY": ', encoding="utf-8")

    run(platform, "uninstall", "zed", "--purge")

    assert not copy.exists()


def test_a_copy_that_only_names_where_the_key_is_holds_none(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    prepared("cursor", platform)
    run(platform, "install", "cursor", "--key-env", "MY_KEY")

    assert run(platform, "uninstall", "cursor").warnings == []


@pytest.mark.parametrize("given", [f'"{CANARY}"', f" '{CANARY}' ", f"\u201c{CANARY}\u201d\n", f"\ufeff{CANARY}"])
def test_what_stands_around_a_key_is_taken_off_with_a_word(given: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": given})

    somebody = run(platform, "install", "cursor", "--force", "--copy-key")

    entry = entry_in(client_named("cursor"), client_named("cursor").place(platform).read_text(encoding="utf-8"))
    assert entry["env"] == {"ATLASCLOUD_API_KEY": CANARY}
    assert somebody.warnings == ["Removed quotation marks or spaces around the key."]


def test_quotation_marks_with_nothing_in_them_are_no_key(tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": '""'})

    with pytest.raises(InvalidInput, match="ATLASCLOUD_API_KEY is not set"):
        run(platform, "install", "cursor", "--force", "--copy-key")


@pytest.mark.parametrize("words", [["--env", "sk-0123456789abcdefXYZ"], ["sk-0123456789abcdefXYZ"]])
def test_a_key_that_was_typed_in_a_wrong_place_is_not_repeated(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(AtlasError) as refused:
        run(platform_at(tmp_path), "install", "cursor", *words, "--force")

    assert "sk-0123456789abcdefXYZ" not in str(refused.value)


# --- files that are none, places that are nowhere ---


def test_a_file_in_utf_16_is_told_with_the_entry_to_paste(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    prepared("cursor", platform).write_bytes("{}".encode("utf-16"))
    somebody = Somebody()

    with pytest.raises(CannotInstall, match="is UTF-16 text: save it as UTF-8"):
        run(platform, "install", "cursor", somebody=somebody)

    assert "atlascloud-video" in somebody.heard[0]


def test_a_device_that_is_named_for_the_file_stays_one(tmp_path: Path) -> None:
    with pytest.raises(CannotInstall, match="is not a regular file"):
        run(platform_at(tmp_path), "install", "cursor", "--file", os.devnull, "--no-key")

    assert not Path(os.devnull).is_file()


def test_the_home_of_a_user_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'~nosuchuser/mcp\.json' leads nowhere"):
        run(platform_at(tmp_path), "install", "cursor", "--file", "~nosuchuser/mcp.json")


def test_no_option_may_be_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--sandb"], ["doctor", "--sandbox-p", "1"], ["models", "--js"], ["install", "--copy"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 2
        assert "unrecognized arguments" in capsys.readouterr().err
