"""What the commands for people take; read before anything else is imported, so nothing here is slow to load."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_WAIT = 1800.0
"""Seconds to wait for a clip unless told otherwise; clips take 30 seconds to 5 minutes."""


_EMULATOR = "ask the built-in emulator: no key, no network, no cost"
_STATUSES = (
    "exit status: 0 done, 1 refused or failed, 2 the command line, a setting or the key is no good, "
    "3 the clip is not finished yet, 130 interrupted (Ctrl-C)"
)


def add_sandbox(command: argparse.ArgumentParser, what: str = _EMULATOR) -> None:
    """Let a command take the sandbox behind its name, too."""
    # Without a default: it would undo a --sandbox before the command.
    command.add_argument("--sandbox", action="store_true", default=argparse.SUPPRESS, help=what)


def add_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to a parser.

    Args:
        add: The `add_parser` of its sub-commands.
    """
    _add_animate(add("animate", help="make a clip from a picture, and wait for it; costs money", epilog=_STATUSES))
    _add_get(add("get", help="look at a prediction, or wait for it; free", epilog=_STATUSES))
    _add_list(add("list", help="show what was made, the newest first; free", epilog=_STATUSES))
    _add_models(add("models", help="find image-to-video models, and what each takes; free", epilog=_STATUSES))
    _add_balance(add("balance", help="show the money left, and what was spent; free", epilog=_STATUSES))


def _add_animate(animate: argparse.ArgumentParser) -> None:
    animate.description = (
        "Makes a clip from a picture and waits for it. On stdout: the path of the saved clip, else its URL, or with "
        "--no-wait the prediction's id, or with --dry-run the request. All else goes to stderr. The same command "
        "again gives the same clip, and pays nothing."
    )
    animate.add_argument("picture", metavar="PICTURE", help="a file, or an https URL")
    animate.add_argument("--prompt", help="the motion to add: one or two sentences, at most 2,000 characters")
    animate.add_argument(
        "--duration", type=int, metavar="SECONDS", help="6 or 10 (Hailuo 2.3 standard and fast); pro takes none"
    )
    animate.add_argument("--model", help="default: ATLASCLOUD_MODEL, else minimax/hailuo-2.3/i2v-standard")
    animate.add_argument(
        "--enable-prompt-expansion",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="let the model rewrite the prompt",
    )
    animate.add_argument(
        "--parameter",
        action="append",
        type=_parameter,
        metavar="NAME=VALUE",
        help="a further parameter of the model (`models ID` shows them); VALUE is JSON or text; may be repeated",
    )
    animate.add_argument(
        "--fit",
        choices=("pad", "crop"),
        help="what to do with a picture that is too wide or too tall: bars, or its middle",
    )
    animate.add_argument("--save-to", metavar="PATH", help="an .mp4 file or a directory; nothing is overwritten")
    animate.add_argument(
        "--take",
        type=_take,
        default=1,
        metavar="N",
        help="which take of this very request (default: 1): each is a variation, and paid once",
    )
    waiting = animate.add_mutually_exclusive_group()
    waiting.add_argument("--no-wait", action="store_true", help="end as soon as it is submitted")
    _add_timeout(waiting)
    waiting.add_argument(
        "--dry-run", action="store_true", help="check everything and show the request and its price; nothing is sent"
    )
    _add_json(animate)
    add_sandbox(
        animate, "try it out: no key, no network, no cost; the clip is saved here unless --save-to says otherwise"
    )


def _add_get(get: argparse.ArgumentParser) -> None:
    get.description = (
        "Looks at a prediction, or waits for it. On stdout: the path of the saved clip, else its URL. All else goes "
        "to stderr. Any id works that this key ever got, from any process."
    )
    get.add_argument("prediction_id", metavar="ID", help="the id that animate gave")
    get.add_argument("--wait", action="store_true", help="wait until it is finished")
    _add_timeout(get)
    get.add_argument("--save-to", metavar="PATH", help="an .mp4 file or a directory; nothing is overwritten")
    _add_json(get)
    add_sandbox(get)


def _add_list(command: argparse.ArgumentParser) -> None:
    command.description = "Shows what was made, by the journal and the account's history: one line each on stdout."
    command.add_argument("--limit", type=_count, default=10, metavar="N", help="1 to 50 (default: %(default)s)")
    command.add_argument("--status", choices=("processing", "completed", "failed"), help="only those")
    _add_json(command)
    add_sandbox(command)


def _add_balance(balance: argparse.ArgumentParser) -> None:
    balance.description = "Shows the money left on the account, and what was spent through this program."
    _add_json(balance)
    add_sandbox(balance)


def _add_models(models: argparse.ArgumentParser) -> None:
    models.description = "Finds image-to-video models. Where they are few, what each takes is shown, too."
    models.add_argument("query", nargs="?", default="", metavar="QUERY", help="words or an id (default: all models)")
    _add_json(models)
    add_sandbox(models)


def _add_timeout(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--timeout",
        type=_seconds,
        default=LONGEST_WAIT,
        metavar="SECONDS",
        help="how long to wait (default: %(default).0f); the clip is made all the same",
    )


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout instead")


def _seconds(text: str) -> float:
    """A number of seconds, 0 or more; argparse tells of the ValueError."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 50:  # noqa: PLR2004 - as many as the tool gives
        raise ValueError(text)
    return number


def _take(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10**12:  # as the tool
        raise ValueError(text)
    return number


def _parameter(text: str) -> tuple[str, object]:
    """A name and a value, which is JSON where it can be read as that and else text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value
