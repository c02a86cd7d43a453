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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp.types import version

from atlascloud_video_mcp.server import build_server
from atlascloud_video_mcp.server.recording import record, shared
from atlascloud_video_mcp.server.sessions import run_session
from atlascloud_video_mcp.stdio import Line
from atlascloud_video_mcp.stdio.opening import FILE, HANDSHAKES, MODERN, recorded
from kit import CANARY, REMOTE, ROCKET, handed_on, until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from atlascloud_video_mcp.sandbox import Sandbox

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


def hello(number: object = 1, spoken: str = "2025-11-25", **params: Any) -> str:  # noqa: ANN401 - JSON
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
        tasks.start_soon(run_session, build_server(nothing), receive, hear)
        for each in lines:
            await send.send(Line(f"{each}\n", 0))
            await anyio.wait_all_tasks_blocked()
        before = len(said)
        send.close()
    return said[:before], said[before:]


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
def started(command: list[str], tmp_path: Path, **env: str) -> Generator[Talk]:
    pipe = subprocess.PIPE
    settings = {"ATLASCLOUD_STATE_DIR": str(tmp_path / "state"), "ATLASCLOUD_POLL_INTERVAL": "0.05"}
    bare = handed_on("PATH", "SYSTEMROOT", "COVERAGE_", "COV_")
    with subprocess.Popen(command, env=bare | settings | env, stdin=pipe, stdout=pipe, stderr=pipe) as process:
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
        hello(2, spoken=1),  # type: ignore[arg-type] - the point
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
        *(f'{{"jsonrpc":"2.0","id":{number},"method":"ping"}}' for number in ("1.5", "2.0", "true", "[]", "{}", "null")),
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
    ],
    "the modern era without a probe": [modern("tools/list", 1), modern("tools/list", 2)],
    "envelopes of all kinds": [
        modern("tools/list", 0),
        *(
            modern(method, f"{number} {method}", {**ENVELOPE, **change})
            for method in ("server/discover", "tools/list")
            for number, change in enumerate(
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
