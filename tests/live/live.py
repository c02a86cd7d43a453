"""Hold what client and sandbox believe of the API against the API itself. It makes one clip, which costs money.

It says what that costs and asks first. Each answer is written, redacted, to a dated folder below live/; each
difference in shape is printed as a line. Exit status: 0 where there is none, 1 where there are some, 2 where it was
not carried through.

Interrupted and started again with the same --folder, it goes on with the clip that is paid for.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from atlascloud_sandbox import Account, Sandbox
from atlascloud_video_mcp.settings import KEY_VARIABLE, Settings, read_settings
from recorder import Recorder
from shapes import differences, shape_of, union

sys.path.append(str(Path(__file__).parents[1]))
from answer_files import answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapes import Shape

HOME = Path(__file__).parents[2]
PICTURE = HOME / "tests" / "photos" / "rocket.jpg"
PROMPT = "[Push in] The rocket climbs into the morning sky."
LONGEST_WAIT = 1800.0  # seconds
ONE_WAIT = 45.0  # seconds
DONE, DIFFERENT, NOT_DONE = 0, 1, 2


class NotDone(Exception):
    """It was not carried through; the message says why."""


async def walk(api: str, key: str, folder: Path, may_pay: Callable[[dict[str, Any]], bool]) -> Recorder:
    """Go the whole way over our own server, as a host would; gives what the API answered."""
    recorder = Recorder(api, key, folder)
    with recorder.running() as base_url:
        env = {
            "ATLASCLOUD_BASE_URL": base_url,
            KEY_VARIABLE: key,
            "ATLASCLOUD_STATE_DIR": str(folder / "state"),
            "PATH": os.environ.get("PATH", ""),
        }
        server = StdioServerParameters(command=sys.executable, args=["-m", "atlascloud_video_mcp"], env=env)
        async with Client(stdio_client(server)) as client:
            await _steps(partial(_call, client), folder, may_pay)
    return recorder


async def _steps(call: Callable[..., Any], folder: Path, may_pay: Callable[[dict[str, Any]], bool]) -> None:
    request = {"image": str(PICTURE), "prompt": PROMPT}
    known = folder / "prediction_id.txt"
    if not known.exists():
        if not may_pay(await call("animate_image", **request, dry_run=True)):
            raise NotDone("nothing was paid")
        await call("upload_image", image=request["image"])
        submitted = await call("animate_image", **request, wait_seconds=0)
        known.write_text(submitted["prediction_id"], encoding="utf-8")  # before any wait: it is paid for
    prediction_id = known.read_text(encoding="utf-8").strip()
    with anyio.fail_after(LONGEST_WAIT):
        while (await call("get_prediction", prediction_id=prediction_id, wait_seconds=ONE_WAIT))[
            "status"
        ] == "processing":
            pass
    await call("list_predictions")
    await call("get_balance")
    await call("save_video", prediction_id=prediction_id, save_to=str(folder))
    # And what is free once more: some of it comes late.
    await call("get_prediction", prediction_id=prediction_id, wait_seconds=0)
    await call("list_predictions")
    await call("get_balance")
    await call("list_models")
    await call("animate_image", **request, dry_run=True)


async def _call(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    told: dict[str, Any] = result.structured_content or {}
    if result.is_error and "status" not in told:
        raise NotDone(f"{tool}: {' '.join(getattr(block, 'text', '') for block in result.content)}")
    print(f"{tool}: {told.get('status', 'done')}", flush=True)
    return told


def compared(real: Recorder, ours: Recorder) -> list[str]:
    """A line for each difference, each once."""
    lines: dict[str, None] = {}
    for label in dict.fromkeys(answer.label for answer in real.answers):
        found = union(shape_of(answer.body) for answer in real.answers if answer.label == label)
        expected = union(shape_of(answer.body) for answer in ours.answers if answer.label == label)
        lines |= dict.fromkeys(differences(label, found, expected, _known(label)))
    return list(lines)


def _known(label: str) -> Shape:
    """What the public facts say of an endpoint's answers."""
    bodies = []
    for answer in answers(label.partition(" ")[0]):
        try:
            bodies.append(json.loads(answer.content))
        except ValueError:
            continue
    return union(map(shape_of, bodies))


def asks(dry_run: dict[str, Any], *, sure: bool) -> bool:
    """Say what it costs, and ask."""
    cost = dry_run.get("cost_usd")
    price = "a price that the API does not name" if cost is None else f"{cost:.2f} US dollars"
    print(f"One clip is made with {dry_run['request']['model']}, for {price}, charged to your account.")
    if sure:
        return True
    if not sys.stdin.isatty():
        raise NotDone("nothing was paid: say --yes where nobody can be asked")
    return input("Pay for it? [y/N] ").strip().lower() in {"y", "yes"}


async def run(settings: Settings, key: str, folder: Path, *, sure: bool) -> list[str]:
    """Go the way on the API, and on the sandbox in its place; gives the differences."""
    real = await walk(settings.base_url, key, folder, partial(asks, sure=sure))
    print("The same with the sandbox:")
    with Sandbox(Account(seconds=3), short_side=64).running() as base_url, tempfile.TemporaryDirectory() as scratch:
        ours = await walk(base_url, "sandbox", Path(scratch), lambda _: True)
    return compared(real, ours)


def main() -> int:
    """Run from the command line; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yes", action="store_true", help="pay without being asked")
    parser.add_argument("--folder", type=Path, help="where the answers go (default: a new one below live/)")
    options = parser.parse_args()
    settings = read_settings(os.environ)
    if settings.api_key is None:
        print(f"{KEY_VARIABLE} is not set: this asks the live API, which needs a key.", file=sys.stderr)
        return NOT_DONE
    folder: Path = (options.folder or HOME / "live" / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print(f"Answers are written to {folder}.", flush=True)
    try:
        lines = anyio.run(partial(run, settings, settings.api_key.get_secret_value(), folder, sure=options.yes))
    except (NotDone, OSError) as error:  # a TimeoutError is an OSError
        return _not_done(error, folder)
    except BaseExceptionGroup as errors:
        if errors.subgroup(lambda error: not isinstance(error, (NotDone, OSError, BaseExceptionGroup))):
            raise
        return _not_done(_leaves(errors)[0], folder)
    print("\n".join(lines) or "No difference.")
    (folder / "differences.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return DIFFERENT if lines else DONE


def _not_done(error: BaseException, folder: Path) -> int:
    reason = str(error) or "it took too long"
    print(f"Not carried through: {reason}. To go on: --folder {folder}", file=sys.stderr)
    return NOT_DONE


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in _leaves(each)]
    return [error]


if __name__ == "__main__":
    sys.exit(main())
