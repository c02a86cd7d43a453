"""What is answered before the SDK is loaded, and what becomes of a conversation that the SDK takes over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp.types import version

from atlascloud_video_mcp.server.recording import main, record, shared
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.server.sessions import run_session
from atlascloud_video_mcp.server.stdio.opening import FILE, HANDSHAKES, MODERN, Opening, call_arrived, recorded
from atlascloud_video_mcp.server.stdio.pipe import Line
from kit import CANARY, REMOTE, handed_on, until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from mcp.server.mcpserver import MCPServer

    from scripted_sandbox import Sandbox

SLACK = 3  # seconds for a machine that has other things to do
LISTS = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
CLIENT = {"name": "claude-code", "version": "2.1"}
ENVELOPE: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def line(method: str, number: object = None, **params: Any) -> str:  # noqa: ANN401 - JSON
    """A request, or without a number a notification."""
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(message if number is None else message | {"id": number})


def hello(number: object = 1, spoken: object = "2025-11-25", **params: Any) -> str:  # noqa: ANN401 - JSON
    usual = {"protocolVersion": spoken, "capabilities": {"roots": {"listChanged": True}}, "clientInfo": CLIENT}
    return line("initialize", number, **usual | params)


def modern(method: str, number: object, meta: Any = None, **params: Any) -> str:  # noqa: ANN401 - JSON
    return line(method, number, _meta=ENVELOPE if meta is None else meta, **params)


INITIALIZED = line("notifications/initialized")
GREETED = [hello(), INITIALIZED]
EVERYTHING = {
    "toolsListChanged": True,
    "promptsListChanged": True,
    "resourcesListChanged": True,
    "resourceSubscriptions": ["guide://animate-photo"],
}


async def sdk(lines: Iterable[str]) -> tuple[list[Any], list[Any]]:
    """What the SDK itself says to lines, and what it says when they end."""
    said: list[Any] = []

    async def hear(text: str) -> None:
        said.append(json.loads(text))

    send, receive = anyio.create_memory_object_stream[Line](1000)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_session, server(), receive, hear)
        for each in lines:
            await send.send(Line(f"{each}\n", 0))
            await anyio.wait_all_tasks_blocked()
        before = len(said)
        send.close()
    return said[:before], said[before:]


@cache
def server() -> MCPServer[Any]:
    return build_server(nothing)


def nothing() -> Any:  # noqa: ANN401 - never called
    raise AssertionError


@dataclass
class Talk:
    """A server in a process of its own, spoken to in bare lines."""

    process: subprocess.Popen[bytes]
    said: list[Any] = field(default_factory=list)

    def send(self, *lines: str | bytes) -> None:
        assert self.process.stdin
        for each in lines:
            self.process.stdin.write(each if isinstance(each, bytes) else f"{each}\n".encode())
        self.process.stdin.flush()

    def hear(self, count: int = 1) -> list[Any]:
        """The next so many messages."""
        assert self.process.stdout
        heard = [json.loads(self.process.stdout.readline()) for _ in range(count)]
        self.said += heard
        return heard

    def answer(self, number: object) -> Any:  # noqa: ANN401 - JSON
        """The answer to a request, once it is there."""
        while not (found := [each for each in self.said if each.get("id") == number and "method" not in each]):
            self.hear()
        return found[0]

    def end(self) -> list[Any]:
        """What was still said when stdin was closed, and the process has ended as it should."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        rest = [json.loads(each) for each in self.process.stdout]
        assert self.process.wait(20) == 0
        return rest


@contextmanager
def started(command: list[str], tmp_path: Path, *handed: int, **env: str) -> Generator[Talk]:
    pipe = subprocess.PIPE
    settings = {"ATLASCLOUD_STATE_DIR": str(tmp_path / "state"), "ATLASCLOUD_POLL_INTERVAL": "0.05"}
    bare = handed_on("PATH", "SYSTEMROOT", "COVERAGE_", "COV_")
    with subprocess.Popen(
        command, env=bare | settings | env, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=handed
    ) as process:
        try:
            yield Talk(process)
        finally:
            process.kill()


def in_order(messages: Iterable[Any]) -> list[str]:
    return sorted(json.dumps(each, sort_keys=True) for each in messages)


def test_the_file_of_recorded_answers_holds_each_once() -> None:
    file = json.loads(FILE.read_text(encoding="utf-8"))

    assert shared(recorded()) == file


@pytest.mark.parametrize("spoken", [*version.KNOWN_PROTOCOL_VERSIONS, "another"])
async def test_the_recorded_answers_are_those_of_the_sdk_in_each_version(spoken: str) -> None:
    live = await record()

    assert list(live) == [*version.KNOWN_PROTOCOL_VERSIONS, "another"]
    assert recorded()[spoken] == live[spoken], "the SDK answers otherwise now: `make recorded-answers`"


CONVERSATIONS: dict[str, list[str]] = {
    **{
        f"a handshake of {spoken}": [
            hello("hello", spoken),
            INITIALIZED,
            *(line(method, number, _meta={"progressToken": number}) for number, method in enumerate(("ping", *LISTS))),
        ]
        for spoken in HANDSHAKES
    },
    "a version that nobody knows": [hello(1, "1999-01-01"), line("tools/list", 2)],
    "a handshake of the version that has none": [hello(1, MODERN), line("tools/list", 2)],
    "a handshake without the notification": [hello(), line("tools/list", 2)],
    "a handshake made twice": [hello(1, "2024-11-05"), hello(2, "2025-06-18"), line("tools/list", 3)],
    "a list before the handshake": [line("tools/list", 1), hello(2), line("tools/list", 3)],
    "a ping before the handshake": [line("ping", 1), hello(2), line("ping", 3)],
    "a ping and then the other era": [line("ping", 1), modern("tools/list", 2)],
    "a handshake in an envelope": [hello(1, _meta=ENVELOPE), line("tools/list", 2)],
    "a probe without an envelope": [line("server/discover", 1), *GREETED, line("server/discover", 2), hello(3)],
    "handshakes that lack something": [
        line("initialize", 1),
        hello(2, spoken=1),
        hello(3, clientInfo=None),
        hello(4, clientInfo={"name": "no version"}),
        hello(5, capabilities={"roots": 1}),
        hello(6, capabilities=None),
        hello(7),
    ],
    "a handshake with all that there is": [
        hello(
            1,
            clientInfo=CLIENT
            | {"title": "T", "websiteUrl": "https://x.example", "icons": [{"src": "data:,", "sizes": ["any"]}]},
            capabilities={
                "roots": {"listChanged": False},
                "sampling": {"context": {}, "tools": {}},
                "elicitation": {"form": {}, "url": {}},
                "experimental": {"x": {"y": 1}},
                "extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html"]}},
                "tasks": {"requests": {"elicitation": {"create": {}}}},
                "unheard": 1,
            },
        ),
        line("tools/list", 2),
    ],
    "icons that are none": [hello(1, clientInfo=CLIENT | {"icons": [{"src": 1}]}), hello(2)],
    "lists with a cursor": [*GREETED, line("tools/list", 2, cursor="x"), line("tools/list", 3)],
    "params that are null, none, or no object": [
        *GREETED,
        '{"jsonrpc":"2.0","id":2,"method":"tools/list","params":null}',
        '{"jsonrpc":"2.0","id":3,"method":"tools/list"}',
        '{"jsonrpc":"2.0","id":4,"method":"tools/list","params":[1]}',
        '{"jsonrpc":"2.0","id":5,"method":"tools/list","params":{"_meta":null}}',
        '{"jsonrpc":"2.0","id":6,"method":"tools/list","params":{"_meta":{"progressToken":{}}}}',
        '{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"_meta":{"of.vendor/x":{}}}}',
    ],
    "methods that nobody knows": [*GREETED, line("no/such", 2), line("tasks/get", 3, taskId="x"), line("", 4)],
    "ids of every kind": [
        *GREETED,
        *(line("ping", number) for number in ("", "a", "é", "7", 7, 0, -1, 2**52, 2**60, 2**70, "\ud800")),
        *(
            f'{{"jsonrpc":"2.0","id":{number},"method":"ping"}}'
            for number in ("1.5", "2.0", "true", "[]", "{}", "null")
        ),
        line("ping", 1),
    ],
    "what is no message": [
        "",
        "  ",
        "garbage",
        "{}",
        "1",
        "[" + line("ping", 1) + "]",
        "[" * 5000,
        '{"jsonrpc":"1.0","id":1,"method":"ping"}',
        '{"id":2,"method":"ping"}',
        '{"jsonrpc":"2.0","id":3,"method":"ping","params":{"x":NaN}}',
        '{"jsonrpc":"2.0","id":4,"method":5}',
        '{"jsonrpc":"2.0","id":5,"method":"ping","more":1}',
        '{"jsonrpc":"2.0","id":6,"result":{}}',
        *GREETED,
        line("ping", 7),
    ],
    "notifications of all kinds": [
        *GREETED,
        line("notifications/roots/list_changed"),
        line("notifications/cancelled", requestId=1),
        line("notifications/progress", progressToken=1, progress=1),
        line("notifications/nobody-knows"),
        line("ping", 2),
    ],
    "the modern era": [
        modern("server/discover", 1),
        *(modern(method, number) for number, method in enumerate(("ping", *LISTS), 2)),
        modern("server/discover", "again"),
        modern("closed", "x"),
        modern("another", "y"),
        modern("notifications/initialized", "z"),
    ],
    "the modern era without a probe": [modern("tools/list", 1), modern("tools/list", 2)],
    "envelopes of all kinds": [
        modern("tools/list", 0),
        *(
            modern(method, f"{number} {method}", {**ENVELOPE, **change})
            for method in ("server/discover", "tools/list")
            for number, change in enumerate[dict[str, Any]](
                [
                    {"io.modelcontextprotocol/protocolVersion": "2030-01-01"},
                    {"io.modelcontextprotocol/protocolVersion": "2025-11-25"},
                    {"io.modelcontextprotocol/protocolVersion": 1},
                    {"io.modelcontextprotocol/clientInfo": None},
                    {"io.modelcontextprotocol/clientInfo": {"name": 1}},
                    {"io.modelcontextprotocol/clientCapabilities": None},
                    {"io.modelcontextprotocol/clientCapabilities": {"roots": {}, "sampling": []}},
                    {"io.modelcontextprotocol/clientCapabilities": {"extensions": {"x": 1}}},
                    {"io.modelcontextprotocol/logLevel": "debug"},
                    {"io.modelcontextprotocol/logLevel": "loud"},
                    {"of.vendor/x": 1, "progressToken": "t"},
                    {"progressToken": [1]},
                ]
            )
        ),
        modern("tools/list", 1, {"io.modelcontextprotocol/protocolVersion": MODERN}),
        modern("tools/list", 2, {"io.modelcontextprotocol/clientCapabilities": {}}),
        modern("tools/list", 3, []),
        modern("tools/list", 4, cursor="x"),
        modern("tools/call", 5, name="no_such_tool", arguments={}),
    ],
    "a handshake in the modern era": [modern("tools/list", 1), hello(2), line("tools/list", 3), line("ping", 4)],
    "a probe and an envelope after a handshake": [
        *GREETED,
        line("tools/list", 2),
        modern("server/discover", 3),
        modern("tools/list", 4),
        line("ping", 5),
    ],
    "an envelope after a handshake without a probe": [*GREETED, modern("tools/list", 2), line("tools/list", 3)],
    "subscriptions": [
        modern("subscriptions/listen", 1, notifications=EVERYTHING),
        modern("subscriptions/listen", "two", notifications={}),
        modern("subscriptions/listen", 3, notifications={"toolsListChanged": False, "resourceSubscriptions": []}),
        modern("subscriptions/listen", 4, notifications={"of.vendor": True}),
        modern("subscriptions/listen", 5, notifications=[]),
        modern("subscriptions/listen", 6),
        modern("tools/list", 7),
        line("notifications/cancelled", requestId="3"),
        line("notifications/cancelled", requestId="nobody"),
    ],
    "subscriptions that nothing follows": [
        modern("subscriptions/listen", 1, notifications=EVERYTHING),
        modern("subscriptions/listen", "7", notifications=EVERYTHING),
        line("notifications/cancelled", requestId=7),
        modern("ping", 3),
    ],
    "a subscription in a handshake": [*GREETED, line("subscriptions/listen", 2, notifications={})],
    "very many subscriptions": [
        modern("subscriptions/listen", number, notifications={"toolsListChanged": True}) for number in range(150)
    ],
    "calls of no tool, and an id used again": [
        *GREETED,
        line("tools/call", 1, name="no_such_tool", arguments={}),
        line("tools/call", 2, name="no_such_tool"),
        line("prompts/get", 3, name="none"),
        line("tools/list", 4),
        line("ping", 1),
    ],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_each_answer_is_what_the_sdk_itself_would_have_given(
    server_command: list[str], tmp_path: Path, name: str
) -> None:
    lines = CONVERSATIONS[name]
    before, after = await sdk(lines)

    with started(server_command, tmp_path) as talk:
        talk.send(*lines)
        heard = talk.hear(len(before))
        rest = talk.end()

    assert in_order(heard) == in_order(before)
    assert in_order(rest) == in_order(after)


PREFIXES = {
    "at first": [],
    "after a handshake and a list": [*GREETED, line("tools/list", "list")],
    "after a list in the modern era": [modern("tools/list", "list")],
}


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_what_is_answered_without_the_sdk_is_answered_as_it_would_line_by_line(prefix: str) -> None:
    answered = 0
    for each in dict.fromkeys(each for lines in CONVERSATIONS.values() for each in lines[:60]):
        opening = Opening()
        answers = [opening.answer(f"{one}\n") for one in (*PREFIXES[prefix], each)]
        if answers[-1] is not None:
            answered += 1
            ours = [json.loads(text) for answer in answers for text in (answer or "").splitlines()]
            before, after = await sdk([*PREFIXES[prefix], each])
            assert in_order(ours) == in_order(before), each
            assert in_order(map(json.loads, opening.closing().splitlines())) == in_order(after), each
    assert answered > 10


@pytest.mark.parametrize(
    "unusual",
    [
        line("ping", "\ud800"),
        line("ping", 2**60),
        line("ping", 1, x=1),
        '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":null}}',
        '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}',
        '{"jsonrpc":"2.0","id":1.0,"method":"ping"}',
        "[" * 5000,
        line("closed", 1),
        line("tools/list", 1, cursor="x"),
        modern("tools/list", 1, {**ENVELOPE, "io.modelcontextprotocol/protocolVersion": "2030-01-01"}),
        modern("tools/list", 1, {**ENVELOPE, "io.modelcontextprotocol/clientCapabilities": []}),
        modern("tools/list", 1, {**ENVELOPE, "io.modelcontextprotocol/clientInfo": {"name": "x"}}),
        modern("tools/list", 1, {**ENVELOPE, "io.modelcontextprotocol/logLevel": "debug"}),
        modern("server/discover", 1, {"io.modelcontextprotocol/protocolVersion": MODERN}),
        modern("subscriptions/listen", 1, notifications={"of.vendor": True}),
        hello(1, capabilities=[]),
        hello(1, clientInfo={}),
        hello(1, spoken=None),
    ],
)
def test_what_is_unusual_is_left_to_the_sdk(unusual: str) -> None:
    assert Opening().answer(f"{unusual}\n") is None


def test_the_command_writes_the_file_that_is_there(tmp_path: Path) -> None:
    main(tmp_path / "answers.json")

    assert (tmp_path / "answers.json").read_bytes() == FILE.read_bytes()


UNUSUAL = {**ENVELOPE, "io.modelcontextprotocol/logLevel": "debug"}
NEWER = {**ENVELOPE, "io.modelcontextprotocol/protocolVersion": "2030-01-01"}
MALFORMED = {**ENVELOPE, "io.modelcontextprotocol/clientCapabilities": {"sampling": 1}}
PROBES = {
    "answered": [modern("server/discover", "probe")],
    "refused for its revision": [modern("server/discover", "probe", NEWER)],
    "answered by the SDK": [modern("server/discover", "probe", UNUSUAL)],
    "refused by the SDK": [modern("server/discover", "probe", MALFORMED)],
    "refused, then answered": [modern("server/discover", "probe", NEWER), modern("server/discover", "second")],
    "made after garbage": ["garbage", modern("server/discover", "probe")],
}


def call(era: str, number: object, tool: str, meta: dict[str, Any] | None = None, **arguments: Any) -> str:  # noqa: ANN401 - JSON
    envelope = (ENVELOPE if era == "modern" else {}) | (meta or {})
    return line("tools/call", number, _meta=envelope, name=tool, arguments=arguments)


def is_served(talk: Talk, era: str, sandbox: Sandbox) -> None:
    """A list, and a clip that is handed over as the client of the handshake or the envelope takes it."""
    talk.send(modern("tools/list", "list") if era == "modern" else line("tools/list", "list"))
    assert talk.answer("list")["result"]["tools"]
    talk.send(call(era, "clip", "animate_image", image=REMOTE, wait_seconds=60))
    anyio.run(until, lambda: sandbox.accepted)
    sandbox.finish(sandbox.accepted[0][0])
    content = talk.answer("clip")["result"]["content"]
    assert "resource_link" in {block["type"] for block in content}, "claude-code takes links, others may not"


def live(base_url: str) -> dict[str, str]:
    return {"ATLASCLOUD_BASE_URL": base_url, "ATLASCLOUD_API_KEY": CANARY}


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("goes_on", ["with a handshake", "in the modern era"])
def test_a_probe_binds_nobody(
    server_command: list[str], sandbox: Sandbox, base_url: str, tmp_path: Path, probe: str, goes_on: str
) -> None:
    with started(server_command, tmp_path, **live(base_url)) as talk:
        talk.send(*PROBES[probe])
        talk.hear(len([each for each in PROBES[probe] if each != "garbage"]))
        if goes_on == "with a handshake":
            talk.send(hello("hello"), INITIALIZED)
            assert talk.answer("hello")["result"]["protocolVersion"] == "2025-11-25"
        is_served(talk, "modern" if goes_on == "in the modern era" else "handshake", sandbox)
        assert talk.end() == []

    assert ("error" in talk.answer("probe")) is ("refused" in probe)


@pytest.mark.parametrize("era", ["handshake", "modern"])
def test_a_probe_behind_a_handshake_is_answered_and_either_may_be_spoken(
    server_command: list[str], sandbox: Sandbox, base_url: str, tmp_path: Path, era: str
) -> None:
    with started(server_command, tmp_path, **live(base_url)) as talk:
        talk.send(*GREETED, modern("server/discover", "probe"))
        assert [each["id"] for each in talk.hear(2)] == [1, "probe"]
        assert "result" in talk.answer("probe")
        is_served(talk, era, sandbox)
        assert talk.end() == []


GATED = """
import os, sys

class Gate:
    def find_spec(self, name, path=None, target=None):
        if name == "mcp":
            os.read(int(sys.argv[1]), 1)

sys.meta_path.insert(0, Gate())
from atlascloud_video_mcp.__main__ import main
sys.exit(main(sys.argv[2:]))
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows hands on no descriptors")


@contextmanager
def gated(tmp_path: Path, **env: str) -> Generator[tuple[Talk, Callable[[], None]]]:
    """A server that cannot load the SDK until it is let."""
    waits, opens = os.pipe()
    with (
        os.fdopen(opens, "wb") as gate,
        started([sys.executable, "-c", GATED, str(waits)], tmp_path, waits, **env) as talk,
    ):
        os.close(waits)
        yield talk, gate.close


@posix
def test_a_handshake_that_comes_before_the_probes_answer_is_served(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    with gated(tmp_path, **live(base_url)) as (talk, open_gate):
        talk.send(modern("server/discover", "probe", UNUSUAL), hello("hello"), INITIALIZED)
        open_gate()
        assert "result" in talk.answer("probe")
        assert "result" in talk.answer("hello")
        is_served(talk, "handshake", sandbox)
        assert talk.end() == []


@posix
@pytest.mark.parametrize("era", ["handshake", "modern"])
def test_what_is_in_flight_while_the_sdk_is_loaded_is_answered_once_each(tmp_path: Path, era: str) -> None:
    ask = modern if era == "modern" else line
    asked = {number: ask("tools/list", number) for number in (5, "5a", "", 0, -3)}
    asked |= {number: call(era, number, "no_such_tool") for number in range(100, 120)}
    asked |= {f"{number}": ask("no/such/method", f"{number}") for number in range(200, 220)}
    with gated(tmp_path) as (talk, open_gate):
        if era == "handshake":
            talk.send(*GREETED)
            talk.hear()
        talk.send(call(era, "first", "no_such_tool"), *asked.values())
        open_gate()
        heard = talk.hear(len(asked) + 1)
        assert talk.end() == []

    assert sorted(map(repr, ("first", *asked))) == sorted(repr(each["id"]) for each in heard)


@posix
def test_the_first_call_is_told_of_before_the_sdk_is_loaded(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    with gated(tmp_path, **live(base_url)) as (talk, open_gate):
        talk.send(*GREETED, call("handshake", 2, "animate_image", {"progressToken": "t"}, image=REMOTE, wait_seconds=0))
        _, early = talk.hear(2)
        open_gate()
        talk.answer(2)
        told = [each["params"] for each in talk.said if each.get("method") == "notifications/progress"]

    assert early["params"] == {"progressToken": "t", "progress": 0, "total": 100, "message": "Checking the call"}
    assert all(one["progress"] < other["progress"] for one, other in pairwise(told))
    assert len(told) > 1
    assert len(sandbox.submissions) == 1


@pytest.mark.parametrize(
    "quiet",
    [
        call("handshake", 1, "get_balance"),
        call("handshake", 1, "get_balance", {"progressToken": True}),
        call("handshake", 1, "get_balance", {"progressToken": [1]}),
        call("handshake", None, "get_balance", {"progressToken": 1}),
        line("prompts/get", 1, _meta={"progressToken": 1}),
        line("tools/call", 1, _meta=1),
        "garbage",
    ],
)
def test_nothing_is_told_to_whoever_did_not_ask_for_it(quiet: str) -> None:
    assert call_arrived(quiet) == ""


@posix
def test_a_call_may_wait_from_the_moment_its_line_was_read(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    with gated(tmp_path, **live(base_url)) as (talk, open_gate):
        talk.send(*GREETED)
        talk.hear()
        begun = time.monotonic()
        talk.send(call("handshake", 2, "animate_image", {"progressToken": 1}, image=REMOTE, wait_seconds=12))
        talk.hear()
        anyio.run(anyio.sleep, 6)  # the SDK takes as long as this on a cold disk
        open_gate()
        answer = talk.answer(2)["result"]["structuredContent"]
        took = time.monotonic() - begun

    assert answer["status"] == "processing"
    assert 11.9 <= took < 17, "12 s from its line on, and not 18 from the moment the SDK was there"
    assert len(sandbox.submissions) == 1


SPLITS: dict[str, Callable[[bytes], list[bytes]]] = {
    "byte by byte": lambda text: [bytes([each]) for each in text],
    "in two": lambda text: [text[: len(text) // 2], text[len(text) // 2 :]],
    "with a byte order mark": lambda text: [b"\xef\xbb\xbf" + text],
    "with the line ends of Windows": lambda text: [text.replace(b"\n", b"\r\n")],
    "among empty lines": lambda text: [b"\n\n  \n" + text.replace(b"\n", b"\n\n")],
    "among what is no UTF-8": lambda text: [b"\xff\xfe\x00\n" + text],
}


@pytest.mark.parametrize("how", SPLITS)
def test_lines_are_read_however_they_come(server_command: list[str], tmp_path: Path, how: str) -> None:
    text = "".join(
        f"{each}\n"
        for each in (*GREETED, line("tools/list", 2), call("handshake", "é", "no_such_tool"), line("ping", 4))
    )
    with started(server_command, tmp_path) as talk:
        for part in SPLITS[how](text.encode()):
            talk.send(part)
        heard = talk.hear(4)
        assert talk.end() == []

    assert sorted(str(each["id"]) for each in heard) == ["1", "2", "4", "é"]
    assert all("result" in each for each in heard)


def test_a_line_of_ten_megabytes_is_read_before_and_after_the_sdk_is_loaded(
    server_command: list[str], tmp_path: Path
) -> None:
    large = "x" * 10_000_000
    with started(server_command, tmp_path) as talk:
        talk.send(hello(1, clientInfo=CLIENT | {"title": large}), INITIALIZED, line("tools/list", 2))
        talk.hear(2)
        talk.send(call("handshake", 3, "no_such_tool", image=large), call("handshake", 4, "no_such_tool", image=large))
        heard = talk.hear(2)
        assert talk.end() == []

    assert sorted(each["id"] for each in heard) == [3, 4]


POINTS: dict[str, tuple[list[str | bytes], int]] = {
    "before anything": ([], 0),
    "within a line": ([b'{"jsonrpc":'], 0),
    "after a probe": ([modern("server/discover", 1)], 1),
    "after the handshake": ([*GREETED], 1),
    "after the lists": ([*GREETED, line("tools/list", 2)], 2),
    "with the SDK there": ([*GREETED, call("handshake", 2, "no_such_tool")], 2),
    "with the SDK there and nothing asked": ([*GREETED, modern("server/discover", 2, UNUSUAL)], 2),
}


@pytest.mark.parametrize("point", POINTS)
def test_the_end_of_stdin_ends_the_process_in_time(server_command: list[str], tmp_path: Path, point: str) -> None:
    lines, answers = POINTS[point]
    with started(server_command, tmp_path) as talk:
        talk.send(*lines)
        talk.hear(answers)
        assert talk.process.stdin
        talk.process.stdin.close()
        assert talk.process.wait(2 + SLACK) == 0
        assert talk.process.stderr
        assert talk.process.stderr.read() == b""


@posix
def test_the_end_of_stdin_ends_a_process_that_is_still_loading_the_sdk(tmp_path: Path) -> None:
    with gated(tmp_path) as (talk, _):
        talk.send(*GREETED, call("handshake", 2, "get_balance", {"progressToken": 1}))
        talk.hear(2)
        assert talk.process.stdin
        talk.process.stdin.close()
        assert talk.process.wait(2 + SLACK) == 0


@posix
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_at_once(
    server_command: list[str], tmp_path: Path, point: str, number: signal.Signals
) -> None:
    lines, answers = POINTS[point]
    with started(server_command, tmp_path) as talk:
        talk.send(hello("there"), *lines)
        talk.hear(answers + 1)
        talk.process.send_signal(number)
        assert talk.process.wait(2 + SLACK) == -number
        assert talk.process.stderr
        assert talk.process.stderr.read() == b""


@posix
def test_a_signal_ends_a_process_that_is_still_loading_the_sdk(tmp_path: Path) -> None:
    with gated(tmp_path) as (talk, _):
        talk.send(*GREETED, call("handshake", 2, "get_balance", {"progressToken": 1}))
        talk.hear(2)
        talk.process.terminate()
        assert talk.process.wait(2 + SLACK) == -signal.SIGTERM


@posix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_process_that_lacks_a_stream_does_what_it_can(server_command: list[str], closed: str) -> None:
    command = f'exec "$@" {closed}'
    run = subprocess.run(
        ["/bin/sh", "-c", command, "sh", *server_command],
        input=f"{hello()}\n".encode(),
        capture_output=True,
        check=False,
    )

    assert run.returncode == 0
    assert run.stderr == b""
    assert len(run.stdout.splitlines()) == (1 if closed == "2>&-" else 0)


def test_a_client_that_no_longer_reads_does_no_harm(server_command: list[str], tmp_path: Path) -> None:
    with started(server_command, tmp_path) as talk:
        talk.send(*GREETED)
        talk.hear()
        assert talk.process.stdout
        talk.process.stdout.close()
        talk.send(*(line("tools/list", number) for number in range(20)), call("handshake", 30, "no_such_tool"))
        assert talk.process.stdin
        talk.process.stdin.close()
        assert talk.process.wait(20) == 0
        assert talk.process.stderr
        assert talk.process.stderr.read() == b""


def test_who_never_calls_pays_for_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from atlascloud_video_mcp.__main__ import main; main([]); "
        "print(*open('/proc/self/status') if sys.platform == 'linux' else (), *sys.modules, file=sys.stderr)"
    )
    lines = [
        *(modern(method, number) for number, method in enumerate(("server/discover", *LISTS, "ping"))),
        modern("subscriptions/listen", "all", notifications=EVERYTHING),
        line("notifications/roots/list_changed"),
    ]
    with started([sys.executable, "-c", code], tmp_path, ATLASCLOUD_API_KEY=CANARY) as talk:
        talk.send(*lines)
        talk.hear(7)
        talk.end()
        assert talk.process.stderr
        modules = talk.process.stderr.read().decode().split()

    if "VmHWM:" in modules and "coverage" not in modules:
        assert int(modules[modules.index("VmHWM:") + 1]) < 30_000  # kB
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & {"mcp", "mcp_types", "pydantic", "anyio", "asyncio", "httpx", "PIL", "argparse", "logging", "ssl"}
    ours = {name.split(".")[1] for name in modules if name.startswith("atlascloud_video_mcp.")}
    assert ours == {"__main__", "app", "errors", "server", "settings"}
