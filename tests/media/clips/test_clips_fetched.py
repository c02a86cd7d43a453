from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.media.clips import CannotSave, ClipSaver, DownloadPatience
from clips_kit import HASTY, Files, answer, box, everything, files, film, part_of, saver
from kit import CANARY
from sandbox_kit import account, decode, poll, submit
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLIP = film(5000)
CUT = answer(200, CLIP[:2000], Content_Length=len(CLIP), ETag='"one"')


async def fetched(there: Files, directory: Path, patience: DownloadPatience = HASTY) -> bytes:
    async with saver(patience=patience) as clips:
        clip = await clips.save(there.url, str(directory), name="rocket")
    assert everything(directory) == ["rocket.mp4"]
    return clip.path.read_bytes()


async def refused(there: Files, directory: Path, patience: DownloadPatience = HASTY) -> CannotSave:
    async with saver(patience=patience) as clips:
        with pytest.raises(CannotSave) as caught:
            await clips.save(there.url, str(directory / "new"), name="rocket")
    assert not everything(directory)
    assert "s3cret" not in str(caught.value)
    assert ("stays good at its video_url" in str(caught.value)) == caught.value.url_good
    return caught.value


@pytest.fixture(scope="module")
def finished() -> Iterator[tuple[Sandbox, str]]:
    """A sandbox with a finished clip, and the clip's URL."""
    sandbox = Sandbox(seconds=0, short_side=64)
    with account(sandbox) as client:
        yield sandbox, poll(client, submit(client))["outputs"][0]


async def test_a_clip_of_the_sandbox_plays_after_it_is_saved(finished: tuple[Sandbox, str], tmp_path: Path) -> None:
    async with saver(api=finished[1]) as clips:
        clip = await clips.save(finished[1], str(tmp_path), name="rocket")
    _, seconds, codec, _ = decode(clip.path.read_bytes())
    assert (round(seconds), codec) == (6, "h264")


FAULTS = [
    ("reset_before", "broke off"),
    ("reset_after", "broke off"),
    ("truncate", "broke off"),
    ("wrong_length", "is not the clip, it is a video that is cut off or damaged, at byte"),
    ("html", "is not the clip, it is a web page or XML, not a video: call get_prediction for its URL"),
    ("malformed", "is not the clip, it is JSON, not a video: call get_prediction for its URL"),
    ("empty", r"is not the clip, it is empty \(0 bytes\): save it later.*stays good at its video_url"),
    ("status", r"cannot be fetched at the moment \(status 500\).*stays good at its video_url"),
]


@pytest.mark.parametrize("action", [action for action, _ in FAULTS] + ["drip", "delay"])
async def test_a_fault_that_passes_does_not_hinder_saving(
    finished: tuple[Sandbox, str], tmp_path: Path, action: str
) -> None:
    sandbox, url = finished
    sandbox.script(Fault.model_validate({"endpoint": "file", "action": action, "times": 1}))
    async with saver(api=url) as clips:
        clip = await clips.save(url, str(tmp_path), name="rocket")
    assert everything(tmp_path) == [clip.path.name]


@pytest.mark.parametrize(("action", "said"), FAULTS)
async def test_a_fault_that_stays_is_explained_and_leaves_nothing(
    finished: tuple[Sandbox, str], tmp_path: Path, action: str, said: str
) -> None:
    sandbox, url = finished
    before = len(sandbox.received)
    sandbox.script(Fault.model_validate({"endpoint": "file", "action": action, "times": HASTY.tries}))
    async with saver(api=url) as clips:
        with pytest.raises(CannotSave, match=said):
            await clips.save(url, str(tmp_path), name="rocket")
    assert not everything(tmp_path)
    assert len(sandbox.received) - before == HASTY.tries


async def test_no_key_is_ever_sent_and_the_program_is_named(tmp_path: Path) -> None:
    async with files(answer(200, CLIP)) as there:
        assert await fetched(there, tmp_path) == CLIP
    request = there.requests[0]
    assert "authorization" not in request
    assert CANARY not in str(request)
    assert request["user-agent"].startswith("atlascloud-video-mcp/")


async def test_a_body_without_a_length_is_judged_by_its_structure(tmp_path: Path) -> None:
    whole = answer(200, CLIP, Content_Length=None)
    async with files(whole[:-1], whole) as there:
        assert await fetched(there, tmp_path) == CLIP
    assert "range" not in there.requests[1]


async def test_a_dropped_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with files(CUT, part_of(CLIP, 2000, ETag='"one"')) as there:
        assert await fetched(there, tmp_path) == CLIP
    assert there.requests[1]["range"] == "bytes=2000-"
    assert there.requests[1]["if-range"] == '"one"'


async def test_a_part_that_ends_early_is_followed_by_the_next(tmp_path: Path) -> None:
    first = answer(206, CLIP[2000:3000], Content_Range=f"bytes 2000-2999/{len(CLIP)}")
    async with files(CUT, first, part_of(CLIP, 3000, Content_Range="bytes 3000-5039/*")) as there:
        assert await fetched(there, tmp_path) == CLIP
    assert there.requests[2]["range"] == "bytes=3000-"


async def test_a_part_that_never_gets_whole_says_how_much_there_is(tmp_path: Path) -> None:
    first = answer(206, CLIP[2000:3000], Content_Range=f"bytes 2000-2999/{len(CLIP)}")
    async with files(CUT, first) as there:
        error = await refused(there, tmp_path, replace(HASTY, tries=2))
    assert f"it ends after 3000 of {len(CLIP)} bytes" in str(error)


async def test_a_weak_validator_is_not_used_to_go_on(tmp_path: Path) -> None:
    async with files(CUT.replace(b'"one"', b'W/"one"'), part_of(CLIP, 2000)) as there:
        assert await fetched(there, tmp_path) == CLIP
    assert "if-range" not in there.requests[1]


async def test_a_server_without_ranges_sends_the_clip_from_the_start(tmp_path: Path) -> None:
    async with files(CUT, answer(200, CLIP)) as there:
        assert await fetched(there, tmp_path) == CLIP


@pytest.mark.parametrize(
    "other",
    [
        part_of(CLIP, 2000, ETag='"two"'),
        part_of(CLIP, 2000, Content_Range="bytes 2000-9999/10000"),
        part_of(CLIP, 1000),
        part_of(CLIP, 2000, Content_Range=None),
        answer(416),
    ],
    ids=["another ETag", "another length", "another place", "no place", "no such range"],
)
async def test_the_rest_of_something_else_is_not_appended(tmp_path: Path, other: bytes) -> None:
    async with files(CUT, other, answer(200, CLIP)) as there:
        assert await fetched(there, tmp_path) == CLIP
    assert "range" not in there.requests[2]


async def test_a_range_nobody_asked_for_is_refused(tmp_path: Path) -> None:
    async with files(part_of(CLIP, 0)) as there:
        assert "status 206" in str(await refused(there, tmp_path))


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_expired_clip_is_explained_and_not_tried_again(tmp_path: Path, status: int) -> None:
    async with files(answer(status, b"<Error><Code>AccessDenied</Code></Error>")) as there:
        error = await refused(there, tmp_path)
    assert "Atlas Cloud keeps clips for 14 days" in str(error)
    assert not error.url_good
    assert len(there.requests) == 1


async def test_another_refusal_is_told_by_its_status_and_not_tried_again(tmp_path: Path) -> None:
    async with files(answer(400)) as there:
        assert "refuses to send it (status 400)" in str(await refused(there, tmp_path))
    assert len(there.requests) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
async def test_a_status_that_may_pass_is_tried_again(tmp_path: Path, status: int) -> None:
    async with files(answer(status), answer(200, CLIP)) as there:
        assert await fetched(there, tmp_path) == CLIP


@pytest.mark.parametrize("value", ["0", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 -0000", "soon"])
async def test_a_short_retry_after_in_any_form_is_honoured(tmp_path: Path, value: str) -> None:
    async with files(answer(503, Retry_After=value), answer(200, CLIP)) as there:
        assert await fetched(there, tmp_path) == CLIP


async def test_a_long_retry_after_is_reported_at_once(tmp_path: Path) -> None:
    for value in ("120", format_datetime(datetime.now(UTC) + timedelta(seconds=129), usegmt=True)):
        async with files(answer(429, Retry_After=value)) as there:
            assert "save it in 12" in str(await refused(there, tmp_path))
        assert len(there.requests) == 1


async def test_a_server_that_falls_silent_for_good_ends_the_wait(tmp_path: Path) -> None:
    async with files(CUT, held=True) as there:
        error = await refused(there, tmp_path, replace(HASTY, whole=0.2))
    assert "not on disk within 0.2 seconds" in str(error)


async def test_silence_breaks_one_try_off_and_the_next_goes_on(tmp_path: Path) -> None:
    async with files(CUT, part_of(CLIP, 2000), held=True) as there:
        assert await fetched(there, tmp_path, replace(HASTY, silence=0.2)) == CLIP


@pytest.mark.parametrize("announced", [len(CLIP), None])
async def test_a_clip_above_the_limit_is_refused(tmp_path: Path, announced: int | None) -> None:
    async with files(answer(200, CLIP, Content_Length=announced)) as there:
        assert "at most 3000 are saved" in str(await refused(there, tmp_path, replace(HASTY, largest=3000)))
    assert len(there.requests) == 1


async def test_a_redirect_is_followed(tmp_path: Path) -> None:
    async with files(answer(302, Location="/other?Signature=x"), answer(200, CLIP)) as there:
        assert await fetched(there, tmp_path) == CLIP
    assert there.requests[1]["target"] == "/other?Signature=x"


async def test_redirects_without_end_are_given_up(tmp_path: Path) -> None:
    async with files(answer(302, Location="/again")) as there:
        assert "redirected more than 5 times" in str(await refused(there, tmp_path))
    assert len(there.requests) == 6


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://clips.example/a.mp4?Signature=s3cret", 'leads to "http://clips.example"'),
        ("http://192.0.2.1/a.mp4", 'leads to "http://192.0.2.1"'),
        ("https://me:s3cret@clips.example/a.mp4", "has a user name or a password"),
        ("file:///etc/passwd", "only https at its usual port"),
        ("https://clips.example:port/", "broke off"),
    ],
)
async def test_a_redirect_to_anything_but_https_is_not_followed(tmp_path: Path, location: str, said: str) -> None:
    async with files(answer(302, Location=location)) as there:
        assert said in str(await refused(there, tmp_path))


async def test_what_is_no_url_at_all_is_refused(tmp_path: Path) -> None:
    for url, said in (("https://clips.example:port/", "is not a URL"), ("clip.mp4", "only https")):
        async with ClipSaver(patience=HASTY) as clips:
            with pytest.raises(CannotSave, match=said):
                await clips.save(url, str(tmp_path), name="rocket")


async def test_plain_http_on_this_machine_is_for_the_sandbox_only(tmp_path: Path) -> None:
    async with files(answer(200, CLIP)) as there:
        async with ClipSaver(patience=HASTY) as clips:
            with pytest.raises(CannotSave, match="only https"):
                await clips.save(there.url, str(tmp_path), name="rocket")
        there.origin = there.origin.replace("127.0.0.1", "localhost")
        assert await fetched(there, tmp_path) == CLIP


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate"])
async def test_what_was_compressed_unasked_is_saved_as_the_film_it_is(tmp_path: Path, coding: str) -> None:
    body = zlib.compress(CLIP) if coding == "deflate" else gzip.compress(CLIP)
    async with files(answer(200, body, Content_Encoding=coding)) as there:
        assert await fetched(there, tmp_path) == CLIP
        assert there.requests[0]["accept-encoding"] == "identity"


async def test_a_compressed_film_that_breaks_off_is_fetched_anew_and_not_resumed(tmp_path: Path) -> None:
    whole = gzip.compress(CLIP)
    cut = answer(200, whole[:30], Content_Encoding="gzip", Content_Length=len(whole), ETag='"a"')
    async with files(cut, answer(200, whole, Content_Encoding="gzip", ETag='"a"')) as there:
        assert await fetched(there, tmp_path) == CLIP
        assert "range" not in there.requests[1]


async def test_a_film_that_is_only_said_to_be_compressed_is_saved_as_it_came(tmp_path: Path) -> None:
    for coding in ("gzip", "identity", "aws-chunked", "br"):
        async with files(answer(200, CLIP, Content_Encoding=coding)) as there:
            assert await fetched(there, tmp_path) == CLIP


async def test_a_film_whose_server_does_not_tell_its_length_may_not_end_in_the_middle_of_a_box(tmp_path: Path) -> None:
    cut = box(b"mdat", b"film")[:-1]
    async with files(answer(200, CLIP + cut, Content_Length=None)) as there:
        with pytest.raises(CannotSave, match="cut off or damaged, at byte 5040 of 5051: save it later"):
            await fetched(there, tmp_path)
    async with files(answer(200, CLIP + cut)) as there:
        assert await fetched(there, tmp_path) == CLIP + cut
