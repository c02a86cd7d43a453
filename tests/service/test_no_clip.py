"""Done, by the API's word, without a clip: running for a minute, then failed, never final, never paid anew.

Fact: a completed record can have no output for a while, or none at all (facts of the API, section 4).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client

from atlascloud_video_mcp.cloud.reports import Report, Status
from atlascloud_video_mcp.errors import OverBudget
from atlascloud_video_mcp.journal import Journal
from atlascloud_video_mcp.server.server import build_server
from kit import REMOTE, STANDARD, animate, look, polls, requests_to, service_at, text_of
from scripted_sandbox import Fault, Sandbox, Style

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atlascloud_video_mcp.service.results import Prediction
    from atlascloud_video_mcp.service.service import VideoService

NOW = 0.0
FIRST_SEEN = timedelta(seconds=61)
CLIP = "https://x.example/clip.mp4"


@pytest.fixture
def sandbox() -> Sandbox:
    """An account whose records name their clip, and their price, only at the third look after the end."""
    style = Style(clip_after=2, price_after=2, no_price="zero", nsfw=True)
    return Sandbox(seconds=3600, short_side=64, style=style)


@pytest.fixture
def base_url(sandbox: Sandbox) -> Iterator[str]:
    with sandbox.running() as url:
        yield url


async def animated(service: VideoService, take: int = 1) -> Prediction:
    return await animate(service, REMOTE, take=take, deadline=NOW)


async def looked_at(service: VideoService, prediction_id: str) -> Prediction:
    return await look(service, prediction_id, deadline=NOW)


async def a_minute_passes(directory: Path, prediction_id: str) -> None:
    """Let the record have been seen without a clip that much earlier, by a process that has ended."""
    async with Journal(directory) as journal:
        entry = await journal.submission_of(prediction_id)
        assert entry
        assert entry.report
        since = datetime.now(UTC) - FIRST_SEEN
        await journal.set_report(prediction_id, entry.report.model_copy(update={"no_clip_since": since}))


async def missing(sandbox: Sandbox, base_url: str, directory: Path) -> str:
    """The id of a prediction that was done more than a minute ago, and named no clip at the one look since."""
    async with service_at(base_url, directory=directory) as service:
        made = await animated(service)
        sandbox.finish(made.prediction_id)
        seen = await looked_at(service, made.prediction_id)
    assert (seen.status, seen.provider_status, seen.video_url) == ("processing", "completed", None)
    await a_minute_passes(directory, made.prediction_id)
    return made.prediction_id


async def test_the_same_call_is_given_it_looks_again_and_gets_the_clip_when_it_appears(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    known = await missing(sandbox, base_url, tmp_path)

    async with service_at(base_url, directory=tmp_path) as service:
        before = polls(sandbox)
        failed = await animated(service)
        looks = polls(sandbox) - before
        clip = await animated(service)
        again = await animated(service)

    assert (failed.prediction_id, failed.status, failed.reused, looks) == (known, "failed", True, 1)
    assert "names no clip; has_nsfw_contents is true. It may be charged" in str(failed.error)
    assert (clip.prediction_id, clip.status) == (known, "completed")
    assert again.video_url == clip.video_url is not None
    assert len(sandbox.submissions) == 1


async def test_another_take_is_another_clip_and_both_count_in_the_budget(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    known = await missing(sandbox, base_url, tmp_path)

    async with service_at(base_url, directory=tmp_path, budget="0.80") as service:
        other = await animated(service, take=2)
        money = await service.get_balance()
        with pytest.raises(OverBudget):
            await animated(service, take=3)

    assert other.prediction_id != known
    assert money.spent_24h_usd == 0.60
    assert len(sandbox.submissions) == 2


async def test_it_is_looked_at_again_by_its_id_and_told_in_the_list(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    known = await missing(sandbox, base_url, tmp_path)

    async with service_at(base_url, directory=tmp_path) as service:
        listed = await service.list_predictions(status=Status.FAILED)
        failed, clip = await looked_at(service, known), await looked_at(service, known)

    assert [each.prediction_id for each in listed.predictions] == [known]
    assert "may be charged" in str(listed.predictions[0].error)
    assert (failed.status, failed.cost_usd) == ("failed", 0.30)
    assert (clip.status, clip.cost_usd) == ("completed", 0.30)


async def test_a_history_that_names_the_clip_is_believed(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    known = await missing(sandbox, base_url, tmp_path)
    row = {"ID": known, "status": "completed", "result": {"outputs": [CLIP], "completed_at": "2026-11-28T09:14:41Z"}}
    body = json.dumps({"code": "200", "data": {"items": [row]}})
    sandbox.script(Fault(endpoint="history", action="status", status=200, body=body))

    async with service_at(base_url, directory=tmp_path) as service:
        listed = await service.list_predictions()
        remembered = await service.recall(known)

    assert [each.video_url for each in (*listed.predictions, remembered)] == [CLIP, CLIP]


async def test_the_minute_goes_on_when_others_look_at_it(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    """Whoever asks for the balance has what nobody watches any more looked at."""
    known = await missing(sandbox, base_url, tmp_path)

    async with service_at(base_url, directory=tmp_path) as service:
        await service.get_balance()
        async with Journal(tmp_path) as journal:
            entry = await journal.submission_of(known)

    assert entry
    assert entry.report
    assert entry.report.clip_missing
    assert requests_to(sandbox, "prediction") == 2


async def test_a_clip_that_is_named_late_teaches_no_duration(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    known = await missing(sandbox, base_url, tmp_path)

    async with service_at(base_url, directory=tmp_path) as service:
        for _ in range(2):
            seen = await looked_at(service, known)
    async with Journal(tmp_path) as journal:
        assert await journal.durations(STANDARD, None) == []

    assert seen.status == "completed"


def test_the_minute_counts_from_when_it_was_first_seen_whatever_came_between() -> None:
    def report(word: str, **fields: Any) -> Report:  # noqa: ANN401 - JSON
        return Report.model_validate({"id": "p", "status": word, "outputs": []} | fields)

    begun = datetime(2026, 1, 1, tzinfo=UTC)
    seen = report("completed", price=0).after(None, begun)
    between = report("pending").after(seen, begun + timedelta(seconds=30))
    given_up = report("completed").after(between, begun + timedelta(seconds=60))

    assert [each.status for each in (seen, between, given_up)] == ["processing", "processing", "failed"]
    assert given_up.after(None, begun + timedelta(days=1)).no_clip_since == begun
    # A price of zero was none: it is not what a later look that names none means.
    assert report("completed", outputs=[CLIP]).after(given_up, begun).cost_usd is None
    assert given_up.cost(Decimal("0.28")) == Decimal("0.28")


async def test_who_looks_at_it_with_the_tool_is_told_what_it_may_cost_and_to_look_again(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    prediction_id = await missing(sandbox, base_url, tmp_path)
    async with Client(build_server(lambda: service_at(base_url, directory=tmp_path))) as client:
        told = await client.call_tool("get_prediction", {"prediction_id": prediction_id, "wait_seconds": 0})

    assert told.structured_content
    assert told.structured_content["status"] == "failed"
    for said in (told.structured_content["next_step"], text_of(told)):
        assert "It may have been charged, and may still name its clip; do not submit again." in said
        assert f"get_prediction with prediction_id {prediction_id}" in said
