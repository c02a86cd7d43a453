"""The other ways to the server - registry entry, image, compose file, skill - say and use what is there."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.cli.options import command_line
from atlascloud_video_mcp.settings import KEY_VARIABLE, VARIABLES, Settings, read_settings

ROOT = Path(__file__).parents[2]
SKILL = ROOT / "packaging" / "skills" / "animate-photo" / "SKILL.md"


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_registry_entry_fits_the_registrys_schema() -> None:
    schema = json.loads(text("tests/packaging/schemas/server.schema.json"))
    entry = json.loads(text("server.json"))

    jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(entry)
    assert entry["$schema"] == schema["$id"]


def test_the_registry_entry_says_what_is_true() -> None:
    entry = json.loads(text("server.json"))
    (package,) = entry["packages"]

    assert entry["version"] == package["version"] == __version__
    assert f'name = "{package["identifier"]}"' in text("pyproject.toml")
    # The registry looks for this line in the package's description, which is the README.
    assert f"<!-- mcp-name: {entry['name']} -->" in text("README.md")
    for variable in package["environmentVariables"]:
        default = getattr(Settings(), VARIABLES[variable["name"]].setting)
        assert variable.get("isSecret", False) is (variable["name"] == KEY_VARIABLE)
        assert variable.get("default") == (default if isinstance(default, str) else None)


def instructions(dockerfile: str) -> list[list[str]]:
    """The instructions as words, lines joined, comments dropped."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE))
    return [line.split() for line in joined.splitlines() if line.strip()]


def test_the_image_runs_our_command_as_a_user_without_rights() -> None:
    given = instructions(text("packaging/Dockerfile"))
    last = {words[0]: words[1:] for words in given}

    assert last["USER"] == ["10001"]
    assert json.loads(" ".join(last["ENTRYPOINT"])) == ["atlascloud-video-mcp"]
    bases = {words[1] for words in given if words[0] == "FROM"}
    assert {base.partition("@")[0] for base in bases} == {"python:3.11-slim-bookworm"}, "a Python that the tests run on"
    assert len(bases) == 1
    assert {word.split("=")[0] for word in last["ENV"] if word.startswith("ATLASCLOUD_")} <= set(VARIABLES)


def test_the_image_is_built_from_files_that_are_there_and_handed_over() -> None:
    sources = [
        source
        for name, *words in instructions(text("packaging/Dockerfile"))
        if name == "COPY" and not words[0].startswith("--from")
        for source in words[:-1]
    ]

    assert sources
    handed_over = {
        line.removeprefix("!")
        for line in text("packaging/Dockerfile.dockerignore").splitlines()
        if line.startswith("!")
    }
    assert handed_over == set(sources)
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_gets_every_library_that_the_package_needs() -> None:
    wanted = tomllib.loads(text("pyproject.toml"))["project"]["dependencies"]
    pinned = set(re.findall(r"^([\w.-]+)(?:\[\w+\])?==", text("requirements/server.txt"), re.MULTILINE))

    assert {re.split(r"[\[>]", one)[0].replace(".", "-") for one in wanted} <= {
        name.replace(".", "-") for name in pinned
    }


# --- several replicas, with containers ---


def services() -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load(text("packaging/compose.yaml"))["services"])


def test_the_compose_file_runs_our_commands_with_settings_that_there_are() -> None:
    ours = {name: service for name, service in services().items() if "build" in service}

    assert set(ours) == {"migrate", "replica-1", "replica-2"}
    for service in ours.values():
        assert command_line(1).parse_args(service["command"]).command in {"team", "serve-http"}
        assert set(service["environment"]) <= set(VARIABLES)
        given = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in service["environment"].items()}
        settings = read_settings({name: re.sub(r"\$\{\w+:\?.*\}", "x1", value) for name, value in given.items()})
        assert settings.database_url == "postgresql://video:x1@database/video"
        assert settings.budget_usd is None
        assert settings.download_dir is None, "the image sets one, which serve-http refuses"
    for name in ("replica-1", "replica-2"):
        assert ours[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert ours[name]["stop_grace_period"] == "15s", "a replica takes ten seconds to stop"


def test_the_proxy_of_the_compose_file_leads_to_its_replicas() -> None:
    proxy = services()["proxy"]
    conf = text("packaging/nginx.conf")
    ports = {name: command_line(1).parse_args(services()[name]["command"]).port for name in ("replica-1", "replica-2")}

    assert set(re.findall(r"^ +server ([\w-]+:\d+)", conf, re.MULTILINE)) == {
        f"{name}:{port}" for name, port in ports.items()
    }
    assert proxy["volumes"] == ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
    assert proxy["ports"] == ["127.0.0.1:8080:80"], "until there is a certificate, this machine alone"
    default = services()["replica-1"]["environment"]["ATLASCLOUD_PUBLIC_URL"]
    assert default == "${ATLASCLOUD_PUBLIC_URL:-http://127.0.0.1:8080}"


def frontmatter() -> dict[str, str]:
    block = re.match(r"---\n(.*?)\n---\n", text("packaging/skills/animate-photo/SKILL.md"), re.DOTALL)
    assert block
    lines = (line.split(": ", 1) for line in block[1].splitlines())
    return {name: json.loads(value) if value.startswith('"') else value for name, value in lines}


def test_the_skill_has_the_head_that_the_format_asks_for() -> None:
    head = frontmatter()

    assert set(head) == {"name", "description", "license", "compatibility"}
    assert head["name"] == SKILL.parent.name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", head["name"])
    assert 0 < len(head["description"]) <= 1024
    assert 0 < len(head["compatibility"]) <= 500
    assert len(SKILL.read_text(encoding="utf-8").splitlines()) < 500


def commands_in(page: str) -> list[str]:
    """Every call of our command in a page's code blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("atlascloud-video-mcp ")]


@pytest.mark.parametrize("command", commands_in(text("packaging/skills/animate-photo/SKILL.md")))
def test_every_command_in_the_skill_is_one_that_we_understand(command: str) -> None:
    arguments = shlex.split(command)[1:]

    if arguments == ["--version"]:
        with pytest.raises(SystemExit) as stopped:
            command_line(1).parse_args(arguments)
        assert stopped.value.code == 0
    else:
        assert command_line(1).parse_args(arguments).command in {"animate", "get"}


def test_the_skill_names_every_exit_status_that_an_assistant_can_meet() -> None:
    told = {int(status) for status in re.findall(r"Exit status (\d)", text("packaging/skills/animate-photo/SKILL.md"))}

    assert told == {0, 1, 2, 3}
