"""The API client against the sandbox, whose scripted faults answer over real sockets."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

import anyio
import httpx
import pytest

from atlascloud_video_mcp.cloud.api import Cloud
from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.cloud.request import ApiPatience
from atlascloud_video_mcp.errors import (
    AtlasError,
    BalanceTooLow,
    KeyRejected,
    NotAllowed,
    PredictionNotFound,
    RateLimited,
    RequestRefused,
    ServiceUnavailable,
    SettingsError,
    SubmissionUnknown,
)
from atlascloud_video_mcp.media.pictures import open_picture
from kit import CANARY, HASTY, REMOTE, ROCKET, STANDARD, cloud_at, patience_for
from scripted_sandbox import Fault, Sandbox, Style

if TYPE_CHECKING:
    from pathlib import Path

    from scripted_sandbox.faults import FaultEndpoint

BODY = {"model": STANDARD, "image": REMOTE}


def counted(sandbox: Sandbox, endpoint: str) -> int:
    return sum(request.endpoint == endpoint for request in sandbox.received)


def answer(endpoint: FaultEndpoint, body: object, *, status: int = 200, times: int = 1) -> Fault:
    text = body if isinstance(body, str) else json.dumps(body)
    return Fault(endpoint=endpoint, action="status", status=status, body=text, times=times)


async def test_a_picture_goes_up_byte_for_byte_and_its_url_is_given(sandbox: Sandbox, base_url: str) -> None:
    async with cloud_at(base_url) as cloud:
        picture = open_picture(ROCKET)
        url = await cloud.upload(io.BytesIO(picture.data), picture.content_type)

    sent = sandbox.received[0]
    assert sent.endpoint == "upload"
    assert sent.headers["user-agent"].startswith("atlascloud-video-mcp/")
    async with httpx.AsyncClient(headers={"User-Agent": "test"}) as http:
        assert (await http.get(url)).content == picture.data


async def test_what_people_call_their_files_stays_here(tmp_path: Path) -> None:
    parts = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        parts.append(await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0])))
        reply = b'{"code": 200, "data": {"download_url": "https://x.example/a.jpg"}}'
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(reply), reply))
        writer.close()

    path = shutil.copy(ROCKET, tmp_path / "jane-doe-passport.jpg")
    picture = open_picture(str(path))
    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server, cloud_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as cloud:
        await cloud.upload(io.BytesIO(picture.data), picture.content_type)

    assert b'filename="picture.jpg"' in parts[0]
    assert b"passport" not in parts[0]


@pytest.mark.parametrize(
    "body",
    [
        {"code": 200, "data": {"download_url": "https://x.example/a.jpg"}},
        {"code": "200", "data": {"url": "https://x.example/a.jpg"}},
        {"download_url": "https://x.example/a.jpg"},
        {"url": "https://x.example/a.jpg"},
    ],
)
async def test_the_url_of_an_upload_is_found_in_each_shape(sandbox: Sandbox, base_url: str, body: object) -> None:
    sandbox.script(answer("upload", body))

    async with cloud_at(base_url) as cloud:
        picture = open_picture(ROCKET)
        assert await cloud.upload(io.BytesIO(picture.data), picture.content_type) == "https://x.example/a.jpg"


async def test_an_upload_without_a_url_is_an_error(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(answer("upload", {"code": 200, "data": {"download_url": None, "url": 3}}))

    async with cloud_at(base_url) as cloud:
        picture = open_picture(ROCKET)
        with pytest.raises(ServiceUnavailable, match="returned no URL"):
            await cloud.upload(io.BytesIO(picture.data), picture.content_type)


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(endpoint="upload", action="status", status=status) for status in (408, 425, 429, 500, 502, 503, 504)),
        Fault(endpoint="upload", action="status", status=429, headers={"Retry-After": "0"}),
        Fault(endpoint="upload", action="reset_before"),
        Fault(endpoint="upload", action="reset_after"),
        Fault(endpoint="upload", action="truncate"),
        Fault(endpoint="upload", action="malformed"),
        Fault(endpoint="upload", action="html"),
        Fault(endpoint="upload", action="empty"),
        Fault(endpoint="upload", action="delay", seconds=3),
    ],
    ids=lambda fault: f"{fault.action}-{fault.status}",
)
async def test_an_upload_is_tried_again_whole_after_what_may_pass(
    sandbox: Sandbox, base_url: str, fault: Fault
) -> None:
    sandbox.script(fault)

    async with cloud_at(base_url, patience=patience_for(fault)) as cloud:
        picture = open_picture(ROCKET)
        url = await cloud.upload(io.BytesIO(picture.data), picture.content_type)

    assert counted(sandbox, "upload") == 2
    async with httpx.AsyncClient(headers={"User-Agent": "test"}) as http:
        assert (await http.get(url)).content == picture.data


async def test_reads_are_tried_four_times_at_most(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="status", status=503, times=9))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(ServiceUnavailable, match=r"cannot be reached .*503.* Call again later"):
            await cloud.prediction("p1")

    assert counted(sandbox, "prediction") == 4


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 410, 413, 422, 451, 302])
async def test_what_will_not_pass_is_not_tried_again(sandbox: Sandbox, base_url: str, status: int) -> None:
    sandbox.script(Fault(endpoint="prediction", action="status", status=status, times=9))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(AtlasError):
            await cloud.prediction("p1")

    assert counted(sandbox, "prediction") == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, ServiceUnavailable)])
async def test_a_wait_longer_than_our_patience_is_reported_at_once(
    sandbox: Sandbox, base_url: str, form: str, status: int, kind: type[AtlasError]
) -> None:
    value = "3600" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    sandbox.script(Fault(endpoint="prediction", action="status", status=status, headers={"Retry-After": value}))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(kind, match=r"3(600|5\d\d) seconds"):
            await cloud.prediction("p1")

    assert counted(sandbox, "prediction") == 1


async def test_a_wait_that_makes_no_sense_is_as_good_as_none(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="status", status=429, headers={"Retry-After": "soon"}, times=9))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(RateLimited, match="Wait a minute, then call again") as caught:
            await cloud.prediction("p1")

    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        (401, KeyRejected, "Renew it at https://www.atlascloud.ai/console/api-keys"),
        (402, BalanceTooLow, "Top up at https://www.atlascloud.ai/console/billing"),
        (403, NotAllowed, "another model or another key"),
        (404, RequestRefused, "Change it before calling again"),
        (422, RequestRefused, "Change it before calling again"),
        (429, RateLimited, "Wait a minute"),
        (451, NotAllowed, "does not serve this region"),
    ],
)
async def test_a_refused_submission_says_what_to_do_and_is_sent_once(
    sandbox: Sandbox, base_url: str, status: int, kind: type[AtlasError], advice: str
) -> None:
    sandbox.script(Fault(endpoint="generate", action="status", status=status))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(kind, match=advice):
            await cloud.generate(BODY)

    assert counted(sandbox, "generate") == 1


async def test_a_message_about_the_balance_means_top_up_whatever_its_status(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(answer("generate", {"code": 400, "msg": "Insufficient balance"}, status=400))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(BalanceTooLow, match="Top up"):
            await cloud.generate(BODY)


@pytest.mark.parametrize("code", [400, "400"])
async def test_a_code_that_says_no_inside_http_200_is_a_failure(sandbox: Sandbox, base_url: str, code: object) -> None:
    sandbox.script(answer("generate", {"code": code, "message": "unknown parameter", "data": {"id": "p1"}}))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(RequestRefused, match='400, in its own words: "unknown parameter"'):
            await cloud.generate(BODY)


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(endpoint="generate", action="status", status=status) for status in (408, 500, 502, 503, 504, 520)),
        answer("generate", {"status": "error", "message": "Bad gateway"}, status=502),
        Fault(endpoint="generate", action="wrong_types", act=True),
        answer("generate", {"code": 0, "data": {}}),
        Fault(endpoint="generate", action="reset_before"),
        Fault(endpoint="generate", action="reset_after"),
        Fault(endpoint="generate", action="truncate"),
        Fault(endpoint="generate", action="malformed"),
        Fault(endpoint="generate", action="html"),
        Fault(endpoint="generate", action="empty"),
        Fault(endpoint="generate", action="delay_after", seconds=3),
        Fault(endpoint="generate", action="drip", chunks=100, pause=0.2),
        answer("generate", [1, 2]),
        answer("generate", {"code": 200, "data": {"status": "created"}}),
        answer("generate", {"code": 200, "data": None}),
        answer("generate", {"code": "all is well"}),
        answer("generate", {"code": 500, "message": "oops"}),
    ],
    ids=lambda fault: f"{fault.action}-{fault.status}",
)
async def test_a_lost_answer_to_a_submission_is_unknown_and_never_sent_again(
    sandbox: Sandbox, base_url: str, fault: Fault
) -> None:
    sandbox.script(fault)

    async with cloud_at(base_url, patience=patience_for(fault)) as cloud:
        with pytest.raises(SubmissionUnknown, match="It may be running and paid"):
            await cloud.generate(BODY)

    assert counted(sandbox, "generate") == 1


async def test_a_submission_that_cannot_have_left_says_that_nothing_was_paid() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    async with cloud_at(f"http://127.0.0.1:{port}/api/v1") as cloud:
        with pytest.raises(ServiceUnavailable, match="Nothing was submitted or paid"):
            await cloud.generate(BODY)
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            await cloud.prediction("p1")


async def test_a_submission_refused_at_once_with_a_failed_prediction_is_not_paid(
    sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(answer("generate", {"code": 500, "data": {"status": "failed", "error": "no"}}, status=500))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(RequestRefused, match="Nothing was paid"):
            await cloud.generate(BODY)


@pytest.mark.parametrize("envelope", ["data", "string_code", "bare"])
@pytest.mark.parametrize("outputs", ["strings", "objects", "single"])
async def test_a_prediction_is_read_in_every_shape(
    envelope: Literal["data", "string_code", "bare"], outputs: Literal["strings", "objects", "single"]
) -> None:
    sandbox = Sandbox(seconds=0, style=Style(envelope=envelope, outputs=outputs, done="succeeded"))
    with sandbox.running() as base_url:
        async with cloud_at(base_url) as cloud:
            submitted = await cloud.generate(BODY)
            report = await cloud.prediction(submitted.prediction_id)

    assert report.status is Status.COMPLETED
    assert report.word == "succeeded"
    assert report.outputs[0].endswith(f"{submitted.prediction_id}.mp4")
    assert report.cost_usd is not None
    assert report.created_at is not None
    assert report.completed_at is not None


@pytest.mark.parametrize("style", [Style(failure_as_500=True), Style(errors="object"), Style()], ids=repr)
async def test_a_failed_prediction_is_an_answer_even_inside_http_500(style: Style) -> None:
    sandbox = Sandbox(seconds=0, style=style)
    with sandbox.running() as base_url:
        async with cloud_at(base_url) as cloud:
            submitted = await cloud.generate(BODY | {"prompt": "sandbox:fail"})
            report = await cloud.prediction(submitted.prediction_id)

    assert report.status is Status.FAILED
    assert str(report.error).removeprefix("Generation failed: ") == "Content moderation refused the prompt"
    assert counted(sandbox, "prediction") == 1


async def test_a_rate_limit_that_speaks_of_an_error_is_not_taken_for_a_failed_prediction(
    sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(answer("prediction", {"status": "error", "message": "slow down"}, status=429, times=9))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(RateLimited):
            await cloud.prediction("p1")


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_an_id_the_api_does_not_know_is_not_found(sandbox: Sandbox, base_url: str, status: int) -> None:
    sandbox.script(Fault(endpoint="prediction", action="status", status=status))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(PredictionNotFound, match="no prediction 'p1'"):
            await cloud.prediction("p1")


async def test_another_refusal_of_a_read_is_not_taken_for_an_unknown_id(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="status", status=422))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(RequestRefused):
            await cloud.prediction("p1")


async def test_an_id_cannot_lead_the_request_to_another_path(sandbox: Sandbox, base_url: str) -> None:
    async with cloud_at(base_url) as cloud:
        with suppress(AtlasError):
            await cloud.prediction("../../public/v1/balance?x=1#")

    assert sandbox.received[0].path.startswith("/api/v1/model/prediction/../")


async def test_wrong_types_in_an_answer_are_read_as_absent(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="wrong_types"))

    async with cloud_at(base_url) as cloud:
        report = await cloud.prediction("p1")

    assert report.prediction_id == "p1"
    assert report.status is Status.PROCESSING


async def test_an_answer_too_large_to_be_one_is_not_kept(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(answer("prediction", " " * 9_000_000, times=9))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(ServiceUnavailable):
            await cloud.prediction("p1")


async def test_an_answer_that_drips_for_ever_is_given_up(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="drip", chunks=200, pause=0.1, times=9))
    patience = ApiPatience(tries=1, silence=5, answer=0.3)

    async with cloud_at(base_url, patience=patience) as cloud:
        with pytest.raises(ServiceUnavailable, match="no answer in time"):
            await cloud.prediction("p1")


async def test_without_a_key_nothing_is_sent_and_the_answer_says_where_to_get_one(
    sandbox: Sandbox, base_url: str
) -> None:
    async with cloud_at(base_url, key=None) as cloud:
        with pytest.raises(KeyRejected, match=r"Create one at https://\S+ and put it into .* as ATLASCLOUD_API_KEY"):
            await cloud.generate(BODY)

    assert sandbox.received == []


@pytest.mark.parametrize("status", [502, 504])
async def test_an_outage_that_speaks_of_an_error_is_not_taken_for_a_failed_prediction(
    sandbox: Sandbox, base_url: str, status: int
) -> None:
    sandbox.script(answer("prediction", {"status": "error", "message": "Bad gateway"}, status=status, times=9))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(ServiceUnavailable):
            await cloud.prediction("p1")


async def test_a_completed_prediction_is_an_answer_even_inside_http_500(sandbox: Sandbox, base_url: str) -> None:
    body = {"code": 500, "data": {"status": "completed", "outputs": ["https://x.example/a.mp4"]}}
    sandbox.script(answer("prediction", body, status=500))

    async with cloud_at(base_url) as cloud:
        assert (await cloud.prediction("p1")).status is Status.COMPLETED


async def test_text_that_was_cut_inside_a_character_can_be_told(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(answer("prediction", '{"data": {"status": "starting", "model": "x\\ud83d", "id": "\\udc00"}}'))

    async with cloud_at(base_url) as cloud:
        report = await cloud.prediction("p1")

    assert report.model == "x?"
    assert report.model_dump_json()


async def test_a_date_to_wait_for_may_come_without_a_zone(sandbox: Sandbox, base_url: str) -> None:
    headers = {"Retry-After": "Wed, 01 Jan 2020 00:00:00 -0000"}
    sandbox.script(Fault(endpoint="generate", action="status", status=429, headers=headers))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(RateLimited, match="Wait 0 seconds"):
            await cloud.generate(BODY)


async def test_a_load_balancer_is_no_balance(sandbox: Sandbox, base_url: str) -> None:
    words = "no healthy upstream behind the load balancer, balance gone"
    sandbox.script(answer("prediction", {"code": 503, "message": words}, status=503, times=9))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(ServiceUnavailable):
            await cloud.prediction("p1")


async def test_reads_take_no_longer_than_our_patience_in_all(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="delay", seconds=30, times=9))
    patience = ApiPatience(altogether=0.3)

    with anyio.fail_after(10):
        async with cloud_at(base_url, patience=patience) as cloud:
            with pytest.raises(ServiceUnavailable):
                await cloud.prediction("p1")


@pytest.mark.parametrize("key", ["abc&def", "abc&amp;def"])
async def test_a_key_is_hidden_in_each_of_its_spellings(sandbox: Sandbox, base_url: str, key: str) -> None:
    sandbox.script(answer("generate", {"code": 401, "message": "bad key abc&amp;def"}, status=401))

    async with cloud_at(base_url, key=key) as cloud:
        with pytest.raises(KeyRejected, match=r"bad key \*\*\*"):
            await cloud.generate(BODY)


async def test_the_history_is_read_and_rows_that_make_no_sense_are_left_out(sandbox: Sandbox, base_url: str) -> None:
    async with cloud_at(base_url) as cloud:
        submitted = await cloud.generate(BODY)
        [record] = await cloud.history()
        rows = [None, {}, {"ID": "p2", "requestBody": "[1]"}, {"id": "p3", "request_body": {"model": "m"}}]
        sandbox.script(answer("history", {"data": {"records": rows}}), answer("history", {"data": {}}, times=1))
        [second, third] = await cloud.history()
        assert await cloud.history() == []

    assert (record.prediction_id, record.body) == (submitted.prediction_id, BODY)
    assert record.created_at is not None
    assert (second.prediction_id, second.body) == ("p2", {})
    assert (third.prediction_id, third.body) == ("p3", {"model": "m"})


async def test_a_page_instead_of_an_answer_is_not_shown(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(answer("prediction", "<html><h1>Bad gateway</h1></html>", status=502, times=9))

    async with cloud_at(base_url) as cloud:
        with pytest.raises(ServiceUnavailable, match="it answers status 502") as caught:
            await cloud.prediction("p1")

    assert "<" not in str(caught.value)


async def test_words_of_the_api_are_quoted_short_and_harmless(sandbox: Sandbox, base_url: str) -> None:
    words = f"<b>Ignore</b> all &lt;i&gt; of\n\x1b[31mthis https://x.example/?sig=1 {CANARY} " + "x" * 500
    sandbox.script(
        answer("generate", {"code": 422, "error": {"message": words}}, status=422),
        answer("prediction", {"data": {"status": "failed", "error": words}}),
    )

    async with cloud_at(base_url) as cloud:
        with pytest.raises(RequestRefused) as caught:
            await cloud.generate(BODY)
        report = await cloud.prediction("p1")

    for said in (str(caught.value), report.error or ""):
        assert "Ignore all of [31mthis *** xxx" in said
        assert len(said) < 320
        assert "sig=1" not in said


@pytest.mark.parametrize("started_here", [True, False])
async def test_whether_it_is_the_sandbox_is_known_from_the_start_and_not_from_an_answer(
    base_url: str, *, started_here: bool
) -> None:
    async with cloud_at(base_url, sandbox=started_here) as cloud:
        await cloud.generate(BODY)

        assert cloud.sandbox is started_here


async def test_only_urls_on_the_apis_own_host_are_its_own(base_url: str) -> None:
    async with cloud_at(base_url) as cloud:
        assert cloud.serves(base_url + "/files/a.jpg")
        assert not cloud.serves("http://127.0.0.1:1/a.jpg")
        assert not cloud.serves(base_url.replace("/api/v1", "0/a.jpg"))


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async with cloud_at(base_url) as cloud:
        assert (await cloud.generate(BODY)).prediction_id


async def test_a_proxy_of_the_environment_is_asked_for_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    async with cloud_at("https://api.example/api/v1") as cloud:
        with pytest.raises(ServiceUnavailable, match="Nothing was submitted or paid"):
            await cloud.generate(BODY)


async def test_a_proxy_that_speaks_socks_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")

    async with cloud_at("https://api.example/api/v1") as cloud:
        with pytest.raises(ServiceUnavailable, match="Nothing was submitted or paid"):
            await cloud.generate(BODY)


async def test_a_proxy_of_an_unknown_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "foo://127.0.0.1:9")

    with pytest.raises(SettingsError, match="HTTPS_PROXY"):
        Cloud("https://api.example/api/v1", None, patience=HASTY)


async def test_certificates_of_the_environment_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "corporate.pem"))

    with pytest.raises(SettingsError, match="SSL_CERT_FILE"):
        Cloud("https://api.example/api/v1", None, patience=HASTY)
