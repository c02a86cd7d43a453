"""Arguments as models and clients send them: read leniently, and refused in our own words."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import Field

from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.server.tool import Tool
from atlascloud_video_mcp.service.results import SavedVideo
from kit import REMOTE, ROCKET, service_at, text_of
from scripted_sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


@asynccontextmanager
async def client_of(base_url: str) -> AsyncGenerator[Client, None]:
    async with Client(build_server(lambda: service_at(base_url), at_least=60)) as client:
        yield client


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"duration": None}, {}),
        ({"duration": ""}, {}),
        ({"duration": " null "}, {}),
        ({"enable_prompt_expansion": "None"}, {}),
        ({"take": "undefined", "wait_seconds": "0"}, {}),
        ({"duration": "6"}, {"duration": 6}),
        ({"duration": " 10 "}, {"duration": 10}),
        ({"duration": 6.0}, {"duration": 6}),
        ({"duration": "6.0"}, {"duration": 6}),
        ({"duration": "6s"}, {"duration": 6}),
        ({"duration": "10 Seconds"}, {"duration": 10}),
        ({"duration": "6 sec", "wait_seconds": "0.0 s"}, {"duration": 6}),
        ({"enable_prompt_expansion": "True"}, {"enable_prompt_expansion": True}),
        ({"enable_prompt_expansion": "no"}, {"enable_prompt_expansion": False}),
        ({"enable_prompt_expansion": 1}, {"enable_prompt_expansion": True}),
        ({"prompt": ""}, {}),
        ({"prompt": "None"}, {"prompt": "None"}),
        ({"model": None, "save_to": None, "wait_for_previous": {"a": [1]}, "_meta": "x", "tool_call_id": 7}, {}),
        ({"image": f" <{REMOTE}> "}, {}),
        ({"image": f"\u201c{REMOTE}\u201d"}, {}),
    ],
    ids=json.dumps,
)
async def test_what_can_be_understood_is_understood(
    sandbox: Sandbox, base_url: str, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    async with client_of(base_url) as client:
        result = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0} | given)

    assert not result.is_error, text_of(result)
    assert sandbox.submissions == [{"model": "minimax/hailuo-2.3/i2v-standard", "image": REMOTE} | sent]


# Arguments of animate_image, and what is said: of the argument in braces with what its description says it takes.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"image": ROCKET, "duration": "soon"}, '{duration} takes a whole number, not "soon"'),
    ({"image": ROCKET, "duration": "6 minutes"}, '{duration} takes a whole number, not "6 minutes"'),
    ({"image": ROCKET, "duration": "6..s"}, '{duration} takes a whole number, not "6..s"'),
    ({"image": ROCKET, "duration": 6.5}, "{duration} takes a whole number, not 6.5"),
    ({"image": ROCKET, "duration": [6]}, "{duration} takes a whole number, not [6]"),
    ({"image": ROCKET, "wait_seconds": -1}, "{wait_seconds} takes a number, not -1"),
    ({"image": ROCKET, "wait_seconds": "1e999"}, '{wait_seconds} takes a number, not "1e999"'),
    ({"image": ROCKET, "wait_seconds": "x" * 5000}, f'{{wait_seconds}} takes a number, not "{"x" * 79}...'),
    ({"image": ROCKET, "dry_run": "perhaps"}, '{dry_run} takes true or false, not "perhaps"'),
    ({"image": ROCKET, "take": 0}, "{take} takes a whole number, not 0"),
    ({"image": ROCKET, "take": 2**63}, f"{{take}} takes a whole number, not {2**63}"),
    ({"image": ROCKET, "take": "another"}, '{take} takes a whole number, not "another"'),
    ({"image": ROCKET, "prompt": ["wind"]}, '{prompt} takes text, not ["wind"]'),
    ({}, "{image} is missing"),
    (
        {"image": None, "image_path": ROCKET, "x": 1, "\u202e": 2},
        "{image} is missing; this tool has no image_path or x",
    ),
    ({"image": {"path": "\u202e\x00"}}, r'{image} takes text, not {"path": "\u202e\u0000"}'),
    ({"image": "http://pictures.example/cat.jpg"}, "http addresses are not accepted"),
    ({"image": "attachment://cat.png"}, "A chat attachment is not a file on disk: save"),
    ({"image": "cat.png"}, "relative path"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED, ids=[said[:40] for _, said in REFUSED])
async def test_what_cannot_be_understood_is_refused_with_rule_finding_and_what_to_pass(
    sandbox: Sandbox, base_url: str, arguments: dict[str, Any], said: str
) -> None:
    async with client_of(base_url) as client:
        result = await client.call_tool("animate_image", arguments)
        [tool] = [tool for tool in (await client.list_tools()).tools if tool.name == "animate_image"]

    if named := re.match(r"\{(\w+)\}", said):
        said = f"{named[1]}{said[named.end() :]} ({tool.input_schema['properties'][named[1]]['description']})."
    assert result.is_error
    assert said in text_of(result)
    assert text_of(result).isprintable()
    assert len(text_of(result)) < 400
    for word in ("ydantic", "Input should", "Field required", "Arguments", "type=", "alid", "Traceback"):
        assert word not in text_of(result)
    assert sandbox.received == []


async def test_all_faults_are_told_in_one_answer(sandbox: Sandbox, base_url: str) -> None:
    async with client_of(base_url) as client:
        result = await client.call_tool("animate_image", {"duration": "soon", "prompt": 5, "wait_seconds": -1})

    for fault in ("image is missing", "duration takes", "prompt takes", "wait_seconds takes"):
        assert text_of(result).count(fault) == 1
    assert text_of(result).startswith("Nothing was sent or paid: the arguments do not fit. ")
    assert sandbox.received == []


@pytest.mark.parametrize(
    "name",
    ["resolution", "fps", "seed", "end_image", "last_image", "negative_prompt", "aspectRatio", "width", "go_fast"],
)
async def test_a_parameter_in_the_wrong_place_is_checked_and_never_dropped(
    sandbox: Sandbox, base_url: str, name: str
) -> None:
    async with client_of(base_url) as client:
        refused = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0, name: 7})
        left_out = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0, name: None})

    assert refused.is_error
    assert f"{name} is unknown to minimax/hailuo-2.3/i2v-standard" in text_of(refused)
    assert not left_out.is_error, text_of(left_out)
    assert len(sandbox.submissions) == 1


async def test_a_parameter_in_the_wrong_place_that_the_model_takes_is_sent_once(
    sandbox: Sandbox, base_url: str
) -> None:
    fast = {"image": REMOTE, "model": "minimax/hailuo-2.3/fast", "wait_seconds": 0}
    async with client_of(base_url) as client:
        made = await client.call_tool("animate_image", fast | {"go_fast": "false"})
        same = await client.call_tool("animate_image", fast | {"parameters": {"go_fast": False}, "go_fast": False})
        twice = await client.call_tool("animate_image", fast | {"parameters": {"go_fast": True}, "go_fast": False})

    assert not made.is_error, text_of(made)
    assert [body["go_fast"] for body in sandbox.submissions] == [False]
    assert same.structured_content is not None
    assert same.structured_content["reused"]
    assert twice.is_error
    assert 'Given twice, as an argument and in parameters: "go_fast". Keep one of each.' in text_of(twice)


async def test_what_a_host_adds_is_ignored_and_named(sandbox: Sandbox, base_url: str) -> None:
    added = {"wait_for_previous": True, "explanation": "the user wants it", "force_new": True, "<b>x</b>\u202e": 1}
    async with client_of(base_url) as client:
        made = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0} | added)
        again = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0} | added)
        rehearsed = await client.call_tool("animate_image", {"image": REMOTE, "dry_run": True, "take": 2} | added)
        crowd = {f"note_{number}": number for number in range(12)}
        many = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0, "take": 2} | crowd)
        seen = await client.call_tool("get_prediction", {"prediction_id": sandbox.accepted[0][0], "wait_seconds": 0})

    note = 'Not known here, and ignored: "wait_for_previous", "explanation", "force_new", "x".'
    for result in (made, again, rehearsed):
        assert result.structured_content is not None
        assert note in result.structured_content["notes"]
        assert note in text_of(result)
    assert '"note_9" and 2 more.' in text_of(many)
    assert "ignored" not in text_of(seen)
    assert [set(body) for body in sandbox.submissions] == 2 * [{"model", "image"}]


async def test_a_parameter_of_any_model_whose_rules_were_read_counts_as_one(tmp_path: Path) -> None:
    sandbox = Sandbox(seconds=3600)
    with sandbox.running() as base_url:
        async with Client(
            build_server(lambda: service_at(base_url, directory=tmp_path, online=True), at_least=60)
        ) as client:
            listed = await client.call_tool("list_models", {"query": "tidal 3"})
            assert listed.structured_content is not None
            [name, *_] = [
                parameter["name"]
                for model in listed.structured_content["models"]
                for parameter in model.get("parameters", ())
                if parameter["name"] not in {"image", "prompt", "duration", "enable_prompt_expansion"}
            ]
            refused = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0, name: 7})

    assert refused.is_error
    assert f"{name} is unknown to minimax/hailuo-2.3/i2v-standard" in text_of(refused)
    assert sandbox.submissions == []


async def test_save_to_is_read_as_leniently_as_a_picture(tmp_path: Path) -> None:
    with Sandbox(seconds=0, short_side=64).running() as url:
        async with Client(build_server(lambda: service_at(url), max_wait=60)) as client:
            wanted = {"image": REMOTE, "save_to": f"\u201cfile://{tmp_path}/my%20clips/\u201d", "wait_seconds": 60}
            result = await client.call_tool("animate_image", wanted)

    assert result.structured_content
    assert result.structured_content["saved_path"].startswith(f"{tmp_path}/my clips/cat-")


async def test_a_choice_is_refused_with_what_there_is_to_choose_from() -> None:
    async def show(state: Annotated[Literal["new", "old"], Field(description="Which to show")]) -> CallToolResult:
        raise AssertionError(state)

    tool = Tool.of(show, SavedVideo, title="Show", annotations=ToolAnnotations(read_only_hint=True))
    async with Client(MCPServer("choices", tools=[tool])) as client:
        result = await client.call_tool("show", {"state": "odd"})

    assert text_of(result).endswith('state takes new or old, not "odd" (Which to show).')
