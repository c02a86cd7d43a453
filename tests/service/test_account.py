"""What was made and what is left: list_predictions and get_balance, through the studio and through MCP."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anyio
import jsonschema
import pytest
from mcp import Client

from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import KeyRejected, SubmissionUnknown
from atlascloud_video_mcp.journal import Journal
from atlascloud_video_mcp.server.server import build_server
from atlascloud_video_mcp.service.results import Balance, Prediction, PredictionList
from kit import CANARY, REMOTE, STANDARD, animate, look, service_at, text_of
from scripted_sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from mcp.types import CallToolResult

    from atlascloud_video_mcp.service.service import VideoService

NOW = 0.0
LATER = 1e12
UNREADABLE = Fault(endpoint="history", action="status", status=404, times=99)


async def animated(service: VideoService, prompt: str, **arguments: Any) -> str:  # noqa: ANN401 - those of animate_image
    made = await animate(service, REMOTE, prompt=prompt, deadline=NOW, **arguments)
    assert isinstance(made, Prediction)
    return made.prediction_id


async def listed(service: VideoService, limit: int = 10, status: Status | None = None) -> PredictionList:
    told = await service.list_predictions(limit=limit, status=status)
    assert isinstance(told, PredictionList)
    return told


def prompts(told: PredictionList) -> list[str | None]:
    return [prediction.prompt for prediction in told.predictions]


def history(*rows: dict[str, object], times: int = 99) -> Fault:
    body = json.dumps({"data": {"items": rows}})
    return Fault(endpoint="history", action="status", status=200, body=body, times=times)


def row(number: int, **fields: object) -> dict[str, object]:
    request = {"model": STANDARD, "image": REMOTE, "prompt": f"prompt {number}"}
    return {
        "ID": f"p{number}",
        "createdAt": 1_790_000_000 + number,
        "status": "running",
        "requestBody": request,
    } | fields


@asynccontextmanager
async def client_of(base_url: str, key: str | None = CANARY, **options: Any) -> AsyncGenerator[Client, None]:  # noqa: ANN401 - of service_at
    async with Client(
        build_server(lambda: service_at(base_url, key=key, sandbox=False, **options), max_wait=60),
        raise_exceptions=True,
    ) as client:
        yield client


async def fits(client: Client, tool: str, result: CallToolResult) -> dict[str, Any]:
    schema = {item.name: item.output_schema for item in (await client.list_tools()).tools}[tool]
    assert schema is not None
    assert result.structured_content is not None
    jsonschema.validate(result.structured_content, schema)
    return dict(result.structured_content)


def size(result: CallToolResult) -> int:
    return len(result.model_dump_json(by_alias=True, exclude_none=True).encode())


async def test_what_was_made_is_listed_once_the_newest_first(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    async with service_at(base_url, sandbox=False, directory=tmp_path / "here") as service:
        one, two = [await animated(service, prompt) for prompt in ("one", "two")]
    async with service_at(base_url, sandbox=False, directory=tmp_path / "elsewhere") as other:
        foreign = await animated(other, "foreign", duration=10)
    sandbox.finish(one)
    async with service_at(base_url, sandbox=False, directory=tmp_path / "here") as service:
        told = await listed(service)
        few = await listed(service, limit=1)

    assert sorted(prediction.prediction_id for prediction in told.predictions) == sorted([one, two, foreign])
    assert told.notes == few.notes == ()
    by_prompt = {str(prediction.prompt): prediction for prediction in told.predictions}
    assert {prompt: prediction.status for prompt, prediction in by_prompt.items()} == {
        "one": "completed",
        "two": "processing",
        "foreign": "processing",
    }
    clip = by_prompt["one"]
    assert clip.video_url
    assert clip.outputs == (clip.video_url,)
    assert (clip.model, clip.image_url, clip.cost_usd, clip.sandbox) == (STANDARD, REMOTE, 0.3, False)
    assert by_prompt["foreign"].duration == 10
    times = [prediction.created_at or datetime.now(UTC) for prediction in told.predictions]
    assert times == sorted(times, reverse=True)
    assert few.predictions[0].prediction_id == told.predictions[0].prediction_id
    assert len(few.predictions) == 1


@pytest.mark.parametrize("status", list(Status))
async def test_a_status_asks_for_some_of_them(sandbox: Sandbox, base_url: str, status: Status) -> None:
    async with service_at(base_url, sandbox=False) as service:
        made = {
            Status.PROCESSING: await animated(service, "running"),
            Status.COMPLETED: await animated(service, "done"),
            Status.FAILED: await animated(service, "sandbox:fail"),
        }
        for each in (Status.COMPLETED, Status.FAILED):
            sandbox.finish(made[each])
        told = await listed(service, status=status)

    assert [(each.prediction_id, each.status) for each in told.predictions] == [(made[status], status.value)]


async def test_what_the_history_knows_corrects_the_books_though_nobody_looked(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, sandbox=False, directory=tmp_path, poll_interval=3600) as service:
        failing = await animated(service, "sandbox:fail")
        good = await animated(service, "good")
        for each in (failing, good):
            sandbox.finish(each)
        await listed(service)
        sandbox.script(UNREADABLE)
        remembered = await listed(service)
    async with Journal(tmp_path) as journal:
        spent = (await journal.spending()).total
        took = await journal.durations(STANDARD, None)

    assert {each.prediction_id: each.status for each in remembered.predictions} == {
        failing: "failed",
        good: "completed",
    }
    assert spent == Decimal("0.30")
    assert len(took) == 1


async def test_a_history_that_cannot_be_read_is_said_and_the_journal_told(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, sandbox=False, directory=tmp_path) as service:
        made = await animated(service, "one")
        sandbox.finish(made)
        await look(service, made, deadline=LATER)
        sandbox.script(UNREADABLE)
        told = await listed(service)

    assert [(each.prediction_id, each.status) for each in told.predictions] == [(made, "completed")]
    (note,) = told.notes
    assert note.startswith("The account's history was not read; the journal of this machine was.")


async def test_a_history_that_takes_too_long_is_left(sandbox: Sandbox, base_url: str) -> None:
    async with service_at(base_url, sandbox=False) as service:
        await animated(service, "one")
        sandbox.script(Fault(endpoint="history", action="delay", seconds=30, times=9))
        told = await service.list_predictions(reply_deadline=anyio.current_time() + 1)

    assert prompts(told) == ["one"]
    assert told.notes == ("The account's history did not answer in time; the journal of this machine did.",)


async def test_without_a_key_the_journal_is_told_and_nothing_is_sent(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, sandbox=False, directory=tmp_path) as service:
        await animated(service, "one")
    before = len(sandbox.received)
    async with service_at(base_url, sandbox=False, directory=tmp_path, key=None) as service:
        told = await listed(service)
        with pytest.raises(KeyRejected):
            await service.get_balance()

    assert prompts(told) == ["one"]
    assert "No API key is set" in told.notes[0]
    assert len(sandbox.received) == before


async def test_another_accounts_predictions_are_not_listed_but_a_renewed_keys_are(
    base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, sandbox=False, directory=tmp_path, key="old key") as service:
        await animated(service, "one", save_to=str(tmp_path / "clips"))
    async with service_at(base_url, sandbox=False, directory=tmp_path, key="new key") as renewed:
        told = await listed(renewed)  # the sandbox takes every key for the one account
    sandbox = Sandbox(seconds=3600)
    with sandbox.running() as another:
        async with service_at(another, sandbox=False, directory=tmp_path, key="old key") as stranger:
            assert prompts(await listed(stranger)) == []

    assert prompts(told) == ["one"]


async def test_pages_are_read_until_enough_were_found_and_no_further(sandbox: Sandbox, base_url: str) -> None:
    sandbox.script(history(*(row(number) for number in range(50))))

    async with service_at(base_url, sandbox=False) as service:
        enough = await listed(service, limit=50)
        read = len(sandbox.received)
        none = await listed(service, status=Status.FAILED)

    assert len(enough.predictions) == 50
    assert read == 1
    assert none.predictions == ()
    assert len(sandbox.received) - read == 4
    assert none.notes == ("Of the account's history only the newest 50 were searched.",)


@pytest.mark.parametrize(
    ("fields", "status", "word", "error"),
    [
        ({"status": "succeeded", "result": {"outputs": ["https://x.example/a.mp4"]}}, "completed", "succeeded", None),
        ({"status": "running", "result": {"status": "failed", "error": "no"}}, "failed", "failed", "no"),
        ({"status": "failed", "result": "nonsense"}, "failed", "failed", "The API gives no reason, only the status"),
        ({"status": "succeeded", "result": None}, "processing", "unknown", None),
        ({"status": 5}, "processing", "unknown", None),
        ({"status": "queued", "requestBody": "[1]"}, "processing", "queued", None),
        ({"status": "queued", "requestBody": {"model": 5}, "model": "m"}, "processing", "queued", None),
        ({"status": "queued", "requestBody": '{"model": "m", "prompt": "\\ud83d"}'}, "processing", "queued", None),
    ],
)
async def test_a_row_of_the_history_is_read_as_leniently_as_a_prediction(
    sandbox: Sandbox, base_url: str, fields: dict[str, object], status: str, word: str, error: str | None
) -> None:
    sandbox.script(history(row(1, **fields)))

    async with service_at(base_url, sandbox=False) as service:
        (told,) = (await listed(service)).predictions

    assert (told.prediction_id, told.status, told.provider_status) == ("p1", status, word)
    assert (told.error or "").startswith(error or "")
    assert told.created_at == datetime.fromtimestamp(1_790_000_001, UTC)
    assert told.elapsed_seconds >= 0


async def test_a_row_without_a_clip_does_not_undo_what_is_known(
    sandbox: Sandbox, base_url: str, tmp_path: Path
) -> None:
    async with service_at(base_url, sandbox=False, directory=tmp_path) as service:
        made = await animated(service, "one")
        sandbox.script(history({"ID": made, "status": "succeeded"}))
        (running,) = (await listed(service)).predictions
        sandbox.finish(made)
        await look(service, made, deadline=LATER)
        (clip,) = (await listed(service)).predictions

    assert running.status == "processing"
    assert clip.video_url


async def test_a_price_that_only_the_history_has_is_learned(base_url: str, sandbox: Sandbox, tmp_path: Path) -> None:
    clip = {"id": "p1", "status": "completed", "outputs": ["https://x.example/a.mp4"]}
    looked = Fault(endpoint="prediction", action="status", status=200, body=json.dumps({"data": clip}))
    rows = [history(row(1, status="completed", result=clip | {"price": price}), times=1) for price in ("0.28", "0.99")]
    sandbox.script(looked, *rows)

    async with service_at(base_url, sandbox=False, directory=tmp_path) as service:
        await look(service, "p1", deadline=LATER)
        (told,) = (await listed(service, 1)).predictions
    async with service_at(base_url, sandbox=False, directory=tmp_path) as service:
        (again,) = (await listed(service, 1)).predictions

    assert told.cost_usd == again.cost_usd == 0.28
    assert told.elapsed_seconds == 0  # how long it took is not known


async def test_submissions_whose_answer_was_lost_are_mentioned(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    async with service_at(base_url, sandbox=False, directory=tmp_path) as service:
        for number in range(4):
            sandbox.script(Fault(endpoint="generate", action="reset_before"))
            with pytest.raises(SubmissionUnknown):
                await animated(service, f"lost {number}")
        told = await listed(service)

    assert told.predictions == ()
    assert len(told.notes) == 4
    assert f'UTC ("{STANDARD} lost 3") it is not known whether it arrived' in told.notes[0]
    assert "only another take (take 2, say) is submitted anew" in told.notes[0]
    assert told.notes[3] == "The same is true of 1 more."


async def test_the_list_says_the_same_as_text_and_as_data(sandbox: Sandbox, base_url: str, tmp_path: Path) -> None:
    async with client_of(base_url) as client:
        wanted = {"image": REMOTE, "prompt": "wind\nand rain", "wait_seconds": 0, "save_to": str(tmp_path)}
        made = await client.call_tool("animate_image", wanted)
        assert made.structured_content is not None
        sandbox.finish(made.structured_content["prediction_id"])
        looked = {"prediction_id": made.structured_content["prediction_id"], "wait_seconds": 30}
        clip = await client.call_tool("get_prediction", looked)
        await client.call_tool("animate_image", {"image": REMOTE, "prompt": "sandbox:fail", "wait_seconds": 0})
        result = await client.call_tool("list_predictions", {"limit": "5", "status": None})
        data = await fits(client, "list_predictions", result)
        only = await client.call_tool("list_predictions", {"status": "failed"})
        wrong = await client.call_tool("list_predictions", {"limit": 51})

    text = text_of(result)
    known = clip.structured_content or {}
    assert "Predictions, the newest first:" in text
    for field in ("prediction_id", "video_url", "saved_path"):
        assert known[field] in text
        assert known[field] in [each.get(field) for each in data["predictions"]]
    assert f"- {known['prediction_id']}: completed, $0.30, {known['created_at'][:10]}" in text
    assert 'prompt: "wind and rain"' in text
    assert text_of(only) == "There are no such predictions."
    assert wrong.is_error
    assert "limit" in text_of(wrong)


@pytest.mark.parametrize("done", [False, True])
async def test_a_list_stays_short_however_much_there_is_to_tell(sandbox: Sandbox, base_url: str, *, done: bool) -> None:
    rows = []
    for number in range(50):
        request = {"model": STANDARD, "image": REMOTE + "?" + "x" * 300, "prompt": f"{number} {'ü' * 1900}"}
        clip = {"status": "completed", "price": "0.28", "outputs": [f"https://x.example/{number}{'y' * 200}.mp4"]}
        rows.append(row(number, requestBody=json.dumps(request), result=clip if done else {}))
    sandbox.script(history(*rows))

    async with client_of(base_url) as client:
        few = await client.call_tool("list_predictions", {"limit": 3})
        many = await client.call_tool("list_predictions", {"limit": 50})
        data, little = await fits(client, "list_predictions", many), await fits(client, "list_predictions", few)

    assert size(many) <= 20_000
    assert "Long prompts are cut" in text_of(many)
    assert "image_url" in little["predictions"][0]
    assert "image_url" not in data["predictions"][0]
    shown = [each["prediction_id"] for each in data["predictions"]]
    assert shown == [f"p{number}" for number in range(49, 49 - len(shown), -1)]
    assert all(each in text_of(many) for each in shown)
    if done:
        assert data["notes"][0].startswith(f"Only the newest {len(shown)} of 50 fit into one answer")
        assert all(each["video_url"] in text_of(many) for each in data["predictions"])
    else:
        assert len(shown) == 50


async def test_one_that_is_too_long_to_be_told_is_left_out(sandbox: Sandbox, base_url: str) -> None:
    urls = [f"https://x.example/{number}{'y' * 1900}.mp4" for number in range(11)]
    sandbox.script(history(row(1, result={"status": "completed", "outputs": urls})))

    async with client_of(base_url) as client:
        result = await client.call_tool("list_predictions", {})

    assert size(result) <= 20_000
    assert "Only the newest 0 of 1 fit into one answer" in text_of(result)


async def test_the_balance_is_told_as_text_and_as_data(base_url: str) -> None:
    async with client_of(base_url, budget="1.00") as client:
        await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0})
        result = await client.call_tool("get_balance", {})
        data = await fits(client, "get_balance", result)

    assert data == {"available_usd": 99.7, "spent_24h_usd": 0.3, "budget_usd": 1.0}
    for said in (
        "$99.70",
        "in the last 24 hours through this server, unfinished clips included: $0.30",
        "$1.00",
        "$0.70",
    ):
        assert said in text_of(result)


async def test_without_a_budget_none_is_told(base_url: str, tmp_path: Path) -> None:
    (tmp_path / "state").touch()

    async with client_of(base_url, directory=tmp_path / "state") as client:
        await client.call_tool("animate_image", {"image": REMOTE, "wait_seconds": 0})
        result = await client.call_tool("get_balance", {})
        data = await fits(client, "get_balance", result)

    assert "budget_usd" not in data
    assert "The budget" not in text_of(result)
    assert "forgets what it did" in data["notes"][0]
    assert data["notes"][0] in text_of(result)


async def test_an_overdrawn_account_is_told_as_it_is(sandbox: Sandbox, base_url: str) -> None:
    body = json.dumps({"available": {"value": "-1.5", "currency": "usd"}})
    sandbox.script(Fault(endpoint="balance", action="status", status=200, body=body))

    async with service_at(base_url, sandbox=False) as service:
        told = await service.get_balance()

    assert told == Balance(available_usd=-1.5, spent_24h_usd=0)


@pytest.mark.parametrize(("status", "said"), [(401, "Renew it"), (503, "Call again later")])
async def test_a_balance_that_cannot_be_had_is_an_error_in_our_words(
    sandbox: Sandbox, base_url: str, status: int, said: str
) -> None:
    sandbox.script(Fault(endpoint="balance", action="status", status=status, times=4))

    async with client_of(base_url) as client:
        result = await client.call_tool("get_balance", {})

    assert result.is_error
    assert said in text_of(result)
