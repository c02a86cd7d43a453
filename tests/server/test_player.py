"""The player as hosts of MCP Apps find it: its page, what it may load, and the answers that do not change for it."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

import pytest
from mcp import Client
from mcp.client import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import TextResourceContents

from atlascloud_video_mcp.server.player import PLAYER_URI
from atlascloud_video_mcp.server.server import build_server
from kit import CANARY, REMOTE, ROOT, service_at
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from mcp.types import CallToolResult

    from atlascloud_video_mcp.service.service import VideoService

ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
Era = Literal["auto", "legacy"]
UI = ROOT / "ui"
PAGE = (resources.files("atlascloud_video_mcp.server.player") / "player.html").read_text(encoding="utf-8")
REMOTE_HOSTS = ["https://*.aliyuncs.com", "https://*.atlascloud.ai", "https://*.volces.com"]
# What the sandbox would answer, with times that make the answer the same whenever it is read.
RUNNING = {"id": "p1", "status": "processing", "created_at": "2099-01-01T00:00:00Z"}
DONE = {
    "id": "p1",
    "status": "completed",
    "created_at": "2026-11-01T00:00:00Z",
    "completed_at": "2026-11-01T00:00:45Z",
    "outputs": ["https://clips.example/p1.mp4"],
}


@asynccontextmanager
async def client_of(base_url: str, *, era: Era = "auto", apps: bool = False) -> AsyncGenerator[Client, None]:
    shows = [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})] if apps else []
    async with Client(build_server(lambda: service_at(base_url), local=True), mode=era, extensions=shows) as client:
        yield client


async def page_of(client: Client) -> TextResourceContents:
    (page,) = (await client.read_resource(PLAYER_URI)).contents
    assert isinstance(page, TextResourceContents)
    return page


@ERAS
async def test_a_host_finds_the_page_by_the_tools_it_is_shown_for(base_url: str, era: Era) -> None:
    async with client_of(base_url, era=era) as client:
        tools = {tool.name: (tool.meta or {}).get("ui") for tool in (await client.list_tools()).tools}
        listed = (await client.list_resources()).resources
        page = await page_of(client)
        extensions = client.server_capabilities.extensions or {}

    shown = {"resourceUri": PLAYER_URI}
    assert {name: ui for name, ui in tools.items() if ui} == {
        "animate_image": shown | {"visibility": ["model"]},
        "get_prediction": shown,
    }
    assert (PLAYER_URI, APP_MIME_TYPE) in [(item.uri, item.mime_type) for item in listed]
    assert (page.uri, page.mime_type) == (PLAYER_URI, APP_MIME_TYPE)
    assert page.text == PAGE.replace(
        "https://clips.invalid", " ".join([*REMOTE_HOSTS, base_url.removesuffix("/api/v1")])
    )
    # The older eras have no word for extensions: there hosts go by the tools alone.
    assert (EXTENSION_ID in extensions) is (era == "auto")


async def test_hosts_that_look_for_the_page_by_the_flat_key_find_it_too(base_url: str) -> None:
    async with client_of(base_url) as client:
        metas = [tool.meta or {} for tool in (await client.list_tools()).tools]

    assert [meta["ui/resourceUri"] for meta in metas if "ui" in meta] == [PLAYER_URI] * 2
    assert not [meta for meta in metas if "ui/resourceUri" in meta and "ui" not in meta]


async def test_the_pages_own_policy_lets_it_load_what_it_declares_and_no_more(base_url: str) -> None:
    async with client_of(base_url) as client:
        page = await page_of(client)

    assert page.meta is not None
    (policy,) = [found["content"] for tag, found in Parts(page.text).found if tag == "meta" and "http-equiv" in found]
    rules = dict(rule.strip().split(" ", 1) for rule in (policy or "").split(";"))
    declared = " ".join(page.meta["ui"]["csp"]["resourceDomains"])
    assert (rules["img-src"], rules["media-src"], rules["default-src"]) == (declared, declared, "'none'")


async def test_the_page_of_a_sandbox_may_load_from_the_sandbox_itself(base_url: str) -> None:
    async with client_of(base_url) as client:
        meta = (await page_of(client)).meta

    assert meta == {
        "ui": {
            "csp": {"resourceDomains": [*REMOTE_HOSTS, base_url.removesuffix("/api/v1")]},
            "permissions": {"clipboardWrite": {}},
            "prefersBorder": True,
        }
    }


async def test_the_page_of_the_live_api_needs_no_studio_and_loads_from_its_hosts_only() -> None:
    def opened() -> AbstractAsyncContextManager[VideoService]:
        raise AssertionError("reading the page opens nothing")

    async with Client(build_server(opened)) as client:
        meta = (await page_of(client)).meta

    assert meta is not None
    assert meta["ui"]["csp"] == {"resourceDomains": REMOTE_HOSTS}


async def test_the_page_loads_from_the_further_hosts_that_clips_are_fetched_from(base_url: str) -> None:
    named = ("cdn.example", "*")
    async with Client(build_server(lambda: service_at(base_url), clip_hosts=named)) as client:
        page = await page_of(client)

    further = ["https://cdn.example", "https://*.cdn.example", "https:"]
    assert page.meta is not None
    assert page.meta["ui"]["csp"] == {"resourceDomains": [*REMOTE_HOSTS, *further]}
    assert " ".join(further) in page.text


@ERAS
@pytest.mark.parametrize(
    ("endpoint", "answer", "tool", "arguments"),
    [
        ("generate", RUNNING, "animate_image", {"image": REMOTE, "wait_seconds": 0}),
        ("generate", DONE | {"status": "failed", "error": "No."}, "animate_image", {"image": REMOTE}),
        ("prediction", DONE, "get_prediction", {"prediction_id": "p1"}),
        ("prediction", RUNNING, "get_prediction", {"prediction_id": "p1", "wait_seconds": 0}),
        ("prediction", None, "get_prediction", {"prediction_id": "p1", "wait_seconds": 0}),
    ],
)
async def test_a_client_with_apps_and_one_without_get_the_same_answer_to_the_byte(
    era: Era,
    endpoint: Literal["generate", "prediction"],
    answer: dict[str, Any] | None,
    tool: str,
    arguments: dict[str, Any],
) -> None:
    answers = []
    for apps in (True, False):
        sandbox = Sandbox(keys={CANARY}, seconds=3600)
        # The price comes beside the submission, before the answer or after it.
        sandbox.script(Fault(endpoint="calculate", action="status", status=400))
        if answer:
            sandbox.script(Fault(endpoint=endpoint, action="status", status=200, body=json.dumps(answer)))
        with sandbox.running() as base_url:
            async with client_of(base_url, era=era, apps=apps) as client:
                answers.append(bytes_of(await client.call_tool(tool, arguments)))

    assert answers[0] == answers[1]


def bytes_of(result: CallToolResult) -> str:
    """The answer as it is sent, but for the seconds since a submission of just now."""
    sent = result.model_dump_json(include={"content", "structured_content", "is_error"})
    return re.sub(r'(?<="elapsed_seconds":)[\d.]+|\d+(?= s of about)', "N", sent)


class Parts(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_is_one_small_file_that_asks_for_no_other() -> None:
    parts = Parts(PAGE).found

    assert len(PAGE.encode()) < 40_000
    assert not {"link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in parts}
    assert not [
        attributes for _, attributes in parts if {"src", "srcset", "href", "data", "poster"} & attributes.keys()
    ]
    style = PAGE.partition("<style>")[2].partition("</style>")[0]
    assert style
    assert not re.search(r"url\(|@import|@font-face", style)


def test_the_page_names_our_licence_and_holds_nothing_of_others() -> None:
    copyright_line = next(line for line in (UI.parent / "LICENSE").read_text().splitlines() if "Copyright" in line)

    assert f"{copyright_line}. MIT License." in PAGE
    # What the official client and its libraries leave in a page that is bundled with them.
    assert not [trace for trace in ("ext-apps", "zod", "jsonSchema", "~standard") if trace in PAGE]


def test_the_page_turns_no_text_into_markup_or_code() -> None:
    for sink in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
    ):
        assert sink not in PAGE
    assert not [name for _, attributes in Parts(PAGE).found for name in attributes if name.startswith("on")]


def test_the_page_calls_one_tool_and_that_one_is_free() -> None:
    assert re.findall(r'name:"(\w+)",arguments:', PAGE) == ["get_prediction"]
    for costly in ("animate_image", "upload_image", "save_video"):
        assert costly not in PAGE


def test_the_lock_file_of_the_page_pins_every_package_and_names_no_registry() -> None:
    lock = json.loads((UI / "package-lock.json").read_text(encoding="utf-8"))
    packages = [package for name, package in lock["packages"].items() if name]

    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert not [package for package in packages if "resolved" in package]


async def test_an_answer_tells_programs_how_far_it_is_and_when_to_look_again(base_url: str) -> None:
    async with client_of(base_url) as client:
        result = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0})

    meta = result.meta or {}
    assert 0 < meta["atlascloud-video/fraction"] < 1
    assert 2000 <= meta["atlascloud-video/pollIntervalMs"] <= 10_000


async def test_the_page_reads_fields_and_knows_no_sentence_of_the_server(base_url: str) -> None:
    async with client_of(base_url) as client:
        running = await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0})
        failed = await client.call_tool("animate_image", {"image": REMOTE, "prompt": "sandbox:fail"})

    answers = [result.structured_content or {} for result in (running, failed)]
    sentences = [said for answer in answers for said in (*(answer["notes"]), answer["next_step"])]
    assert len(sentences) >= 4
    assert not [said for said in sentences if said in PAGE]
    assert "atlascloud-video/fraction" in PAGE
    assert "atlascloud-video/pollIntervalMs" in PAGE
