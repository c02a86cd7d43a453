"""Every line on stdout is protocol, in each version of it: what raw JSON-RPC gets back from a real process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp.types import methods, version
from mcp.types.jsonrpc import jsonrpc_message_adapter

from kit import CANARY, REMOTE, ROCKET, handed_on, until

if TYPE_CHECKING:
    from pathlib import Path

    from scripted_sandbox import Sandbox

CODE_OF_AN_UNKNOWN_METHOD = -32601
# What the content of a tool's result may be made of; the others came later.
CONTENT = {
    "2024-11-05": {"text", "image", "resource"},
    "2025-03-26": {"text", "image", "audio", "resource"},
}
LATER_CONTENT = {"text", "image", "audio", "resource", "resource_link"}


@dataclass
class Conversation:
    """Raw messages to a server in a process of its own, and what came back."""

    process: subprocess.Popen[bytes]
    version: str
    client: str = "claude-code"
    methods: dict[int | str, str] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def send(self, method: str, *, client: str | None = None, token: int | str | None = None, **params: Any) -> int:  # noqa: ANN401 - JSON
        """Send a request, in the era's own way; gives its id."""
        meta: dict[str, Any] = {} if token is None else {"progressToken": token}
        if self.version in version.MODERN_PROTOCOL_VERSIONS:
            meta |= {
                "io.modelcontextprotocol/protocolVersion": self.version,
                "io.modelcontextprotocol/clientInfo": {"name": client or self.client, "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        number = len(self.methods) + 1
        self.methods[number] = method
        self._write({"id": number, "method": method, "params": params | ({"_meta": meta} if meta else {})})
        return number

    def call(self, tool: str, *, client: str | None = None, token: int | str | None = None, **arguments: Any) -> int:  # noqa: ANN401 - JSON
        """Call a tool; gives the request's id."""
        return self.send("tools/call", client=client, token=token, name=tool, arguments=arguments)

    def open(self) -> None:
        """Begin as the era does."""
        if self.version in version.MODERN_PROTOCOL_VERSIONS:
            self.answer(self.send("server/discover"))
            return
        who = {"name": self.client, "version": "1"}
        hello = self.send("initialize", protocolVersion=self.version, capabilities={}, clientInfo=who)
        assert self.answer(hello)["result"]["protocolVersion"] == self.version
        self._write({"method": "notifications/initialized"})

    def answer(self, number: int) -> dict[str, Any]:
        """The answer to a request, once it is there."""
        while True:
            for line in self.lines:
                if line.get("id") == number:
                    return line
            assert self.process.stdout
            self.lines.append(json.loads(self.process.stdout.readline()))

    def end(self) -> bytes:
        """Close stdin; gives what was said on stderr, and makes sure that nothing more comes on stdout."""
        out, err = self.process.communicate(timeout=20)
        assert out == b""
        assert self.process.returncode == 0
        return err

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")
        self.process.stdin.flush()


def started(command: list[str], base_url: str, state: Path) -> subprocess.Popen[bytes]:
    settings = {
        "ATLASCLOUD_BASE_URL": base_url,
        "ATLASCLOUD_API_KEY": CANARY,
        "ATLASCLOUD_STATE_DIR": str(state),
        "ATLASCLOUD_POLL_INTERVAL": "0.05",
    }
    pipe = subprocess.PIPE
    env = handed_on("PATH", "SYSTEMROOT", "COVERAGE_") | settings
    return subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe)


def check(conversation: Conversation) -> None:
    """Hold each line against what the SDK knows of the version: its kind, its content, its place."""
    spoken = conversation.version
    for line in conversation.lines:
        jsonrpc_message_adapter.validate_python(line)
        assert line["jsonrpc"] == "2.0"
        if "method" in line:
            assert "id" not in line
            methods.parse_server_notification(line["method"], spoken, line["params"])
        elif "result" in line:
            method = conversation.methods[line["id"]]
            methods.validate_server_result(method, spoken, line["result"])
            if method == "tools/call":
                kinds = {block["type"] for block in line["result"]["content"]}
                assert kinds <= CONTENT.get(spoken, LATER_CONTENT)
        else:
            assert line["id"] in conversation.methods
            assert isinstance(line["error"]["code"], int)
            assert isinstance(line["error"]["message"], str)


def check_progress(lines: list[dict[str, Any]], token: int | str, answered: int) -> list[float]:
    """Progress of one call: its own token, strictly rising, of 100, all before the answer; gives the values."""
    told = [
        (place, line["params"])
        for place, line in enumerate(lines)
        if line.get("method") == "notifications/progress" and line["params"]["progressToken"] == token
    ]
    end = next(place for place, line in enumerate(lines) if line.get("id") == answered)
    values = [params["progress"] for _, params in told]
    assert values == sorted(set(values))
    assert all(params["total"] == 100 for _, params in told)
    assert all(params["message"].isprintable() for _, params in told)
    assert all(type(params["progressToken"]) is type(token) for _, params in told)
    assert all(place < end for place, _ in told)
    return values


@pytest.mark.parametrize("spoken", version.KNOWN_PROTOCOL_VERSIONS)
def test_every_line_fits_the_version_of_the_protocol_that_is_spoken(
    server_command: list[str], sandbox: Sandbox, base_url: str, tmp_path: Path, spoken: str
) -> None:
    with started(server_command, base_url, tmp_path) as process:
        talk = Conversation(process, spoken)
        talk.open()
        listed = [talk.send(f"{what}/list") for what in ("tools", "prompts", "resources", "resources/templates")]
        read = talk.send("resources/read", uri="guide://animate-photo")
        prompt = talk.send("prompts/get", name="animate_photo", arguments={"picture": "/cat.jpg"})
        clip = talk.call("animate_image", token="a token", image=ROCKET)
        bad = talk.call("animate_image", token=0, image="cat.jpg")
        stranger = talk.call("no_such_tool")
        unknown = talk.send("no/such/method")
        for number in (*listed, read, prompt, bad, stranger, unknown):
            talk.answer(number)
        anyio.run(until, lambda: sandbox.accepted)
        sandbox.finish(sandbox.accepted[0][0])
        made = talk.answer(clip)["result"]
        err = talk.end()

    check(talk)
    assert err == b""
    assert made["structuredContent"]["status"] == "completed"
    assert ("resource_link" in {block["type"] for block in made["content"]}) is (spoken >= "2025-06-18")
    assert check_progress(talk.lines, "a token", clip)[-1] == 100
    assert check_progress(talk.lines, 0, bad) == [1]
    for number in (bad, stranger):
        assert talk.answer(number)["result"]["isError"] is True
    assert talk.answer(unknown)["error"]["code"] == CODE_OF_AN_UNKNOWN_METHOD
    tokens = {line["params"]["progressToken"] for line in talk.lines if "params" in line}
    assert tokens == {"a token", 0}


# The server as the command starts it, but that no call is cut short on a machine that is busy with other things.
PATIENT = """
import os
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.settings import read_settings
from atlascloud_video_mcp.app import service_opener
build_server(service_opener(read_settings(os.environ), sandbox=False, speed=1), at_least=60).run("stdio")
"""


def test_in_the_era_without_a_handshake_each_request_says_who_asks(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    with started([sys.executable, "-c", PATIENT], base_url, tmp_path) as process:
        talk = Conversation(process, version.LATEST_MODERN_VERSION)
        talk.answer(talk.call("list_predictions"))  # loads all there is: a client called mcp is answered after 4 s
        made = talk.call("animate_image", client="mcp", image=REMOTE)
        prediction_id = talk.answer(made)["result"]["structuredContent"]["prediction_id"]
        sandbox.finish(prediction_id)
        seen = [
            talk.call("get_prediction", client=client, prediction_id=prediction_id, wait_seconds=20)
            for client in ("claude-code", "Zed", "gemini-cli-mcp-client")
        ]
        kinds = [[block["type"] for block in talk.answer(number)["result"]["content"]] for number in seen]
        talk.end()

    assert "Next: get_prediction with prediction_id" in talk.answer(made)["result"]["structuredContent"]["next_step"]
    assert kinds == [["text", "resource_link"], ["text"], ["text", "resource_link"]]


NOISY = """
import atexit, os, subprocess, sys, warnings
import httpx
send = httpx.AsyncClient.send

async def noisy(self, *args, **kwargs):
    print("print")
    print("half a line", end="")
    os.write(1, b"write\\n")
    warnings.warn("warning")
    subprocess.run([sys.executable, "-c", "print('child')"], check=True)
    return await send(self, *args, **kwargs)

httpx.AsyncClient.send = noisy
atexit.register(print, "at exit")
from atlascloud_video_mcp.__main__ import main
sys.exit(main([]))
"""


def test_nothing_that_a_library_prints_reaches_stdout(base_url: str, tmp_path: Path) -> None:
    with started([sys.executable, "-W", "always", "-c", NOISY], base_url, tmp_path) as process:
        talk = Conversation(process, version.LATEST_HANDSHAKE_VERSION)
        talk.open()
        talk.answer(talk.call("animate_image", image=REMOTE, wait_seconds=0))
        err = talk.end()

    check(talk)
    for noise in (b"print", b"half a line", b"write", b"warning", b"child", b"at exit"):
        assert noise in err
