"""A call answers before its client gives up, and what it began goes on: nothing is lost, nothing is paid twice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio
import pytest
from mcp import Client
from mcp.types import Implementation

from atlascloud_video_mcp.errors import NotAllowed, OutOfTime, SubmissionUnknown
from atlascloud_video_mcp.server.reporter import Reporter
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.service.results import Prediction, SavedVideo, Upload
from kit import REMOTE, ROCKET, animate, leave_at, look, requests_to, service_at, text_of, until
from scripted_sandbox import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from scripted_sandbox import Sandbox

NOW = 0.0


def soon() -> float:
    """Long enough for a step to begin, too short for one that the sandbox delays."""
    return anyio.current_time() + 0.4


async def test_an_upload_that_outlasts_its_call_goes_on_and_the_same_call_submits(
    sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(Fault(endpoint="upload", action="delay", seconds=5))

    async with service_at(base_url) as service:
        with pytest.raises(
            OutOfTime, match=r"Uploading rocket.jpg \(.* of \d+ kB\): no result yet\. Nothing was submitted"
        ):
            await animate(service, ROCKET, deadline=NOW, answer_by=anyio.current_time() + 2.5)
        assert sandbox.submissions == []
        clip = await animate(service, ROCKET, deadline=NOW)

    assert not clip.reused
    assert requests_to(sandbox, "upload") == 1
    assert len(sandbox.submissions) == 1


async def test_an_upload_goes_on_when_its_call_is_cancelled_and_spends_nothing(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="upload", action="delay", seconds=0.5))

    async with service_at(base_url) as service:
        await leave_at("Uploading", lambda progress: service.upload_image(ROCKET, progress=progress))
        upload = await service.upload_image(ROCKET)

    assert isinstance(upload, Upload)
    assert requests_to(sandbox, "upload") == 1
    assert sandbox.submissions == []


async def test_calls_with_the_same_picture_at_the_same_time_share_its_upload(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="upload", action="delay", seconds=0.3))
    made: list[Prediction] = []

    async with service_at(base_url) as service, anyio.create_task_group() as tasks:

        async def make(prompt: str) -> None:
            made.append(await animate(service, ROCKET, prompt=prompt, deadline=NOW))

        for number in range(4):
            tasks.start_soon(make, f"wind {number}")

    assert len({clip.prediction_id for clip in made}) == 4
    assert len({clip.image_url for clip in made}) == 1
    assert requests_to(sandbox, "upload") == 1


async def test_a_shared_upload_that_fails_is_told_to_all_and_tried_anew_by_the_next(
    sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(
        Fault(endpoint="upload", action="status", status=503, headers={"Retry-After": "1"}),
        Fault(endpoint="upload", action="status", status=403),
    )
    failures: list[Exception] = []

    async with service_at(base_url) as service, anyio.create_task_group() as tasks:

        async def upload() -> None:
            try:
                await service.upload_image(ROCKET)
            except NotAllowed as error:
                failures.append(error)

        tasks.start_soon(upload)
        tasks.start_soon(upload)
        await until(lambda: len(failures) == 2)
        await service.upload_image(ROCKET)


async def test_closing_the_studio_ends_an_upload_that_nobody_waits_for(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="upload", action="delay", seconds=3))

    with anyio.fail_after(2.5):
        async with service_at(base_url) as service:
            with pytest.raises(OutOfTime):
                await Reporter(reply_deadline=soon()).run(
                    lambda progress: service.upload_image(ROCKET, progress=progress)
                )


async def test_a_paid_request_that_outlasts_its_call_keeps_its_id_and_is_joined(
    sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(Fault(endpoint="generate", action="delay_after", seconds=1.5))

    async with service_at(base_url) as service:
        with pytest.raises(OutOfTime, match="may be running and paid; calling again joins it and does not pay twice"):
            await animate(service, REMOTE, deadline=NOW, answer_by=soon())
        clip = await animate(service, REMOTE, deadline=NOW)

    assert clip.reused
    assert [prediction_id for prediction_id, _ in sandbox.accepted] == [clip.prediction_id]


async def test_a_lost_answer_is_searched_for_after_its_call_was_answered(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(
        Fault(endpoint="generate", action="reset_after"), Fault(endpoint="history", action="delay", seconds=1)
    )

    async with service_at(base_url) as service:
        with pytest.raises(OutOfTime, match="looking for the submission in the account's history: no result yet"):
            await animate(service, REMOTE, deadline=NOW, answer_by=soon())
        await until(lambda: requests_to(sandbox, "prediction"))
        clip = await animate(service, REMOTE, deadline=NOW)

    assert clip.reused
    assert clip.notes
    assert len(sandbox.accepted) == 1


async def test_the_verdict_on_an_earlier_lost_submission_comes_before_the_time_is_up(
    sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(Fault(endpoint="generate", action="reset_before"))

    async with service_at(base_url) as service:
        for _ in range(2):
            with pytest.raises(SubmissionUnknown):
                await animate(service, REMOTE, deadline=NOW, answer_by=anyio.current_time() + 0.8)


async def test_a_look_that_outlasts_its_call_leaves_the_id_valid(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="delay", seconds=2, times=2))

    async with service_at(base_url) as service:
        with pytest.raises(OutOfTime, match=r"Looking at prediction p1: no result yet\. The prediction stays valid"):
            await look(service, "p1", deadline=NOW, answer_by=soon())


async def test_a_look_that_outlasts_its_call_is_answered_with_what_is_known(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        clip = await animate(service, REMOTE, deadline=NOW)
    sandbox.script(Fault(endpoint="prediction", action="delay", seconds=2, times=2))

    async with service_at(base_url, directory=tmp_path) as restarted:
        seen = await look(restarted, clip.prediction_id, deadline=NOW, answer_by=soon())

    assert (seen.prediction_id, seen.status) == (clip.prediction_id, "processing")


async def test_saving_that_outlasts_its_call_goes_on_and_is_found_by_the_same_call(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url) as service:
        clip = await animate(service, REMOTE, deadline=NOW)
        sandbox.finish(clip.prediction_id)
        await look(service, clip.prediction_id, deadline=math.inf)
        sandbox.script(Fault(endpoint="file", action="delay", seconds=1.5))
        with pytest.raises(OutOfTime, match=f"Saving the clip of prediction {clip.prediction_id}: no result yet"):
            await Reporter(reply_deadline=soon()).run(
                lambda progress: service.save_video(clip.prediction_id, str(tmp_path), progress=progress)
            )
        results: list[object] = []
        async with anyio.create_task_group() as tasks:

            async def save(prediction_id: str) -> None:
                results.append(await service.save_video(prediction_id, str(tmp_path)))

            tasks.start_soon(save, clip.prediction_id)
            tasks.start_soon(save, f" {clip.prediction_id}")

    assert isinstance(results[0], SavedVideo)
    assert results[0] == results[1]
    assert requests_to(sandbox, "file") == 1


async def test_a_host_of_little_patience_is_answered_while_a_picture_is_still_uploading(
    sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(Fault(endpoint="upload", action="delay", seconds=6))
    server, openai_agents = build_server(lambda: service_at(base_url)), Implementation(name="mcp", version="0.1.0")

    async with Client(server, client_info=openai_agents, read_timeout_seconds=5) as client:
        late = await client.call_tool("animate_image", {"image": ROCKET})
        made = await client.call_tool("animate_image", {"image": ROCKET})

    assert late.is_error
    assert late.structured_content is None
    assert text_of(late).endswith("Next: the same call with the same arguments; it goes on from there.")
    assert made.structured_content
    assert made.structured_content["status"] == "processing"
    assert requests_to(sandbox, "upload") == 1
