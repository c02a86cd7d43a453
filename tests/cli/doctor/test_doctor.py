"""What the doctor finds, over real sockets and with real processes, and what it says to do about it."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
import trustme

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.app import service_opener
from atlascloud_video_mcp.cli.doctor import Finding, State, connectivity, fail, local, ok, skip
from atlascloud_video_mcp.cli.doctor.checkup import Check, checks, report
from atlascloud_video_mcp.cli.doctor.start import start
from atlascloud_video_mcp.cli.doctor.target import CheckTarget, clients, find_target
from atlascloud_video_mcp.errors import InvalidInput, SettingsError
from atlascloud_video_mcp.settings import Settings, read_settings
from installing_kit import platform_at, prepared
from installing_kit import run as typed
from kit import CANARY, HASTY, ROOT, STANDARD
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from postgresql import Cluster
    from scripted_sandbox.faults import Action, FaultEndpoint

LINES = {
    "python",
    "packages",
    "settings",
    "state",
    "network",
    "TLS",
    "API",
    "key",
    "balance",
    "catalogue",
    "sandbox",
    "start",
    "clients",
}
WAY = ["network", "TLS", "API"]
SETTINGS_PAGE = "https://www.atlascloud.ai/console/api-keys"


def here(home: Path, environ: Mapping[str, str] | None = None, client: str | None = None) -> CheckTarget:
    return find_target(platform_at(home, environ=environ), client)


def understood(**environ: str) -> Settings:
    return read_settings({f"ATLASCLOUD_{name}": value for name, value in environ.items()})


def line(findings: Sequence[Finding], name: str) -> Finding:
    (found,) = [finding for finding in findings if finding.name == name]
    return found


@contextmanager
def listening() -> Iterator[int]:
    """A port of this platform at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def serving_tls(context: ssl.SSLContext, answer: bytes = b"") -> Iterator[int]:
    """A TLS server on loopback that gives one connection one answer."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(4096)
                    secure.sendall(answer)
            except OSError:  # the other side does not believe us
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


# --- the whole ---


def test_where_all_is_well_there_is_nothing_to_fix_and_the_key_is_told_to_nobody(
    base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".cursor").mkdir()
    for name, value in {
        "HOME": str(tmp_path),
        "USERPROFILE": str(tmp_path),
        "ATLASCLOUD_API_KEY": CANARY,
        "ATLASCLOUD_BASE_URL": base_url,
        "ATLASCLOUD_STATE_DIR": str(tmp_path / "state"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert main(["install", "cursor", "--copy-key"]) == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    capsys.readouterr()

    status = main(["doctor", "--sandbox-port", str(port)])

    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert status == 0, told.out
    assert {text[6:15].strip() for text in lines[:-1]} == LINES
    assert {text[:4].strip() for text in lines[:-1]} <= {"ok", "warn"}
    assert lines[-1] == "No problems to fix."
    assert CANARY not in told.out + told.err
    assert "ATLASCLOUD_API_KEY is set" in told.out


async def well() -> list[Finding]:
    return [ok("one", "is well"), skip("two", "nobody knows")]


async def bad() -> list[Finding]:
    return [fail("three", "is bad", "fix it")]


async def broken() -> list[Finding]:
    raise ValueError(CANARY)


async def endless() -> list[Finding]:
    await anyio.sleep_forever()
    return []


CHECKS = (Check("good", well, 9), Check("broken", broken, 9), Check("endless", endless, 0), Check("bad", bad, 9))


async def test_each_finding_stands_on_a_line_and_no_check_keeps_the_others_from_looking(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await report(CHECKS, in_json=False) == 1

    assert capsys.readouterr().out.splitlines() == [
        "ok    one        is well",
        "skip  two        nobody knows",
        "FAIL  broken     the check itself failed (ValueError) -> Please report this.",
        "FAIL  endless    no result after 0 seconds -> Try again, or report this.",
        "FAIL  three      is bad -> fix it",
        "3 problems to fix.",
    ]
    assert await report(CHECKS[:1], in_json=False) == 0


async def test_in_json_each_finding_says_how_it_is_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert await report((CHECKS[0], CHECKS[3]), in_json=True) == 1

    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "version": __version__,
        "checks": [
            {"name": "one", "state": "ok", "said": "is well"},
            {"name": "two", "state": "skip", "said": "nobody knows"},
            {"name": "three", "state": "fail", "said": "is bad", "fix": "fix it"},
        ],
    }


async def test_the_doctor_works_where_the_server_cannot(base_url: str, tmp_path: Path) -> None:
    old = tmp_path / "site"
    (old / "mcp").mkdir(parents=True)
    (old / "mcp" / "__init__.py").touch()
    (old / "mcp-1.30.0.dist-info").mkdir()
    (old / "mcp-1.30.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: mcp\nVersion: 1.30.0\n", encoding="utf-8"
    )
    handed_on = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "SYSTEMROOT"))}
    ours = {"HOME": str(tmp_path), "ATLASCLOUD_STATE_DIR": str(tmp_path / "state"), "ATLASCLOUD_BASE_URL": base_url}
    words = [sys.executable, "-m", "atlascloud_video_mcp", "doctor", "--json"]

    done = await anyio.run_process(words, env=handed_on | ours | {"PYTHONPATH": str(old)}, check=False)

    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["ok"] is False
    states = {check["name"]: check["state"] for check in told["checks"]}
    assert set(states) == LINES - {"balance"}
    assert [name for name, state in states.items() if state == "fail"] == ["packages", "key"]
    assert done.stderr == b""


# --- what is installed ---


async def test_python_and_the_versions_that_matter_are_named() -> None:
    (python,) = await local.python()
    (versions,) = await local.packages()

    assert sys.executable in python.said
    assert versions.state is State.OK
    assert __version__ in versions.said
    assert "mcp 2." in versions.said


@pytest.mark.parametrize("version", ["1.30.0", "3.0.0"])
async def test_an_mcp_that_is_too_old_or_too_new_is_named_with_what_to_install(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / f"mcp-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: mcp\nVersion: {version}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    (finding,) = await local.packages()

    assert finding.state is State.FAIL
    assert f"mcp {version} is installed" in finding.said
    assert finding.fix == f"{sys.executable} -m pip install --upgrade 'mcp<3,>=2.3'"


async def test_a_library_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / f"atlascloud_video_mcp-{__version__}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    needs = "Requires-Dist: no-such-library>=1\nRequires-Dist: nor-this; extra == 'sandbox'\n"
    metadata.write_text(f"Metadata-Version: 2.1\nName: atlascloud-video-mcp\nVersion: 1\n{needs}", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    (finding,) = await local.packages()

    assert finding.said == "no-such-library is not installed"
    assert finding.fix.endswith("'no-such-library>=1'")


# --- settings, key, state ---


async def test_settings_are_told_as_understood_and_of_the_key_only_that_it_is_set(tmp_path: Path) -> None:
    environ = {"ATLASCLOUD_API_KEY": CANARY, "ATLASCLOUD_MAX_WAIT": " 30 ", "PATH": "/bin", "ATLASCLOUD_MODEL": ""}

    (finding,) = await local.settings(here(tmp_path, environ))

    assert finding == ok("settings", "ATLASCLOUD_API_KEY is set, ATLASCLOUD_MAX_WAIT=30.0")


async def test_of_secret_settings_only_that_they_are_set_is_told(tmp_path: Path) -> None:
    environ = {
        "ATLASCLOUD_DATABASE_URL": f"postgresql://me:{CANARY}@127.0.0.1/clips",
        "ATLASCLOUD_TEAM_SECRET": CANARY,
        "ATLASCLOUD_PUBLIC_URL": "https://video.example.com/",
    }

    (finding, _) = await local.settings(here(tmp_path, environ))

    assert finding.said.split(", ") == [
        "ATLASCLOUD_API_KEY is not set",
        "ATLASCLOUD_DATABASE_URL is set",
        "ATLASCLOUD_TEAM_SECRET is set",
        "ATLASCLOUD_PUBLIC_URL=https://video.example.com",
    ]


async def test_no_key_is_found_and_it_is_said_where_to_get_one(tmp_path: Path) -> None:
    settings, key = await local.settings(here(tmp_path))

    assert settings == ok("settings", "ATLASCLOUD_API_KEY is not set, all others have their defaults")
    assert key.state is State.FAIL
    assert key.said == "no API key is set"
    assert SETTINGS_PAGE in key.fix
    assert "install CLIENT" in key.fix


async def test_the_sandbox_needs_no_key(tmp_path: Path) -> None:
    _, key = await local.settings(here(tmp_path, {"ATLASCLOUD_SANDBOX": "1"}))

    assert key.state is State.OK


async def test_an_invalid_setting_is_named_and_the_others_are_understood(tmp_path: Path) -> None:
    environ = {
        "ATLASCLOUD_MAX_WAIT": "soon",
        "ATLASCLOUD_MODEL": "a/model",
        "ATLASCLOUD_ALLOWED_DIRS": str(tmp_path),
        "ATLASCLOUD_DOWNLOAD_DIR": "/",
    }

    now = here(tmp_path, environ)
    finding, _ = await local.settings(now)

    assert finding.state is State.FAIL
    assert "ATLASCLOUD_MAX_WAIT is 'soon': it takes a number of seconds" in finding.said
    assert finding.fix
    assert now.settings.model == "a/model"
    assert now.settings.max_wait is None


async def test_a_good_state_directory_is_told_with_the_space_that_is_left(tmp_path: Path) -> None:
    now = here(tmp_path, {"ATLASCLOUD_STATE_DIR": str(tmp_path / "state")})

    (good,) = await local.state(now)
    (full,) = await local.state(now, enough=shutil.disk_usage(tmp_path).total + 1)

    assert good.state is State.OK
    assert str(tmp_path / "state") in good.said
    assert full.state is State.WARN
    assert " MB free" in full.said
    assert "ATLASCLOUD_STATE_DIR" in full.fix


async def test_a_state_directory_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    (finding,) = await local.state(here(tmp_path, {"ATLASCLOUD_STATE_DIR": str(tmp_path / "file" / "state")}))

    assert finding.state is State.FAIL
    assert "The journal cannot be written" in finding.said
    assert "ATLASCLOUD_STATE_DIR" in finding.fix


async def test_a_journal_in_a_database_is_opened_there(
    database_url: str, postgresql: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (good,) = await local.state(here(tmp_path, {"ATLASCLOUD_DATABASE_URL": database_url}))
    empty = here(tmp_path, {"ATLASCLOUD_DATABASE_URL": postgresql.empty_database()})
    (bad,) = await local.state(empty)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    (missing,) = await local.state(empty)

    assert good == ok("state", "the journal in the database opens")
    assert (bad.state, missing.state) == (State.FAIL, State.FAIL)
    assert "atlascloud-video-mcp team migrate" in bad.said
    assert "serving a team needs psycopg" in missing.said
    with pytest.raises(SettingsError, match="serving a team needs psycopg"):
        service_opener(empty.settings, sandbox=False, speed=1)


# --- the way to the API ---


async def test_the_api_is_reached_and_recognised(base_url: str) -> None:
    network, tls, api = await connectivity.reach(understood(BASE_URL=base_url))

    assert (network.state, tls.state, api.state) == (State.OK, State.OK, State.OK)
    assert network.said.startswith("127.0.0.1 answers in ")
    assert "not needed" in tls.said


async def test_a_port_at_which_nobody_listens_is_told() -> None:
    with listening() as port:
        pass

    network, tls, api = await connectivity.reach(understood(BASE_URL=f"http://127.0.0.1:{port}/api/v1"))

    assert network.state is State.FAIL
    assert network.said == f"127.0.0.1 port {port} refuses connections"
    assert "ATLASCLOUD_BASE_URL" in network.fix
    assert (tls.state, api.state) == (State.SKIP, State.SKIP)


async def test_a_name_that_nobody_knows_is_told() -> None:
    network, *_ = await connectivity.reach(understood(BASE_URL="https://api.atlascloud.invalid/api/v1"))

    assert network.state is State.FAIL
    assert network.said == "the name api.atlascloud.invalid cannot be resolved"
    assert "ATLASCLOUD_BASE_URL" in network.fix


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ReadTimeout(""), "cannot be reached: no answer in time"),
        (httpx.ProxyError(""), "cannot be reached: the proxy refuses the connection"),
        (ExceptionGroup("", [OSError(), ConnectionRefusedError()]), "refuses connections"),
        (httpx.RemoteProtocolError(""), "cannot be reached: the connection broke off"),
    ],
)
def test_each_way_not_to_reach_the_api_has_its_words(error: Exception, said: str) -> None:
    network, *_ = connectivity.unreachable(error, httpx.URL("https://api.atlascloud.ai/api/v1"))

    assert network.state is State.FAIL
    assert said in network.said
    assert "PROXY" in network.fix
    assert "ATLASCLOUD_BASE_URL" not in network.fix


async def test_a_proxy_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as port:
        pass
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")

    network, *_ = await connectivity.reach(understood())

    assert network.state is State.FAIL
    assert network.said == "api.atlascloud.ai port 443, or a proxy on the way, refuses connections"
    assert "HTTPS_PROXY" in network.fix


async def test_settings_of_the_network_that_cannot_be_used_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "authorities.pem").write_text("nonsense", encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authorities.pem"))

    network, *rest = await connectivity.reach(understood())

    assert network.state is State.FAIL
    assert "cannot be used (SSLError)" in network.said
    assert "SSL_CERT_FILE" in network.said
    assert network.fix
    assert {finding.state for finding in rest} == {State.SKIP}


async def test_a_certificate_that_is_not_believed_is_told() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with serving_tls(context) as port:
        network, tls = await connectivity.reach(understood(BASE_URL=f"https://127.0.0.1:{port}/api/v1"))

    assert network.state is State.OK
    assert tls.state is State.FAIL
    assert tls.said.startswith("the certificate is not trusted (")
    assert "SSL_CERT_FILE" in tls.fix


async def test_something_that_speaks_no_tls_is_told(base_url: str) -> None:
    network, tls = await connectivity.reach(understood(BASE_URL=base_url.replace("http:", "https:")))

    assert network.state is State.OK
    assert tls.state is State.FAIL
    assert "ATLASCLOUD_BASE_URL" in tls.fix


async def test_a_certificate_that_is_believed_is_told_with_its_end() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"data": [{}]}\n'
    with serving_tls(context, answer) as port:
        findings = await connectivity.reach(understood(BASE_URL=f"https://127.0.0.1:{port}/api/v1"), trust=trust)

    network, tls, api = findings
    assert (network.state, tls.state, api.state) == (State.OK, State.OK, State.OK)
    assert tls.said.startswith("TLSv1.")
    assert "valid until " in tls.said


@pytest.mark.parametrize("path", ["", "/api", "/api/v2"])
async def test_a_base_url_at_which_something_else_answers_is_told(path: str, base_url: str) -> None:
    wrong = base_url.removesuffix("/api/v1") + path

    _, _, api, key, balance, catalogue = await connectivity.network(understood(BASE_URL=wrong, API_KEY=CANARY))

    assert api.state is State.FAIL
    assert f"{wrong}/models answers with status 401" in api.said
    assert api.fix == "Unset ATLASCLOUD_BASE_URL, or set it to https://api.atlascloud.ai/api/v1."
    assert key == skip("key", "not checked: fix the above first")
    assert (balance.state, catalogue.state) == (State.SKIP, State.SKIP)
    assert [finding.name for finding in await connectivity.network(understood(BASE_URL=wrong))] == [*WAY, "catalogue"]


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [
        ("status", 503, State.WARN),
        ("status", 429, State.WARN),
        ("html", 200, State.FAIL),
        ("malformed", 200, State.FAIL),
    ],
)
async def test_an_answer_that_is_none_is_told(
    action: Action, status: int, state: State, sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(Fault(endpoint="models", action=action, status=status))

    _, _, api = await connectivity.reach(understood(BASE_URL=base_url))

    assert api.state is state
    assert api.fix


async def test_in_the_place_of_the_usual_api_no_other_address_is_proposed() -> None:
    response = httpx.Response(404, request=httpx.Request("GET", f"{understood().base_url}/models"))

    finding = connectivity.identified(response, has_models=False)

    assert finding.state is State.FAIL
    assert "login page" in finding.fix


async def test_a_key_that_is_accepted_and_a_model_that_is_offered_are_told(base_url: str) -> None:
    with_key = await connectivity.network(understood(BASE_URL=base_url, API_KEY=CANARY))
    without = await connectivity.network(understood(BASE_URL=base_url))

    assert line(with_key, "key") == ok("key", "accepted")
    assert line(with_key, "balance").state is State.OK
    assert line(with_key, "balance").said.endswith(" USD left")
    offered = f"{STANDARD} is available, and its parameters are known"
    assert line(with_key, "catalogue") == ok("catalogue", offered)
    assert [finding.name for finding in without] == [*WAY, "catalogue"]


@pytest.mark.parametrize(
    ("status", "state", "fix"),
    [(401, State.FAIL, SETTINGS_PAGE), (451, State.FAIL, SETTINGS_PAGE), (429, State.SKIP, ""), (503, State.SKIP, "")],
)
async def test_a_key_that_is_not_accepted_is_told_with_what_to_do(
    status: int, state: State, fix: str, sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(Fault(endpoint="history", action="status", status=status, times=9))

    key = line(await connectivity.network(understood(BASE_URL=base_url, API_KEY=CANARY), patience=HASTY), "key")

    assert key.state is state
    assert fix in key.fix
    assert CANARY not in key.said + key.fix


@pytest.mark.parametrize(
    ("status", "body", "state", "said"),
    [
        (200, '{"available": {"value": "0.00", "currency": "USD"}}', State.FAIL, "no money left (0.00 USD)"),
        (200, '{"available": {"value": "-1.5", "currency": "USD"}}', State.FAIL, "(-1.50 USD)"),
        (200, "{}", State.SKIP, "without a balance"),
        (503, None, State.SKIP, "not checked: "),
    ],
)
async def test_money_that_is_not_there_is_told_with_where_to_get_it(
    status: int, body: str | None, state: State, said: str, sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(Fault(endpoint="balance", action="status", status=status, body=body, times=9))

    balance = line(await connectivity.network(understood(BASE_URL=base_url, API_KEY=CANARY), patience=HASTY), "balance")

    assert balance.state is state
    assert said in balance.said
    assert ("https://www.atlascloud.ai/console/billing" in balance.fix) == (state is State.FAIL)


@pytest.mark.parametrize(
    ("model", "faults", "state", "said"),
    [
        ("minimax/hailuo-2.3/i2v-standart", [], State.FAIL, f"Did you mean {STANDARD} or"),
        ("somebody/else", [("models", 503)], State.WARN, "cannot be known"),
        (STANDARD, [("schema", 404)], State.WARN, "It was checked against the rules built into this server"),
    ],
)
async def test_a_model_that_is_not_offered_or_not_known_is_told(
    model: str, faults: list[tuple[FaultEndpoint, int]], state: State, said: str, sandbox: Sandbox, base_url: str
) -> None:
    for endpoint, status in faults:
        sandbox.script(Fault(endpoint=endpoint, action="status", status=status, times=99))

    finding = line(await connectivity.network(understood(BASE_URL=base_url, MODEL=model), patience=HASTY), "catalogue")

    assert finding.state is state
    assert said in finding.said
    assert finding.fix


# --- the sandbox ---


async def test_a_sandbox_that_could_run_is_told(tmp_path: Path) -> None:
    with listening() as port:
        pass

    assert await local.sandbox(here(tmp_path), port) == [ok("sandbox", f"installed, and port {port} is free")]


async def test_a_port_of_the_sandbox_that_is_taken_is_told(tmp_path: Path) -> None:
    with listening() as port:
        (finding,) = await local.sandbox(here(tmp_path), port)

    assert finding.state is State.WARN
    assert f"port {port} is in use" in finding.said
    assert "sandbox --port 0" in finding.fix


@pytest.mark.parametrize(("wanted", "state"), [("1", State.FAIL), ("0", State.OK)])
async def test_a_sandbox_that_is_not_installed_matters_to_whoever_wants_it(
    wanted: str, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)

    (finding,) = await local.sandbox(here(tmp_path, {"ATLASCLOUD_SANDBOX": wanted}), 0)

    assert finding.state is state
    assert "-m pip install 'PATH/TO/WHEEL.whl[sandbox]'" in finding.said + finding.fix


async def test_a_platform_that_does_not_reach_itself_is_told(tmp_path: Path) -> None:
    (finding,) = await local.sandbox(here(tmp_path), 0, loopback="192.0.2.1")  # an address that no platform has

    assert finding.state is State.FAIL
    assert "firewall" in finding.fix


# --- the start ---


def started_by(home: Path, *words: str, **environ: str) -> CheckTarget:
    return replace(here(home, environ), command=words)


async def test_a_start_as_a_desktop_program_does_it_is_told_with_its_time(tmp_path: Path) -> None:
    words = (sys.executable, "-m", "atlascloud_video_mcp")

    (finding,) = await start(started_by(tmp_path, *words), slow=60)

    assert finding.state is State.OK
    assert " tools listed after " in finding.said
    assert "atlascloud_video_mcp" in finding.said


def script(text: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", text)


ANSWER = 'print(\'{"id": 1}\\n{"id": 2, "result": {"tools": [{}]}}\', flush=True); input(); '


@pytest.mark.parametrize(
    ("words", "state", "said", "fix"),
    [
        (script(ANSWER), State.WARN, "1 tools listed", "Some clients give up"),
        (script("raise ImportError('no MCPServer')"), State.FAIL, "ImportError: no MCPServer", "Fix what it says"),
        (script("raise SystemExit(3)"), State.FAIL, "exited with status 3 and wrote: nothing", "Fix what it says"),
        (script("import os, sys; sys.exit(os.environ['ATLASCLOUD_API_KEY'])"), State.FAIL, "wrote: ***", "Fix"),
        (script("import os, sys; sys.exit(os.environ['ATLASCLOUD_DATABASE_URL'])"), State.FAIL, "wrote: ***", "Fix"),
        (script("print('hello'); input()"), State.FAIL, "something other than MCP", "report"),
        (script("print('[1]'); input()"), State.FAIL, "something other than MCP", "report"),
        (script('print(\'{"id": 2, "error": {}}\'); input()'), State.FAIL, "something other than MCP", "report"),
        (("/no/such/program",), State.FAIL, "/no/such/program cannot be started", "install"),
        ((), State.FAIL, "has no command", "install"),
    ],
)
async def test_a_start_that_goes_wrong_is_told(
    words: tuple[str, ...], state: State, said: str, fix: str, tmp_path: Path
) -> None:
    secret = {"ATLASCLOUD_API_KEY": CANARY, "ATLASCLOUD_DATABASE_URL": f"postgresql://me:{CANARY}-2@127.0.0.1/clips"}
    now = started_by(tmp_path, *words, **secret)

    (finding,) = await start(now, slow=0)

    assert finding.state is state, finding
    assert said in finding.said
    assert fix in finding.fix
    assert CANARY not in finding.said


# --- the clients ---


async def test_clients_that_are_set_up_are_named(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    for client in ("cursor", "codex", "goose", "opencode"):
        typed(platform, "install", client, "--force")
    (tmp_path / ".gemini").mkdir()

    assert await clients(platform) == [ok("clients", "set up in Cursor, Codex, Goose, opencode")]


async def test_no_client_that_is_set_up_is_told_with_those_that_could_be(tmp_path: Path) -> None:
    (nobody,) = await clients(platform_at(tmp_path))
    (tmp_path / ".cursor").mkdir()
    prepared("gemini-cli", platform_at(tmp_path), "{}")
    (two,) = await clients(platform_at(tmp_path))

    assert (nobody.state, two.state) == (State.WARN, State.WARN)
    assert "install CLIENT" in nobody.fix
    assert "install cursor or gemini-cli" in two.fix


@pytest.mark.parametrize(
    ("entry", "state", "said"),
    [
        ({"command": "/gone/atlascloud-video-mcp"}, State.FAIL, "/gone/atlascloud-video-mcp, which no longer exists"),
        ({"command": "uvx", "args": ["atlascloud-video-mcp"]}, State.WARN, "'uvx', which has no full path"),
        ({"args": []}, State.FAIL, "has no command"),
        ("nonsense", State.FAIL, "has no command"),
    ],
)
async def test_an_entry_that_starts_nothing_is_told(entry: object, state: State, said: str, tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    typed(platform, "install", "codex", "--force")
    prepared("cursor", platform, json.dumps({"mcpServers": {"atlascloud-video": entry}}))

    good, finding = await clients(platform)

    assert good == ok("clients", "set up in Codex")
    assert finding.state is state
    assert said in finding.said
    assert "install cursor" in finding.fix


async def test_a_client_whose_file_cannot_be_read_is_told(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    prepared("zed", platform, "{")

    (finding,) = await clients(platform)

    assert finding.state is State.WARN
    assert finding.said.startswith("Zed: line 1, column 2")


# --- what a client would start ---


@pytest.mark.parametrize(
    ("client", "options", "held"),
    [
        ("claude-desktop", ["--copy-key"], CANARY),
        ("cursor", ["--key-env", "MY_KEY"], "my-own"),
        ("codex", ["--key-env", "ATLASCLOUD_API_KEY"], CANARY),
        ("vscode", [], None),
        ("opencode", ["--key-env", "NOT_SET"], None),
    ],
)
def test_a_clients_own_key_and_settings_are_looked_at(
    client: str, options: list[str], held: str | None, tmp_path: Path
) -> None:
    platform = platform_at(tmp_path, environ={"ATLASCLOUD_API_KEY": CANARY, "MY_KEY": "my-own", "SYSTEMROOT": "C:\\"})
    typed(platform, "install", client, "--force", "--env", "ATLASCLOUD_MAX_WAIT=7", *options)

    now = find_target(platform, client)

    assert now.command == (platform.program,)
    key = now.settings.api_key
    assert (key and key.get_secret_value()) == held
    assert now.settings.max_wait == 7
    assert now.environ["PATH"] == ""
    assert now.environ["SYSTEMROOT"] == "C:\\"


def test_a_client_in_the_sandbox_is_asked_nothing_of_the_network(tmp_path: Path) -> None:
    platform = platform_at(tmp_path)
    typed(platform, "install", "zed", "--force", "--sandbox")

    now = find_target(platform, "zed")

    assert now.in_sandbox
    assert "network" not in {check.name for check in checks(now, platform, 0)}


def test_a_client_that_is_not_set_up_is_told_how_it_is(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Zed is not set up: run `atlascloud-video-mcp install zed`"):
        find_target(platform_at(tmp_path), "zed")


def test_every_line_of_the_doctor_stands_in_the_documentation() -> None:
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")

    table = text.split("| line | looks at |", 1)[1]
    lines = re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `")))
    assert set(lines) == LINES
