"""Every model of the catalogue through the use cases, with the catalogue well, slow, broken and gone."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from atlascloud_sandbox.offers import HAILUO
from atlascloud_video_mcp.errors import AtlasError, InvalidInput, ServiceUnavailable
from atlascloud_video_mcp.models import Catalogue
from kit import FAST, PHOTOS, PRO, REMOTE, ROCKET, STANDARD, animate, catalogue_of, cloud_at, service_at, until
from scripted_sandbox import Fault, Sandbox
from scripted_sandbox.offers import INVENTED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


NOW = 0.0
LANTERN = "lantern/lantern-2/image-to-video"
FRAMES = "meridian/frames-1/image-to-video"
BROKEN = {
    "down": Fault(endpoint="models", action="status", status=503, times=99),
    "malformed": Fault(endpoint="models", action="malformed", times=99),
    "a web page": Fault(endpoint="models", action="html", times=99),
    "of wrong types": Fault(endpoint="models", action="wrong_types", times=99),
    "empty": Fault(endpoint="models", action="empty", times=99),
    "5 MB": Fault(endpoint="models", action="status", status=200, body=f'["{"x" * 5_000_000}"]', times=99),
    "slow": Fault(endpoint="models", action="delay", seconds=30, times=99),
}


def asked(sandbox: Sandbox) -> list[str]:
    return [request.endpoint for request in sandbox.received]


def unpaid(sandbox: Sandbox) -> bool:
    return not {"upload", "generate"} & set(asked(sandbox))


async def at_rest(sandbox: Sandbox, requests: int) -> None:
    """Wait until the catalogue was read in the background."""
    await until(lambda: sum(endpoint in {"models", "schema"} for endpoint in asked(sandbox)) >= requests)


@asynccontextmanager
async def catalogue_at(base_url: str, directory: Path | None = None, patience: float = 20) -> AsyncGenerator[Catalogue]:
    async with cloud_at(base_url) as cloud:
        yield catalogue_of(cloud, directory, patience)


@pytest.mark.parametrize("model", [*HAILUO, *INVENTED], ids=lambda model: model.id)
async def test_every_model_makes_a_clip_of_a_picture_and_a_prompt(model: Any) -> None:  # noqa: ANN401 - the sandbox's
    sandbox = Sandbox(seconds=0, short_side=64)
    with sandbox.running() as base_url:
        async with service_at(base_url, online=True) as service:
            clip = await animate(service, ROCKET, prompt="wind", model=model.id, deadline=1e12)

    assert clip.status == "completed"
    assert (clip.model, clip.prompt) == (model.id, "wind")
    assert clip.image_url
    [body] = sandbox.submissions
    assert list(model.picture_urls(body)) == [(model.pictures[0], clip.image_url)]


async def test_a_lost_submission_to_any_model_is_found_again_and_known_after_a_restart(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    model = "meridian/reference-1/reference-to-video"
    sandbox.script(Fault(endpoint="generate", action="reset_after"))

    async with service_at(base_url, online=True, directory=tmp_path) as service:
        found = await animate(service, REMOTE, prompt="wind", duration=4, model=model, deadline=NOW)
    async with service_at(base_url, online=True, directory=tmp_path) as restarted:
        joined = await animate(restarted, REMOTE, prompt="wind", duration=4, model=model, deadline=NOW)
        other = await animate(
            restarted, REMOTE, prompt="wind", model=model, parameters={"duration": 4, "seed": 7}, deadline=NOW
        )

    assert found.prediction_id == joined.prediction_id == sandbox.accepted[0][0]
    assert (joined.image_url, joined.duration, joined.prompt) == (REMOTE, 4, "wind")
    assert not other.reused
    assert len(sandbox.submissions) == 2


async def test_a_row_with_a_parameter_that_we_did_not_send_is_anothers(sandbox: Sandbox, base_url: str) -> None:
    body = {"model": FRAMES, "first_frame_image": REMOTE}
    times = {"createdAt": str(int(time.time()))}
    rows = [
        {"ID": "theirs", "requestBody": body | {"seed": 5}} | times,
        {"ID": "ours", "requestBody": body | {"trace": "x"}} | times,
    ]
    sandbox.script(
        Fault(endpoint="generate", action="reset_before"),
        Fault(endpoint="history", action="status", status=200, body=json.dumps({"data": {"items": rows}})),
    )

    async with service_at(base_url, online=True) as service:
        found = await animate(service, REMOTE, model=FRAMES, deadline=NOW)

    assert found.prediction_id == "ours"


async def test_the_default_model_does_not_wait_for_the_catalogue(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(Fault(endpoint="models", action="delay", seconds=30))

    async with service_at(base_url, online=True) as service:
        made = await animate(service, REMOTE, prompt="wind", duration=10, deadline=NOW)

    assert made.notes
    assert "had not been read yet. It was checked against the rules built into this server" in made.notes[-1]
    assert sandbox.submissions == [{"model": STANDARD, "prompt": "wind", "duration": 10, "image": REMOTE}]


async def test_a_catalogue_that_is_read_is_not_asked_again_by_any_process(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, online=True, directory=tmp_path) as service:
        await animate(service, REMOTE, deadline=NOW)
        await at_rest(sandbox, 2)
        await until(lambda: len(list((tmp_path / "catalogue").glob("*.json"))) == 2)
        again = await animate(service, REMOTE, prompt="again", deadline=NOW)
    async with service_at(base_url, online=True, directory=tmp_path) as another:
        third = await animate(another, REMOTE, prompt="third", deadline=NOW)

    assert again.notes is third.notes is None
    assert asked(sandbox).count("models") == asked(sandbox).count("schema") == 1


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_the_default_model_works_with_a_broken_catalogue_and_says_what_was_not_checked(
    sandbox: Sandbox, base_url: str, fault: Fault
) -> None:
    sandbox.script(fault)

    async with catalogue_at(base_url, patience=0.1) as hasty, service_at(base_url, catalogue=hasty) as service:
        first = await animate(service, ROCKET, prompt="wind", deadline=NOW)
        with pytest.raises(InvalidInput, match=r"6 or 10 seconds\. What .* could not be read: the list of models"):
            await animate(service, ROCKET, duration=7, deadline=NOW)
        second = await animate(service, ROCKET, prompt="rain", duration=6, deadline=NOW)
        with pytest.raises(
            ServiceUnavailable,
            match=rf"cannot be known: the list of models .*{STANDARD}, {PRO}, {FAST}\. Nothing was paid\.",
        ):
            await animate(service, ROCKET, model=LANTERN, deadline=NOW)

    assert len(sandbox.submissions) == 2
    assert first.notes
    assert "checked against the rules built into this server" in first.notes[-1]
    assert second.notes
    assert f"What {STANDARD} takes could not be read: the list of models" in second.notes[-1]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(endpoint="schema", action="status", status=404, times=9), "its schema is answered with status 404"),
        (Fault(endpoint="schema", action="malformed", times=9), "its schema is malformed"),
        (
            Fault(endpoint="schema", action="status", status=200, body='{"x": "' + "x" * 1_100_000 + '"}', times=9),
            "its schema cannot be read: the answer is larger than 0.25 MB",
        ),
    ],
    ids=["gone", "malformed", "large"],
)
async def test_a_model_whose_schema_cannot_be_had_is_not_guessed_at(
    sandbox: Sandbox, base_url: str, fault: Fault, said: str
) -> None:
    sandbox.script(fault)

    async with service_at(base_url, online=True) as service:
        with pytest.raises(ServiceUnavailable, match=said):
            await animate(service, ROCKET, model=LANTERN, prompt="wind", deadline=NOW)

    assert unpaid(sandbox)


async def test_a_schema_that_does_not_come_is_waited_for_within_bounds(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(Fault(endpoint="schema", action="delay", seconds=30, after=1))

    async with catalogue_at(base_url, tmp_path) as patient, catalogue_at(base_url, tmp_path, 0.1) as hasty:
        await patient.model(FRAMES)
        with pytest.raises(ServiceUnavailable, match="its schema did not come in time"):
            await hasty.model(LANTERN)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("lantern/lantern-2/image-to-vidio", f"Did you mean {LANTERN}"),
        (
            "nothing-like-it",
            r"no image-to-video model 'nothing-like-it' here\. list_models shows all",
        ),
        ("meridian/frames-1/text-to-video", "does not animate pictures"),
        ("lantern/paint-1/edit", "There is no image-to-video model"),
        ("tidal/tidal-4-preview/image-to-video", "There is no image-to-video model"),
    ],
)
async def test_what_is_no_image_to_video_model_is_refused_with_a_guess(
    sandbox: Sandbox, base_url: str, model: str, said: str
) -> None:
    async with service_at(base_url, online=True) as service:
        with pytest.raises(InvalidInput, match=said):
            await animate(service, ROCKET, model=model, deadline=NOW)

    assert unpaid(sandbox)


async def test_a_default_model_that_does_not_exist_is_told_with_the_setting_that_names_it(base_url: str) -> None:
    async with service_at(base_url, online=True, model="no/such") as service:
        with pytest.raises(InvalidInput, match="ATLASCLOUD_MODEL makes it this server's default"):
            await animate(service, ROCKET, deadline=NOW)


async def test_a_model_is_known_in_whatever_case_it_is_written(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url, online=True) as service:
        for model in (FRAMES.upper(), STANDARD.upper()):
            await animate(service, REMOTE, model=f" {model} ", deadline=NOW)

    assert [body["model"] for body in sandbox.submissions] == [FRAMES, STANDARD]


@pytest.mark.parametrize(
    ("model", "wish", "said"),
    [
        (LANTERN, {"duration": 6}, ["duration is 6, which is not allowed: .* takes 5 or 10 sec", "prompt is missing"]),
        (LANTERN, {"prompt": "x" * 2501}, ["prompt has 2501 characters, above the limit of 2500"]),
        (FRAMES, {"duration": 13}, ["duration is 13, above the maximum", r"a whole number \(4 to 12\)"]),
        (FRAMES, {"parameters": {"resolution": "8k", "sede": 1}}, ["480p, 720p or 1080p", "did you mean seed?"]),
        ("tidal/tidal-3-pro/image-to-video", {"duration": 8}, ["takes no duration: leave it out"]),
        (
            "tidal/tidal-3-pro/image-to-video",
            {"parameters": {"provider": "two", "watermark": False}},
            ["provider is unknown", "watermark is unknown"],
        ),
        ("tidal/tidal-3-mini/image-to-video", {"parameters": {"fps": 25, "seed": -1}}, ["16 or 24", "0 to 65535"]),
        ("orchard/still-life-1", {"parameters": {"motion": 0, "loop": "x"}}, ["prompt is mis", "0.1 to 10", "loop"]),
    ],
)  # fmt: skip
async def test_a_wrong_parameter_of_any_model_is_refused_with_all_faults_and_nothing_is_sent(
    sandbox: Sandbox, base_url: str, model: str, wish: dict[str, Any], said: list[str]
) -> None:
    async with service_at(base_url, online=True) as service:
        with pytest.raises(InvalidInput) as caught:
            await animate(service, ROCKET, model=model, deadline=NOW, **wish)

    for words in said:
        assert caught.match(words)
    assert unpaid(sandbox)


async def test_rules_at_hand_that_refuse_are_read_anew_before_the_caller_is_refused(
    sandbox: Sandbox, base_url: str
) -> None:
    schema = {"properties": {"image": {"type": "string"}, "duration": {"enum": [6, 10, 15]}, "style": {}}}
    body = json.dumps({"components": {"schemas": {"Input": schema}}})
    sandbox.script(Fault(endpoint="schema", action="status", status=200, body=body))

    async with service_at(base_url, online=True) as service:
        with pytest.raises(AtlasError):  # the sandbox knows nothing of this, but it was asked
            await animate(service, REMOTE, duration=15, parameters={"style": "ink"}, deadline=NOW)

    assert [endpoint for endpoint in asked(sandbox) if endpoint != "calculate"] == ["models", "schema", "generate"]


async def test_old_rules_will_do_where_the_request_fits_them(sandbox: Sandbox, base_url: str) -> None:
    now = [1e9]
    async with cloud_at(base_url) as cloud:
        catalogue = Catalogue(cloud.documents.get, base_url=base_url, patience=20, clock=lambda: now[0])
        await catalogue.model(FRAMES)
        now[0] += 86_400.0
        async with service_at(base_url, catalogue=catalogue) as service:
            for endpoint in ("models", "schema"):
                sandbox.script(Fault(endpoint=endpoint, action="status", status=500, times=99))
            await animate(service, REMOTE, model=FRAMES, duration=12, deadline=NOW)
            await at_rest(sandbox, 6)
            with pytest.raises(InvalidInput, match=r"4 to 12.*It was checked against its rules of 2001-09-09"):
                await animate(service, REMOTE, model=FRAMES, duration=13, deadline=NOW)
            with pytest.raises(ServiceUnavailable, match="the list of models is answered with status 500"):
                await animate(service, REMOTE, model="no/such", deadline=NOW)
            later = await animate(service, REMOTE, model=FRAMES, duration=11, deadline=NOW)

    assert [body["duration"] for body in sandbox.submissions] == [12, 11]
    assert later.notes
    assert "It was checked against its rules of 2001-09-09" in later.notes[-1]


async def test_after_a_failure_the_catalogue_is_left_alone_for_a_while(sandbox: Sandbox, base_url: str) -> None:
    now = [1e9]
    sandbox.script(Fault(endpoint="models", action="status", status=404, times=99))
    async with cloud_at(base_url) as cloud:
        catalogue = Catalogue(cloud.documents.get, base_url=base_url, clock=lambda: now[0])
        await catalogue.renew(STANDARD)
        await catalogue.renew(STANDARD)
        assert asked(sandbox) == ["models"]
        now[0] += 61
        await catalogue.renew(STANDARD)

    assert asked(sandbox) == ["models", "models"]


async def test_a_list_without_the_default_model_is_told(sandbox: Sandbox, base_url: str) -> None:
    body = json.dumps([{"model": LANTERN, "type": "Video"}, {"model": PRO, "type": "Video", "schema": ""}])
    sandbox.script(Fault(endpoint="models", action="status", status=200, body=body))

    async with catalogue_at(base_url) as catalogue:
        await catalogue.renew(STANDARD)
        unlisted = await catalogue.staleness_note(STANDARD)
        await catalogue.renew(PRO)
        without_schema = await catalogue.staleness_note(PRO)
        with pytest.raises(ServiceUnavailable, match="the list of models names no schema for it"):
            await catalogue.model(LANTERN)
        assert await catalogue.staleness_note(LANTERN) is None

    assert unlisted
    assert "the list of models does not name it" in unlisted
    assert without_schema
    assert "the list of models names no schema for it" in without_schema


async def test_the_limits_of_a_models_pictures_hold(sandbox: Sandbox, base_url: str) -> None:
    text = "The resolution should not be less than 100*100px"
    schema = {"properties": {"image": {"type": "string", "description": text}}}
    body = json.dumps({"components": {"schemas": {"Input": schema}}})
    sandbox.script(Fault(endpoint="schema", action="status", status=200, body=body))

    async with service_at(base_url, online=True) as service:
        small = str(PHOTOS / "chelsea.png")
        await animate(service, small, model="tidal/tidal-3-mini/image-to-video", deadline=NOW)

    assert len(sandbox.submissions) == 1


async def test_a_schema_writes_nothing_into_the_body_that_is_paid_for(sandbox: Sandbox, base_url: str) -> None:
    hidden = {"hidden": True, "x-hidden": True}
    properties = {
        "model": {"type": "string", "default": "maker/dearer", **hidden},
        "image_url": {"type": "string"},
        "prompt": {"type": "string", "default": "and a paid advertisement"},
        "duration": {"type": "string", "enum": ["5", "10"], "default": "10"},
        "webhook_url": {"type": "string", "default": "https://evil.example/", **hidden},
        "num_clips": {"type": "integer", "default": 40, **hidden},
        "quality": {"type": "string", "default": "best"},
        "nested": {"type": "object", "default": {"webhook_url": "https://evil.example/"}, "disabled": True},
    }
    schema = {"components": {"schemas": {"Input": {"properties": properties, "required": [*properties]}}}}
    sandbox.script(Fault(endpoint="schema", action="status", status=200, body=json.dumps(schema), times=99))

    async with service_at(base_url, online=True) as service:
        await animate(service, REMOTE, prompt="wind", model=LANTERN, deadline=NOW)

    assert sandbox.submissions == [{"model": LANTERN, "image_url": REMOTE, "prompt": "wind"}]


async def test_what_a_model_requires_and_nobody_gave_is_named_before_anything_is_sent(
    sandbox: Sandbox, base_url: str
) -> None:
    properties = {"image": {"type": "string"}, "style": {"type": "string", "enum": ["ink", "oil"]}}
    schema = {"components": {"schemas": {"Input": {"properties": properties, "required": [*properties]}}}}
    sandbox.script(Fault(endpoint="schema", action="status", status=200, body=json.dumps(schema), times=99))

    async with service_at(base_url, online=True) as service:
        with pytest.raises(InvalidInput, match=f"style is missing: {LANTERN} takes ink or oil"):
            await animate(service, REMOTE, model=LANTERN, deadline=NOW)

    assert unpaid(sandbox)
