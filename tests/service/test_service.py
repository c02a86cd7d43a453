"""The use cases against the sandbox."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import anyio
import pytest

from atlascloud_video_mcp.errors import (
    AtlasError,
    InvalidInput,
    InvalidPicture,
    KeyRejected,
    PredictionNotFound,
    RateLimited,
    ServiceUnavailable,
)
from atlascloud_video_mcp.journal import VideoRequest
from atlascloud_video_mcp.server.reporter import Reporter
from atlascloud_video_mcp.service.pacing import Durations
from atlascloud_video_mcp.service.progress import Phase, Progress
from atlascloud_video_mcp.service.results import Prediction
from kit import (
    PHOTOS,
    REMOTE,
    ROCKET,
    STANDARD,
    TINY,
    animate,
    animating,
    leave_at,
    look,
    only_id,
    polls,
    service_at,
    steps_of,
    until,
)
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from atlascloud_video_mcp.service.progress import ProgressSink
    from kit import Step

NOW = 0.0
LATER = 1e12


def looks_at(sandbox: Sandbox, prediction_id: str) -> int:
    return sum(request.path.endswith(prediction_id) for request in sandbox.received)


async def test_a_picture_on_disk_becomes_a_clip(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url, sandbox=False) as service, anyio.create_task_group() as tasks:
        steps: list[Step] = []

        async def make() -> None:
            steps.extend(await steps_of(service, ROCKET, prompt="wind", duration=10, deadline=LATER))

        tasks.start_soon(make)
        await until(lambda: polls(sandbox) > 1)
        sandbox.finish(await only_id(base_url))

    clip = steps[-1].prediction
    assert isinstance(clip, Prediction)
    assert (clip.status, clip.provider_status) == ("completed", "completed")
    assert clip.video_url
    assert clip.outputs == (clip.video_url,)
    assert (clip.model, clip.prompt, clip.duration) == (STANDARD, "wind", 10)
    assert clip.image_url
    assert clip.image_url.endswith(".jpg")
    assert clip.cost_usd is not None
    assert not clip.sandbox
    assert not clip.reused
    assert clip.created_at
    assert clip.completed_at
    assert clip.expires_at
    assert (clip.expires_at - clip.created_at).days == 14
    assert clip.expected_seconds is None
    assert steps[-1].fraction == 1
    assert sandbox.submissions == [
        {"model": STANDARD, "prompt": "wind", "duration": 10, "image": clip.image_url},
    ]


async def test_each_stage_is_told_in_order_with_rising_shares_and_the_id_from_submission_on(base_url: str) -> None:
    async with service_at(base_url, durations=Durations()) as service:
        steps = await steps_of(service, ROCKET, deadline=NOW)

    told = [step.message.split(" ")[0] for step in steps]
    assert told == ["Checking", "Uploading", "Submitting", "Submitted:"]
    assert [step.fraction for step in steps] == sorted(step.fraction for step in steps)
    last = steps[-1].prediction
    assert isinstance(last, Prediction)
    assert last.status == "processing"
    assert last.prediction_id in steps[-1].message
    assert "0 s of about 46 s" in steps[-1].message
    assert last.expected_seconds == 46


async def test_an_https_url_is_passed_on_as_it_is(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        prediction = await animate(service, REMOTE, deadline=NOW)

    assert prediction.image_url == REMOTE
    assert sandbox.submissions == [{"model": STANDARD, "image": REMOTE}]
    assert {request.endpoint for request in sandbox.received} <= {"calculate", "generate"}


async def test_the_url_of_an_upload_can_be_animated(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        upload = await service.upload_image(ROCKET)
        await animate(service, upload.url, deadline=NOW)

    assert sandbox.submissions[0]["image"] == upload.url
    assert (upload.filename, upload.content_type, upload.width, upload.height) == ("rocket.jpg", "image/jpeg", 640, 427)
    assert upload.size_bytes == (PHOTOS / "rocket.jpg").stat().st_size - 30  # without its comment
    assert upload.notes == ()


async def test_an_http_url_elsewhere_is_refused(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        with pytest.raises(InvalidPicture, match="https"):
            await animate(service, "http://pictures.example/cat.jpg", deadline=NOW)

    assert sandbox.received == []


async def test_a_bad_picture_is_refused_before_anything_is_sent(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        with pytest.raises(InvalidPicture, match="300 px"):
            await animate(service, TINY, deadline=NOW)
        with pytest.raises(InvalidPicture, match="300 px"):
            await service.upload_image(TINY)

    assert sandbox.received == []


async def test_a_picture_outside_the_allowed_directories_is_refused(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, allowed_dirs=[tmp_path]) as service:
        with pytest.raises(InvalidPicture, match="outside"):
            await steps_of(service, ROCKET, deadline=NOW)

    assert sandbox.received == []


async def test_a_bad_argument_is_told_before_anything_is_sent(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        with pytest.raises(InvalidInput, match="6 or 10 seconds"):
            await animate(service, ROCKET, duration=7, deadline=NOW)

    assert sandbox.received == []


async def test_a_missing_key_is_told_before_anything_starts(base_url: str) -> None:
    async with service_at(base_url, key=None) as service:
        with pytest.raises(KeyRejected):
            await animate(service, ROCKET, deadline=NOW)
        with pytest.raises(KeyRejected):
            await service.upload_image(ROCKET)
        with pytest.raises(KeyRejected):
            await look(service, "p1", deadline=NOW)


async def test_notes_about_changes_to_the_picture_reach_the_answer(base_url: str, tmp_path: Path) -> None:
    from PIL import Image  # noqa: PLC0415 - only this test makes a picture

    path = tmp_path / "rocket.webp"
    with Image.open(ROCKET) as photograph:
        photograph.save(path)

    async with service_at(base_url) as service:
        prediction = await animate(service, str(path), deadline=NOW)

    assert prediction.notes
    assert "WebP" in prediction.notes[0]


async def test_silence_is_broken_by_a_fresh_step_every_heartbeat(base_url: str) -> None:
    async with service_at(base_url, poll_interval=30) as service:
        with anyio.fail_after(10):
            await leave_at("Submitted", animating(service, REMOTE), times=4)


async def test_looks_that_find_nothing_new_do_not_prolong_the_silence(base_url: str) -> None:
    async with service_at(base_url, poll_interval=30) as service, anyio.create_task_group() as tasks:

        async def look_all_the_time() -> None:
            prediction_id = await only_id(base_url)
            while True:
                await look(service, prediction_id, deadline=NOW)

        tasks.start_soon(look_all_the_time)
        with anyio.fail_after(10):
            # The API still says created.
            await leave_at("Submitted", animating(service, REMOTE), times=4)
        tasks.cancel_scope.cancel()


async def test_every_change_of_the_apis_word_is_a_step(sandbox: Sandbox, base_url: str) -> None:
    words = ["created", "queued", "a new word", "processing", "succeeded"]
    bodies = [f'{{"data": {{"id": "p1", "status": "{word}", "output": "https://x.example/a.mp4"}}}}' for word in words]
    submission, *looks = bodies
    sandbox.script(Fault(endpoint="generate", action="status", status=200, body=submission))
    sandbox.script(
        *(Fault(endpoint="prediction", action="status", status=200, body=look, after=i) for i, look in enumerate(looks))
    )

    async with service_at(base_url) as service:
        steps = await steps_of(service, REMOTE, deadline=LATER)

    assert [step.prediction.provider_status for step in steps if step.prediction] == words


async def test_a_failed_generation_is_a_result_with_its_reason() -> None:
    sandbox = Sandbox(seconds=0)
    with sandbox.running() as base_url:
        async with service_at(base_url) as service:
            steps = await steps_of(service, REMOTE, prompt="sandbox:fail", deadline=LATER)

    failed = steps[-1].prediction
    assert isinstance(failed, Prediction)
    assert (failed.status, failed.error) == ("failed", "Generation failed: Content moderation refused the prompt")
    assert failed.video_url is None
    assert failed.expires_at is None
    assert steps[-1].fraction < 1
    assert "Failed after 0 s" in steps[-1].message


async def test_an_answer_that_is_finished_at_once_needs_no_poll(sandbox: Sandbox, base_url: str) -> None:
    body = '{"data": {"id": "p1", "status": "completed", "outputs": ["https://x.example/a.mp4"]}}'
    sandbox.script(Fault(endpoint="generate", action="status", status=200, body=body))

    async with service_at(base_url) as service:
        clip = await animate(service, REMOTE, deadline=LATER)

    assert clip.video_url == "https://x.example/a.mp4"
    assert polls(sandbox) == 0


async def test_a_new_id_the_api_does_not_know_yet_is_waited_for(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(
        Fault(endpoint="prediction", action="status", status=404, times=2),
        Fault(endpoint="prediction", action="status", status=400, after=2),
    )

    async with service_at(base_url) as service, anyio.create_task_group() as tasks:
        clips: list[Prediction] = []

        async def make() -> None:
            clips.append(await animate(service, REMOTE, deadline=LATER))

        tasks.start_soon(make)
        await until(lambda: polls(sandbox) > 3)
        sandbox.finish(await only_id(base_url))

    assert clips[0].status == "completed"


async def test_an_id_that_was_known_and_is_gone_is_not_found(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        prediction_id = (await animate(service, REMOTE, deadline=NOW)).prediction_id
        sandbox.forget(prediction_id)

    async with service_at(base_url) as another:
        with pytest.raises(PredictionNotFound, match=prediction_id):
            await look(another, prediction_id, deadline=NOW)
        with pytest.raises(PredictionNotFound):
            await look(another, prediction_id, deadline=NOW)


@pytest.mark.parametrize("prediction_id", ["  ", ".", "..", "a b", "a\nb", "x" * 201])
async def test_what_can_be_no_id_is_refused(base_url: str, prediction_id: str) -> None:
    async with service_at(base_url) as service:
        with pytest.raises(InvalidInput, match="list_predictions shows the ids"):
            await look(service, prediction_id, deadline=NOW)


@pytest.mark.parametrize("image", ["https://", "https:///a.jpg", "https://x y.example/a.jpg", "https://x.example/\\a"])
async def test_what_can_be_no_address_is_refused(sandbox: Sandbox, base_url: str, image: str) -> None:
    async with service_at(base_url) as service:
        with pytest.raises(InvalidInput, match="not a complete https URL"):
            await animate(service, image, deadline=NOW)

    assert sandbox.received == []


async def test_an_address_in_quotes_is_understood(base_url: str) -> None:
    async with service_at(base_url) as service:
        assert (await animate(service, f' "{REMOTE}" ', deadline=NOW)).image_url == REMOTE


async def test_looking_without_waiting_takes_a_look(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url, poll_interval=3600) as service:
        prediction_id = (await animate(service, REMOTE, deadline=NOW)).prediction_id
        assert (await look(service, prediction_id, deadline=NOW)).status == "processing"
        sandbox.finish(prediction_id)
        assert (await look(service, prediction_id, deadline=NOW)).status == "completed"

    assert polls(sandbox) == 2


async def test_a_silent_api_is_told_of_while_it_is_silent(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="delay", seconds=0.15))

    async with service_at(base_url) as service:
        said = await leave_at(
            "Looking at prediction p1",
            lambda progress: service.get_prediction("p1", clip_deadline=LATER, progress=progress),
            times=3,
        )

    assert said == ["Looking at prediction p1"] * 3


@pytest.mark.parametrize("status", [402, 422, 302])
async def test_a_refused_look_is_no_refused_clip(sandbox: Sandbox, base_url: str, status: int) -> None:
    sandbox.script(Fault(endpoint="prediction", action="status", status=status))

    async with service_at(base_url) as service:
        with pytest.raises(
            AtlasError, match=r"Only this poll of prediction sandbox-\w+ failed: .* do not submit again"
        ):
            await animate(service, REMOTE, prompt="wind", deadline=LATER)
        prediction_id = await only_id(base_url)
        seen = await look(service, prediction_id, deadline=NOW)

    assert (seen.status, seen.prompt, seen.image_url) == ("processing", "wind", REMOTE)


async def test_a_look_that_was_under_way_already_does_not_answer_for_now(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="delay_after", seconds=0.3))

    async with service_at(base_url) as service:
        prediction_id = (await animate(service, REMOTE, deadline=NOW)).prediction_id
        await until(lambda: polls(sandbox) > 0)
        sandbox.finish(prediction_id)
        seen = await look(service, prediction_id, deadline=NOW)

    assert seen.status == "completed"


async def test_a_prediction_of_unknown_age_is_not_asked_after_ever_faster(sandbox: Sandbox, base_url: str) -> None:
    body = '{"id": "p1", "status": "processing"}'
    sandbox.script(Fault(endpoint="prediction", action="status", status=200, body=body, times=1000))

    async with service_at(base_url, durations=Durations()) as service:
        await look(service, "p1", deadline=anyio.current_time() + 0.5)

    assert polls(sandbox) < 5


async def test_the_watch_waits_as_long_as_the_api_asks_for(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        prediction_id = (await animate(service, REMOTE, deadline=NOW)).prediction_id
        sandbox.script(Fault(endpoint="prediction", action="status", status=429, headers={"Retry-After": "3600"}))
        with pytest.raises(RateLimited, match="Wait 3600 seconds"):
            await look(service, prediction_id, deadline=anyio.current_time() + 0.3)
        before = looks_at(sandbox, prediction_id)
        await animate(service, REMOTE, prompt="another", deadline=anyio.current_time() + 0.3)

    assert looks_at(sandbox, prediction_id) == before


async def test_a_prediction_of_another_process_can_be_looked_at_and_waited_for(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        prediction_id = (await animate(service, REMOTE, deadline=NOW)).prediction_id

    async with service_at(base_url) as another:
        seen = await look(another, f" {prediction_id} ", deadline=NOW)
        assert seen.status == "processing"
        assert seen.model == STANDARD
        sandbox.finish(prediction_id)
        clip = await look(another, prediction_id, deadline=LATER)
        assert clip.status == "completed"
        assert clip.elapsed_seconds < 5
        before = polls(sandbox)
        assert (await look(another, prediction_id, deadline=LATER)).video_url == clip.video_url
        assert polls(sandbox) == before


async def test_the_time_of_a_prediction_of_unknown_age_starts_at_nothing(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="prediction", action="status", status=200, body='{"status": "processing"}'))

    async with service_at(base_url) as service:
        seen = await look(service, "p1", deadline=NOW)

    assert seen.elapsed_seconds == 0
    assert seen.expires_at is None


async def test_many_who_wait_for_one_prediction_share_one_watcher(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url, poll_interval=0.05) as service, anyio.create_task_group() as tasks:
        prediction_id = (await animate(service, REMOTE, deadline=NOW)).prediction_id
        clips: list[Prediction] = []

        async def wait() -> None:
            clips.append(await look(service, prediction_id, deadline=LATER))

        for _ in range(40):
            tasks.start_soon(wait)
        await until(lambda: polls(sandbox) == 3)
        sandbox.finish(prediction_id)

    assert [clip.status for clip in clips] == ["completed"] * 40
    assert polls(sandbox) <= 5


async def test_leaving_before_submission_spends_nothing(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="upload", action="delay", seconds=0.2))

    async with service_at(base_url) as service:
        await leave_at("Uploading", animating(service, ROCKET))
        await animate(service, REMOTE, deadline=NOW)

    assert len(sandbox.submissions) == 1


async def test_leaving_during_or_after_submission_leaves_the_job_going(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="generate", action="delay", seconds=0.2))

    async with service_at(base_url) as service:
        with anyio.move_on_after(0.1):
            await steps_of(service, REMOTE, deadline=LATER)
        prediction_id = await only_id(base_url)
        await until(lambda: polls(sandbox) > 1)
        sandbox.finish(prediction_id)
        clip = await look(service, prediction_id, deadline=LATER)

    assert clip.status == "completed"
    assert clip.image_url == REMOTE


async def test_a_caller_that_cannot_be_told_keeps_no_claim_from_being_sent(sandbox: Sandbox, base_url: str) -> None:
    def broken(progress: Progress) -> None:
        if progress.phase is Phase.SUBMITTING:
            raise ZeroDivisionError

    async with service_at(base_url) as service:
        with anyio.fail_after(10):
            await service.animate_image(VideoRequest(REMOTE), clip_deadline=NOW, progress=broken)
            again = await animate(service, REMOTE, deadline=NOW)

    assert again.reused
    assert len(sandbox.submissions) == 1


@pytest.mark.parametrize(("status", "kind"), [(503, ServiceUnavailable), (429, RateLimited)])
async def test_an_outage_is_told_with_the_id_and_the_watch_goes_on(
    sandbox: Sandbox, base_url: str, status: int, kind: type[Exception]
) -> None:
    async with service_at(base_url) as service:
        prediction_id = (await animate(service, REMOTE, deadline=NOW)).prediction_id
        sandbox.script(Fault(endpoint="prediction", action="status", status=status, times=8))
        with pytest.raises(kind, match=f"poll of prediction {prediction_id} failed: the prediction stays valid"):
            await look(service, prediction_id, deadline=NOW)
        with pytest.raises(kind, match="stays valid"):
            await look(service, prediction_id, deadline=NOW)
        sandbox.finish(prediction_id)
        clip = await look(service, prediction_id, deadline=LATER)

    assert clip.status == "completed"


async def test_a_key_that_is_rejected_while_waiting_ends_the_wait_and_leaves_the_id(
    sandbox: Sandbox, base_url: str
) -> None:
    async with service_at(base_url) as service:
        prediction_id = (await animate(service, REMOTE, deadline=NOW)).prediction_id
        sandbox.script(Fault(endpoint="prediction", action="status", status=401))
        with pytest.raises(KeyRejected, match=f"poll of prediction {prediction_id} failed: the prediction stays valid"):
            await look(service, prediction_id, deadline=LATER)
        assert (await look(service, prediction_id, deadline=NOW)).status == "processing"


async def test_closing_the_studio_ends_its_jobs_at_once(base_url: str) -> None:
    with anyio.fail_after(5):
        async with service_at(base_url, poll_interval=3600) as service:
            await animate(service, REMOTE, deadline=NOW)


async def test_the_share_done_comes_from_how_long_generations_take(base_url: str) -> None:
    async with service_at(base_url, durations=Durations()) as service:
        steps = await steps_of(service, REMOTE, deadline=anyio.current_time() + 0.2)

    shares = [step.fraction for step in steps]

    assert shares == sorted(shares)
    assert shares[-1] < Durations().fraction(5)


async def test_whoever_runs_out_of_time_once_there_is_an_id_is_told_it(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    due = anyio.current_time() + 2
    async with service_at(base_url, directory=tmp_path) as service:
        with closing(sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)) as busy:

            async def call(progress: ProgressSink) -> Prediction:
                def hear(told: Progress) -> None:
                    if told.phase is Phase.SUBMITTED and not busy.in_transaction:
                        busy.execute("BEGIN IMMEDIATE")  # what is written next has to wait
                    progress(told)

                request = VideoRequest(REMOTE, save_to=f"{tmp_path}/clips/")
                return await service.animate_image(request, clip_deadline=due, reply_deadline=due, progress=hear)

            with anyio.fail_after(30):
                clip = await Reporter(reply_deadline=due).wait(call)

    assert [clip.prediction_id] == [prediction_id for prediction_id, _ in sandbox.accepted]
