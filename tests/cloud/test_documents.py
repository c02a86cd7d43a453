"""Documents that need no key: where we look for them, and what stops us."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from atlascloud_video_mcp.cloud.documents import Document, Documents, Unreadable
from atlascloud_video_mcp.text import Mask
from kit import CANARY, HASTY, cloud_at
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from atlascloud_video_mcp.cloud.api import Cloud

API = "https://api.atlascloud.ai/api/v1"
SCHEMA = "https://static.atlascloud.ai/model/schema/a.json"


@pytest.fixture
async def cloud(base_url: str) -> AsyncGenerator[Cloud, None]:
    async with cloud_at(base_url) as cloud:
        yield cloud


async def read(cloud: Cloud, url: str, known: str | None = None, largest: int = 1_000_000) -> Document | None:
    return await cloud.documents.get(url, known=known, largest=largest)


async def answer(handler: Callable[[httpx.Request], httpx.Response], url: str, api: str = API) -> bytes:
    """What a reader of this API gets from servers that answer like this."""
    headers = {"User-Agent": "test"}
    async with httpx.AsyncClient(base_url=api, headers=headers, transport=httpx.MockTransport(handler)) as http:
        document = await Documents(http, HASTY, Mask(None)).get(url, known=None, largest=100)
    return document.content if document else b""


async def test_a_document_is_read_without_the_key(sandbox: Sandbox, cloud: Cloud) -> None:
    document = await read(cloud, f"{cloud.base_url}/models")

    assert document
    assert b"hailuo" in document.content
    assert [request.headers.get("authorization") for request in sandbox.received] == [None]


async def test_a_document_that_is_at_hand_is_not_sent_again(cloud: Cloud) -> None:
    first = await read(cloud, f"{cloud.base_url}/models")
    assert first
    assert first.validator

    assert await read(cloud, f"{cloud.base_url}/models", known=first.validator) is None


@pytest.mark.parametrize(
    ("known", "header"), [('"abc"', "if-none-match"), ('W/"abc"', "if-none-match"), ("Tue, 1", "if-modified-since")]
)
async def test_the_server_is_asked_by_the_name_it_gave_the_version(
    sandbox: Sandbox, cloud: Cloud, known: str, header: str
) -> None:
    await read(cloud, f"{cloud.base_url}/models", known=known)

    assert sandbox.received[0].headers[header] == known


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_passing_fault_is_tried_once_more(sandbox: Sandbox, cloud: Cloud, status: int) -> None:
    sandbox.script(Fault(endpoint="models", action="status", status=status))
    assert await read(cloud, f"{cloud.base_url}/models")

    sandbox.script(Fault(endpoint="models", action="status", status=status, times=2))
    with pytest.raises(Unreadable, match=f"is answered with status {status}"):
        await read(cloud, f"{cloud.base_url}/models")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(endpoint="models", action="status", status=404, times=9), "is answered with status 404"),
        (Fault(endpoint="models", action="reset_before", times=9), "cannot be reached"),
        (Fault(endpoint="models", action="truncate", times=9), "cannot be reached"),
        (Fault(endpoint="models", action="status", status=302, times=9), "is answered with status 302"),
    ],
    ids=lambda value: value.action if isinstance(value, Fault) else "",
)
async def test_a_document_that_cannot_be_had_is_told_in_a_few_words(
    sandbox: Sandbox, cloud: Cloud, fault: Fault, said: str
) -> None:
    sandbox.script(fault)

    with pytest.raises(Unreadable, match=said):
        await read(cloud, f"{cloud.base_url}/models")


async def test_a_document_above_the_limit_is_not_read_to_its_end(cloud: Cloud) -> None:
    with pytest.raises(Unreadable, match=r"is larger than 0\.001 MB"):
        await read(cloud, f"{cloud.base_url}/models", largest=1000)


async def test_a_redirect_on_the_list_of_hosts_is_followed_without_the_key(sandbox: Sandbox, cloud: Cloud) -> None:
    there = {"Location": f"{cloud.base_url}/models?page=1"}
    sandbox.script(Fault(endpoint="models", action="status", status=302, headers=there))

    document = await read(cloud, f"{cloud.base_url}/models")

    assert document
    assert CANARY.encode() not in document.content
    assert [request.headers.get("authorization") for request in sandbox.received] == [None, None]


async def test_redirects_without_end_are_not_followed_for_ever(sandbox: Sandbox, cloud: Cloud) -> None:
    here = {"Location": f"{cloud.base_url}/models"}
    sandbox.script(Fault(endpoint="models", action="status", status=302, headers=here, times=99))

    with pytest.raises(Unreadable, match="redirected more than 5 times"):
        await read(cloud, f"{cloud.base_url}/models")
    assert len(sandbox.received) == 6


@pytest.mark.parametrize(
    "url", [SCHEMA, "https://x.y.atlascloud.ai/a.json", f"{API}/models", "https://atlascloud.ai/a"]
)
async def test_the_vendors_hosts_are_asked(url: str) -> None:
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append((str(request.url), request.headers.get("authorization")))
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    assert await answer(handler, url) == b"{}"
    assert asked == [(url, None)]


@pytest.mark.parametrize(
    "url",
    [
        "http://static.atlascloud.ai/a.json",
        "https://atlascloud.ai.evil.example/a.json",
        "https://evilatlascloud.ai/a.json",
        "https://static.atlascloud.ai@evil.example/a.json",
        "https://api.atlascloud.ai:8443/a.json",
        "https://user:secret@static.atlascloud.ai/a.json",
        "https://127.0.0.1/a.json",
        "http://127.0.0.1:8080/a.json",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "ftp://static.atlascloud.ai/a.json",
        "/relative.json",
        "https://[broken/a.json",
        "",
    ],
)
async def test_no_other_host_is_asked_directly_or_by_redirect(url: str) -> None:
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"Location": url})

    with pytest.raises(Unreadable):
        await answer(handler, url)
    assert asked == []
    if url.startswith(("http", "ftp", "file")):
        with pytest.raises(Unreadable):
            await answer(handler, SCHEMA)
        assert asked == [SCHEMA]


async def test_this_machine_is_asked_only_where_the_api_itself_is_on_it() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(str(request.url.port).encode()))

    assert await answer(handler, "http://localhost:88/a", api="http://127.0.0.1:88/api/v1") == b"88"
    with pytest.raises(Unreadable, match="only https"):
        await answer(handler, "http://localhost:99/a", api="http://127.0.0.1:88/api/v1")
    with pytest.raises(Unreadable, match="only https"):
        await answer(handler, "http://localhost:99/a", api="https://proxy.example/api/v1")
    assert await answer(handler, "https://proxy.example/a", api="https://proxy.example/api/v1") == b"None"


async def test_a_date_names_a_version_where_there_is_no_tag() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"Last-Modified": "Tue, 1 Jan 2030 00:00:00 GMT"}, stream=httpx.ByteStream(b"{}")
        )

    async with httpx.AsyncClient(base_url=API, transport=httpx.MockTransport(handler)) as http:
        document = await Documents(http, HASTY, Mask(None)).get(SCHEMA, known=None, largest=100)

    assert document == Document(b"{}", "Tue, 1 Jan 2030 00:00:00 GMT")
