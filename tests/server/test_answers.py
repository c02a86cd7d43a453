"""What each outcome tells a reader who sees only the text, and one who sees only the data.

Where an answer has no data, as errors have none, clients show its text to both.
"""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import jsonschema
import pytest
from mcp import Client

from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.service.pacing import Durations
from kit import REMOTE, ROCKET, TINY, service_at, text_of, until
from scripted_sandbox import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from mcp.types import CallToolResult

    from scripted_sandbox import Sandbox

ORDER = {"image": REMOTE, "prompt": "wind\nblows", "wait_seconds": 0}
AN_ID = r"sandbox-[0-9a-f]{32}"
A_URL = rf"http://127\.0\.0\.1:\d+/files/outputs/{AN_ID}\.mp4"
JOINED = (
    r"The same request \(take 1\) was made at \d{4}-\d\d-\d\d \d\d:\d\d UTC, and this is its prediction: nothing new "
    r"was paid\. For another variation, which is paid: take 2\."
)
WAIT = rf"Not finished; do not submit again\. Next: get_prediction with prediction_id {AN_ID}"
KEEP = (
    rf"Atlas Cloud deletes the clip at \d{{4}}-\d\d-\d\d \d\d:\d\d UTC\."
    rf" To keep it: save_video with prediction_id {AN_ID}"
)


@asynccontextmanager
async def client_of(base_url: str) -> AsyncGenerator[Client, None]:
    # As the live API is told of: what the built-in sandbox says more stands in test_next_steps.py.
    server = build_server(lambda: service_at(base_url, durations=Durations(), sandbox=False), max_wait=60)
    async with Client(server) as client:
        yield client


async def still_rendering(_: Sandbox, client: Client) -> CallToolResult:
    return await client.call_tool("animate_image", ORDER)


async def still_rendering_without_a_price(sandbox: Sandbox, client: Client) -> CallToolResult:
    sandbox.script(Fault(endpoint="calculate", action="status", status=400, times=9))
    return await still_rendering(sandbox, client)


async def finished(sandbox: Sandbox, client: Client) -> CallToolResult:
    submitted = await still_rendering(sandbox, client)
    prediction_id = (submitted.structured_content or {})["prediction_id"]
    sandbox.finish(prediction_id)
    return await client.call_tool("get_prediction", {"prediction_id": prediction_id})


async def joined(sandbox: Sandbox, client: Client) -> CallToolResult:
    await still_rendering(sandbox, client)
    return await still_rendering(sandbox, client)


async def joined_when_finished(sandbox: Sandbox, client: Client) -> CallToolResult:
    submitted = await still_rendering(sandbox, client)
    sandbox.finish((submitted.structured_content or {})["prediction_id"])
    return await client.call_tool("animate_image", ORDER | {"wait_seconds": 20})


async def end(sandbox: Sandbox) -> None:
    await until(lambda: sandbox.accepted)
    sandbox.finish(sandbox.accepted[0][0])


async def failed(sandbox: Sandbox, client: Client) -> CallToolResult:
    results: list[CallToolResult] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(end, sandbox)
        wanted = ORDER | {"prompt": "sandbox:fail", "wait_seconds": 20}
        results.append(await client.call_tool("animate_image", wanted))
    return results[0]


async def lost_and_found(sandbox: Sandbox, client: Client) -> CallToolResult:
    sandbox.script(Fault(endpoint="generate", action="reset_after"))
    return await still_rendering(sandbox, client)


async def unknown(sandbox: Sandbox, client: Client) -> CallToolResult:
    sandbox.script(Fault(endpoint="generate", action="reset_before"))
    return await still_rendering(sandbox, client)


async def unknown_before(sandbox: Sandbox, client: Client) -> CallToolResult:
    await unknown(sandbox, client)
    return await still_rendering(sandbox, client)


async def refused_by_us(_: Sandbox, client: Client) -> CallToolResult:
    return await client.call_tool("animate_image", {"image": TINY})


async def refused_by_the_api(sandbox: Sandbox, client: Client) -> CallToolResult:
    sandbox.script(Fault(endpoint="generate", action="status", status=422))
    return await still_rendering(sandbox, client)


async def refused_on_the_way(sandbox: Sandbox, client: Client) -> CallToolResult:
    sandbox.script(Fault(endpoint="upload", action="status", status=503, times=9))
    return await client.call_tool("animate_image", {"image": ROCKET})


class Outcome(NamedTuple):
    """What is to be read of an outcome: what happened, where the clip is, what it cost, what to do next."""

    comes_about: Callable[[Sandbox, Client], Awaitable[CallToolResult]]
    is_error: bool
    text: tuple[str, ...]
    """Each somewhere in the text; regular expressions."""
    data: dict[str, Any] | None
    """What fields hold: a value, or a regular expression for text; None: the text is all there is."""


OUTCOMES = [
    Outcome(
        finished,
        is_error=False,
        text=(f"^The clip is ready: {A_URL}$", r"^cost: \$0\.30$", f"^{KEEP}\\.$"),
        data={"status": "completed", "video_url": A_URL, "cost_usd": 0.3, "next_step": KEEP, "reused": False},
    ),
    Outcome(
        still_rendering,
        is_error=False,
        # The price is asked for beside the submission, and holds nothing up: it may come after the answer.
        text=(
            r'^Still rendering: \d s of about 46 s \(the API says "created"\)\.$',
            r"^cost: (\$0\.30|not known yet)$",
            WAIT,
        ),
        data={
            "status": "processing",
            "expected_seconds": 46,
            "next_step": WAIT,
            "reused": False,
            "video_url": None,
        },
    ),
    Outcome(
        still_rendering_without_a_price,
        is_error=False,
        text=("^Still rendering", "^cost: not known yet$", WAIT),
        data={"status": "processing", "cost_usd": None, "next_step": WAIT},
    ),
    Outcome(
        joined,
        is_error=False,
        text=("^Still rendering", JOINED, WAIT),
        data={"status": "processing", "reused": True, "notes": JOINED, "next_step": WAIT},
    ),
    Outcome(
        joined_when_finished,
        is_error=False,
        text=(f"^The clip is ready: {A_URL}$", r"^cost: \$0\.30, paid earlier$", JOINED, KEEP),
        data={"status": "completed", "reused": True, "notes": JOINED, "video_url": A_URL},
    ),
    Outcome(
        failed,
        is_error=True,
        text=(
            '^The generation failed. The reason given: "Generation failed: Content moderation refused the prompt"$',
            "^Atlas Cloud does not charge for a failed generation",
            f"^Next: animate_image with image {REMOTE} and the same prompt, model and duration tries again",
            "It is a new paid clip: ask the user first.$",
        ),
        data={
            "status": "failed",
            "error": "Generation failed: Content moderation refused the prompt",
            "notes": "does not charge for a failed generation",
            "next_step": "It is a new paid clip: ask the user first",
            "cost_usd": None,
        },
    ),
    Outcome(
        lost_and_found,
        is_error=False,
        text=("^Still rendering: 0 s of about 46 s\\.$", "was lost; the prediction was found in the account's", WAIT),
        data={"status": "processing", "notes": "was lost; the prediction was found", "next_step": WAIT},
    ),
    *(
        Outcome(
            comes_about,
            is_error=True,
            text=(
                happened,
                "may be running and paid",
                "Next: animate_image with the same arguments looks for it and pays nothing; ",
                r"only another take \(take 2, say\) is submitted anew and paid, so ask the user first\.",
            ),
            data=None,
        )
        for comes_about, happened in (
            (unknown, r"^It is not known whether Atlas Cloud accepted the request: .* \(the connection broke off\)\."),
            (unknown_before, "^An identical request was sent at .* UTC and its answer was lost"),
        )
    ),
    Outcome(
        refused_by_us,
        is_error=True,
        text=("short side has 300 pixels|300 px", r"[Gg]ive|[Uu]se|larger", r"Nothing was paid\.$"),
        data=None,
    ),
    Outcome(
        refused_by_the_api,
        is_error=True,
        text=('refused the request .422, in its own words: "', "Change it before calling again", "Nothing was paid"),
        data=None,
    ),
    Outcome(
        refused_on_the_way,
        is_error=True,
        text=("cannot be reached at the moment .it answers 503", "Call again later", r"Nothing was paid\.$"),
        data=None,
    ),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.comes_about.__name__)
async def test_text_and_data_each_tell_what_happened_where_what_it_cost_and_what_is_next(
    sandbox: Sandbox, base_url: str, outcome: Outcome
) -> None:
    async with client_of(base_url) as client:
        result = await outcome.comes_about(sandbox, client)

    text, data = text_of(result), result.structured_content
    assert result.is_error is outcome.is_error
    for said in outcome.text:
        assert re.search(said, text, re.MULTILINE), text
    assert len(text) < 1200
    if outcome.data is None:
        assert data is None
        return
    assert data is not None
    for field, expected in outcome.data.items():
        if not isinstance(expected, str):
            assert data.get(field) == expected
        else:
            found = data[field]
            assert re.search(expected, found if isinstance(found, str) else "\n".join(found))
    assert None not in data.values()
    for told in (data["prediction_id"], *data.get("notes", ()), data["next_step"]):
        assert told in text


@pytest.mark.parametrize("outcome", OUTCOMES[:7], ids=lambda outcome: outcome.comes_about.__name__)
async def test_each_answer_fits_the_schema_that_is_published(sandbox: Sandbox, base_url: str, outcome: Outcome) -> None:
    async with client_of(base_url) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        result = await outcome.comes_about(sandbox, client)

    for tool in ("animate_image", "get_prediction"):
        schema = schemas[tool]
        assert schema
        jsonschema.validate(result.structured_content, schema)
        assert set(result.structured_content or {}) <= set(schema["properties"])


async def test_a_clip_on_disk_leaves_nothing_to_do(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    async with client_of(base_url) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(end, sandbox)
        wanted = ORDER | {"save_to": str(tmp_path), "wait_seconds": 20}
        result = await client.call_tool("animate_image", wanted)

    assert result.structured_content
    assert f"saved_path: {result.structured_content['saved_path']}" in text_of(result)
    assert "next_step" not in result.structured_content
    assert "save_video" not in text_of(result)


async def test_what_is_unknown_is_said_where_a_reader_would_miss_it(sandbox: Sandbox, base_url: str) -> None:
    late = {"id": "p1", "status": "queued", "created_at": "2026-01-01T00:00:00Z"}
    done = {"id": "p2", "status": "success", "outputs": ["https://x.example/a.mp4"]}
    for body in (late, done):
        sandbox.script(Fault(endpoint="prediction", action="status", status=200, body=json.dumps(body)))

    async with client_of(base_url) as client:
        running = text_of(await client.call_tool("get_prediction", {"prediction_id": "p1", "wait_seconds": 0}))
        completed = text_of(await client.call_tool("get_prediction", {"prediction_id": "p2"}))

    assert re.match(r'Still rendering: \d+ s, longer than usual \(46 s\) \(the API says "queued"\)\.\n', running)
    assert "cost: not reported by Atlas Cloud" in completed
    assert "Atlas Cloud deletes the clip after 14 days. To keep it: save_video with prediction_id p2." in completed
