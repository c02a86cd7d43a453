"""A model that only does what the last text says, word for word, comes to a saved clip from every answer there is.

It reads the text alone: no instructions of the server, no data. It makes the first call that the text names, with the
arguments that it names; "the same arguments" are those of its last animate_image.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client
from mcp.types import Implementation

from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.text import is_of_a_sandbox
from kit import CANARY, REMOTE, ROCKET, service_at, text_of, until
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from mcp.types import CallToolResult

_CALL = re.compile(r"Next: (?:animate_image|get_prediction|list_predictions)\b.*|save_video with prediction_id .*")
_MOST_CALLS = 12
# What a call takes by the texts; whatever else stands there, a literal reader would have to guess.
_ID = re.compile(r"with prediction_id ([\w.:-]+?)\.?(?:\s|$)")


@pytest.fixture(autouse=True)
def videos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The platform's folder for videos, since no text asks for a place to save to."""
    folder = tmp_path / "Videos"
    monkeypatch.setattr("platformdirs.user_videos_path", lambda: folder)
    return folder


class LiteralModel:
    """Does what the last text says, and only that."""

    def __init__(self, client: Client, sandbox: Sandbox, asked: dict[str, Any] | None = None) -> None:
        self.client = client
        self.sandbox = sandbox
        self.asked = asked or {}
        self.calls: list[str] = []

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:  # noqa: ANN401 - JSON
        self.calls.append(tool)
        if tool == "animate_image":
            self.asked = arguments
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._finish)
            with anyio.fail_after(60):
                result = await self.client.call_tool(tool, arguments)
            tasks.cancel_scope.cancel()
        return result

    async def _finish(self) -> None:
        """Generations end while somebody waits for them."""
        while True:
            await anyio.sleep(0.3)
            for prediction_id, _ in self.sandbox.accepted:
                self.sandbox.finish(prediction_id)

    async def go_on(self, result: CallToolResult) -> str:
        """Follow the texts until nothing is left to do; returns the last one."""
        while (step := _CALL.search(text := text_of(result))) and len(self.calls) < _MOST_CALLS:
            result = await self._obey(step[0], text)
        return text

    async def _obey(self, step: str, text: str) -> CallToolResult:
        tool = re.search(r"animate_image|get_prediction|list_predictions|save_video", step)
        assert tool
        match tool[0]:
            case "animate_image":
                return await self.call("animate_image", **self._arguments(step, text))
            case "list_predictions":
                return await self.call("list_predictions")
            case "get_prediction" if "of the one that is wanted" in step:
                newest = re.search(r"^- ([\w-]+):", text, re.MULTILINE)
                assert newest
                return await self.call("get_prediction", prediction_id=newest[1])
            case other:
                named = _ID.search(step)
                assert named, step
                return await self.call(other, prediction_id=named[1])

    def _arguments(self, step: str, text: str) -> dict[str, Any]:
        if "same arguments" in step:
            without = {"dry_run"} if "without dry_run" in step else set()
            return {name: value for name, value in self.asked.items() if name not in without}
        if image := re.search(r"with image (\S+) and the same prompt", step):
            prompt = re.search(r'^prompt: "(.*)"$', text, re.MULTILINE)
            return {"image": image[1], "prompt": self._changed(prompt[1] if prompt else "")}
        assert "with the same picture and prompt" in step, step
        return self.asked

    def _changed(self, prompt: str) -> str:
        """The reason given was the moderation of the prompt; the text says to change what it names."""
        return prompt.replace("sandbox:fail", "wind")


@asynccontextmanager
async def model_at(
    account: Sandbox,
    base_url: str,
    *,
    name: str = "claude-ai",
    asked: dict[str, Any] | None = None,
    max_wait: float | None = None,
    **options: Any,  # noqa: ANN401 - of service_at
) -> AsyncGenerator[LiteralModel, None]:
    server = build_server(lambda: service_at(base_url, **options), max_wait=max_wait)
    async with Client(server, client_info=Implementation(name=name, version="1"), raise_exceptions=True) as client:
        yield LiteralModel(client, account, asked)


LIVE_OR_NOT = pytest.mark.parametrize("sandboxed", [True, False])


def saved(videos: Path) -> list[str]:
    return [path.name for path in videos.iterdir()] if videos.exists() else []


@LIVE_OR_NOT
@pytest.mark.parametrize("wait", [{}, {"wait_seconds": 0}, {"wait_seconds": 0.1}])
async def test_from_a_clip_that_is_finished_or_rendering(
    sandbox: Sandbox, base_url: str, videos: Path, wait: dict[str, Any], *, sandboxed: bool
) -> None:
    async with model_at(sandbox, base_url, sandbox=sandboxed) as model:
        text = await model.go_on(await model.call("animate_image", image=ROCKET, **wait))

    assert f"The clip is saved: {videos}" in text
    assert [name.startswith("rocket-") for name in saved(videos)] == [True]
    # A wait that was short is not repeated: the second call waits as long as its client allows.
    assert model.calls in (["animate_image", "save_video"], ["animate_image", "get_prediction", "save_video"])
    assert len(sandbox.submissions) == 1


@LIVE_OR_NOT
async def test_from_a_call_whose_answer_never_came(
    sandbox: Sandbox, base_url: str, videos: Path, tmp_path: Path, *, sandboxed: bool
) -> None:
    """All that is left is what the descriptions of the tools say: they name the tool that has the id."""
    async with model_at(sandbox, base_url, sandbox=sandboxed, directory=tmp_path) as model:
        tools = {tool.name: tool.description or "" for tool in (await model.client.list_tools()).tools}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lost_call, model)
            await until(lambda: sandbox.accepted)
            tasks.cancel_scope.cancel()
        assert "do not start over: list_predictions has the id" in tools["animate_image"]
        assert "Finds the id of a call whose answer was lost" in tools["list_predictions"]
        text = await model.go_on(await model.call("list_predictions"))

    assert "The clip is saved" in text
    assert len(saved(videos)) == 1
    assert len(sandbox.submissions) == 1


async def test_from_a_list_that_does_not_have_the_lost_call_yet(sandbox: Sandbox, base_url: str, videos: Path) -> None:
    async with model_at(sandbox, base_url, asked={"image": ROCKET}) as model:
        text = await model.go_on(await model.call("list_predictions"))

    assert "The clip is saved" in text
    assert len(saved(videos)) == 1


async def lost_call(model: LiteralModel) -> None:
    await model.client.call_tool("animate_image", {"image": ROCKET})


@LIVE_OR_NOT
async def test_from_a_submission_whose_answer_was_lost(
    sandbox: Sandbox, base_url: str, videos: Path, *, sandboxed: bool
) -> None:
    sandbox.script(
        Fault(endpoint="generate", action="reset_after"), Fault(endpoint="history", action="status", times=9)
    )
    async with model_at(sandbox, base_url, sandbox=sandboxed) as model:
        text = await model.go_on(await model.call("animate_image", image=ROCKET))

    assert "The clip is saved" in text
    assert len(saved(videos)) == 1
    assert len(sandbox.submissions) == 1


@LIVE_OR_NOT
@pytest.mark.parametrize("seen_by", ["animate_image", "get_prediction"])
async def test_from_a_generation_that_failed(
    sandbox: Sandbox, base_url: str, videos: Path, seen_by: str, *, sandboxed: bool
) -> None:
    async with model_at(sandbox, base_url, sandbox=sandboxed) as model:
        wait = {"wait_seconds": 0} if seen_by == "get_prediction" else {}
        text = await model.go_on(await model.call("animate_image", image=ROCKET, prompt="sandbox:fail", **wait))

    assert "The clip is saved" in text
    assert len(saved(videos)) == 1


@LIVE_OR_NOT
async def test_from_a_dry_run(sandbox: Sandbox, base_url: str, videos: Path, *, sandboxed: bool) -> None:
    async with model_at(sandbox, base_url, sandbox=sandboxed) as model:
        text = await model.go_on(await model.call("animate_image", image=ROCKET, dry_run=True))

    assert "The clip is saved" in text
    assert len(saved(videos)) == 1


async def test_from_a_budget_that_is_spent_once_its_owner_raises_it(
    sandbox: Sandbox, base_url: str, videos: Path, tmp_path: Path
) -> None:
    async with model_at(sandbox, base_url, budget="0.10", directory=tmp_path) as model:
        refused = await model.call("animate_image", image=ROCKET)
    assert "Ask the user to wait, or to raise ATLASCLOUD_BUDGET_USD and restart the server" in text_of(refused)
    async with model_at(sandbox, base_url, budget="9", directory=tmp_path, asked={"image": ROCKET}) as model:
        text = await model.go_on(refused)

    assert "The clip is saved" in text
    assert len(saved(videos)) == 1


@pytest.mark.parametrize("key", [CANARY, None])
async def test_from_an_id_of_a_sandbox_that_has_ended_asked_about_on_the_live_service(key: str | None) -> None:
    """Nobody is asked: that no such id is Atlas Cloud's is known without."""
    server = build_server(lambda: service_at("https://api.atlascloud.example/api/v1", key=key, sandbox=False))
    async with Client(server) as client:
        told = text_of(await client.call_tool("get_prediction", {"prediction_id": "sandbox-0123456789abcdef"}))

    assert "was made by a built-in sandbox that has ended, and its clip ended with it" in told
    assert "on Atlas Cloud it costs money. Ask the user first." in told


async def test_from_an_id_of_a_sandbox_that_has_ended(sandbox: Sandbox, base_url: str, videos: Path) -> None:
    async with model_at(sandbox, base_url, asked={"image": ROCKET}) as model:
        lost = await model.call("get_prediction", prediction_id="sandbox-0123456789abcdef")
        assert "makes it anew, free of charge" in text_of(lost)
        text = await model.go_on(lost)

    assert "The clip is saved" in text
    assert len(saved(videos)) == 1


async def test_the_sandbox_gives_ids_that_tell_what_they_are(sandbox: Sandbox, base_url: str) -> None:
    async with model_at(sandbox, base_url) as model:
        await model.call("animate_image", image=REMOTE, wait_seconds=0)

    assert all(is_of_a_sandbox(prediction_id) for prediction_id, _ in sandbox.accepted)


async def test_what_the_sandbox_answers_is_true_of_a_sandbox(sandbox: Sandbox, base_url: str) -> None:
    async with model_at(sandbox, base_url) as model:
        clip = await model.call("animate_image", image=ROCKET)
        listed = await model.call("list_predictions")
        balance = await model.call("get_balance")
        dry = await model.call("animate_image", image=ROCKET, prompt="rain", dry_run=True)

    data = clip.structured_content or {}
    assert "expires_at" not in data
    assert "Atlas Cloud deletes" not in text_of(clip)
    assert "The clip ends with this server: save it now." in data["next_step"]
    assert f"cost: nothing; it would have cost ${data['cost_usd']:.2f}" in text_of(clip)
    assert "cost_usd is what it would have cost" in " ".join(data["notes"])
    for answer, said in (
        (listed, "its clips and this list end with it"),
        (balance, "none of it is real money"),
        (dry, "in the built-in sandbox nothing is paid"),
    ):
        assert said in text_of(answer)
        assert said in " ".join((answer.structured_content or {})["notes"])


async def test_no_next_step_asks_for_what_a_call_does_not_need(sandbox: Sandbox, base_url: str) -> None:
    """A wait that is spelled out is repeated: of two seconds it would make a loop."""
    async with model_at(sandbox, base_url, name="mcp") as model:
        running = await model.call("animate_image", image=REMOTE, wait_seconds=2)

    data = running.structured_content or {}
    step = f"Not finished; do not submit again. Next: get_prediction with prediction_id {data['prediction_id']}."
    assert data["next_step"] == step
    assert "next_step" not in (running.meta or {})


async def test_the_clip_is_named_after_its_picture_by_whichever_process_saves_it(
    sandbox: Sandbox, base_url: str, videos: Path, tmp_path: Path
) -> None:
    async with model_at(sandbox, base_url, directory=tmp_path / "state") as model:
        first = await model.call("animate_image", image=ROCKET, wait_seconds=0)
    async with model_at(sandbox, base_url, directory=tmp_path / "state") as model:
        await model.go_on(first)

    assert [name[:7] for name in saved(videos)] == ["rocket-"]
