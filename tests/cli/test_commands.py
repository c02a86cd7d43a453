"""The commands for people and scripts: what they print where, and how they end."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import jsonschema
import pytest

from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.cli import console
from atlascloud_video_mcp.cli.messages import interrupted as interrupted_text
from atlascloud_video_mcp.cli.runs import CommandRun
from atlascloud_video_mcp.errors import Exit, ServiceUnavailable
from atlascloud_video_mcp.journal import VideoRequest
from atlascloud_video_mcp.service.results import Prediction
from kit import CANARY, REMOTE, ROCKET, STANDARD, TESTS, TINY, only_id, polls, service_at, until
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = TESTS / "tools"
ESCAPE = "\x1b"
COMMAND = [sys.executable, "-m", "atlascloud_video_mcp"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, and a journal of this test's own."""
    state = tmp_path / "state"
    monkeypatch.setenv("ATLASCLOUD_STATE_DIR", str(state))
    for name in ("ATLASCLOUD_API_KEY", "ATLASCLOUD_BASE_URL", "ATLASCLOUD_SANDBOX"):
        monkeypatch.delenv(name, raising=False)
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def live(base_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of somebody with a key, whose API is the sandbox of this test."""
    monkeypatch.setenv("ATLASCLOUD_BASE_URL", base_url)
    monkeypatch.setenv("ATLASCLOUD_API_KEY", CANARY)
    return base_url


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The same with generations that are done at once."""
    sandbox = Sandbox(seconds=0, short_side=64)
    with sandbox.running() as url:
        monkeypatch.setenv("ATLASCLOUD_BASE_URL", url)
        monkeypatch.setenv("ATLASCLOUD_API_KEY", CANARY)
        monkeypatch.setenv("ATLASCLOUD_POLL_INTERVAL", "0.01")
        yield sandbox


def lines(text: str) -> list[str]:
    return text.splitlines()


def the_object(printed: str) -> dict[str, Any]:
    """The one JSON object that was printed, which is a prediction as the tools give it."""
    (line,) = lines(printed)
    prediction = json.loads(line)
    schema = json.loads((TOOLS / "animate_image.json").read_text(encoding="utf-8"))["outputSchema"]
    jsonschema.validate(prediction, schema, format_checker=jsonschema.FormatChecker())
    return dict(prediction)


@pytest.mark.usefixtures("quick")
def test_animate_hands_a_script_the_url_and_tells_a_person_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["animate", ROCKET, "--prompt", "[Push in]"]) == Exit.DONE

    out, err = capsys.readouterr()
    (url,) = lines(out)
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith(".mp4")
    told = lines(err)
    assert told[0] == "  1% Checking the picture"
    assert any(line.startswith("100% Finished after") for line in told)
    assert any(line.startswith("Cost: $0.") for line in told)
    assert f"Save it with: atlascloud-video-mcp get {Path(url).stem} --save-to DIRECTORY" in told


def test_animate_sends_what_was_asked_for(quick: Sandbox) -> None:
    model = "minimax/hailuo-2.3/fast"
    asked = ["--prompt", "wind", "--duration", "10", "--model", model, "--no-enable-prompt-expansion"]

    assert main(["animate", REMOTE, *asked]) == Exit.DONE

    assert quick.submissions == [
        {"model": model, "image": REMOTE, "prompt": "wind", "duration": 10, "enable_prompt_expansion": False}
    ]


def test_further_parameters_are_json_or_text(quick: Sandbox) -> None:
    asked = ["--model", "minimax/hailuo-2.3/fast", "--parameter", "go_fast=false", "--parameter", "prompt=a = b"]

    assert main(["animate", REMOTE, *asked]) == Exit.DONE

    (body,) = quick.submissions
    assert (body["go_fast"], body["prompt"]) == (False, "a = b")


@pytest.mark.usefixtures("quick")
def test_models_are_found_with_what_each_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "hailuo", "--json"]) == Exit.DONE
    found = json.loads(capsys.readouterr().out)
    assert "minimax/hailuo-2.3/fast" in {model["id"] for model in found["models"]}
    assert {"id", "name", "price_usd", "price_unit", "parameters"} == set(found["models"][0])

    assert main(["models", "minimax/hailuo-2.3/fast"]) == Exit.DONE
    out, err = capsys.readouterr()
    assert lines(out)[0].startswith("minimax/hailuo-2.3/fast: ")
    assert any(line.startswith("- duration: integer, 6 or 10") for line in lines(out))
    assert "The default model is minimax/hailuo-2.3/i2v-standard." in lines(err)


@pytest.mark.usefixtures("quick")
def test_a_query_that_finds_no_model_is_a_failure_as_it_is_for_grep(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "no-such-model"]) == Exit.FAILED

    out, err = capsys.readouterr()
    assert out == ""
    assert "No image-to-video model matches 'no-such-model'." in lines(err)


def test_a_dry_run_shows_the_request_and_its_price_and_sends_nothing(
    quick: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["animate", REMOTE, "--prompt", "wind", "--dry-run"]

    assert main(asked) == Exit.DONE
    out, err = capsys.readouterr()
    assert json.loads(out) == {"model": STANDARD, "image": REMOTE, "prompt": "wind"}
    assert lines(err)[0].startswith("Nothing was sent or paid. Price: $0.")

    assert main([*asked, "--json"]) == Exit.DONE
    rehearsed = the_object(capsys.readouterr().out)
    assert rehearsed["status"] == "dry_run"
    assert rehearsed["cost_usd"] > 0
    assert "prediction_id" not in rehearsed
    assert quick.submissions == []


def test_a_dry_run_without_a_price_says_so(quick: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    quick.script(Fault(endpoint="calculate", action="status", status=400, times=9))

    assert main(["animate", REMOTE, "--dry-run"]) == Exit.DONE

    told = lines(capsys.readouterr().err)
    assert told[0] == "Nothing was sent or paid. Price: unknown"
    assert any(line.startswith("Note: No price could be had") for line in told)


@pytest.mark.usefixtures("live")
def test_what_was_made_is_listed_a_line_each(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    main(["animate", REMOTE, "--no-wait", "--save-to", "clip.mp4"])
    (first,) = lines(capsys.readouterr().out)
    sandbox.finish(first)
    main(["get", first])
    main(["animate", REMOTE, "--no-wait", "--prompt", "wind"])
    *_, second = lines(capsys.readouterr().out)

    assert main(["list"]) == Exit.DONE
    rows = [row.split() for row in lines(capsys.readouterr().out)]
    assert [row[:2] for row in rows] == [[second, "processing"], [first, "completed"]]
    assert rows[1][4] == str(Path.cwd() / "clip.mp4")
    assert all(datetime.fromisoformat(row[2]).tzinfo for row in rows)
    assert all(row[3].startswith("$") for row in rows)

    assert main(["list", "--status", "processing", "--limit", "5", "--json"]) == Exit.DONE
    listed = json.loads(capsys.readouterr().out)
    assert [prediction["prediction_id"] for prediction in listed["predictions"]] == [second]


@pytest.mark.usefixtures("live")
def test_a_clip_that_was_joined_is_saved_where_this_call_wants_it(
    sandbox: Sandbox, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["animate", REMOTE, "--no-wait", "--save-to", "one/"])
    (prediction_id,) = lines(capsys.readouterr().out)
    sandbox.finish(prediction_id)

    assert main(["animate", REMOTE, "--save-to", "other/"]) == Exit.DONE

    (saved,) = (here / "other").iterdir()
    assert lines(capsys.readouterr().out) == [str(saved)]
    assert len(sandbox.submissions) == 1


def test_without_a_key_what_the_journal_knows_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == Exit.DONE

    out, err = capsys.readouterr()
    assert out == ""
    assert "key" in err


def test_a_prediction_of_which_nothing_is_known_has_dashes_in_its_row(
    quick: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = {"id": "p1", "status": "running"}
    answer = json.dumps({"data": bare})
    quick.script(Fault(endpoint="prediction", action="status", status=200, body=answer, times=9))
    quick.script(Fault(endpoint="history", action="status", status=400, times=9))
    main(["get", "p1"])
    capsys.readouterr()

    assert main(["list"]) == Exit.DONE

    assert lines(capsys.readouterr().out)[0].split() == ["p1", "processing", "-", "-", "-"]


@pytest.mark.usefixtures("quick")
def test_the_balance_is_told_with_what_was_spent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATLASCLOUD_BUDGET_USD", "5")

    assert main(["balance"]) == Exit.DONE
    out, err = capsys.readouterr()
    assert lines(out)[0].startswith("Available on the account: $")
    assert lines(out)[-1] == "The budget for 24 hours is $5.00, of which $5.00 are left."
    assert err == ""

    assert main(["balance", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out)["budget_usd"] == 5


def test_paths_are_seen_from_the_current_directory_and_the_saved_clip_is_the_answer(
    quick: Sandbox, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "cat.jpg").write_bytes(Path(ROCKET).read_bytes())

    assert main(["animate", "cat.jpg", "--save-to", "clips/"]) == Exit.DONE

    out, err = capsys.readouterr()
    (saved,) = (here / "clips").iterdir()
    assert lines(out) == [str(saved)]
    assert saved.name.startswith("cat-")
    assert saved.read_bytes()[4:8] == b"ftyp"
    assert "URL: http://127.0.0.1:" in err
    assert len(quick.submissions) == 1


def test_a_clip_that_cannot_be_saved_is_no_success_but_its_url_is_told(
    quick: Sandbox, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick.script(Fault(endpoint="file", action="status", status=404, times=9))

    assert main(["animate", REMOTE, "--save-to", "clip.mp4"]) == Exit.FAILED
    out, err = capsys.readouterr()
    assert out.startswith("http://127.0.0.1:")
    assert "Note: " in err

    assert main(["get", Path(out.strip()).stem, "--save-to", "clip.mp4", "--json"]) == Exit.FAILED
    clip = the_object(capsys.readouterr().out)
    assert clip["video_url"] == out.strip()
    assert "saved_path" not in clip
    assert list(here.iterdir()) == []


@pytest.mark.usefixtures("quick")
def test_get_saves_a_finished_clip(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["animate", REMOTE, "--json"])
    prediction_id = the_object(capsys.readouterr().out)["prediction_id"]

    assert main(["get", prediction_id, "--save-to", "clip.mp4"]) == Exit.DONE

    out, err = capsys.readouterr()
    assert lines(out) == [str(here / "clip.mp4")]
    assert (here / "clip.mp4").read_bytes()[4:8] == b"ftyp"
    assert "%" not in err, "nobody waits, so there is no progress"


def test_without_waiting_the_id_is_the_answer_and_get_goes_on_from_there(
    live: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["animate", REMOTE, "--no-wait"]) == Exit.DONE
    (prediction_id,) = lines(capsys.readouterr().out)
    assert prediction_id == anyio.run(only_id, live)

    assert main(["get", prediction_id]) == Exit.UNFINISHED
    out, err = capsys.readouterr()
    assert out == ""
    assert f"Continue with: atlascloud-video-mcp get {prediction_id} --wait" in lines(err)

    assert main(["get", prediction_id, "--wait", "--timeout", "0.01", "--json"]) == Exit.UNFINISHED
    assert the_object(capsys.readouterr().out)["status"] == "processing"

    sandbox.finish(prediction_id)
    assert main(["get", prediction_id, "--wait"]) == Exit.DONE
    assert lines(capsys.readouterr().out)[0].endswith(".mp4")


@pytest.mark.usefixtures("live")
def test_when_the_time_is_up_the_same_command_joins_and_does_not_pay_again(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["animate", REMOTE, "--timeout", "0", "--json"]

    assert [main(asked), main(asked)] == [Exit.UNFINISHED] * 2

    first, again = map(json.loads, lines(capsys.readouterr().out))
    assert (first["reused"], again["reused"]) == (False, True)
    assert first["prediction_id"] == again["prediction_id"]
    assert len(sandbox.submissions) == 1

    assert main([*asked, "--take", "2"]) == Exit.UNFINISHED
    assert len(sandbox.submissions) == 2


@pytest.mark.usefixtures("quick")
def test_a_failed_generation_is_a_failure_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["animate", REMOTE, "--prompt", "sandbox:fail"]) == Exit.FAILED
    out, err = capsys.readouterr()
    assert out == ""
    assert 'The generation failed after 0 s: "Generation failed: Content moderation refused the prompt"' in err
    assert "Atlas Cloud does not charge for a failed generation." in lines(err)

    assert main(["animate", REMOTE, "--prompt", "sandbox:fail", "--json"]) == Exit.FAILED
    assert the_object(capsys.readouterr().out)["status"] == "failed"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (["animate", TINY], Exit.FAILED, "300 px"),
        (["animate", "nothing.jpg"], Exit.FAILED, "nothing.jpg"),
        (["animate", REMOTE, "--duration", "7"], Exit.FAILED, "takes 6 or 10 seconds"),
        (["animate", "ftp://pictures.example/cat.jpg"], Exit.FAILED, "cat.jpg"),
        (["animate", "~nobody-of-this-name/cat.jpg"], Exit.FAILED, "home directory"),
        (["get", "no-such-id"], Exit.FAILED, "no-such-id"),
    ],
)
def test_what_is_refused_is_one_sentence_and_for_scripts_an_object(
    arguments: list[str], status: Exit, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--json"]) == status

    out, err = capsys.readouterr()
    assert set(json.loads(out)) == {"error"}
    assert why in json.loads(out)["error"]
    assert f"atlascloud-video-mcp: {json.loads(out)['error']}" in lines(err)


@pytest.mark.parametrize(
    ("arguments", "environment", "why"),
    [
        (["animate", REMOTE], {}, "ATLASCLOUD_API_KEY"),
        (["animate", REMOTE], {"ATLASCLOUD_MAX_WAIT": "soon"}, "ATLASCLOUD_MAX_WAIT"),
        (["animate", REMOTE, "--sandbox", "--no-wait"], {}, "--no-wait"),
        (["--sandbox", "animate", REMOTE, "--no-wait"], {}, "--no-wait"),
        (["animate", REMOTE, "--no-wait"], {"ATLASCLOUD_SANDBOX": "1"}, "--no-wait"),
    ],
)
def test_settings_that_do_not_do_are_told_apart(
    arguments: list[str],
    environment: dict[str, str],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert main(arguments) == Exit.USAGE

    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["animate"],
        ["get"],
        ["animate", REMOTE, "--take", "0"],
        ["animate", REMOTE, "--take", str(2**63)],
        ["animate", REMOTE, "--force-new"],
        ["animate", REMOTE, "--timeout", "-1"],
        ["animate", REMOTE, "--timeout", "inf"],
        ["animate", REMOTE, "--no-wait", "--timeout", "5"],
        ["animate", REMOTE, "--parameter", "go_fast"],
        ["animate", REMOTE, "--parameter", "=1"],
        ["animate", REMOTE, "--dry-run", "--no-wait"],
        ["list", "--limit", "0"],
        ["list", "--limit", "51"],
        ["list", "--status", "dry_run"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_told_apart(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == Exit.USAGE
    assert "usage: atlascloud-video-mcp" in capsys.readouterr().err


def test_in_the_sandbox_the_clip_is_left_in_the_current_directory(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--speed", "1000", "animate", "--sandbox", ROCKET]) == Exit.DONE

    out, err = capsys.readouterr()
    (saved,) = here.iterdir()
    assert lines(out) == [str(saved)]
    assert "Made by the built-in sandbox, not by Atlas Cloud: nothing was paid." in lines(err)
    assert "URL" not in err, "it ends with the command"


def animation(*, image: str = REMOTE, wait: float = 60) -> CommandRun:
    request = VideoRequest(image)
    return CommandRun(
        lambda service, deadline, progress: service.animate_image(request, clip_deadline=deadline, progress=progress),
        wait,
    )


async def carry_out(run: CommandRun, base_url: str, directory: Path | None = None) -> Prediction:
    with anyio.fail_after(20):
        return await run.carry_out(lambda: service_at(base_url, directory=directory))


async def test_a_wait_sits_trouble_out_and_has_joined_what_it_joined(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    first = await carry_out(animation(wait=0), base_url, tmp_path)
    sandbox.script(Fault(endpoint="prediction", action="status", status=503, times=4, after=1))

    async def finish_late() -> None:
        await until(lambda: polls(sandbox) > 6)
        sandbox.finish(first.prediction_id)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(finish_late)
        clip = await carry_out(animation(), base_url, tmp_path)

    assert (clip.status, clip.reused) == ("completed", True)
    assert len(sandbox.submissions) == 1


async def test_trouble_ends_the_command_when_there_is_no_prediction_yet_or_no_time_left(
    sandbox: Sandbox, base_url: str
) -> None:
    sandbox.script(Fault(endpoint="upload", action="status", status=503, times=4))
    with pytest.raises(ServiceUnavailable):
        await carry_out(animation(image=ROCKET), base_url)
    assert sandbox.submissions == []

    sandbox.script(Fault(endpoint="prediction", action="status", status=503, times=10_000))
    with pytest.raises(ServiceUnavailable, match="the prediction stays valid"):
        await carry_out(animation(wait=1), base_url)


def test_what_the_api_says_cannot_command_the_terminal(quick: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    said = {"id": "some-id", "status": "failed", "error": f"{ESCAPE}[2J [/red] gone\nand more \u2713"}
    quick.script(Fault(endpoint="prediction", action="status", status=200, body=json.dumps({"data": said}), times=9))

    assert main(["get", "some-id"]) == Exit.FAILED

    assert 'The generation failed after 0 s: "[2J [/red] gone and more \u2713"' in lines(capsys.readouterr().err)


def test_a_pipe_that_knows_fewer_letters_gets_them_spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, encoding="cp1252"))

    console.say("caf\u00e9 \u2713")

    assert written.getvalue().decode("cp1252") == f"caf\u00e9 \\u2713{os.linesep}"


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_leaves_the_id_and_how_to_go_on(live: str, sandbox: Sandbox) -> None:
    with started("animate", REMOTE) as process:
        assert process.stderr is not None
        assert any("Submitted" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (130, "")
    prediction_id = anyio.run(only_id, live)
    assert lines(err)[-1] == (
        "Interrupted. This does not cancel the generation. "
        f"Continue with: atlascloud-video-mcp get {prediction_id} --wait"
    )
    assert len(sandbox.submissions) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.usefixtures("live")
def test_ctrl_c_before_there_is_an_id_says_that_nothing_is_paid_twice(sandbox: Sandbox) -> None:
    sandbox.script(Fault(endpoint="upload", action="delay", seconds=60))
    with started("animate", ROCKET) as process:
        assert process.stderr is not None
        assert any("Uploading" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert lines(err)[-1].startswith("Interrupted. If the request was already sent, the same command finds it")
    assert sandbox.submissions == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_in_the_sandbox_says_that_the_clip_is_lost() -> None:
    with started("animate", "--sandbox", REMOTE) as process:
        assert process.stderr is not None
        assert any("Submitted" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert lines(err)[-1] == "Interrupted. The sandbox stopped with the command, so its clip is lost."


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize(("terminal", "strokes"), [("xterm-256color", "\u2501"), ("dumb", "")])
@pytest.mark.usefixtures("quick")
def test_a_terminal_shows_a_bar_unless_it_is_too_simple(
    terminal: str, strokes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", terminal)
    master, slave = os.openpty()
    command = [*COMMAND, "animate", ROCKET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave, text=True) as process:
        os.close(slave)
        seen = b"".join(iter(lambda: reading(master), b"")).decode()
        out, _ = process.communicate(timeout=60)
    os.close(master)

    assert lines(out)[0].endswith(".mp4")
    assert set(seen) & {"\u2501"} == set(strokes)
    assert "100%" in seen
    assert "The clip is ready after" in seen


def reading(master: int) -> bytes:
    """What a pseudo-terminal shows next; nothing once its other end is closed."""
    try:
        return os.read(master, 65536)
    except OSError:  # Linux tells the end so
        return b""


def test_what_is_said_at_parting_is_what_is_known() -> None:
    known = Prediction(
        prediction_id="p1",
        status="processing",
        provider_status="running",
        elapsed_seconds=1,
        reused=False,
        sandbox=False,
        outputs=(),
    )

    assert "does not pay twice" in interrupted_text(None, lasts=True)
    assert interrupted_text(known, lasts=True).endswith("Continue with: atlascloud-video-mcp get p1 --wait")
    assert interrupted_text(known, lasts=False).endswith("its clip is lost.")
    nameless = known.model_copy(update={"status": "failed", "may_be_charged": True})
    assert interrupted_text(nameless, lasts=True).endswith(
        "Check again in a few minutes with: atlascloud-video-mcp get p1"
    )


def test_an_interrupt_anywhere_else_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("atlascloud_video_mcp.cli.predictions.get", interrupted)

    assert main(["get", "some-id"]) == Exit.INTERRUPTED
