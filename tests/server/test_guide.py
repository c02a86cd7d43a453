"""What the server tells a model and a person beside its tools: instructions, a guide, a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS, TextContent, TextResourceContents

from atlascloud_video_mcp.server.player import PLAYER_URI
from atlascloud_video_mcp.server.server import build_server

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from atlascloud_video_mcp.service.service import VideoService

ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
GUIDE = "guide://animate-photo"
COMMANDS = [
    "Truck left",
    "Truck right",
    "Pan left",
    "Pan right",
    "Push in",
    "Pull out",
    "Pedestal up",
    "Pedestal down",
    "Tilt up",
    "Tilt down",
    "Zoom in",
    "Zoom out",
    "Shake",
    "Tracking shot",
    "Static shot",
]


def nobody_opens() -> AbstractAsyncContextManager[VideoService]:
    raise AssertionError("neither key nor network nor disk is needed for this")


def client_in(era: Literal["auto", "legacy"] = "auto") -> Client:
    return Client(build_server(nobody_opens), mode=era)


async def guide(client: Client) -> str:
    [contents] = (await client.read_resource(GUIDE)).contents
    assert isinstance(contents, TextResourceContents)
    assert contents.mime_type == "text/markdown"
    return contents.text


async def prompted(client: Client, **arguments: str) -> str:
    [message] = (await client.get_prompt("animate_photo", arguments)).messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


@ERAS
async def test_everything_is_listed_without_key_and_network(era: Literal["auto", "legacy"]) -> None:
    async with client_in(era) as client:
        prompts = (await client.list_prompts()).prompts
        resources = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates

    [prompt] = prompts
    assert [(argument.name, argument.required) for argument in prompt.arguments or ()] == [
        ("picture", True),
        ("mood", False),
        ("length", False),
    ]
    assert "Costs money" in (prompt.description or "")
    assert [resource.uri for resource in resources] == [PLAYER_URI, GUIDE]
    assert templates == []


async def test_the_instructions_are_short_and_protect_the_money() -> None:
    async with client_in("legacy") as client:
        told = client.instructions or ""

    assert len(told.encode()) < 1000
    for said in (
        "COSTS REAL MONEY",
        'Words like "continue" or "retry", a time-out or an error do not authorise another payment',
        "dry_run shows what a clip would cost",
        "A chat attachment is not a file on disk",
        GUIDE,
    ):
        assert said in told


async def test_the_guide_names_every_camera_command_and_when_to_use_which_length() -> None:
    async with client_in() as client:
        text = await guide(client)

    for command in COMMANDS:
        assert f"`[{command}]`" in text
    assert "One or two sentences" in text
    assert "10 seconds for a movement" in text
    assert "6 seconds for loops, small gestures and previews" in text
    assert len(text) < 4000


@ERAS
async def test_the_prompt_puts_wish_and_guide_together(era: Literal["auto", "legacy"]) -> None:
    async with client_in(era) as client:
        whole = await prompted(client, picture=" ~/cat.jpg ", mood="sleepy", length="10", stranger="x")
        bare = await prompted(client, picture="https://pictures.example/cat.jpg")
        text = await guide(client)

    assert whole.startswith(
        "Animate this picture with the animate_image tool: ~/cat.jpg\nWhat I have in mind: sleepy\nLength: 10\n"
    )
    assert "What I have in mind: a small movement" in bare
    assert "Length: what suits the movement" in bare
    for told in (whole, bare):
        assert "call animate_image once" in told
        assert told.endswith(text)
        assert "stranger" not in told


@ERAS
@pytest.mark.parametrize("arguments", [{}, {"picture": " "}, {"mood": "sleepy"}])
async def test_a_prompt_without_a_picture_is_told_what_is_missing(
    era: Literal["auto", "legacy"], arguments: dict[str, str]
) -> None:
    async with client_in(era) as client:
        with pytest.raises(MCPError, match="picture is missing") as caught:
            await prompted(client, **arguments)

    assert caught.value.error.code == INVALID_PARAMS
