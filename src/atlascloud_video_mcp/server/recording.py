"""Records what the SDK answers before anything is called, in each version of the protocol: `make recorded-answers`.

These answers depend on nothing but the message, so they can be given without the SDK (see `stdio`). A test compares
them with the live ones.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio

from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.server.sessions import run_session
from atlascloud_video_mcp.server.stdio.opening import ANOTHER, DISCOVER, FILE, HANDSHAKES, LISTEN, LISTS, MODERN
from atlascloud_video_mcp.server.stdio.pipe import Line
from atlascloud_video_mcp.server.stdio.usual import CAPABILITIES, CLIENT, VERSION

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from atlascloud_video_mcp.service.service import VideoService

_WHO = {"name": "recorder", "version": "1"}


async def record() -> dict[str, dict[str, Any]]:
    """The answers, by version and method: each a `result` or an `error`."""
    answers = {version: await _after_a_handshake(version) for version in HANDSHAKES}
    answers[MODERN] = await _modern(MODERN, DISCOVER, *LISTS, LISTEN)
    stranger = await _after_a_handshake(ANOTHER)
    answers[ANOTHER] = {"initialize": stranger["initialize"]} | await _modern(ANOTHER, DISCOVER)
    return answers


async def _after_a_handshake(version: str) -> dict[str, Any]:
    hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": _WHO}
    return await _answers({"initialize": hello} | {method: {} for method in (DISCOVER, *LISTS)})


async def _modern(version: str, *methods: str) -> dict[str, Any]:
    meta = {VERSION: version, CLIENT: _WHO, CAPABILITIES: {}}
    return await _answers({method: {"_meta": meta, "notifications": {}} for method in methods})


async def _answers(requests: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the SDK answers to requests, one a method, in one conversation that ends when it has said all it can."""
    answers: dict[str, Any] = {}
    send, lines = anyio.create_memory_object_stream[Line](len(requests))

    async def hear(text: str) -> None:
        message = json.loads(text)
        answers[str(message.get("id"))] = {name: message[name] for name in ("result", "error") if name in message}
        if set(answers) | {LISTEN} >= set(requests):  # a subscription is answered when it ends
            send.close()

    for method, params in requests.items():
        message = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
        await send.send(Line(json.dumps(message) + "\n", 0))
    await run_session(build_server(_no_service), lines, hear)
    return {method: answers[method] for method in requests}


def _no_service() -> AbstractAsyncContextManager[VideoService]:
    raise AssertionError("no tool is called")  # pragma: no cover


def shared(answers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same with each answer once: where an earlier version has it, the name of that version stands for it."""
    made: dict[str, dict[str, Any]] = {}
    for version, each in answers.items():
        made[version] = {
            method: next((before for before in made if answers[before].get(method) == answer), answer)
            for method, answer in each.items()
        }
    return made


def main(file: Path = FILE) -> None:
    """Write the file."""
    text = json.dumps(shared(anyio.run(record)), indent=1, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":  # pragma: no cover - `make recorded-answers`; the tests call main
    main()
