"""Setting the server up in each client: what it writes, keeps, asks and says."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.cli.console import Console
from atlascloud_video_mcp.cli.install.clients import CLIENTS, client_named
from atlascloud_video_mcp.cli.install.config_file import CannotInstall
from atlascloud_video_mcp.cli.install.server_entry import entry_in
from atlascloud_video_mcp.errors import AtlasError, InvalidInput, SettingsError
from atlascloud_video_mcp.server.host_limits import limits_of
from installing_kit import Somebody, config_of, platform_at, prepared, run
from kit import CANARY, ROOT

if TYPE_CHECKING:
    from atlascloud_video_mcp.cli.install.clients import Client

EACH_CLIENT = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
PLACES = {
    "claude-desktop": (
        "Library/Application Support/Claude/claude_desktop_config.json",
        "AppData/Roaming/Claude/claude_desktop_config.json",
        ".config/Claude/claude_desktop_config.json",
    ),
    "claude-code": (".claude.json",) * 3,
    "cursor": (".cursor/mcp.json",) * 3,
    "vscode": (
        "Library/Application Support/Code/User/mcp.json",
        "AppData/Roaming/Code/User/mcp.json",
        ".config/Code/User/mcp.json",
    ),
    "devin": (
        ".config/devin/mcp_config.json",
        "AppData/Roaming/devin/mcp_config.json",
        ".config/devin/mcp_config.json",
    ),
    "copilot-cli": (".copilot/mcp-config.json",) * 3,
    "antigravity": (".gemini/config/mcp_config.json",) * 3,
    "kiro": (".kiro/settings/mcp.json",) * 3,
    "qwen-code": (".qwen/settings.json",) * 3,
    "zed": (".config/zed/settings.json", "AppData/Roaming/Zed/settings.json", ".config/zed/settings.json"),
    "cline": (".cline/data/settings/cline_mcp_settings.json",) * 3,
    "codex": (".codex/config.toml",) * 3,
    "gemini-cli": (".gemini/settings.json",) * 3,
    "goose": (
        ".config/goose/config.yaml",
        "AppData/Roaming/Block/goose/config/config.yaml",
        ".config/goose/config.yaml",
    ),
    "jetbrains": (".junie/mcp/mcp.json",) * 3,
    "opencode": (".config/opencode/opencode.json",) * 3,
}


@pytest.mark.parametrize("system", ["darwin", "win32", "linux"])
@EACH_CLIENT
def test_every_client_is_written_where_it_reads_on_each_platform(client: Client, system: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path, system)

    run(platform, "install", client.name, "--no-key", "--force")

    place = tmp_path / PLACES[client.name][("darwin", "win32", "linux").index(system)]
    assert entry_in(client, place.read_text(encoding="utf-8")) is not None
    assert {path for path in tmp_path.rglob("*") if path.is_file()} - {place} == {
        tmp_path / "apps" / ("atlascloud-video-mcp.exe" if system == "win32" else "atlascloud-video-mcp")
    }


@pytest.mark.parametrize(
    ("client", "variable", "place"),
    [
        ("claude-desktop", "XDG_CONFIG_HOME", "Claude/claude_desktop_config.json"),
        ("claude-code", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("codex", "CODEX_HOME", "config.toml"),
        ("copilot-cli", "COPILOT_HOME", "mcp-config.json"),
        ("cline", "CLINE_DIR", "data/settings/cline_mcp_settings.json"),
        ("cline", "CLINE_DATA_DIR", "settings/cline_mcp_settings.json"),
        ("cline", "CLINE_MCP_SETTINGS_PATH", "."),
        ("opencode", "XDG_CONFIG_HOME", "opencode/opencode.json"),
        ("opencode", "OPENCODE_CONFIG_DIR", "opencode.json"),
    ],
)
def test_a_client_that_was_moved_by_a_variable_is_found(client: str, variable: str, place: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={variable: str(tmp_path / "elsewhere")})

    assert client_named(client).place(platform) == tmp_path / "elsewhere" / place


def test_claude_desktop_from_the_windows_store_is_written_where_that_reads(tmp_path: Path) -> None:
    local = tmp_path / "Local"
    package = local / "Packages" / "Claude_pzs8sxrjxfjjc"
    package.mkdir(parents=True)
    (tmp_path / "Roaming" / "Claude").mkdir(parents=True)
    places = {"LOCALAPPDATA": str(local), "APPDATA": str(tmp_path / "Roaming")}

    run(platform_at(tmp_path, "win32", places), "install", "claude-desktop")

    assert (package / "LocalCache" / "Roaming" / "Claude" / "claude_desktop_config.json").exists()
    assert list((tmp_path / "Roaming" / "Claude").iterdir()) == []


def test_a_file_of_an_older_cline_is_used_as_long_as_there_is_no_new_one(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    former = "Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"
    (tmp_path / ".config" / former).parent.mkdir(parents=True)
    (tmp_path / ".config" / former).touch()

    assert client_named("cline").place(platform) == tmp_path / ".config" / former
    new = prepared_at(tmp_path / ".cline/data/settings/cline_mcp_settings.json")
    assert client_named("cline").place(platform) == new


def test_a_commented_file_of_opencode_is_used_where_there_is_one(tmp_path: Path) -> None:
    commented = prepared_at(tmp_path / ".config/opencode/opencode.jsonc")

    assert client_named("opencode").place(platform_at(tmp_path)) == commented


def prepared_at(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.touch()
    return path


@EACH_CLIENT
def test_what_was_in_a_file_is_still_there_in_the_same_order_with_its_comments(client: Client, tmp_path: Path) -> None:
    path = prepared(client.name, platform_at(tmp_path))
    before = config_of(client)

    somebody = run(platform_at(tmp_path), "install", client.name)

    after = path.read_bytes().decode()
    assert is_within(before, after)
    assert ("\r\n" in after) == ("\r\n" in before)
    data = plain(client, after)
    servers = data[client.section[0]]
    assert list(servers)[-1] == "atlascloud-video"
    del servers["atlascloud-video"]
    assert ordered(data) == ordered(
        plain(client, before) | {"inputs": data["inputs"]} if client.asks_for_key else plain(client, before)
    )
    backup = path.with_name(f"{path.name}.bak-20261125-130509")
    assert backup.read_bytes().decode() == before
    assert str(path) in somebody.heard[0]
    assert str(backup) in somebody.heard[1]
    assert client.next_step in somebody.heard[-1]


@EACH_CLIENT
def test_uninstall_leaves_the_file_as_it_was_byte_for_byte(client: Client, tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared(client.name, platform)
    run(platform, "install", client.name)

    somebody = run(platform, "uninstall", client.name)

    assert path.read_bytes().decode() == config_of(client)
    assert somebody.heard[0] == f"Removed atlascloud-video from {client.title}: {path}"
    assert len(list(path.parent.glob(f"{path.name}.bak-*"))) == 2


def is_within(part: str, whole: str) -> bool:
    """Whether every character of the one is in the other, in the same order."""
    letters = iter(whole)
    return all(letter in letters for letter in part)


def ordered(data: object) -> str:
    return json.dumps(data)


def plain(client: Client, text: str) -> Any:  # noqa: ANN401 - data is of any type
    """The data of a file, read by other means than ours."""
    match client.format.name:
        case "TOML":
            return tomllib.loads(text)
        case "YAML":
            return YAML(typ="safe", pure=True).load(text)
        case _:
            bare = re.sub(
                r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda found: found[1] or "", text, flags=re.DOTALL
            )
            return json.loads(re.sub(r",(\s*[}\]])", r"\1", bare))


def entry_of(client: Client, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = plain(client, path.read_text(encoding="utf-8"))[client.section[0]]["atlascloud-video"]
    return found


def test_each_client_gets_its_own_shape(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    script = platform.program
    written = {}
    for client in CLIENTS:
        run(platform, "install", client.name, "--force", "--sandbox")
        written[client.name] = entry_of(client, client.place(platform))

    usual = {"command": script, "args": ["--sandbox"]}
    assert written == {
        "claude-desktop": usual,
        "claude-code": {"type": "stdio", **usual, "timeout": 1_500_000},
        "cursor": usual,
        "vscode": {"type": "stdio", **usual},
        "copilot-cli": {"type": "local", **usual, "tools": ["*"], "timeout": 600_000},
        "devin": usual,
        "antigravity": usual,
        "kiro": {**usual, "timeout": 600_000},
        "qwen-code": {**usual, "timeout": 600_000},
        "zed": {**usual, "timeout": 600},
        "cline": {**usual, "timeout": 600},
        "codex": {**usual, "startup_timeout_sec": 30, "tool_timeout_sec": 600},
        "gemini-cli": {**usual, "timeout": 600_000},
        "goose": {
            "name": "atlascloud-video",
            "description": "Turns a still picture into a video clip",
            "type": "stdio",
            "enabled": True,
            "cmd": script,
            "args": ["--sandbox"],
            "timeout": 600,
        },
        "jetbrains": usual,
        "opencode": {"type": "local", "command": [script, "--sandbox"], "enabled": True, "timeout": 600_000},
    }


def test_no_limit_is_shorter_than_the_wait_the_server_allows_itself() -> None:
    in_milliseconds = ("claude-code", "copilot-cli", "gemini-cli", "kiro", "opencode", "qwen-code")
    per_second = dict.fromkeys(in_milliseconds, 1000)
    for client in CLIENTS:
        wait = limits_of(client.name, shows_progress=True).wait_seconds
        limits = [limit for name, limit in client.limits.items() if not name.startswith("startup")]
        assert all(limit / per_second.get(client.name, 1) > wait for limit in limits)


@EACH_CLIENT
def test_the_key_can_be_written_and_is_told_to_nobody(client: Client, tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": CANARY})

    somebody = run(platform, "install", client.name, "--force", "--copy-key")
    shown = run(platform, "install", client.name, "--print", "--copy-key")

    place = client.place(platform)
    assert entry_of(client, place)[client.env] == {"ATLASCLOUD_API_KEY": CANARY}
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert CANARY not in somebody.everything + shown.everything
    assert "your-api-key-here" in shown.heard[0]


def test_a_key_is_asked_for_without_echo(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("cursor", platform)

    somebody = run(platform, "install", "cursor", somebody=Somebody([CANARY]))

    ((question, hidden),) = somebody.questions
    assert "https://www.atlascloud.ai/console/api-keys" in question
    assert hidden
    assert CANARY in path.read_text(encoding="utf-8")
    assert CANARY not in somebody.everything


@pytest.mark.parametrize(("answers", "key"), [(["y"], "from-here"), ([""], "from-here"), (["n", "typed"], "typed")])
def test_a_key_in_the_environment_is_offered(answers: list[str], key: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": "from-here"})
    path = prepared("cline", platform)

    run(platform, "install", "cline", somebody=Somebody(answers))

    assert entry_of(client_named("cline"), path)["env"] == {"ATLASCLOUD_API_KEY": key}


@pytest.mark.parametrize("answers", [[], [""]])
def test_without_a_key_the_entry_has_none_and_it_is_said_where_to_get_one(answers: list[str], tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("cline", platform)

    somebody = run(platform, "install", "cline", somebody=Somebody(answers))

    assert "env" not in entry_of(client_named("cline"), path)
    assert "https://www.atlascloud.ai/console/api-keys" in "\n".join(somebody.warnings)


def test_a_key_that_can_be_none_is_refused_and_not_repeated(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("cursor", platform)

    with pytest.raises(SettingsError, match="ATLASCLOUD_API_KEY is not usable") as refused:
        run(platform, "install", "cursor", somebody=Somebody(["two words"]))

    assert "two words" not in str(refused.value)
    assert path.read_text(encoding="utf-8") == config_of(client_named("cursor"))


def test_nothing_is_changed_by_whoever_stops_at_the_question(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("cursor", platform)

    with pytest.raises(CannotInstall, match="Stopped"):
        run(platform, "install", "cursor", somebody=Somebody(["Ctrl-C"]))

    assert path.read_text(encoding="utf-8") == config_of(client_named("cursor"))


REFERENCES = {
    "claude-code": {"env": {"ATLASCLOUD_API_KEY": "${MY_KEY}"}},
    "cursor": {"env": {"ATLASCLOUD_API_KEY": "${env:MY_KEY}"}},
    "vscode": {"env": {"ATLASCLOUD_API_KEY": "${env:MY_KEY}"}},
    "devin": {"env": {"ATLASCLOUD_API_KEY": "${env:MY_KEY}"}},
    "copilot-cli": {"env": {"ATLASCLOUD_API_KEY": "${MY_KEY}"}},
    "kiro": {"env": {"ATLASCLOUD_API_KEY": "${MY_KEY}"}},
    "gemini-cli": {"env": {"ATLASCLOUD_API_KEY": "$MY_KEY"}},
    "qwen-code": {"env": {"ATLASCLOUD_API_KEY": "$MY_KEY"}},
    "opencode": {"environment": {"ATLASCLOUD_API_KEY": "{env:MY_KEY}"}},
}
OWN_NAME = {"codex": "env_vars", "goose": "env_keys"}


@EACH_CLIENT
def test_a_client_is_told_in_its_own_words_which_variable_holds_the_key(client: Client, tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared(client.name, platform, "")
    words = ("install", client.name, "--key-env")

    if expected := REFERENCES.get(client.name):
        somebody = run(platform, *words, "MY_KEY")
        assert entry_of(client, path).items() >= expected.items()
        assert any("MY_KEY" in sentence for sentence in somebody.heard)
        assert somebody.warnings == []
        return
    with pytest.raises(InvalidInput, match="Nothing was changed"):
        run(platform, *words, "MY_KEY")
    assert path.read_text(encoding="utf-8") == ""
    if names := OWN_NAME.get(client.name):
        run(platform, *words, "ATLASCLOUD_API_KEY")
        assert entry_of(client, path)[names] == ["ATLASCLOUD_API_KEY"]
        assert client.env not in entry_of(client, path)


def test_there_must_be_a_key_to_copy(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    prepared("cursor", platform)

    with pytest.raises(InvalidInput, match="ATLASCLOUD_API_KEY is not set"):
        run(platform, "install", "cursor", "--copy-key")


def test_vs_code_asks_for_the_key_itself(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    vscode = client_named("vscode")
    path = prepared("vscode", platform)

    somebody = run(platform, "install", "vscode", somebody=Somebody(["never asked"]))

    inputs = plain(vscode, path.read_text(encoding="utf-8"))["inputs"]
    assert [item["id"] for item in inputs] == ["perplexity-key", "atlascloud-api-key"]
    assert inputs[1]["type"] == "promptString"
    assert inputs[1]["password"] is True
    assert entry_of(vscode, path)["env"] == {"ATLASCLOUD_API_KEY": "${input:atlascloud-api-key}"}
    assert somebody.questions == []
    before = path.read_text(encoding="utf-8")
    assert "is already set up" in run(platform, "install", "vscode").heard[0]
    assert path.read_text(encoding="utf-8") == before


def test_a_question_of_vs_code_that_is_there_is_used(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("vscode", platform)
    run(platform, "install", "vscode")
    run(platform, "install", "vscode", "--no-key")
    before = path.read_text(encoding="utf-8")

    run(platform, "install", "vscode")

    assert path.read_text(encoding="utf-8").replace("${input:atlascloud-api-key}", "").count("atlascloud-api-key") == 1
    assert path.read_text(encoding="utf-8") != before


def test_the_question_of_vs_code_stays_as_long_as_another_server_needs_it(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    vscode = client_named("vscode")
    path = prepared("vscode", platform, '{"servers": {"twin": {"env": {"K": "${input:atlascloud-api-key}"}}}}')
    run(platform, "install", "vscode")

    run(platform, "uninstall", "vscode")

    data = plain(vscode, path.read_text(encoding="utf-8"))
    assert list(data["servers"]) == ["twin"]
    assert [item["id"] for item in data["inputs"]] == ["atlascloud-api-key"]


def test_an_entry_of_ours_is_renewed_in_place_with_what_a_person_added(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    ours = {
        "command": "/gone/atlascloud-video-mcp",
        "args": ["--sandbox"],
        "env": {"ATLASCLOUD_API_KEY": CANARY, "ATLASCLOUD_DOWNLOAD_DIR": "/clips"},
        "autoApprove": ["list_models"],
        "timeout": 900,
    }
    text = json.dumps(
        {"mcpServers": {"one": {"command": "a"}, "atlascloud-video": ours, "two": {"command": "b"}}}, indent=4
    )
    path = prepared("cline", platform, text)

    somebody = run(platform, "install", "cline", somebody=Somebody([""]))

    assert path.read_text(encoding="utf-8") == text.replace("/gone/atlascloud-video-mcp", platform.program).replace(
        '[\n                "--sandbox"\n            ]', "[]"
    )
    assert somebody.heard[0].startswith("Updated atlascloud-video in Cline")
    assert "keep the current one" in somebody.questions[0][0]
    assert somebody.warnings == []


@pytest.mark.parametrize("client", ["cline", "codex", "goose"])
def test_a_key_that_comes_from_elsewhere_now_leaves_no_trace(client: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": CANARY})
    row = client_named(client)
    path = prepared(client, platform)
    run(platform, "install", client, "--copy-key", "--env", "ATLASCLOUD_MAX_WAIT=30")

    if row.forwarded:
        run(platform, "install", client, "--key-env", "ATLASCLOUD_API_KEY")
        assert entry_of(row, path)[row.forwarded] == ["ATLASCLOUD_API_KEY"]
        assert CANARY not in path.read_text(encoding="utf-8")
        run(platform, "install", client, "--copy-key")
        assert entry_of(row, path)[row.forwarded] == []
    run(platform, "install", client, "--no-key")

    assert CANARY not in path.read_text(encoding="utf-8")
    assert entry_of(row, path)[row.env] == {"ATLASCLOUD_MAX_WAIT": "30"}


def test_variables_that_a_person_forwards_stay_beside_the_key(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    text = '[mcp_servers.atlascloud-video]\ncommand = "a"\nenv_vars = ["HTTPS_PROXY", "ATLASCLOUD_API_KEY"]\n'
    path = prepared("codex", platform, text)

    for _ in range(2):
        run(platform, "install", "codex", "--key-env", "ATLASCLOUD_API_KEY")

        assert entry_of(client_named("codex"), path)["env_vars"] == ["HTTPS_PROXY", "ATLASCLOUD_API_KEY"]


@pytest.mark.parametrize("ours", [None, "nonsense", {"env": "nonsense", "args": 3}])
def test_nonsense_under_our_name_is_replaced(ours: object, tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": "k"})
    path = prepared("cline", platform, json.dumps({"mcpServers": {"atlascloud-video": ours}}))

    run(platform, "install", "cline", "--copy-key")

    wanted = {"command": platform.program, "args": [], "env": {"ATLASCLOUD_API_KEY": "k"}, "timeout": 600}
    assert entry_of(client_named("cline"), path) == wanted


def test_settings_can_be_given_for_the_server(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("codex", platform)

    run(platform, "install", "codex", "--env", "ATLASCLOUD_MAX_WAIT=0", "--env", "ATLASCLOUD_DOWNLOAD_DIR=/clips=1")

    wanted = {"ATLASCLOUD_MAX_WAIT": "0", "ATLASCLOUD_DOWNLOAD_DIR": "/clips=1"}
    assert entry_of(client_named("codex"), path)["env"] == wanted


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("ATLASCLOUD_MAX_WAIT=soon", "it takes a number of seconds"),
        ("ATLASCLOUD_WAIT=3", "ATLASCLOUD_MAX_WAIT"),
        (f"ATLASCLOUD_API_KEY={CANARY}", "--env takes NAME=VALUE"),
        (f"ATLASCLOUD_DATABASE_URL=postgresql://me:{CANARY}@127.0.0.1/clips", "--env takes NAME=VALUE"),
        (f"ATLASCLOUD_TEAM_SECRET={CANARY}", "--env takes NAME=VALUE"),
    ],
)
def test_a_setting_the_server_would_refuse_is_not_written(pair: str, said: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("cursor", platform)

    with pytest.raises(AtlasError, match=said) as refused:
        run(platform, "install", "cursor", "--env", pair)

    assert CANARY not in str(refused.value)
    assert path.read_text(encoding="utf-8") == config_of(client_named("cursor"))


BROKEN = {"TOML": "model = \n", "YAML": "a: [1\nb: 2\n"}


@EACH_CLIENT
def test_a_file_that_cannot_be_parsed_is_left_alone_and_the_entry_shown_instead(client: Client, tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": CANARY})
    broken = BROKEN.get(client.format.name, '{"mcpServers": {"a": }}')
    path = prepared(client.name, platform, broken)
    somebody = Somebody()

    with pytest.raises(CannotInstall, match=r"was not changed: line [12], column \d+: ") as refused:
        run(platform, "install", client.name, "--copy-key", somebody=somebody)

    assert str(path) in str(refused.value)
    assert "atlascloud-video" in somebody.heard[0]
    assert CANARY not in somebody.everything
    assert path.read_text(encoding="utf-8") == broken
    assert not list(path.parent.glob(f"{path.name}?*"))
    with pytest.raises(CannotInstall, match="was not changed"):
        run(platform, "uninstall", client.name)


@pytest.mark.parametrize("client", ["claude-desktop", "claude-code", "cline"])
def test_comments_are_refused_where_the_client_itself_would_stumble(client: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    prepared(client, platform, '{\n  // mine\n  "mcpServers": {}\n}\n')

    with pytest.raises(CannotInstall, match="line 2, column 3"):
        run(platform, "install", client)


@pytest.mark.parametrize(
    ("client", "text"),
    [
        ("cursor", "[]"),
        ("cursor", '"text"'),
        ("cursor", '{"mcpServers": []}'),
        ("vscode", '{"inputs": {}}'),
        ("goose", "- a\n"),
        ("goose", "extensions: many\n"),
        ("codex", "mcp_servers = 3\n"),
    ],
)
def test_a_file_of_another_shape_is_left_alone(client: str, text: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared(client, platform, text)

    with pytest.raises(CannotInstall, match="was not changed"):
        run(platform, "install", client)

    assert path.read_text(encoding="utf-8") == text


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("zed", platform)
    run(platform, "install", "zed", "--sandbox")
    before = sorted(path.parent.iterdir())

    somebody = run(platform, "install", "zed", "--sandbox")

    assert somebody.heard[0] == f"Zed is already set up: {path}"
    assert sorted(path.parent.iterdir()) == before
    assert any("free sandbox clips" in sentence for sentence in somebody.heard)


def test_what_is_not_there_is_not_taken_out(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    path = prepared("zed", platform)

    somebody = run(platform, "uninstall", "zed")

    assert "nothing to do" in somebody.heard[0]
    assert path.read_text(encoding="utf-8") == config_of(client_named("zed"))
    assert "nothing to do" in run(platform, "uninstall", "goose").heard[0]


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_without_a_client_all_are_listed_with_those_that_are_here(command: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    (tmp_path / ".cursor").mkdir()

    (listed,) = run(platform, command).heard

    lines = {line[2:].split(" ")[0]: line for line in listed.splitlines()[1:]}
    assert list(lines) == [client.name for client in CLIENTS]
    assert [name for name, line in lines.items() if line.startswith("* ")] == ["cursor"]
    assert lines["cursor"].endswith(" ~/.cursor/mcp.json")


@pytest.mark.parametrize(
    ("name", "meant"), [("cursr", "cursor"), ("claude", "claude-code"), ("vs-code", "vscode"), ("gemini", "gemini-cli")]
)
def test_a_client_that_is_misspelt_is_guessed(name: str, meant: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"Unknown client '{name}'. Did you mean {meant}?"):
        run(platform_at(tmp_path), "install", name)


def test_a_client_nobody_knows_gets_the_list_without_a_guess(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'xyzzy'\. Clients: claude-desktop, .*, opencode\."):
        run(platform_at(tmp_path), "uninstall", "xyzzy")


def test_a_client_may_be_named_as_people_write_it() -> None:
    assert client_named("Claude Desktop").name == "claude-desktop"
    assert client_named(" gemini_cli").name == "gemini-cli"


def test_a_client_that_is_not_here_gets_no_file_unless_asked_for(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)

    with pytest.raises(CannotInstall, match=r"Zed does not seem to be installed: there is no ~/\.config/zed"):
        run(platform, "install", "zed")

    assert not (tmp_path / ".config").exists()
    assert run(platform, "install", "zed", "--force").heard[0].startswith("Added")


def test_another_file_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    platform = platform_at(tmp_path)

    run(platform, "install", "cursor", "--file", ".cursor/mcp.json")
    run(platform, "install", "vscode", "--file", str(tmp_path / "Code - Insiders" / "mcp.json"))

    assert entry_of(client_named("cursor"), tmp_path / ".cursor" / "mcp.json")
    assert entry_of(client_named("vscode"), tmp_path / "Code - Insiders" / "mcp.json")


def test_what_is_only_shown_is_not_written_and_needs_no_client(tmp_path: Path) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": CANARY})

    for client in CLIENTS:
        shown = run(platform, "install", client.name, "--print")
        assert plain(client, shown.heard[0])[client.section[0]]["atlascloud-video"]
        assert str(client.place(platform)) in shown.warnings[0]
        assert CANARY not in shown.everything

    assert [path.name for path in tmp_path.iterdir()] == ["apps"]


def test_the_command_line_does_all_this_for_the_home_of_whoever_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for variable in ("XDG_CONFIG_HOME", "APPDATA", "ATLASCLOUD_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / ".cursor").mkdir()

    assert main(["install", "cursor", "--sandbox"]) == 0
    assert main(["uninstall", "cursor"]) == 0
    assert main(["install", "zedd"]) == 1

    told = capsys.readouterr()
    assert f"Added atlascloud-video to Cursor: {tmp_path / '.cursor' / 'mcp.json'}" in told.out
    assert "Removed atlascloud-video from Cursor" in told.out
    assert "Did you mean zed?" in told.err


def test_a_try_out_needs_the_sandbox_to_be_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)

    assert main(["install", "cursor", "--print", "--sandbox"]) == 2

    assert "pip install 'PATH/TO/WHEEL.whl[sandbox]'" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_at_a_terminal_the_key_is_typed_without_being_seen(tmp_path: Path) -> None:
    (tmp_path / ".cursor").mkdir()
    at_a_terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = [sys.executable, "-c", at_a_terminal, sys.executable, "-m", "atlascloud_video_mcp", "install", "cursor"]
    environ = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "COVERAGE_"))}
    environ |= {"HOME": str(tmp_path), "ATLASCLOUD_API_KEY": "another-key"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        seen = b""
        for end, answer in ((b"[Y/n] ", b"n\n"), (b"for now): ", CANARY.encode() + b"\n")):
            while not seen.endswith(end):
                read = process.stdout.read(1)
                assert read, seen
                seen += read
            process.stdin.write(answer)
            process.stdin.flush()
        seen += process.stdout.read()

    assert process.returncode == 0
    assert b"Added atlascloud-video to Cursor" in seen
    assert CANARY.encode() not in seen
    assert entry_of(client_named("cursor"), tmp_path / ".cursor" / "mcp.json")["env"] == {"ATLASCLOUD_API_KEY": CANARY}


INSTALL_MD = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")


def rows_below(head: str) -> dict[str, list[str]]:
    """The cells of a table in docs/install.md, by their first."""
    lines = INSTALL_MD.split(f"\n{head}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def test_the_places_of_all_clients_stand_in_the_documentation(tmp_path: Path) -> None:
    documented = rows_below("| CLIENT | macOS | Windows | Linux |")

    assert list(documented) == [client.name for client in CLIENTS]
    for client in CLIENTS:
        for system, cell in zip(("darwin", "win32", "linux"), documented[client.name], strict=True):
            place = cell.strip("`").replace("%APPDATA%", "~/AppData/Roaming").replace("\\", "/")
            platform = platform_at(tmp_path, system)
            assert Path(place.replace("~", str(tmp_path), 1)) == client.place(platform)


def test_the_shapes_of_all_clients_stand_in_the_documentation() -> None:
    documented = rows_below("| CLIENT | format | under | limits | key from a variable |")

    assert documented == {
        client.name: [
            client.format.name,
            f"`{client.section[0]}`",
            ", ".join(f"`{name}` {limit}" for name, limit in client.limits.items()) or "none",
            f"`{client.reference or client.forwarded}`" if client.reference or client.forwarded else "no",
        ]
        for client in CLIENTS
    }


def test_the_options_for_the_key_in_the_documentation_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["install", "--help"])

    told = capsys.readouterr().out
    for option in (*rows_below("| option | the key |"), "--print", "--env", "--file", "--force"):
        assert option.split(" ")[0] in told
        assert option in INSTALL_MD


def test_a_person_reads_results_on_stdout_and_all_else_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(" yes \n"))
    console = Console()

    assert not console.can_ask()
    assert console.ask("Sure? ") == "yes"
    console.warn("Look out.")
    console.result("Done.\nAll of it.")

    told = capsys.readouterr()
    assert told.out == "Done.\nAll of it.\n"
    assert told.err == "Sure? Look out.\n"
