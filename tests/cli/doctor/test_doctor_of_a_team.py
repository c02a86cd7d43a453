"""What `doctor --url` finds of a team's servers: real ones, and what proxies and other programs make of them."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.cli.doctor import Finding, State, ok, remote, skip
from atlascloud_video_mcp.cli.doctor.checkup import remote_checks, report
from atlascloud_video_mcp.journal import Journal
from http_kit import replica_at
from kit import CANARY

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

    from http_kit import Replica

TOKEN = f"acv_{CANARY}"
NAMES = ["ready", "clocks", "auth", "metadata", "token", "origin", "body"]


def line(findings: Sequence[Finding], name: str) -> Finding:
    (found,) = [finding for finding in findings if finding.name == name]
    return found


def failed(findings: Sequence[Finding]) -> list[str]:
    return [finding.name for finding in findings if finding.state is State.FAIL]


# --- real servers ---


@asynccontextmanager
async def serving(base_url: str, database_url: str, **how: Any) -> AsyncGenerator[Replica, None]:  # noqa: ANN401 - of replica_at
    """A replica for which one person has a token."""
    async with Journal(database_url) as journal:
        await journal.add_token("anna", hashlib.sha256(TOKEN.encode()).hexdigest(), None, read_only=False)
    async with replica_at(base_url, directory=database_url, silence=0.2, **how) as replica:
        yield replica


async def test_where_all_is_well_each_check_says_so_and_the_token_is_told_to_nobody(
    base_url: str, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(base_url, database_url) as replica:
        status = await report(remote_checks(replica.url, TOKEN, 1.0), in_json=False)

    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert status == 0, told.out
    assert [text[6:15].strip() for text in lines[:-1]] == [*NAMES, "silence"]
    assert {text[:4].strip() for text in lines[:-1]} == {"ok"}
    assert CANARY not in told.out + told.err


@pytest.mark.parametrize(("token", "said"), [("", "ATLASCLOUD_TEAM_TOKEN is not set"), ("acv_x", "it is not accepted")])
async def test_without_a_good_token_it_is_said_where_to_get_one(
    base_url: str, database_url: str, token: str, said: str
) -> None:
    async with serving(base_url, database_url) as replica:
        found = await remote.edge(replica.url, token)
        (slow,) = await remote.silence(replica.url, token, 1)

    assert failed(found) == ["token"]
    assert line(found, "token").said == said
    assert "team token add NAME" in line(found, "token").fix
    assert line(found, "origin").state is State.OK
    assert {line(found, "body").state, slow.state} == {State.SKIP}


async def test_servers_for_which_nobody_has_a_token_are_open_to_all_and_that_is_told(
    base_url: str, database_url: str
) -> None:
    async with replica_at(base_url, directory=database_url) as replica:
        found = await remote.edge(replica.url, "")

    assert failed(found) == ["auth"]
    assert line(found, "auth").said == "what comes without a token is answered with 200, and not 401"
    assert line(found, "token").state is State.OK


async def test_a_server_without_a_database_has_one_clock_only(base_url: str) -> None:
    async with replica_at(base_url) as replica:
        found = await remote.edge(replica.url, "")

    assert "database" not in line(found, "clocks").said
    assert failed(found) == ["auth"]


async def test_a_public_url_that_is_not_the_one_that_is_used_is_told(base_url: str, database_url: str) -> None:
    async with serving(base_url, database_url, public_url="http://127.0.0.1:9") as replica:
        found = await remote.edge(replica.url, TOKEN)

    assert failed(found) == ["metadata"]
    assert line(found, "metadata").fix == f"Set ATLASCLOUD_PUBLIC_URL of all replicas to {replica.url}."


async def test_a_database_that_is_away_is_told(base_url: str) -> None:
    async with replica_at(base_url, directory="postgresql://me@127.0.0.1:9/clips") as replica:
        found = await remote.edge(replica.url, TOKEN)

    assert line(found, "ready").said == "a replica is not: its database is unavailable"
    assert line(found, "token").said == "initialize is answered with 503"


async def test_a_replica_that_stops_says_so(base_url: str, database_url: str) -> None:
    async with serving(base_url, database_url, linger=60) as replica:
        replica.terminate()
        await replica.stopping.begun.wait()
        found = await remote.edge(replica.url, TOKEN)

    assert line(found, "ready").said == "a replica is not: it is stopping"


# --- what stands in their place, or before them ---


class Asked(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int
    body: object = None
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


def as_a_replica(asked: Asked) -> Answer:
    """As `serve-http` answers to somebody with a token; the tests above hold the doctor to the real one."""
    now = datetime.now(UTC).isoformat()
    if asked.path == "/readyz":
        return Answer(200, {"ready": True, "database": "ok", "time": now, "database_time": now})
    if asked.path.startswith("/.well-known"):
        return Answer(200, {"resource": f"http://{asked.headers['Host']}/mcp"})
    if "Authorization" not in asked.headers:
        return Answer(401)
    if "Origin" in asked.headers:
        return Answer(403)
    if len(asked.body) > 4 * 2**20:
        return Answer(413)
    result: object = {"tools": [{"name": "animate_image"}]} if b"tools/list" in asked.body else {}
    return Answer(200, {"jsonrpc": "2.0", "id": 1, "result": result}, {"Mcp-Session-Id": "sealed"})


@contextmanager
def answering(answer: Callable[[Asked], Answer]) -> Iterator[str]:
    """A web server that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, told, headers = answer(Asked(self.path, dict(self.headers), body))
            content = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 - as the base class calls it

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def but(fits: Callable[[Asked], bool], other: Answer) -> Callable[[Asked], Answer]:
    return lambda asked: other if fits(asked) else as_a_replica(asked)


def ready(replica: float, database: float) -> Callable[[Asked], Answer]:
    """One whose clocks are so many seconds ahead."""

    def answer(asked: Asked) -> Answer:
        if asked.path != "/readyz":
            return as_a_replica(asked)
        times = [(datetime.now(UTC) + timedelta(seconds=ahead)).isoformat() for ahead in (replica, database)]
        return Answer(200, {"ready": True, "time": times[0], "database_time": times[1]})

    return answer


async def test_what_the_scripted_server_answers_is_what_the_doctor_wants() -> None:
    with answering(as_a_replica) as url:
        assert failed(await remote.edge(url, TOKEN)) == []


@pytest.mark.parametrize(
    ("answer", "name", "said", "fix"),
    [
        (lambda _: Answer(404, b"<html>"), "ready", "no usable answer", "what stands before it"),
        (lambda _: Answer(200, {}), "ready", "no usable answer", "what stands before it"),
        (lambda _: Answer(200, []), "ready", "no usable answer", "what stands before it"),
        (ready(60, 0), "clocks", "replica +60.0 s, database +0.0 s", "NTP"),
        (but(lambda it: "Authorization" not in it.headers and it.path == "/mcp", Answer(200)), "auth", "200", "spend"),
        (but(lambda it: "Authorization" not in it.headers and it.path == "/mcp", Answer(421)), "auth", "421", "Host"),
        (but(lambda it: "known" in it.path, Answer(404)), "metadata", "'status 404'", "ATLASCLOUD_PUBLIC_URL"),
        (but(lambda it: b"initialize" in it.body, Answer(500)), "token", "answered with 500", "logs"),
        (
            but(lambda it: "Mcp-Session-Id" in it.headers, Answer(404)),
            "token",
            "a session that one replica opened is not known to another",
            "the same ATLASCLOUD_TEAM_SECRET",
        ),
        (but(lambda it: b"list" in it.body, Answer(200, {"result": {"tools": []}})), "token", "no tools", "logs"),
        (but(lambda it: b"list" in it.body, Answer(200, b"?")), "token", "no usable answer", "stands before it"),
        (but(lambda it: "Origin" in it.headers, Answer(200)), "origin", "answered with 200, and not 403", "Origin"),
        (
            but(lambda it: len(it.body) > 10**6, Answer(413)),
            "body",
            "3 MB is answered with 413",
            "client_max_body_size",
        ),
        (
            but(lambda it: len(it.body) > 10**7 / 3, Answer(502)),
            "body",
            "above 4 MiB is answered with 502",
            "client_max_body_size",
        ),
    ],
)
async def test_what_is_wrong_is_named_with_what_to_do(
    answer: Callable[[Asked], Answer], name: str, said: str, fix: str
) -> None:
    with answering(answer) as url:
        found = await remote.edge(url, TOKEN)

    assert name in failed(found)
    assert set(failed(found)) == {name} or name == "token"  # where it leads to nothing, other messages do not either
    assert said in line(found, name).said
    assert fix in line(found, name).fix


async def test_where_the_servers_agree_it_is_the_clock_here_that_may_be_wrong() -> None:
    with answering(ready(-60, -60)) as url:
        clocks = line(await remote.edge(url, TOKEN), "clocks")

    assert clocks.state is State.WARN
    assert "this computer" in clocks.fix


def test_where_nothing_answers_there_is_nothing_else_to_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATLASCLOUD_TEAM_TOKEN", TOKEN)

    assert main(["doctor", "--url", "http://127.0.0.1:9/mcp"]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "FAIL  ready      no usable answer: no connection -> Check http://127.0.0.1:9, and what stands before it.",
        "skip  silence    not checked: nothing was reached",
        "1 problem to fix.",
    ]


def test_a_token_that_cannot_be_one_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATLASCLOUD_TEAM_TOKEN", "canary\nX: y")

    assert main(["doctor", "--url", "http://127.0.0.1:9"]) == 2

    told = capsys.readouterr()
    assert "ATLASCLOUD_TEAM_TOKEN is not usable" in told.err
    assert "canary" not in told.out + told.err


@pytest.mark.parametrize(
    "words", [["--url", "http://10.0.0.1"], ["--url", "x"], ["cursor", "--url", "https://a.example"]]
)
def test_an_address_at_which_a_token_would_not_be_safe_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", *words])

    assert stopped.value.code == 2
    assert "--url" in capsys.readouterr().err


# --- an answer that is long in coming ---


async def test_an_answer_that_is_long_in_coming_arrives_with_signs_of_life(base_url: str, database_url: str) -> None:
    async with serving(base_url, database_url) as replica:
        found = await remote.silence(replica.url, TOKEN, 1)

    assert found == [ok("silence", "an answer that takes 1 s arrives, with signs of life on the way")]


async def test_signs_of_life_that_are_held_back_are_missed(base_url: str, database_url: str) -> None:
    async with serving(base_url, database_url) as replica:  # what it sends each 0.2 s is late where 0.01 s was promised
        (found,) = await remote.silence(replica.url, TOKEN, 1, beat=0.01)

    assert found.state is State.FAIL
    assert "held back" in found.said
    assert "proxy_buffering off" in found.fix


@pytest.mark.parametrize(
    ("answer", "said", "fix"),
    [
        (Answer(504), "an answer that takes 9 s became 504 after 0 s", "proxy_read_timeout"),
        (Answer(500), "an answer that takes 9 s became 500 after 0 s", "logs"),
        (Answer(200, b": still here\n\n"), "an answer that takes 9 s was cut off after 0 s", "as a whole"),
        (Answer(200, b"", {"Transfer-Encoding": "chunked"}), "was cut off after 0 s", "proxy_read_timeout"),
    ],
)
async def test_an_answer_that_a_proxy_cuts_is_told_with_what_to_change(answer: Answer, said: str, fix: str) -> None:
    with answering(lambda _: answer) as url:
        (found,) = await remote.silence(url, TOKEN, 9)

    assert found.state is State.FAIL
    assert said in found.said
    assert fix in found.fix


async def test_what_is_not_let_in_is_not_timed() -> None:
    with answering(lambda _: Answer(401)) as url:
        assert await remote.silence(url, TOKEN, 9) == [skip("silence", "not checked: no token was accepted")]
