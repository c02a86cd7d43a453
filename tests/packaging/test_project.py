"""What people expect around a program they trust: workflows, reports in private, locks, who publishes it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from test_wheel import tracked

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EACH_WORKFLOW = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


@EACH_WORKFLOW
def test_every_action_is_pinned_by_its_whole_hash_with_its_version_beside_it(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))

    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@EACH_WORKFLOW
def test_nothing_may_write_but_the_jobs_that_must(path: Path) -> None:
    workflow = YAML(typ="safe", pure=True).load(path)

    assert workflow["permissions"] in ({}, {"contents": "read"})
    writing = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    assert {name: sorted(may) for name, may in writing.items() if "write" in may.values()} == (
        {"attest": ["attestations", "id-token"], "publish": ["id-token"], "github": ["contents"]}
        if path.name == "release.yml"
        else {}
    )
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_the_gate_runs_on_all_three_systems_with_every_python_that_is_promised() -> None:
    gate = YAML(typ="safe", pure=True).load(ROOT / ".github" / "workflows" / "gate.yml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    matrix = gate["jobs"]["tests"]["strategy"]["matrix"]
    promised = re.findall(r":: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    assert matrix["python"] == promised
    assert [system.split("-")[0] for system in matrix["system"]] == ["ubuntu", "macos", "windows"]


def test_it_is_said_how_to_report_in_private_and_which_versions_get_fixes() -> None:
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

    assert "in private" in policy
    assert re.search(r"^\| 2\.x \| yes \|$", policy, re.MULTILINE)


def test_the_images_bases_are_pinned_by_digest_and_its_build_backend_is_locked() -> None:
    text = (ROOT / "packaging" / "Dockerfile").read_text(encoding="utf-8")

    for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
        assert re.fullmatch(r"python:[\w.-]+@sha256:[0-9a-f]{64}", base)
    assert "--require-hashes -r requirements/build.txt" in text
    assert "pip wheel --no-cache-dir --no-deps --no-build-isolation" in text
    assert "hatchling==" in (ROOT / "requirements" / "build.txt").read_text(encoding="utf-8")


def test_the_bundle_is_started_with_its_lock_and_no_other_versions() -> None:
    manifest = json.loads((ROOT / "packaging" / "mcpb" / "manifest.json").read_text(encoding="utf-8"))

    assert "--frozen" in manifest["server"]["mcp_config"]["args"]
    assert "uv lock --quiet --no-config --project build/mcpb" in (ROOT / "Makefile").read_text(encoding="utf-8")


# --- who publishes it ---

HOLDS_THE_PLACEHOLDER = re.compile(r"io\.github\.OWNER|github\.com/OWNER")


def test_one_command_puts_the_publisher_in_everywhere(tmp_path: Path) -> None:
    for name in tracked():
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
    command = [sys.executable, str(tmp_path / "packaging" / "owner.py")]

    refused = subprocess.run([*command, "no such name"], capture_output=True, check=False)
    subprocess.run([*command, "some-body"], check=True)

    assert refused.returncode != 0
    left = [
        name
        for name in tracked()
        if name != "tests/packaging/test_project.py"
        and HOLDS_THE_PLACEHOLDER.search((tmp_path / name).read_text(encoding="utf-8", errors="replace"))
    ]
    assert left == []
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Repository"] == "https://github.com/some-body/atlascloud-video-mcp"
    assert project["authors"]
    server = json.loads((tmp_path / "server.json").read_text(encoding="utf-8"))
    assert server["name"] == "io.github.some-body/atlascloud-video-mcp"


@pytest.mark.parametrize("name", ["README.md", "docs/install.md", "docs/troubleshooting.md", "docs/distribution.md"])
def test_nobody_is_told_to_install_a_name_that_is_not_published(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    assert not re.search(r"(?:pip|pipx|uv tool|uv pip) install '?atlascloud-video-mcp", text)


# --- the audit of what is pinned ---


class Osv(BaseHTTPRequestHandler):
    """Answers as https://google.github.io/osv.dev/post-v1-querybatch/ says: one result a query, in the same order."""

    known: tuple[str, ...] = ()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        names = [query["package"]["name"] for query in asked]
        body = json.dumps(
            {"results": [{"vulns": [{"id": f"X-{name}"}]} if name in self.known else {} for name in names]}
        )
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


def audited(*known: str) -> subprocess.CompletedProcess[str]:
    handler = type("ModelRules", (Osv,), {"known": known})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = audit(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    return done


def audit(service: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "packaging" / "audit.py"), service]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_audit_fails_on_what_nobody_has_looked_at_and_names_it() -> None:
    clean, bad, looked_at = audited(), audited("pillow"), audited("cryptography")

    assert (clean.returncode, bad.returncode, looked_at.returncode) == (0, 1, 0)
    assert re.search(r"audit: pillow [\d.]+: X-pillow", bad.stdout)
    versions = set(re.findall(r"cryptography ([\d.]+): X-cryptography \(looked at: ", looked_at.stdout))
    assert len(versions) == 3, "each system's own"


def test_an_audit_whose_source_cannot_be_reached_says_that_it_was_skipped() -> None:
    done = audit("http://127.0.0.1:9")

    assert (done.returncode, done.stderr) == (0, "")
    assert "audit: skipped" in done.stdout
