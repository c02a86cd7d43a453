"""The tools through an MCP client in this process, in both protocol eras, against the sandbox."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anyio
import jsonschema
import pytest
from mcp import Client
from mcp.server.mcpserver import Context  # noqa: TC002 - the SDK reads the annotations of a tool
from mcp.types import Implementation, ResourceLink

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.server.tool_call import ServerState, ToolCall, risen
from atlascloud_video_mcp.service.progress import Phase, Progress
from kit import CANARY, FAST, REMOTE, ROCKET, STANDARD, TESTS, TINY, only_id, polls, service_at, text_of, until
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from mcp.types import CallToolResult

    from atlascloud_video_mcp.service.progress import ProgressSink
    from atlascloud_video_mcp.service.service import VideoService

FROZEN = TESTS / "tools"
ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
Era = Literal["auto", "legacy"]


@asynccontextmanager
async def client_of(
    base_url: str,
    *,
    era: Era = "auto",
    name: str = "claude-code",
    max_wait: float | None = None,
    key: str | None = CANARY,
) -> AsyncGenerator[Client, None]:
    server = build_server(lambda: service_at(base_url, key=key, retry_pause=5), max_wait=max_wait)
    who = Implementation(name=name, version="1")
    async with Client(server, mode=era, client_info=who, raise_exceptions=True) as client:
        yield client


class Shown:
    """What a client is told while it waits."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.totals: set[float | None] = set()
        self.messages: list[str] = []
        self.times: list[float] = []

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.values.append(progress)
        self.totals.add(total)
        self.messages.append(message or "")
        self.times.append(anyio.current_time())


async def finished(sandbox: Sandbox, base_url: str) -> None:
    """Let the account's one generation end once it has been looked at."""
    await until(lambda: polls(sandbox) > 0)
    sandbox.finish(await only_id(base_url))


async def fits(client: Client, tool: str, result: CallToolResult) -> None:
    """Check a result against the output schema that the server publishes."""
    schema = {item.name: item.output_schema for item in (await client.list_tools()).tools}[tool]
    assert schema is not None
    jsonschema.validate(result.structured_content, schema, format_checker=jsonschema.FormatChecker())
    assert None not in (result.structured_content or {}).values()


async def test_one_call_makes_a_clip_with_progress_all_the_way(sandbox: Sandbox, base_url: str) -> None:
    # In memory only the older era sends a progress token; over stdio, which test_stdio.py drives, both do.
    progress = Shown()
    async with client_of(base_url, era="legacy") as client, anyio.create_task_group() as tasks:
        tasks.start_soon(finished, sandbox, base_url)
        began = anyio.current_time()
        result = await client.call_tool("animate_image", {"image": ROCKET}, progress_callback=progress)
        await fits(client, "animate_image", result)

    clip = result.structured_content
    assert clip is not None
    assert not result.is_error
    assert clip["status"] == "completed"
    assert progress.totals == {100}
    assert progress.values == sorted(set(progress.values))
    assert [value for value in progress.values if value == 100] == progress.values[-1:]
    stages = [message.split(" ")[0].rstrip(":") for message in progress.messages]
    # On a busy machine a stage may outlast a heartbeat, and be told of twice.
    assert [stage for stage, _ in groupby(stages)][:4] == ["Checking", "Uploading", "Submitting", "Submitted"]
    submitted = progress.messages[stages.index("Submitted") :]
    assert all(clip["prediction_id"] in message and " s" in message for message in submitted)
    assert all(len(message) < 120 for message in progress.messages)
    # Four at once and four a second: when they arrive is at the earliest when they were sent, and may be all together.
    assert all(time - began >= number // 4 for number, time in enumerate(progress.times))


@ERAS
async def test_a_client_that_gives_no_token_gets_the_same_answer_without_progress(
    sandbox: Sandbox, base_url: str, era: Era
) -> None:
    async with client_of(base_url, era=era) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(finished, sandbox, base_url)
        result = await client.call_tool("animate_image", {"image": REMOTE})

    assert result.structured_content is not None
    assert result.structured_content["status"] == "completed"


@ERAS
async def test_the_text_alone_and_the_data_alone_both_say_everything_of_a_clip(
    sandbox: Sandbox, base_url: str, era: Era
) -> None:
    async with client_of(base_url, era=era) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(finished, sandbox, base_url)
        result = await client.call_tool("animate_image", {"image": REMOTE, "prompt": "wind", "duration": 10})

    clip, text = result.structured_content, text_of(result)
    assert clip is not None
    assert clip["sandbox"] is True
    for field in ("prediction_id", "video_url", "model", "prompt", "image_url"):
        assert clip[field] in text
    price = f"cost: nothing; it would have cost ${clip['cost_usd']:.2f}"
    for line in ("duration: 10 s", price, "Next: save_video with", "built-in sandbox"):
        assert line in text


def test_progress_rises_with_two_decimals_at_most_and_is_whole_with_the_clip_only() -> None:
    told = [0.0]
    for share in [0.01, 0.01, 0.05, 0.043, *(0.05 + number / 997 for number in range(900)), *[0.99] * 200]:
        value = risen(told[-1], share)
        if value is None:
            break
        told.append(value)

    assert told[1:4] == [1, 1.01, 5]
    assert all(later > earlier for earlier, later in pairwise(told))
    assert all(value == round(value, 2) for value in told)
    assert told[-1] == 99.99  # for want of room nothing more is told, rather than the same or all
    assert risen(told[-1], 1.0) == 100


async def test_a_call_that_has_told_all_but_the_clip_tells_no_more_until_that_is_there(base_url: str) -> None:
    async def call(progress: ProgressSink) -> str:
        for fraction in (0.9999, 0.99991, 1.0):
            progress(Progress(Phase.RENDERING, fraction))
        return "the clip"

    async def waits(ctx: Context[ServerState]) -> str:
        """Run a call as every tool does."""
        return await ToolCall(ctx).run(call)

    server, progress = build_server(lambda: service_at(base_url)), Shown()
    server.add_tool(waits)
    async with Client(server, mode="legacy") as client:
        result = await client.call_tool("waits", {}, progress_callback=progress)

    assert text_of(result) == "the clip"
    assert progress.values == [99.99, 100]


async def test_a_wait_that_is_over_is_no_error_and_names_the_next_call(base_url: str) -> None:
    async with client_of(base_url) as client:
        result = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 1})
        await fits(client, "animate_image", result)

    clip = result.structured_content
    assert clip is not None
    assert not result.is_error
    assert clip["status"] == "processing"
    assert "video_url" not in clip
    assert clip["expected_seconds"]
    step = f"Next: get_prediction with prediction_id {clip['prediction_id']}."
    assert clip["next_step"] == f"Not finished; do not submit again. {step}"
    # On a busy machine the second may be over as soon as it is submitted.
    usually = " of about 0 s" if clip["elapsed_seconds"] <= clip["expected_seconds"] else ", longer than usual (0 s)"
    assert f"Still rendering: {clip['elapsed_seconds']:.0f} s{usually}" in text_of(result)
    assert clip["next_step"] in text_of(result)


@pytest.mark.parametrize(
    ("name", "max_wait", "arguments"),
    [("mcp", None, {}), ("claude-code", 0, {}), ("claude-code", 0, {"wait_seconds": 99})],
)
async def test_who_must_not_wait_gets_the_id_as_soon_as_it_is_submitted(
    base_url: str, name: str, max_wait: float | None, arguments: dict[str, Any]
) -> None:
    async with client_of(base_url, name=name, max_wait=max_wait) as client:
        result = await client.call_tool("animate_image", {"image": REMOTE} | arguments)

    clip = result.structured_content
    assert clip is not None
    assert clip["status"] == "processing"
    assert clip["next_step"].endswith(f"Next: get_prediction with prediction_id {clip['prediction_id']}.")


@ERAS
async def test_a_prediction_can_be_looked_at_and_waited_for(sandbox: Sandbox, base_url: str, era: Era) -> None:
    async with client_of(base_url, era=era) as client, anyio.create_task_group() as tasks:
        submitted = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0})
        assert submitted.structured_content is not None
        wanted = {"prediction_id": submitted.structured_content["prediction_id"]}
        seen = await client.call_tool("get_prediction", wanted | {"wait_seconds": 0})
        await fits(client, "get_prediction", seen)
        tasks.start_soon(finished, sandbox, base_url)
        clip = await client.call_tool("get_prediction", wanted)

    assert seen.structured_content is not None
    assert seen.structured_content["status"] == "processing"
    assert clip.structured_content is not None
    assert clip.structured_content["status"] == "completed"


@ERAS
async def test_a_failed_generation_is_an_error_of_animate_image_and_an_answer_of_get_prediction(era: Era) -> None:
    with Sandbox(seconds=0).running() as base_url:
        async with client_of(base_url, era=era) as client:
            result = await client.call_tool("animate_image", {"image": REMOTE, "prompt": "sandbox:fail"})
            await fits(client, "animate_image", result)
            assert result.structured_content is not None
            wanted = {"prediction_id": result.structured_content["prediction_id"]}
            seen = await client.call_tool("get_prediction", wanted)

    for answer, is_error in ((result, True), (seen, False)):
        assert answer.is_error is is_error
        assert answer.structured_content is not None
        assert answer.structured_content["error"] == "Generation failed: Content moderation refused the prompt"
        assert (
            'The generation failed. The reason given: "Generation failed: Content moderation refused the prompt"'
            in text_of(answer)
        )
        assert "does not charge" in text_of(answer)
        assert "Next: animate_image with image" in answer.structured_content["next_step"]


async def test_a_picture_is_uploaded_and_its_url_given(base_url: str) -> None:
    progress = Shown()
    async with client_of(base_url, era="legacy") as client:
        result = await client.call_tool("upload_image", {"image": ROCKET}, progress_callback=progress)
        await fits(client, "upload_image", result)

    upload = result.structured_content
    assert upload is not None
    assert upload["notes"] == []
    assert upload["url"] in text_of(result)
    assert "640 x 427" in text_of(result)
    assert progress.values == sorted(set(progress.values))
    assert (progress.values[0], progress.values[-1]) == (1, 99)


@ERAS
async def test_a_finished_clip_is_kept_on_disk(sandbox: Sandbox, base_url: str, tmp_path: Path, era: Era) -> None:
    async with client_of(base_url, era=era) as client:
        submitted = await client.call_tool("animate_image", {"image": ROCKET, "wait_seconds": 0})
        assert submitted.structured_content is not None
        wanted = {"prediction_id": submitted.structured_content["prediction_id"], "save_to": str(tmp_path)}
        early = await client.call_tool("save_video", wanted)
        sandbox.finish(wanted["prediction_id"])
        kept = await client.call_tool("save_video", wanted)
        await fits(client, "save_video", kept)
        again = await client.call_tool("save_video", wanted)
        seen = await client.call_tool("get_prediction", {"prediction_id": wanted["prediction_id"]})

    assert early.is_error
    assert "no clip to save" in text_of(early)
    assert kept.structured_content is not None
    assert again.structured_content == kept.structured_content
    path = kept.structured_content["saved_path"]
    assert Path(path).is_absolute()
    assert f"The clip is saved: {path}" in text_of(kept)
    assert kept.structured_content["video_url"] in text_of(kept)
    assert [item.name async for item in anyio.Path(tmp_path).iterdir()] == [Path(path).name]
    assert seen.structured_content is not None
    assert seen.structured_content["saved_path"] == path
    assert f"saved_path: {path}" in text_of(seen)


async def test_an_identical_request_is_joined_and_says_so(base_url: str) -> None:
    async with client_of(base_url) as client:
        wanted = {"image": REMOTE, "wait_seconds": 0}
        await client.call_tool("animate_image", wanted)
        joined = await client.call_tool("animate_image", wanted)
        another = await client.call_tool("animate_image", wanted | {"take": 2})

    assert joined.structured_content is not None
    assert another.structured_content is not None
    assert (joined.structured_content["reused"], another.structured_content["reused"]) == (True, False)
    assert (joined.structured_content["take"], another.structured_content["take"]) == (1, 2)
    assert "nothing new was paid" in text_of(joined)
    assert "nothing new was paid" not in text_of(another)


async def test_several_outputs_are_all_named(sandbox: Sandbox, base_url: str) -> None:
    body = '{"id": "p1", "status": "success", "outputs": ["https://x.example/a.mp4", "https://x.example/b.mp4"]}'
    sandbox.script(Fault(endpoint="prediction", action="status", status=200, body=body))

    async with client_of(base_url) as client:
        result = await client.call_tool("get_prediction", {"prediction_id": "p1"})

    assert "further output: https://x.example/b.mp4" in text_of(result)


@pytest.mark.parametrize(("name", "linked"), [("claude-code", True), ("Zed", False)])
async def test_a_link_to_the_clip_is_added_for_clients_that_take_it(
    sandbox: Sandbox, base_url: str, name: str, *, linked: bool
) -> None:
    async with client_of(base_url, name=name) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(finished, sandbox, base_url)
        result = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 60})

    links = [block for block in result.content if isinstance(block, ResourceLink)]
    assert bool(links) is linked
    for link in links:
        assert result.structured_content is not None
        assert (link.uri, link.mime_type) == (result.structured_content["video_url"], "video/mp4")


@ERAS
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"image": TINY}, "300 px"),
        ({"image": "rocket.jpg"}, "relative path"),
        ({"image": ROCKET, "duration": 7}, "6 or 10 seconds"),
        ({"image": ROCKET, "model": "nope"}, "There is no image-to-video model 'nope' here."),
        ({"image": ROCKET, "duration": "soon"}, 'duration takes a whole number, not "soon"'),
        ({"image": ROCKET, "wait_seconds": -1}, "wait_seconds takes a number, not -1 (0: do not wait;"),
        ({}, "image is missing (Absolute or ~ path"),
        ({"image": 5}, "image takes text, not 5 ("),
    ],
)
async def test_bad_input_is_an_error_in_our_words_and_nothing_is_sent(
    sandbox: Sandbox, base_url: str, era: Era, arguments: dict[str, Any], said: str
) -> None:
    async with client_of(base_url, era=era) as client:
        result = await client.call_tool("animate_image", arguments)

    assert result.is_error
    assert said in text_of(result)
    assert "\n" not in text_of(result)
    for word in ("Error executing", "pydantic", "Traceback", "Arguments"):
        assert word not in text_of(result)
    assert sandbox.received == []


async def test_null_text_numbers_and_strangers_among_the_arguments_are_understood(
    sandbox: Sandbox, base_url: str
) -> None:
    arguments = {
        "image": REMOTE,
        "prompt": None,
        "model": None,
        "duration": "10",
        "enable_prompt_expansion": "true",
        "wait_seconds": "0",
        "wait_for_previous": True,
    }
    async with client_of(base_url) as client:
        result = await client.call_tool("animate_image", arguments)

    assert not result.is_error
    assert sandbox.submissions == [
        {"model": STANDARD, "image": REMOTE, "duration": 10, "enable_prompt_expansion": True}
    ]


@pytest.mark.parametrize("parameters", [{"go_fast": False}, '{"go_fast": false}', {"go_fast": "false"}], ids=str)
async def test_further_parameters_are_sent_whether_they_come_as_an_object_or_as_text(
    sandbox: Sandbox, base_url: str, parameters: object
) -> None:
    async with client_of(base_url) as client:
        wanted = {"image": REMOTE, "model": FAST, "parameters": parameters, "wait_seconds": 0}
        result = await client.call_tool("animate_image", wanted)

    assert not result.is_error
    assert sandbox.submissions == [{"model": FAST, "image": REMOTE, "go_fast": False}]


async def test_all_faults_of_the_parameters_are_told_at_once_and_nothing_is_uploaded_or_submitted(
    sandbox: Sandbox, base_url: str
) -> None:
    wanted = {"image": ROCKET, "model": FAST, "duration": 7, "prompt": "x" * 2001}
    wanted |= {"parameters": {"go_fast": "perhaps", "sead": 1, "duration": 6, "model": STANDARD}}
    async with client_of(base_url) as client:
        result = await client.call_tool("animate_image", wanted)

    assert result.is_error
    for said in (
        "duration is given twice",
        "2001 characters",
        '"perhaps"',
        "sead is unknown",
        "give it as the argument model",
    ):
        assert said in text_of(result)
    assert not {request.endpoint for request in sandbox.received} & {"upload", "generate"}


@pytest.mark.parametrize("prompt", ["null", '["Push in"]', '{"camera": 1}', "6"])
async def test_a_prompt_that_looks_like_json_is_sent_as_it_is(sandbox: Sandbox, base_url: str, prompt: str) -> None:
    async with client_of(base_url) as client:
        await client.call_tool("animate_image", {"image": REMOTE, "prompt": prompt, "wait_seconds": 0})

    assert [body["prompt"] for body in sandbox.submissions] == [prompt]


@ERAS
async def test_without_a_key_every_tool_says_how_to_get_one(base_url: str, era: Era) -> None:
    async with client_of(base_url, era=era, key=None) as client:
        for tool, arguments in (
            ("animate_image", {"image": ROCKET}),
            ("upload_image", {"image": ROCKET}),
            ("get_prediction", {"prediction_id": "p1"}),
            ("get_balance", {}),
        ):
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert "No API key is set. Create one at https://" in text_of(result)


async def test_a_crash_of_ours_is_hidden_from_the_model(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> AbstractAsyncContextManager[VideoService]:
        raise RuntimeError("internal detail")

    async with Client(build_server(broken)) as client:
        result = await client.call_tool("animate_image", {"image": ROCKET})

    assert result.is_error
    assert text_of(result).startswith("This server made a mistake; its log on stderr says which.")
    assert "internal detail" not in text_of(result)
    assert "internal detail" in caplog.text


@ERAS
async def test_cancelling_a_call_leaves_the_server_answering_and_the_prediction_watched(
    sandbox: Sandbox, base_url: str, era: Era
) -> None:
    async with client_of(base_url, era=era) as client:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "animate_image", {"image": REMOTE})
                await until(lambda: polls(sandbox) > 0)
                scope.cancel()
        prediction_id = await only_id(base_url)
        with anyio.fail_after(5):
            seen = await client.call_tool("get_prediction", {"prediction_id": prediction_id, "wait_seconds": 0})
        before = polls(sandbox)
        await until(lambda: polls(sandbox) > before)

    assert seen.structured_content is not None
    assert seen.structured_content["status"] == "processing"
    assert seen.structured_content["image_url"] == REMOTE


async def test_calls_at_the_same_time_share_one_studio(sandbox: Sandbox, base_url: str) -> None:
    opened = 0

    @asynccontextmanager
    async def open_service() -> AsyncGenerator[VideoService, None]:
        nonlocal opened
        opened += 1
        async with service_at(base_url) as service:
            yield service

    async with Client(build_server(open_service)) as client, anyio.create_task_group() as tasks:
        for number in range(5):
            wanted = {"image": REMOTE, "prompt": f"wind {number}", "wait_seconds": 0}
            tasks.start_soon(client.call_tool, "animate_image", wanted)

    assert opened == 1
    assert len(sandbox.submissions) == 5


@ERAS
async def test_the_definitions_are_small_and_plain(base_url: str, era: Era) -> None:
    async with client_of(base_url, era=era) as client:
        listed = await client.list_tools()

    line = json.dumps(listed.model_dump(mode="json", by_alias=True, exclude_none=True), separators=(",", ":"))
    assert len(line) < 8000
    for word in ("anyOf", "oneOf", "allOf", "$ref", "$defs", '"title":"image"', '"default"', '"null"'):
        assert word not in line
    assert all(len(tool.description or "") < 2000 for tool in listed.tools)


async def test_each_tool_is_published_as_it_was_agreed(base_url: str) -> None:
    async with client_of(base_url) as client:
        tools = (await client.list_tools()).tools

    published = {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools}
    agreed = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FROZEN.glob("*.json")}
    assert published == agreed


async def test_the_server_says_who_it_is_and_what_a_clip_costs(base_url: str) -> None:
    async with client_of(base_url, era="legacy") as client:
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("atlascloud-video", __version__)
        assert client.instructions is not None
        # What a model surely has before its first call, where a host hides tools behind a search.
        tools = [tool.name for tool in (await client.list_tools()).tools]
        assert [name for name in tools if name not in client.instructions] == []
        assert "COSTS REAL MONEY" in client.instructions
        assert len(client.instructions) < 1000
