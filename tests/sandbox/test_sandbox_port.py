"""Who may use the sandbox's port, and what it gives to web pages: contract, section 10."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

import atlascloud_sandbox.account
from atlascloud_sandbox import Account
from atlascloud_sandbox.pictures import File
from kit import ROCKET
from sandbox_kit import account, order, origin, picture, poll, submit, upload
from scripted_sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_it_answers_to_its_own_names(name: str) -> None:
    with account(Sandbox()) as client:
        host = f"{name}:{client.base_url.port}"
        assert client.get("/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.:{port}", ""]
)
@pytest.mark.parametrize("path", ["/api/v1/models", "/files/uploads/{name}", "/public/v1/balance"])
def test_another_name_is_turned_away_as_after_dns_rebinding(host: str, path: str) -> None:
    with account(Sandbox()) as client:
        name = upload(client, picture()).rpartition("/")[2]
        answer = client.get(
            f"{origin(client)}{path.format(name=name)}", headers={"host": host.format(port=client.base_url.port)}
        )
    assert answer.status_code == 421
    assert "localhost" in answer.json()["msg"]


@pytest.mark.parametrize(
    "page",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"origin": "https://localhost:{port}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://localhost:{port}", "sec-fetch-site": "cross-site"},
    ],
    ids=repr,
)
def test_a_web_page_of_another_origin_gets_nothing_but_pictures_and_clips(page: dict[str, str]) -> None:
    sandbox = Sandbox(seconds=0, short_side=64)
    with account(sandbox) as client:
        url = upload(client, picture())
        [video] = poll(client, submit(client))["outputs"]
        headers = {name: value.format(port=client.base_url.port) for name, value in page.items()}
        refused = [
            client.post("/model/generateVideo", json=order(), headers=headers),
            client.post("/model/uploadMedia", files={"file": ("p.jpg", picture(), "image/jpeg")}, headers=headers),
            client.get("/models", headers=headers),
            client.get("/model/history", headers=headers),
            client.options("/model/generateVideo", headers=headers),
            client.post(url, headers=headers),
        ]
        shown = [client.get(link, headers=headers) for link in (url, video)]
    assert {answer.status_code for answer in refused} == {403}
    assert "web pages" in refused[0].json()["msg"]
    assert [answer.status_code for answer in shown] == [200, 200]
    assert len(sandbox.submissions) == 1


def test_a_program_and_a_page_of_its_own_origin_are_served() -> None:
    with account(Sandbox()) as client:
        own = {"origin": f"http://127.0.0.1:{client.base_url.port}", "sec-fetch-site": "same-origin"}
        assert client.get("/models", headers=own).status_code == 200
        assert client.get("/models", headers={"sec-fetch-site": "none"}).status_code == 200


@pytest.mark.parametrize(
    "data", [b"<html><script>alert(1)</script>", b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b""]
)
def test_an_upload_that_is_no_picture_is_not_served(data: bytes) -> None:
    with account(Sandbox()) as client:
        url = upload(client, data, "image/jpeg")
        answer = client.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")


@pytest.mark.parametrize("claimed", ["text/html", "image/svg+xml", "application/javascript"])
def test_a_picture_is_served_as_the_picture_it_is_whatever_was_said_of_it(claimed: str) -> None:
    with account(Sandbox()) as client:
        url = upload(client, picture(form="PNG"), claimed, "page.html")
        answer = client.get(url)
    assert answer.headers["content-type"] == "image/png"


def test_nothing_is_sniffed() -> None:
    with account(Sandbox(seconds=0, short_side=64)) as client:
        url = upload(client, picture())
        [video] = poll(client, submit(client))["outputs"]
        answers = [client.get(link) for link in (url, video, "/models", "/nothing")]
    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}


def test_of_what_was_uploaded_the_newest_128_megabytes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert atlascloud_sandbox.account.KEPT == 128 * 1024 * 1024
    monkeypatch.setattr(atlascloud_sandbox.account, "KEPT", 1000)
    emulated = Account()
    names = [emulated.keep(File(bytes(size), "image/png"), ".png") for size in (300, 300, 300, 500)]
    assert [emulated.upload(name) is not None for name in names] == [False, False, True, True]
    last = emulated.keep(File(bytes(1000), "image/png"), ".png")
    assert [emulated.upload(name) is not None for name in (*names, last)] == [False] * 4 + [True]


async def _ignore(progress: float, total: float | None, message: str | None) -> None:
    """Take the progress."""


async def test_the_sandbox_of_a_server_takes_the_key_of_its_own_process_only(tmp_path: Path) -> None:
    arguments = ["-m", "atlascloud_video_mcp", "--sandbox", "--speed", "1000"]
    server = StdioServerParameters(
        command=sys.executable, args=arguments, env={"ATLASCLOUD_STATE_DIR": str(tmp_path), "ATLASCLOUD_API_KEY": "k"}
    )
    with anyio.fail_after(60):
        async with Client(stdio_client(server)) as client:
            # Who shows progress waits as long as it takes.
            result = await client.call_tool("upload_image", {"image": ROCKET}, progress_callback=_ignore)
            link = (result.structured_content or {})["url"]
            [port] = re.findall(r":(\d+)/", link)
            async with httpx.AsyncClient(headers={"User-Agent": "another program"}, trust_env=False) as http:
                for key in ("k", "sandbox", "sandbox-"):
                    answer = await http.post(
                        f"http://127.0.0.1:{port}/api/v1/model/generateVideo",
                        json=order(),
                        headers={"Authorization": f"Bearer {key}"},
                    )
                    assert answer.status_code == 401
                assert (await http.get(link)).status_code == 200
