"""Figure 5: what a model must ask and read between "animate this file" and the clip's URL."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from atlascloud_sandbox import Account, Sandbox
from figures import Row
from installed import PROGRAMS
from talk import server, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from installed import Commands

GENERATION = 45.0  # seconds
MODEL_POLLS_EVERY = 10.0  # seconds, about as long as a model lets pass when it is told to wait a moment
MODEL = "minimax/hailuo-2.3/i2v-standard"
PROMPT = "[Push in] The rocket climbs."
KEY = "benchmark"
SHARE = 0.1


@dataclass
class Cost:
    """What a conversation costs a model: calls, and bytes to read. An answer counts in its longer form."""

    definitions: int
    calls: int = 0
    answers: int = 0
    turns: int = 0
    """Bytes read in all turns but the last: in each the definitions and all answers so far."""

    def add(self, result: dict[str, Any]) -> str:
        """Count a call and its answer; gives the answer's text."""
        text = text_of(result)
        structured = json.dumps(result.get("structuredContent", ""), separators=(",", ":"), ensure_ascii=False)
        self.turns += self.definitions + self.answers
        self.calls += 1
        self.answers += max(len(text.encode()), len(structured.encode()))
        return text

    @property
    def once(self) -> int:
        """Bytes to read if nothing were read twice."""
        return self.definitions + self.answers

    @property
    def every_turn(self) -> int:
        """Bytes given to the model over all its turns: one before each call and one after the last."""
        return self.turns + self.once


async def ours(commands: Commands, picture: Path, state: Path) -> Cost:
    """One call."""
    with Sandbox(Account(seconds=GENERATION), short_side=96).running() as base_url:
        variables = {"ATLASCLOUD_API_KEY": KEY, "ATLASCLOUD_BASE_URL": base_url, "ATLASCLOUD_STATE_DIR": str(state)}
        async with server(commands.ours, **variables) as talk:
            await talk.hello()
            await talk.ask("tools/list")
            cost = Cost(talk.last_line)
            arguments = {"image": str(picture), "prompt": PROMPT, "wait_seconds": 600}
            cost.add(await talk.call("animate_image", **arguments))
            return cost


async def theirs(node: tuple[str, ...], picture: Path) -> Cost:
    """Upload, generate, and a look every ten seconds: the shortest way that its tools allow."""
    with Sandbox(Account(seconds=GENERATION), short_side=96).running() as base_url:
        origin = base_url.removesuffix("/api/v1")
        command = (node[0], "--import", str(PROGRAMS / "redirect.mjs"), *node[1:])
        async with server(command, ATLASCLOUD_API_KEY=KEY, BENCHMARK_ORIGIN=origin) as talk:
            await talk.hello()
            await talk.ask("tools/list")
            cost = Cost(talk.last_line)
            uploaded = cost.add(await talk.call("atlas_upload_media", file_path=str(picture)))
            url = _found(rf"{origin}/files/uploads/\S+", uploaded)
            body = {"image": url, "prompt": PROMPT}
            submitted = cost.add(await talk.call("atlas_generate_video", model=MODEL, params=body))
            prediction_id = _found(r"sandbox-\w+", submitted)
            answer = ""
            while f"{origin}/files/outputs/" not in answer:
                await anyio.sleep(MODEL_POLLS_EVERY)
                answer = cost.add(await talk.call("atlas_get_prediction", prediction_id=prediction_id))
            return cost


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"nothing like {pattern} in: {text}")
    return match[0]


def rows(mine: Cost, other: Cost | None) -> list[Row]:
    """The rows of figure 5."""
    one_call = mine.calls == 1
    if other is None:
        skipped = "atlascloud-mcp: skipped, there is no npm here"
        return [Row("5a", "Tool calls from file to URL", f"{mine.calls}", skipped, goal="1", met=one_call)]
    name = f"atlascloud-mcp, a look every {MODEL_POLLS_EVERY:.0f} s"
    share = mine.every_turn / other.every_turn
    return [
        Row("5a", "Tool calls from file to URL", f"{mine.calls}", f"{name}: {other.calls}", goal="1", met=one_call),
        Row(
            "5b",
            "Bytes given to the model, turn by turn, until it has the URL",
            f"{mine.every_turn:,}",
            f"{name}: {other.every_turn:,}",
            f"{share:.2f}",
            f"{SHARE} or less",
            share <= SHARE,
        ),
        _plain_row("5c", "The same with nothing read twice", mine.once, other.once, name),
        _plain_row("5d", "The answers alone", mine.answers, other.answers, name),
    ]


def _plain_row(number: str, figure: str, mine: int, other: int, name: str) -> Row:
    return Row(number, figure, f"{mine:,}", f"{name}: {other:,}", f"{mine / other:.2f}")
