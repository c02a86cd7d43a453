"""Predictions as resources: what is known of one, told without asking anybody."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import anyio
import jsonschema
import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS, TextResourceContents

from atlascloud_video_mcp.server.server import build_server
from kit import CANARY, REMOTE, polls, service_at

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from scripted_sandbox import Sandbox


@asynccontextmanager
async def client_of(
    base_url: str, directory: Path, *, key: str | None = CANARY, era: Literal["auto", "legacy"] = "auto"
) -> AsyncGenerator[Client, None]:
    server = build_server(lambda: service_at(base_url, directory=directory, key=key))
    async with Client(server, mode=era) as client:
        yield client


async def known(client: Client, prediction_id: str) -> dict[str, Any]:
    [contents] = (await client.read_resource(f"prediction://{prediction_id}")).contents
    assert isinstance(contents, TextResourceContents)
    assert contents.mime_type == "application/json"
    told: dict[str, Any] = json.loads(contents.text)
    return told


async def test_a_prediction_can_be_read_by_its_id_without_key_and_without_being_asked_for(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with client_of(base_url, tmp_path) as client:
        made = await client.call_tool("animate_image", {"image": REMOTE, "prompt": "wind", "wait_seconds": 0})
    assert made.structured_content
    prediction_id = made.structured_content["prediction_id"]
    asked = polls(sandbox)

    async with client_of(base_url, tmp_path, key=None) as client:
        [template] = (await client.list_resource_templates()).resource_templates
        told = await known(client, prediction_id)
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}

    assert template.uri_template == "prediction://{prediction_id}"
    assert (told["prediction_id"], told["status"], told["prompt"]) == (prediction_id, "processing", "wind")
    assert "get_prediction" in told["next_step"]
    jsonschema.validate(told, schemas["get_prediction"] or {})
    assert polls(sandbox) == asked


async def test_reading_a_finished_clip_does_not_hand_it_over(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    order = {"image": REMOTE, "wait_seconds": 0}
    async with client_of(base_url, tmp_path) as client:
        made = await client.call_tool("animate_image", order)
        assert made.structured_content
        prediction_id = made.structured_content["prediction_id"]
        sandbox.finish(prediction_id)
        with anyio.fail_after(10):
            while (told := await known(client, prediction_id))["status"] == "processing":
                pass
        joined = await client.call_tool("animate_image", order | {"wait_seconds": 20})

    assert told["video_url"]
    assert joined.structured_content
    assert joined.structured_content["reused"] is True


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_prediction_nobody_knows_is_no_resource(
    base_url: str, tmp_path: Path, era: Literal["auto", "legacy"]
) -> None:
    async with client_of(base_url, tmp_path, era=era) as client:
        with pytest.raises(MCPError, match="Nothing is known here of a prediction 'p1'") as caught:
            await known(client, "p1")

    assert caught.value.error.code == INVALID_PARAMS
