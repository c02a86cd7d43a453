"""The same call is the same clip, paid once, whoever asks and however often; another variation is another take."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client

from atlascloud_video_mcp.errors import OutOfTime, ServiceUnavailable, SubmissionUnknown
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.service.results import DryRun, Prediction
from kit import (
    CANARY,
    REMOTE,
    ROCKET,
    STANDARD,
    TESTS,
    animate,
    animating,
    cloud_at,
    leave_at,
    look,
    polls,
    rehearse,
    requests_to,
    service_at,
    text_of,
    until,
)
from scripted_sandbox import Chaos, Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from anyio.abc import Process


NOW = 0.0
LATER = 1e12
HERE = str(TESTS)


# A process that makes one call after another, one for each line on stdin, and tells of each on a line.
CALLER = """
import json, sys, anyio
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from atlascloud_video_mcp.errors import AtlasError
from kit import animate, service_at

async def main():
    async with service_at(sys.argv[2], directory=Path(sys.argv[3]), history_patience=5) as service:
        print("ready", flush=True)
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            call = json.loads(line)
            seconds = call.pop("seconds")
            answer_by = anyio.current_time() + seconds
            try:
                told = await animate(service, **call, answer_by=answer_by)
            except AtlasError as error:
                print(json.dumps({"error": str(error), "kind": type(error).__name__}), flush=True)
            else:
                print(told.model_dump_json(exclude_none=True), flush=True)

anyio.run(main)
"""


class Caller:
    """Another process, and the way to have it call."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._said = b""

    async def call(self, *, seconds: float = 20, **arguments: object) -> dict[str, Any]:
        assert self._process.stdin
        await self._process.stdin.send(json.dumps(arguments | {"seconds": seconds}).encode() + b"\n")
        told: dict[str, Any] = json.loads(await self.line())
        return told

    async def line(self) -> bytes:
        assert self._process.stdout
        with anyio.fail_after(60):
            while b"\n" not in self._said:
                self._said += await self._process.stdout.receive()
        line, _, self._said = self._said.partition(b"\n")
        return line

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)


@asynccontextmanager
async def caller(base_url: str, state: Path) -> AsyncGenerator[Caller, None]:
    command = [sys.executable, "-c", CALLER, HERE, base_url, str(state)]
    async with await anyio.open_process(command, stdin=subprocess.PIPE, stderr=None) as process:
        try:
            other = Caller(process)
            assert await other.line() == b"ready"
            yield other
        finally:
            if process.returncode is None:
                process.kill()


async def test_who_is_told_to_call_again_while_anothers_clip_is_saved_pays_nothing(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(Fault(endpoint="file", action="delay", seconds=3, times=9))
    wanted: dict[str, Any] = {"image": REMOTE, "save_to": str(tmp_path / "clips")}
    state = tmp_path / "state"
    told: list[Prediction] = []

    async with (
        service_at(base_url, directory=state) as first,
        caller(base_url, state) as second,
        anyio.create_task_group() as tasks,
    ):

        async def wait() -> None:
            told.append(await animate(first, **wanted, deadline=LATER))

        tasks.start_soon(wait)
        await until(lambda: sandbox.accepted)
        sandbox.finish(sandbox.accepted[0][0])
        await until(lambda: requests_to(sandbox, "file"))
        in_between = await second.call(**wanted, seconds=0.2)
        await until(lambda: told)
        afterwards = await second.call(**wanted)

    assert [in_between["prediction_id"], afterwards["prediction_id"]] == 2 * [told[0].prediction_id]
    assert in_between["reused"]
    assert afterwards["reused"]
    assert "Call again" not in json.dumps(in_between)
    assert len(sandbox.submissions) == 1


async def test_whoever_runs_out_of_time_is_told_the_id_once_there_is_one(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path) as first:
        made = await animate(first, REMOTE, deadline=NOW)
    sandbox.script(Fault(endpoint="prediction", action="delay", seconds=9, times=9))
    async with service_at(base_url, directory=tmp_path, retry_pause=30) as second:
        answer_by = anyio.current_time() + 0.3
        joined = await animate(second, REMOTE, deadline=LATER, answer_by=answer_by)

    assert (joined.prediction_id, joined.status, joined.reused) == (made.prediction_id, "processing", True)


async def test_takes_1_to_3_at_once_from_two_processes_are_three_payments(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    told: list[tuple[int, str]] = []
    async with (
        caller(base_url, tmp_path) as one,
        caller(base_url, tmp_path) as two,
        anyio.create_task_group() as tasks,
    ):

        async def ask(process: Caller) -> None:
            for take in (1, 2, 3, 2, 1, 3):
                answer = await process.call(image=ROCKET, prompt="wind", take=take)
                assert answer["take"] == take
                told.append((take, answer["prediction_id"]))

        tasks.start_soon(ask, one)
        tasks.start_soon(ask, two)

    assert len(told) == 12
    assert len(set(told)) == len({prediction_id for _, prediction_id in told}) == len(sandbox.submissions) == 3


async def test_the_same_call_from_three_processes_in_bad_weather_with_kills_is_paid_once(tmp_path: Path) -> None:
    actions = (
        Fault(endpoint="*", action="reset_before"),
        Fault(endpoint="*", action="reset_after"),
        *(Fault(endpoint="*", action="status", status=503, act=act) for act in (True, False)),
        Fault(endpoint="*", action="malformed", act=True),
    )
    sandbox = Sandbox(seconds=0.5, short_side=64, chaos=Chaos(seed=12, share=0.3, actions=actions))
    dice = random.Random(12)
    answers: list[dict[str, Any]] = []

    async def ask(base_url: str, calls: int) -> None:
        while calls > 0:
            async with caller(base_url, tmp_path) as process:
                for _ in range(dice.randint(2, 8)):
                    calls -= 1
                    if dice.random() < 0.2:
                        with anyio.move_on_after(dice.uniform(0, 0.5)):
                            answers.append(await process.call(image=ROCKET))
                    else:
                        answers.append(await process.call(image=ROCKET, seconds=dice.choice((0.5, 5))))
                process.kill()

    with sandbox.running() as base_url, anyio.fail_after(300):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask, base_url, 15)

    assert len(sandbox.accepted) <= 1
    assert {answer["prediction_id"] for answer in answers if "prediction_id" in answer} == {
        prediction_id for prediction_id, _ in sandbox.accepted
    }


FAILURES = [
    *(
        Fault(endpoint=endpoint, action=action, act=act, times=times)
        for endpoint in ("upload", "generate", "prediction")
        for action in ("malformed", "html")
        for act, times in ((True, 1), (False, 5))
    ),
    *(
        Fault(endpoint=endpoint, action=action, times=times)
        for endpoint in ("upload", "generate", "prediction", "file")
        for action, times in (("reset_before", 1), ("reset_after", 1), ("truncate", 5))
    ),
    *(
        Fault(endpoint=endpoint, action="status", status=status, act=act)
        for endpoint in ("upload", "generate")
        for status in (400, 401, 402, 408, 429, 502, 520)
        for act in ((True, False) if status >= 500 or status == 408 else (False,))
    ),
    *(Fault(endpoint="prediction", action="status", status=status, times=5) for status in (400, 404, 429, 503)),
]


@pytest.mark.parametrize("fault", FAILURES, ids=lambda it: f"{it.endpoint}-{it.action}-{it.status}-{it.act}-{it.times}")
async def test_a_caller_who_does_what_each_answer_says_never_pays_twice_for_a_take(
    tmp_path: Path, fault: Fault
) -> None:
    sandbox = Sandbox(seconds=0, short_side=64)
    sandbox.script(fault)
    wanted = {"image": ROCKET, "save_to": str(tmp_path / "clips"), "wait_seconds": 0.2}
    texts: list[str] = []

    with sandbox.running() as base_url:
        tool, arguments = "animate_image", wanted
        for _ in range(8):
            # Each turn in a server of its own: what was known is in the journal alone.
            async with Client(build_server(lambda: service_at(base_url, directory=tmp_path / "state"))) as client:
                result = await client.call_tool(tool, arguments)
            texts.append(text_of(result))
            if (result.structured_content or {}).get("status") == "completed" or "ask the user" in texts[-1]:
                break
            if found := re.search(r"get_prediction with prediction_id ([\w-]+)", texts[-1]):
                tool, arguments = "get_prediction", {"prediction_id": found[1], "wait_seconds": 1}
            elif "all again" in texts[-1]:
                tool, arguments = "animate_image", wanted

    assert len(sandbox.accepted) <= 1, texts
    assert sandbox.accepted or "ask the user" in texts[-1], texts


async def test_a_renewed_key_is_given_what_the_old_one_paid_for(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        first = await animate(service, ROCKET, deadline=NOW)
    sandbox.finish(first.prediction_id)
    before = polls(sandbox)
    async with service_at(base_url, directory=tmp_path, key="renewed") as service:
        again = [await animate(service, ROCKET, deadline=NOW) for _ in range(3)]
    asked = polls(sandbox) - before

    assert {(each.prediction_id, each.status, each.reused) for each in again} == {
        (first.prediction_id, "completed", True)
    }
    assert asked == 1
    assert len(sandbox.submissions) == 1


@pytest.mark.parametrize("spelled", ["http://localhost:{port}/api/v1", "http://LocalHost.:{port}/api/v1/"])
async def test_an_address_is_the_same_however_it_is_spelled(
    sandbox: Sandbox, base_url: str, tmp_path: Path, spelled: str
) -> None:
    port = base_url.partition("1:")[2].partition("/")[0]
    async with service_at(base_url, directory=tmp_path) as service:
        first = await animate(service, REMOTE, deadline=NOW)
    address = spelled.format(port=port)
    async with cloud_at(base_url) as one, cloud_at(address) as other:
        assert one.account == other.account
    async with service_at("http://localhost:" + base_url.partition("1:")[2], directory=tmp_path) as service:
        again = await animate(service, REMOTE, deadline=NOW)

    assert (again.prediction_id, again.reused) == (first.prediction_id, True)
    assert len(sandbox.submissions) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://API.AtlasCloud.ai:443/api/v1/", "https://api.atlascloud.ai/api/v1", True),
        ("http://localhost:80/api", "http://[::1]/api/", True),
        ("http://[::1]:8000/api", "http://127.0.0.1:8000/api", True),
        ("http://127.0.0.2:8000/api", "http://127.0.0.1:8000/api", False),
        ("https://[2001:db8::1]/api", "https://[2001:DB8::1]:443/api", True),
        ("https://api.example/api/v1", "https://api.example/api/v2", False),
        ("https://api.example:444/api", "https://api.example/api", False),
    ],
)
async def test_accounts_are_told_apart_by_where_they_are_and_not_by_its_spelling(
    one: str, other: str, *, same: bool
) -> None:
    async with cloud_at(one) as cloud, cloud_at(other) as another:
        assert (cloud.account == another.account) is same
        assert (cloud.address == another.address) is same


def older(state: Path, by: timedelta) -> None:
    at = (datetime.now(UTC) - by).isoformat(timespec="microseconds")
    with closing(sqlite3.connect(state / "journal.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE entries SET created_at = ?, submitted_at = ?", (at, at))


async def test_what_a_key_cannot_read_is_anothers_and_what_it_cannot_look_at_is_waited_for(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    no_such = Fault(endpoint="prediction", action="status", status=404)
    async with service_at(base_url, directory=tmp_path) as service:
        first = await animate(service, REMOTE, deadline=NOW)
    async with service_at(base_url, directory=tmp_path, key="another", history_patience=5) as service:
        sandbox.script(no_such)
        with pytest.raises(OutOfTime):  # it may be too new to be known
            await animate(service, REMOTE, deadline=NOW, answer_by=anyio.current_time() + 0.3)
        older(tmp_path, timedelta(minutes=1))
        sandbox.script(Fault(endpoint="prediction", action="status", status=503, times=4))
        with pytest.raises(ServiceUnavailable, match="Nothing was paid"):
            await animate(service, REMOTE, deadline=NOW)
        assert len(sandbox.submissions) == 1
        sandbox.script(no_such)
        rehearsed = await rehearse(service, REMOTE)
        assert isinstance(rehearsed, DryRun)
        assert not rehearsed.reused
        sandbox.script(no_such)
        theirs = await animate(service, REMOTE, deadline=NOW)

    assert not theirs.reused
    assert theirs.prediction_id != first.prediction_id
    assert len(sandbox.submissions) == 2


async def test_a_lost_request_of_the_old_key_is_found_by_the_renewed_one_or_stays_unknown(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    hidden = Fault(endpoint="history", action="status", status=404, times=2)
    sandbox.script(Fault(endpoint="generate", action="reset_after"), hidden)
    async with service_at(base_url, directory=tmp_path, history_patience=0) as service:
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, deadline=NOW)
    async with service_at(base_url, directory=tmp_path, key="renewed", history_patience=0) as service:
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, deadline=NOW)
        found = await animate(service, REMOTE, deadline=NOW)

    assert (found.prediction_id, found.reused) == (sandbox.accepted[0][0], True)


async def test_who_is_taken_for_dead_while_he_uploads_sends_nothing_and_joins(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(Fault(endpoint="upload", action="delay", seconds=1.5))
    told: list[Prediction] = []

    async with (
        service_at(base_url, directory=tmp_path) as slow,
        caller(base_url, tmp_path) as quick,
        anyio.create_task_group() as tasks,
    ):

        async def ask() -> None:
            told.append(await animate(slow, ROCKET, deadline=NOW))

        tasks.start_soon(ask)
        await until(lambda: requests_to(sandbox, "upload"))
        # As on a network file system that forgets locks.
        for lock in (tmp_path / "owners").iterdir():
            lock.unlink()
        other = await quick.call(image=ROCKET)
        await until(lambda: told)

    assert len(sandbox.submissions) == 1
    assert told[0].prediction_id == other["prediction_id"] == sandbox.accepted[0][0]
    assert (told[0].reused, other["reused"]) == (True, False)


async def test_takes_whose_answers_are_lost_at_the_same_moment_are_found_each(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(*(Fault(endpoint="generate", action="reset_after") for _ in range(3)))
    told: dict[int, str] = {}

    async def ask(take: int) -> None:
        async with service_at(base_url, directory=tmp_path) as service:
            for _ in range(5):
                with suppress(SubmissionUnknown):
                    told[take] = (await animate(service, REMOTE, take=take, deadline=NOW)).prediction_id
                    return

    async with anyio.create_task_group() as tasks:
        for take in (1, 2, 3):
            tasks.start_soon(ask, take)

    assert sorted(told.values()) == sorted(prediction_id for prediction_id, _ in sandbox.accepted)
    assert len(told) == len(sandbox.submissions) == 3


async def test_a_take_that_never_arrived_is_not_given_the_clip_of_another_that_is_just_being_sent(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(Fault(endpoint="generate", action="reset_before"))
    sandbox.script(Fault(endpoint="generate", action="delay_after", seconds=1).model_copy(update={"after": 1}))
    told: list[Prediction] = []

    async with service_at(base_url, directory=tmp_path, history_patience=0) as service:
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, deadline=NOW)

        async def second() -> None:
            told.append(await animate(service, REMOTE, take=2, deadline=NOW))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(second)
            await until(lambda: sandbox.accepted)
            with pytest.raises(SubmissionUnknown):
                await animate(service, REMOTE, deadline=NOW)

    assert [(each.take, each.prediction_id) for each in told] == [(2, sandbox.accepted[0][0])]
    assert len(sandbox.accepted) == 1


async def test_a_failed_generation_is_made_anew_for_the_same_call(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url) as service:
        first = await animate(service, REMOTE, prompt="sandbox:fail", deadline=NOW)
        sandbox.finish(first.prediction_id)
        failed = await animate(service, REMOTE, prompt="sandbox:fail", deadline=LATER)
        anew = await animate(service, REMOTE, prompt="sandbox:fail", deadline=NOW)

    assert (failed.status, failed.reused) == ("failed", True)
    assert (anew.reused, anew.take) == (False, 1)


async def test_the_clips_of_version_1_0_0_are_had_again_for_nothing(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        made = await animate(service, REMOTE, prompt="completed", deadline=NOW)
    # The frozen file is of the default address: its keys are made anew as version 1.0.0 made them, for this one.
    account = sha256(f"{base_url}/ {CANARY}".encode()).hexdigest()[:16]
    (tmp_path / "journal.sqlite3").unlink()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)) as database:
        database.executescript((TESTS / "journal" / "journals" / "step-2.sql").read_text(encoding="utf-8"))
        database.execute("PRAGMA user_version = 2")
        for (prompt,) in database.execute("SELECT DISTINCT json_extract(request, '$.prompt') FROM entries").fetchall():
            asked = json.dumps([account, REMOTE, {"model": STANDARD, "prompt": prompt}], sort_keys=True)
            key = sha256(asked.encode()).hexdigest()
            change = "UPDATE entries SET key = ?, account = ? WHERE json_extract(request, '$.prompt') = ?"
            database.execute(change, (key, account, prompt))
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        database.execute("UPDATE entries SET submitted_at = ?", (at,))
    async with service_at(base_url, directory=tmp_path, history_patience=0) as service:
        told = {
            prompt: await animate(service, REMOTE, prompt=prompt, deadline=NOW)
            for prompt in ("completed", "without a price", "twice")
        }
        with pytest.raises(SubmissionUnknown):
            await animate(service, REMOTE, prompt="unknown", deadline=NOW)
        another = await animate(service, REMOTE, prompt="completed", take=2, deadline=NOW)

    assert {prompt: (each.prediction_id, each.take, each.reused) for prompt, each in told.items()} == {
        "completed": ("p2", 1, True),
        "without a price": ("p3", 1, True),
        "twice": ("p7", 1, True),
    }
    assert not another.reused
    assert [prediction_id for prediction_id, _ in sandbox.accepted] == [made.prediction_id, another.prediction_id]


async def test_a_picture_that_version_1_0_0_sent_with_its_metadata_is_the_same_picture(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, directory=tmp_path) as service:
        made = await animate(service, ROCKET, prompt="wind", deadline=NOW)
    account = sha256(f"{base_url}/ {CANARY}".encode()).hexdigest()[:16]
    whole_file = sha256(await anyio.Path(ROCKET).read_bytes()).hexdigest()
    asked = json.dumps([account, whole_file, {"model": STANDARD, "prompt": "wind"}], sort_keys=True)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE entries SET key = ?", (sha256(asked.encode()).hexdigest(),))
    async with service_at(base_url, directory=tmp_path) as service:
        again = await animate(service, ROCKET, prompt="wind", deadline=NOW)

    assert (again.prediction_id, again.reused) == (made.prediction_id, True)
    assert len(sandbox.submissions) == 1


def test_the_frozen_keys_of_version_1_0_0_are_found_for_the_default_address() -> None:
    frozen = (TESTS / "journal" / "journals" / "step-2.sql").read_text(encoding="utf-8")
    account = cloud_at("https://api.atlascloud.ai/api/v1").account
    assert f"'{account}',280000" in frozen


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps rights elsewhere")
@pytest.mark.parametrize("first", ["list_models", "animate_image", "list_predictions"])
async def test_the_state_directory_is_its_owners_alone_whichever_call_comes_first(
    sandbox: Sandbox, base_url: str, tmp_path: Path, first: str
) -> None:
    assert not sandbox.accepted
    state = tmp_path / "above" / "state"
    before = os.umask(0)
    try:
        async with Client(build_server(lambda: service_at(base_url, directory=state, online=True))) as client:
            await client.call_tool(first, {"image": REMOTE, "wait_seconds": 0} if first == "animate_image" else {})
            await until(state.exists)
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (state.parent, state, *state.iterdir())}
    assert {mode for name, mode in modes.items() if (state / name).is_dir() or name in {"above", "state"}} == {0o700}
    assert {mode & 0o077 for mode in modes.values()} == {0}


async def test_what_a_deleted_journal_knew_is_found_in_the_accounts_history(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    async with service_at(base_url, directory=state) as ours, service_at(base_url, directory=state) as theirs:
        made = await animate(ours, REMOTE, prompt="one", deadline=NOW)
        await animate(theirs, REMOTE, prompt="two", deadline=NOW)
        await anyio.to_thread.run_sync(shutil.rmtree, state)
        again = await animate(theirs, REMOTE, prompt="one", deadline=NOW)
        other = await animate(theirs, REMOTE, prompt="three", deadline=NOW)

    assert (again.prediction_id, again.reused) == (made.prediction_id, True)
    assert not other.reused
    assert len(sandbox.submissions) == 3


async def test_who_leaves_while_the_history_is_looked_through_keeps_nobody_waiting(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(b"damaged" * 1000)
    sandbox.script(Fault(endpoint="history", action="delay", seconds=30))
    async with service_at(base_url, directory=tmp_path) as service:
        with pytest.raises(OutOfTime):
            await animate(service, REMOTE, deadline=NOW, answer_by=anyio.current_time() + 0.5)
        made = await animate(service, REMOTE, deadline=NOW)

    assert not made.reused
    assert len(sandbox.submissions) == 1


async def test_a_newer_journal_beside_a_running_process_stops_its_next_payment(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with caller(base_url, tmp_path) as older_version:
        first = await older_version.call(image=REMOTE)
        with closing(sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)) as newer:
            version = newer.execute("PRAGMA user_version").fetchone()[0]
            newer.execute(f"PRAGMA user_version = {version + 1}")
        refused = await older_version.call(image=REMOTE, prompt="wind")
        again = await older_version.call(image=REMOTE)
    async with caller(base_url, tmp_path) as restarted:
        same = await restarted.call(image=REMOTE)
    async with service_at(base_url, directory=tmp_path) as service:
        seen = await look(service, first["prediction_id"], deadline=NOW)

    for told in (refused, same):
        assert told["kind"] == "JournalUnusable"
        assert "Nothing was sent or paid" in told["error"]
        assert "Update this installation" in told["error"]
    assert (again["prediction_id"], again["reused"]) == (first["prediction_id"], True)
    assert seen.status == "processing"
    assert len(sandbox.submissions) == 1


async def test_whoever_leaves_before_it_is_sent_has_paid_nothing_and_frees_the_take(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    sandbox.script(Fault(endpoint="upload", action="delay", seconds=0.5))
    async with service_at(base_url, directory=tmp_path) as service:
        await leave_at("Uploading", animating(service, ROCKET))
        again = await animate(service, ROCKET, deadline=NOW)

    assert not again.reused
    assert len(sandbox.submissions) == 1
