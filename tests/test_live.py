"""`make live`, with the sandbox in the API's place, and with differences planted in its answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from atlascloud_sandbox import Account
from atlascloud_sandbox import Sandbox as Emulator
from kit import handed_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PROGRAM = Path(__file__).parent / "live" / "live.py"
KEY = "canary/key+0xC0FFEE"


def begun(base_url: str, folder: Path, *arguments: str, key: str = KEY) -> subprocess.Popen[str]:
    env = handed_on("PATH", "HOME") | {"ATLASCLOUD_BASE_URL": base_url, "ATLASCLOUD_API_KEY": key}
    command = [sys.executable, str(PROGRAM), "--folder", str(folder), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


def live(base_url: str, folder: Path, *arguments: str, key: str = KEY) -> tuple[int, str, str]:
    with begun(base_url, folder, *arguments, key=key) as process:
        out, err = process.communicate(timeout=200)
    return process.returncode, out, err


class Planted:
    """The API with answers that were changed on their way."""

    def __init__(self, app: ASGIApp, change: Callable[[str, dict[str, Any]], None]) -> None:
        self.app, self.change = app, change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started: list[Message] = []

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
                return
            headers = dict(started[0]["headers"])
            if headers.get(b"content-type", b"").startswith(b"application/json"):
                body = json.loads(message["body"])
                if isinstance(body, dict):
                    self.change(scope["path"], body)
                message["body"] = json.dumps(body).encode()
                headers[b"content-length"] = str(len(message["body"])).encode()
                started[0]["headers"] = list(headers.items())
            if not message.get("sent"):
                await send(started[0])
            await send(message)

        await self.app(scope, receive, changed if "/files/" not in scope["path"] else send)


def plant(path: str, body: dict[str, Any]) -> None:
    data: Any = body.get("data")
    if path.endswith("/uploadMedia"):
        data["surprise"] = {"depth": [1]}
        data["filename"] = f"{quote(KEY, safe='')}.jpg"
    elif path.endswith("/generateVideo"):
        body["code"] = True
        data["user_id"] = "u-4711"
    elif "/prediction/" in path and data.get("outputs"):
        data["outputs"] = [f"{url}?Expires=1&Signature=s1gned" for url in data["outputs"]]
        data["created_at"] = 5
        data.pop("model")
        data["echo"] = f"Bearer {KEY}"


@pytest.fixture
def account() -> Account:
    return Account(seconds=1, balance_usd=50)


@pytest.fixture
def planted(account: Account) -> Iterator[str]:
    with Emulator(account, short_side=64, middleware=lambda app: Planted(app, plant)).running() as base_url:
        yield base_url


def written(folder: Path) -> str:
    return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file())


def test_each_planted_difference_is_a_line_and_no_secret_is_in_any_file(planted: str, tmp_path: Path) -> None:
    status, out, err = live(planted, tmp_path / "one", "--yes")

    assert status == 1, err
    lines = (tmp_path / "one" / "differences.txt").read_text(encoding="utf-8").splitlines()
    assert all(line in out.splitlines() for line in lines)
    for line in (
        "upload: data.surprise is new (an object)",
        "upload: data.surprise.depth[] is new (a number)",
        "generate: code is true or false, and was taken for a number or a number in text or text",
        "generate: data.user_id is new (text)",
        "prediction completed: data.model is missing (text)",
        "prediction completed: data.echo is new (text)",
    ):
        assert line in lines
    assert any(line.startswith("prediction completed: data.created_at is a number") for line in lines)
    assert all(line.startswith(("upload", "generate", "prediction completed")) for line in lines)
    everything = written(tmp_path / "one") + out + err
    for secret in (KEY, quote(KEY, safe=""), "u-4711"):
        assert secret not in everything
    answers = "\n".join(path.read_text(encoding="utf-8") for path in (tmp_path / "one").glob("*.json"))
    assert "s1gned" not in answers
    assert '"Bearer ***"' in answers
    assert list((tmp_path / "one").glob("*.mp4"))


def test_killed_and_started_again_it_pays_for_one_clip_and_says_where_all_is_as_believed(tmp_path: Path) -> None:
    account = Account(seconds=4, balance_usd=50)
    with Emulator(account, short_side=64).running() as base_url:
        with begun(base_url, tmp_path / "one", "--yes") as process:
            while not account.predictions():
                time.sleep(0.01)
            process.kill()
        status, out, err = live(base_url, tmp_path / "one", "--yes")

    assert status == 0, out + err
    assert "No difference." in out
    assert len(account.predictions()) == 1


def test_nothing_is_paid_where_nobody_says_yes(account: Account, tmp_path: Path) -> None:
    with Emulator(account, short_side=64).running() as base_url:
        status, out, err = live(base_url, tmp_path / "one")
    keyless, _, said = live("http://127.0.0.1:9/api/v1", tmp_path / "two", "--yes", key="")

    assert (status, keyless) == (2, 2)
    assert "One clip is made with minimax/hailuo-2.3/i2v-standard, for 0.30 US dollars" in out
    assert "nothing was paid: say --yes" in err
    assert "ATLASCLOUD_API_KEY is not set" in said
    assert account.predictions() == []
