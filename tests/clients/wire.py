"""What went over the wire between a client and all the server processes that it started."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_META = "io.modelcontextprotocol/"


@dataclass(frozen=True)
class Line:
    """One line, with the time at which it was whole."""

    process: str
    seconds: float
    sender: str
    text: str

    @cached_property
    def message(self) -> dict[str, Any]:
        """The JSON-RPC message; raises ValueError when it is none."""
        message: dict[str, Any] = json.loads(self.text)
        if message["jsonrpc"] != "2.0":
            raise ValueError(self.text)
        return message


class Wire:
    """The record that taps left in a directory."""

    def __init__(self, directory: Path) -> None:
        self._started: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self.lines = sorted(
            (line for path in directory.iterdir() for line in self._read(path)), key=lambda x: x.seconds
        )

    def _read(self, path: Path) -> list[Line]:
        lines, rests = [], {"client": "", "server": ""}
        for piece in path.read_text(encoding="utf-8").splitlines():
            seconds, sender, text = json.loads(piece)
            if sender == "tap":
                self._started[path.stem] = seconds
            elif not text:
                self._ended.setdefault(path.stem, seconds)
            else:
                *whole, rests[sender] = (rests[sender] + text).split("\n")
                decoded = (line.encode("latin-1").decode() for line in whole)
                lines += [Line(path.stem, seconds, sender, line) for line in decoded]
        return lines

    def said(self, sender: str, method: str) -> list[Line]:
        """The requests and notifications of a kind."""
        return [line for line in self.lines if line.sender == sender and line.message.get("method") == method]

    @property
    def names(self) -> set[str]:
        """What the client called itself."""
        first = [line.message["params"]["clientInfo"]["name"] for line in self.said("client", "initialize")]
        each = (meta.get(f"{_META}clientInfo") for meta in self._metas())
        return {*first, *(info["name"] for info in each if info)}

    @property
    def protocols(self) -> set[str]:
        """The protocol versions of its tool calls."""
        agreed = {
            line.process: line.message["result"]["protocolVersion"]
            for line in self.lines
            if line.sender == "server" and "protocolVersion" in line.message.get("result", {})
        }
        return {
            call.message["params"].get("_meta", {}).get(f"{_META}protocolVersion", agreed.get(call.process, "none"))
            for call in self.said("client", "tools/call")
        }

    @property
    def sends_tokens(self) -> bool:
        """Whether its tool calls carry a progress token."""
        return any("progressToken" in meta for meta in self._metas())

    @property
    def process_per_call(self) -> bool:
        """Whether each of its tool calls went to a server process of its own."""
        calls = self.said("client", "tools/call")
        return len({call.process for call in calls}) == len(calls)

    @property
    def cold_starts(self) -> list[float]:
        """Seconds from the start of each process to its first answer."""
        firsts: dict[str, float] = {}
        for line in self.lines:
            if line.sender == "server":
                firsts.setdefault(line.process, line.seconds - self._started[line.process])
        return list(firsts.values())

    def stop_of(self, what: str) -> str:
        """How the server heard that the first call for something was given up, before the next one for it came.

        `cancelled`, `ended` (the server's stdin was closed) or `silent`.
        """
        given_up, again = [
            call
            for call in self.said("client", "tools/call")
            if what in call.message["params"]["arguments"].get("prompt", "")
        ][:2]
        for line in self.said("client", "notifications/cancelled"):
            if line.process == given_up.process and line.message["params"]["requestId"] == given_up.message["id"]:
                return "cancelled"
        return "ended" if self._ended.get(given_up.process, again.seconds) < again.seconds else "silent"

    def _metas(self) -> list[dict[str, Any]]:
        return [line.message["params"].get("_meta") or {} for line in self.said("client", "tools/call")]
