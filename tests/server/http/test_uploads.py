"""Pictures by one-use addresses, as create_upload gives them out."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import anyio
import pytest
from PIL import Image

from http_kit import ANN, BOB, ERAS, bearer, client_of, raw, ready_again, team_at
from kit import PHOTOS, requests_to, text_of
from scripted_sandbox import Fault

if TYPE_CHECKING:
    from mcp import Client

    from http_kit import Era
    from postgresql import Cluster
    from scripted_sandbox import Sandbox

PICTURE = (PHOTOS / "rocket.jpg").read_bytes()


async def address_of(client: Client, **arguments: str) -> str:
    answer = await client.call_tool("create_upload", arguments)
    told = answer.structured_content or {}
    assert f"curl -T PATH '{told['upload_url']}'" in text_of(answer)
    return str(told["upload_url"])


@ERAS
async def test_a_picture_comes_by_its_address_for_its_person_alone(
    sandbox: Sandbox, base_url: str, database_url: str, era: Era
) -> None:
    async with (
        team_at(base_url, database_url) as replica,
        client_of(replica.url, era=era, token=ANN) as ann,
        client_of(replica.url, era=era, token=BOB) as bob,
        raw(replica.url) as http,
    ):
        url = await address_of(ann)
        someone = await http.put(url, content=PICTURE, headers=bearer(BOB))
        guessed = await http.put(url, content=PICTURE, headers=bearer("guessed"))
        text = await http.put(url, content=b"this is a note, and no picture")
        empty = await http.put(url)
        sent = await http.put(url, content=PICTURE)
        again = await http.put(url, content=PICTURE, headers=bearer(ANN))
        image = sent.json()["image"]
        hers = await ann.call_tool("animate_image", {"image": image, "wait_seconds": 0})
        his = await bob.call_tool("animate_image", {"image": image, "wait_seconds": 0})

    assert url.startswith(f"{replica.url}/upload/")
    answers = [someone, guessed, text, empty, sent, again]
    assert [answer.status_code for answer in answers] == [403, 401, 422, 422, 200, 404]
    assert empty.json()["error"].startswith("The picture is empty")
    assert all(answer.json()["error"] for answer in answers if answer is not sent)
    assert re.fullmatch(r"upload://[0-9a-f]{64}", image)
    assert not hers.is_error
    assert his.is_error
    assert len(sandbox.submissions) == 1
    assert requests_to(sandbox, "upload") == 1


async def test_a_picture_of_no_usual_shape_is_fitted_as_was_asked(base_url: str, database_url: str) -> None:
    wide = io.BytesIO()
    Image.new("RGB", (2000, 400), "navy").save(wide, "PNG")
    async with (
        team_at(base_url, database_url) as replica,
        client_of(replica.url, token=ANN) as ann,
        raw(replica.url) as http,
    ):
        refused = await http.put(await address_of(ann), content=wide.getvalue())
        fitted = await http.put(await address_of(ann, fit="pad"), content=wide.getvalue())

    assert (refused.status_code, fitted.status_code) == (422, 200)
    assert fitted.json()["height"] > 400


async def test_an_address_outlasts_trouble(base_url: str, database_url: str, postgresql: Cluster) -> None:
    async with (
        team_at(base_url, database_url) as replica,
        client_of(replica.url, token=ANN) as ann,
        raw(replica.url) as http,
    ):
        url = await address_of(ann)
        postgresql.stop()
        try:
            away = await http.put(url, content=PICTURE)
        finally:
            postgresql.start()
        await ready_again(http)
        back = await http.put(url, content=PICTURE)

    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert back.status_code == 200


async def test_a_picture_that_the_api_does_not_take_may_be_sent_again(
    sandbox: Sandbox, base_url: str, database_url: str
) -> None:
    sandbox.script(Fault(endpoint="upload", action="status", status=400))
    async with (
        team_at(base_url, database_url) as replica,
        client_of(replica.url, token=ANN) as ann,
        raw(replica.url) as http,
    ):
        url = await address_of(ann)
        refused = await http.put(url, content=PICTURE)
        taken = await http.put(url, content=PICTURE)

    assert (refused.status_code, taken.status_code) == (502, 200)


async def test_half_a_picture_is_none(base_url: str, database_url: str) -> None:
    async with team_at(base_url, database_url) as replica, client_of(replica.url, token=ANN) as ann:
        url = await address_of(ann)
        host, port = replica.url.removeprefix("http://").split(":")
        path = url.removeprefix(replica.url)
        stream = await anyio.connect_tcp(host, int(port))
        head = f"PUT {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(PICTURE)}\r\n\r\n".encode()
        await stream.send(head + PICTURE[:1000])
        await stream.aclose()
        async with raw(replica.url) as http:
            whole = await http.put(url, content=PICTURE)

    assert whole.status_code == 200


@pytest.mark.parametrize("ticket", ["x", "x" * 500, "%2e%2e%2fetc"])
async def test_an_address_that_nobody_gave_out_is_not_found(base_url: str, database_url: str, ticket: str) -> None:
    async with team_at(base_url, database_url) as replica, raw(replica.url) as http:
        response = await http.put(f"/upload/{ticket}", content=PICTURE)

    assert response.status_code == 404
    assert response.json()["error"]
