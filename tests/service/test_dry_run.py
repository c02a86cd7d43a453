"""A dry run tells what would be sent and paid, and sends nothing but the question for the price."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
import jsonschema
import pytest
from mcp import Client
from PIL import Image

from atlascloud_video_mcp.errors import InvalidInput, InvalidPicture, KeyRejected, SubmissionUnknown
from atlascloud_video_mcp.media.pictures import Fit
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.service.results import DryRun
from kit import REMOTE, ROCKET, STANDARD, TINY, animate, rehearse, service_at, text_of, until
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from atlascloud_video_mcp.service.service import VideoService

NOW = 0.0


async def rehearsed(service: VideoService, image: str = REMOTE, **arguments: Any) -> DryRun:  # noqa: ANN401 - of animate_image
    result = await rehearse(service, image, **arguments)
    assert isinstance(result, DryRun)
    return result


def sent(sandbox: Sandbox) -> list[str]:
    return [request.endpoint for request in sandbox.received]


def notes_of(told: DryRun) -> str:
    return " ".join(told.notes or ())


async def test_a_dry_run_shows_just_what_would_be_sent_and_its_price(sandbox: Sandbox, base_url: str) -> None:
    wanted: dict[str, Any] = {"prompt": "wind", "duration": 10, "enable_prompt_expansion": True}
    async with service_at(base_url, sandbox=False) as service:
        told = await rehearsed(service, **wanted)
        assert sent(sandbox) == ["calculate"]
        assert sandbox.received[0].body == told.request
        await animate(service, REMOTE, deadline=NOW, **wanted)

    assert sandbox.submissions == [told.request]
    assert told == DryRun(
        status="dry_run",
        take=1,
        sandbox=False,
        request={"model": STANDARD, "image": REMOTE, **wanted},
        cost_usd=0.5,
        model=STANDARD,
        prompt="wind",
        duration=10,
        image_url=REMOTE,
    )


async def test_a_local_picture_is_checked_and_not_uploaded(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url, sandbox=False) as service:
        told = await rehearsed(service, ROCKET)
        assert sent(sandbox) == ["calculate"]
        await animate(service, ROCKET, deadline=NOW)
        again = await rehearsed(service, ROCKET, take=2)

    assert told.request == {"model": STANDARD, "image": "(upload of rocket.jpg)"}
    assert told.image_url is None
    assert told.cost_usd == 0.3
    assert "its URL then stands where (upload of rocket.jpg) stands" in notes_of(told)
    # the same bytes lie there already
    assert again.request == sandbox.submissions[0]
    assert again.image_url == sandbox.submissions[0]["image"]
    assert again.notes is None


async def test_what_would_be_refused_is_refused_and_nothing_is_sent(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url) as service:
        with pytest.raises(InvalidPicture, match="300 px"):
            await rehearsed(service, TINY)
        with pytest.raises(InvalidInput, match="6 or 10 seconds"):
            await rehearsed(service, duration=7)
        with pytest.raises(InvalidInput):
            await rehearsed(service, save_to="clips")
        assert sandbox.received == []
        await rehearsed(service, save_to=str(tmp_path / "clips"))
    async with service_at(base_url, key=None) as service:
        with pytest.raises(KeyRejected):
            await rehearsed(service)

    assert sent(sandbox) == ["calculate"]
    assert not (tmp_path / "clips").exists()


async def test_what_would_be_changed_in_the_picture_is_told(base_url: str, tmp_path: Path) -> None:
    Image.linear_gradient("L").resize((400, 400)).save(tmp_path / "cat.webp")

    async with service_at(base_url) as service:
        told = await rehearsed(service, str(tmp_path / "cat.webp"))

    assert "WebP" in notes_of(told)


async def test_a_dry_run_says_what_the_budget_would_do(base_url: str) -> None:
    async with service_at(base_url, budget="0.70") as service:
        before = await rehearsed(service, prompt="one")
        await animate(service, REMOTE, prompt="two", deadline=NOW)
        after = await rehearsed(service, prompt="one", duration=10)
        fits = await rehearsed(service, prompt="one")

    assert "The budget allows it: $0.70 of $0.70 for 24 hours are left before it." in notes_of(before)
    assert "The budget would refuse it. Nothing was sent or paid. It costs $0.50, and $0.30 of the $0.70" in notes_of(
        after
    )
    assert after.cost_usd == 0.5
    assert "$0.40 of $0.70" in notes_of(fits)


async def test_a_dry_run_says_that_a_budget_refuses_all_without_a_journal(base_url: str, tmp_path: Path) -> None:
    (tmp_path / "state").touch()

    async with service_at(base_url, directory=tmp_path / "state", budget="5") as service:
        told = await rehearsed(service)

    assert "It would be refused. Nothing was sent or paid. ATLASCLOUD_BUDGET_USD is set" in notes_of(told)


@pytest.mark.parametrize("budget", [None, "5"])
async def test_a_dry_run_says_that_no_price_could_be_had(sandbox: Sandbox, base_url: str, budget: str | None) -> None:
    sandbox.script(Fault(endpoint="calculate", action="status", status=404))

    async with service_at(base_url, budget=budget) as service:
        told = await rehearsed(service)

    assert told.cost_usd is None
    assert "No price could be had: Atlas Cloud refused the request" in notes_of(told)
    assert ("without a price nothing is submitted" in notes_of(told)) is (budget is not None)


async def test_an_estimate_is_called_one(sandbox: Sandbox, base_url: str) -> None:
    body = '{"data": {"price": "0.28", "estimated": true}}'
    sandbox.script(Fault(endpoint="calculate", action="status", status=200, body=body))

    async with service_at(base_url) as service:
        assert "an estimate" in notes_of(await rehearsed(service))


async def test_a_dry_run_says_whom_the_call_would_join(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    async with service_at(base_url, directory=tmp_path, budget="0.30") as service:
        made = await animate(service, ROCKET, deadline=NOW)
        joining = await rehearsed(service, ROCKET)
        another = await rehearsed(service, ROCKET, take=2)

    assert joining.reused is True
    assert joining.prediction_id is None
    assert f"(prediction {made.prediction_id}): this call would be given that one and cost nothing" in notes_of(joining)
    assert "Another variation, which is paid, would be take 2." in notes_of(joining)
    assert "budget" not in notes_of(joining)
    assert (another.reused, another.take) == (None, 2)
    assert "made at" not in notes_of(another)
    assert "The budget would refuse it." in notes_of(another)
    assert len(sandbox.submissions) == 1


async def test_a_dry_run_knows_of_a_request_on_its_way_and_of_one_that_was_lost(
    sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(
        Fault(endpoint="generate", action="reset_before"), Fault(endpoint="upload", action="delay", seconds=9)
    )

    async with service_at(base_url) as service:
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, deadline=NOW)
        lost = await rehearsed(service)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(animate, service, ROCKET)
            await until(lambda: "upload" in sent(sandbox))
            coming = await rehearsed(service, ROCKET)
            tasks.cancel_scope.cancel()

    assert f"was sent at {datetime.now(UTC):%Y-%m-%d}" in notes_of(lost)
    assert "this call would look for it and cost nothing. Take 2 would be submitted and paid." in notes_of(lost)
    assert "(on its way): this call would be given that one and cost nothing" in notes_of(coming)


@pytest.mark.parametrize("priced", [True, False])
async def test_the_text_and_the_data_of_a_dry_run_both_say_everything(
    sandbox: Sandbox, base_url: str, *, priced: bool
) -> None:
    if not priced:
        sandbox.script(Fault(endpoint="calculate", action="status", status=404))
    arguments = {"image": ROCKET, "prompt": "wind über alles", "dry_run": "true", "wait_seconds": 60}
    async with Client(build_server(lambda: service_at(base_url, budget="5"), at_least=60)) as client:
        result = await client.call_tool("animate_image", arguments)
        schema = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}["animate_image"]

    data, text = result.structured_content, text_of(result)
    assert schema is not None
    assert data is not None
    jsonschema.validate(data, schema)
    assert not result.is_error
    assert data["status"] == "dry_run"
    # What is always so of a dry run, or never, is no news.
    absent = {"prediction_id", "provider_status", "elapsed_seconds", "outputs", "reused", "video_url"}
    assert not absent & set(data)
    assert data["notes"][0] == "Dry run: nothing was uploaded, submitted or paid."
    assert "without dry_run" in data["next_step"]
    assert json.dumps(data["request"], ensure_ascii=False) in text
    assert data["next_step"] in text
    assert all(note in text for note in data["notes"])
    assert ("for $0.30:" if priced else "at a price not known:") in text
    assert data.get("cost_usd") == (0.3 if priced else None)
    assert "nothing was uploaded, submitted or paid" in text
    assert "in the built-in sandbox nothing is paid" in " ".join(data["notes"])


async def test_fit_is_tried_in_a_dry_run_and_makes_another_request(sandbox: Sandbox, base_url: str) -> None:
    wide = "data:;base64," + base64.b64encode(wide_png()).decode()
    async with service_at(base_url) as service:
        with pytest.raises(InvalidPicture, match='fit "crop"'):
            await rehearsed(service, wide)
        with pytest.raises(InvalidInput, match="fit is for pictures that are uploaded"):
            await rehearsed(service, REMOTE, fit=Fit.PAD)
        notes = [" ".join((await rehearsed(service, wide, fit=fit)).notes or ()) for fit in (Fit.PAD, Fit.CROP)]
    assert "Padded with black from 1000 x 320 to 1000 x 401 px" in notes[0]
    assert "Cropped to its middle from 1000 x 320 to 799 x 320 px" in notes[1]
    assert sandbox.submissions == []


def wide_png() -> bytes:
    out = io.BytesIO()
    Image.new("L", (1000, 320)).save(out, "PNG")
    return out.getvalue()
