"""What is offered over HTTP, through the SDK's own client in both eras."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp.types import TextResourceContents

from http_kit import ERAS, client_of, replica_at
from kit import REMOTE, TESTS, only_id, polls, text_of, until

if TYPE_CHECKING:
    from http_kit import Era
    from scripted_sandbox import Sandbox

FROZEN = TESTS / "tools" / "http"


@ERAS
async def test_the_published_tools_change_only_on_purpose(base_url: str, era: Era) -> None:
    async with replica_at(base_url) as replica, client_of(replica.url, era=era) as client:
        tools = (await client.list_tools()).tools

    published = {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools}
    agreed = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FROZEN.glob("*.json")}
    assert published == agreed
    assert "save_video" not in published
    assert "save_to" not in published["animate_image"]["inputSchema"]["properties"]


@ERAS
async def test_what_is_said_beforehand_can_be_followed_from_elsewhere(base_url: str, era: Era) -> None:
    async with replica_at(base_url) as replica, client_of(replica.url, era=era) as client:
        instructions = client.instructions or ""
        names = [tool.name for tool in (await client.list_tools()).tools]
        prompt = (await client.list_prompts()).prompts[0]
        page = (await client.read_resource("ui://atlascloud-video/player.html")).contents[0]

    assert [name for name in names if name not in instructions] == []
    assert "upload://" in instructions
    assert len(instructions) < 1000
    picture = (prompt.arguments or [])[0].description or ""
    assert "upload://" in picture
    for told in (instructions, picture):
        assert "local path" not in told
        assert "save_" not in told
    assert isinstance(page, TextResourceContents)


@ERAS
async def test_a_clip_made_over_http_is_told_of_without_this_machines_files(
    sandbox: Sandbox, base_url: str, era: Era
) -> None:
    async def finish() -> None:
        await until(lambda: polls(sandbox) > 0)
        sandbox.finish(await only_id(base_url))

    async with (
        replica_at(base_url) as replica,
        client_of(replica.url, era=era) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(finish)
        result = await client.call_tool("animate_image", {"image": REMOTE})
        again = await client.call_tool("get_prediction", {"prediction_id": await only_id(base_url)})

    assert not result.is_error
    for answer in (result, again):
        clip = answer.structured_content or {}
        assert clip["status"] == "completed"
        assert f"Next: download {clip['video_url']}" in text_of(answer)
        assert "save_video" not in text_of(answer)
        # Known by name in both eras: this client is shown a link.
        assert [block.type for block in answer.content] == ["text", "resource_link"]
    assert len(sandbox.submissions) == 1


@ERAS
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"image": "~/a.png"}, "reads no files of yours. Next: create_upload"),
        ({"image": "file:///etc/passwd"}, "reads no files of yours. Next: create_upload"),
        ({"image": "http://pictures.example/a.png"}, "https URL, or upload the picture by create_upload"),
        (
            {"image": "data:image/png,x"},
            "is not base64: write data:image/png;base64,... or upload the picture by create",
        ),
        ({"image": REMOTE, "fit": "pad"}, "Leave fit out, or upload the picture by create_upload"),
        ({"image": REMOTE, "save_to": "~/a.mp4"}, "save_to is not for this server"),
        ({"image": REMOTE, "save_to": ["here"]}, "save_to takes text"),
    ],
)
async def test_what_needs_files_of_this_machine_is_refused_with_what_to_do_instead(
    sandbox: Sandbox, base_url: str, era: Era, arguments: dict[str, Any], says: str
) -> None:
    async with replica_at(base_url) as replica, client_of(replica.url, era=era) as client:
        result = await client.call_tool("animate_image", arguments)

    assert result.is_error
    assert says in text_of(result)
    assert "full path" not in text_of(result)
    assert sandbox.submissions == []


@pytest.mark.parametrize("era", ["legacy"])
async def test_progress_comes_with_the_answer_in_the_handshake_era(sandbox: Sandbox, base_url: str, era: Era) -> None:
    told: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        assert 0 <= progress <= (total or 0)
        told.append(message or "")
        if "prediction" in (message or ""):
            sandbox.finish(await only_id(base_url))

    async with replica_at(base_url) as replica, client_of(replica.url, era=era) as client:
        result = await client.call_tool("animate_image", {"image": REMOTE}, progress_callback=hear)

    assert (result.structured_content or {})["status"] == "completed"
    assert any(message.startswith("Submitting") for message in told)
