"""What the client makes of each answer in `answers/`: what its file says it means.

The facts that an answer stands on are named in its file.
"""

from __future__ import annotations

import io
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from answer_files import answers
from atlascloud_video_mcp.cloud.body_fields import prompt_of
from atlascloud_video_mcp.cloud.documents import Unreadable, clip_hosts
from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import (
    AtlasError,
    BalanceTooLow,
    KeyRejected,
    NotAllowed,
    PredictionNotFound,
    RateLimited,
    RequestRefused,
    ServiceUnavailable,
    SubmissionUnknown,
)
from atlascloud_video_mcp.media.clips import CannotSave, ClipSaver
from atlascloud_video_mcp.media.pictures import open_picture
from kit import REMOTE, ROCKET, STANDARD, catalogue_of, cloud_at, requests_to
from scripted_sandbox import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from answer_files import Answer
    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.cloud.reports import Report
    from scripted_sandbox import Sandbox
    from scripted_sandbox.faults import FaultEndpoint

ID = "b0c7d5a2f41e4c53a6a1f7f1e3c29d84"
BODY = {"model": STANDARD, "image": REMOTE}
TRIES = 4
REFUSALS: dict[str, tuple[type[AtlasError], str]] = {
    "request": (RequestRefused, "Change it"),
    "model": (RequestRefused, "Change it"),
    "key": (KeyRejected, "Renew it"),
    "balance": (BalanceTooLow, "Top up"),
    "forbidden": (NotAllowed, "may not do that"),
    "size": (RequestRefused, "too large"),
    "rate": (RateLimited, "Too many requests"),
    "region": (NotAllowed, "this region"),
}


def each(endpoint: FaultEndpoint, *outcomes: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("one", answers(endpoint, *outcomes), ids=str)


def answering(sandbox: Sandbox, one: Answer, endpoint: FaultEndpoint) -> None:
    sandbox.script(Fault.answering(one, endpoint, times=TRIES))


def is_the_refusal(error: AtlasError, one: Answer) -> None:
    """Its kind and words are those of the cause, and the reason stands in it."""
    told, cause = str(error), one.meaning.get("cause")
    if cause == "guard" and one.status < 500:
        assert isinstance(error, NotAllowed | RateLimited)
        assert "guard in front of Atlas Cloud" in told
        assert "the API key is not the cause" in told
    elif cause in REFUSALS:
        kind, words = REFUSALS[cause]
        assert type(error) is kind
        assert words in told
    else:
        assert isinstance(error, ServiceUnavailable)
    assert one.meaning.get("reason", "") in told
    assert "<" not in told


def is_the_report(report: Report, one: Answer) -> None:
    """Its state and every fact are those that the file names."""
    meaning: dict[str, Any] = {"links": list(report.outputs), "nsfw": report.flagged} | one.meaning
    without_a_clip = meaning["outcome"] == "completed" and not meaning["links"]
    # Contract, section 4: done without a clip counts as processing at first.
    assert report.status == ("processing" if without_a_clip else meaning["outcome"])
    assert report.names_no_clip is without_a_clip
    assert report.prediction_id == meaning["id"]
    assert report.word == meaning.get("word", report.word)
    assert list(report.outputs) == meaning["links"]
    assert report.flagged is meaning["nsfw"]
    assert report.cost_usd == (Decimal(meaning["price"]) if "price" in meaning else None)
    if report.status is Status.FAILED:
        assert meaning.get("reason", "gives no reason") in str(report.error)
        # 1039 means moderation (facts of the API, section 7).
        assert "error_code" not in meaning or "moderation" in str(report.error)
    if "link_ends_at" in meaning:
        assert report.expires_at(None) == datetime.fromisoformat(meaning["link_ends_at"])


@each("prediction", "processing", "completed", "failed")
async def test_a_look_at_a_prediction_tells_what_the_answer_means(sandbox: Sandbox, base_url: str, one: Answer) -> None:
    answering(sandbox, one, "prediction")
    async with cloud_at(base_url) as cloud:
        is_the_report(await cloud.prediction(ID), one)


@each("generate", "processing", "completed", "failed")
async def test_a_submission_is_known_by_its_id_whatever_its_answer_looks_like(
    sandbox: Sandbox, base_url: str, one: Answer
) -> None:
    answering(sandbox, one, "generate")
    async with cloud_at(base_url) as cloud:
        is_the_report(await cloud.generate(BODY), one)


@each("prediction", "unknown")
async def test_a_prediction_that_the_api_does_not_know_is_not_found(
    sandbox: Sandbox, base_url: str, one: Answer
) -> None:
    answering(sandbox, one, "prediction")
    async with cloud_at(base_url) as cloud:
        with pytest.raises(PredictionNotFound):
            await cloud.prediction(ID)


@each("generate", "refused", "transient", "unclear")
async def test_a_submission_that_is_refused_costs_nothing_and_any_other_no_is_not_known(
    sandbox: Sandbox, base_url: str, one: Answer
) -> None:
    answering(sandbox, one, "generate")
    async with cloud_at(base_url) as cloud:
        with pytest.raises(AtlasError) as caught:
            await cloud.generate(BODY)

    if one.status < 500:
        is_the_refusal(caught.value, one)
        assert str(caught.value).endswith("Nothing was paid.")
    else:
        assert isinstance(caught.value, SubmissionUnknown)
        assert one.meaning.get("reason", "") in str(caught.value)
    assert requests_to(sandbox, "generate") == 1


async def ask(cloud: Cloud, endpoint: FaultEndpoint) -> object:
    match endpoint:
        case "prediction":
            return await cloud.prediction(ID)
        case "history":
            return await cloud.history()
        case "balance":
            return await cloud.balance()
        case _:
            picture = open_picture(ROCKET)
            return await cloud.upload(io.BytesIO(picture.data), picture.content_type)


READS: tuple[FaultEndpoint, ...] = ("prediction", "history", "balance", "upload")
NOES = [(endpoint, one) for endpoint in READS for one in answers(endpoint, "refused", "transient")]


@pytest.mark.parametrize(("endpoint", "one"), NOES, ids=str)
async def test_a_no_to_a_read_or_upload_is_told_with_its_cause_and_asked_again_where_it_may_pass(
    sandbox: Sandbox, base_url: str, endpoint: FaultEndpoint, one: Answer
) -> None:
    answering(sandbox, one, endpoint)
    async with cloud_at(base_url) as cloud:
        with pytest.raises(AtlasError) as caught:
            await ask(cloud, endpoint)

    is_the_refusal(caught.value, one)
    assert requests_to(sandbox, endpoint) == (TRIES if one.meaning["outcome"] == "transient" else 1)


@each("upload", "ok", "no_link")
async def test_an_upload_gives_a_link_or_nothing_that_could_be_taken_for_one(
    sandbox: Sandbox, base_url: str, one: Answer
) -> None:
    answering(sandbox, one, "upload")
    async with cloud_at(base_url) as cloud:
        if one.meaning["outcome"] == "ok":
            assert [await ask(cloud, "upload")] == one.meaning["links"]
        else:
            with pytest.raises(ServiceUnavailable, match="returned no URL"):
                await ask(cloud, "upload")


@each("history", "ok")
async def test_the_rows_of_a_history_are_read_with_their_times(sandbox: Sandbox, base_url: str, one: Answer) -> None:
    answering(sandbox, one, "history")
    async with cloud_at(base_url) as cloud:
        rows = await cloud.history()
        reports = [cloud.report_in(row) for row in rows]

    found = [
        {"id": row.prediction_id, "prompt": prompt_of(row.body), "created_at": row.created_at, "status": told.status}
        for row, told in zip(rows, reports, strict=True)
        if told
    ]
    wanted = [
        row | {"created_at": datetime.fromisoformat(row["created_at"]) if "created_at" in row else None}
        for row in one.meaning["rows"]
    ]
    assert found == wanted


@each("calculate")
async def test_a_quote_is_a_price_in_dollars_for_the_whole_or_says_why_there_is_none(
    sandbox: Sandbox, base_url: str, one: Answer
) -> None:
    answering(sandbox, one, "calculate")
    async with cloud_at(base_url) as cloud:
        quote = await cloud.quote(BODY)

    assert quote.price == (Decimal(one.meaning["price"]) if "price" in one.meaning else None)
    assert quote.estimated is one.meaning.get("estimated", False)
    assert one.meaning.get("reason", "") in quote.reason
    assert bool(quote.reason) is (quote.price is None)


@each("balance", "ok")
async def test_a_balance_is_an_amount_in_dollars(sandbox: Sandbox, base_url: str, one: Answer) -> None:
    answering(sandbox, one, "balance")
    async with cloud_at(base_url) as cloud:
        assert await cloud.balance() == Decimal(one.meaning["available"])


@each("models", "ok")
async def test_the_models_of_a_list_are_found(sandbox: Sandbox, base_url: str, one: Answer) -> None:
    answering(sandbox, one, "models")
    async with cloud_at(base_url) as cloud:
        listing = await catalogue_of(cloud).listing("", default=STANDARD)

    assert {offer.id for offer in listing.entries} == set(one.meaning["ids"])


@each("schema", "unknown", "refused", "transient")
async def test_a_schema_that_cannot_be_had_says_why(sandbox: Sandbox, base_url: str, one: Answer) -> None:
    answering(sandbox, one, "schema")
    async with cloud_at(base_url) as cloud:
        with pytest.raises(Unreadable, match=rf"status {one.status}"):
            await cloud.documents.get(f"{cloud.origin}/schema/x.json", known=None, largest=1000)


@each("file", "ended")
async def test_a_link_that_has_ended_is_known_as_such(
    sandbox: Sandbox, base_url: str, tmp_path: Path, one: Answer
) -> None:
    answering(sandbox, one, "file")
    async with ClipSaver(hosts=clip_hosts((), base_url)) as saver:
        with pytest.raises(CannotSave, match="its link has") as caught:
            await saver.save(
                f"{base_url.removesuffix('/api/v1')}/files/outputs/x.mp4", str(tmp_path / "x.mp4"), name="x"
            )

    assert caught.value.link_ended
