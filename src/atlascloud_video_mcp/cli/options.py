"""What the command line takes; read before anything else is imported, so nothing here is slow to load."""

from __future__ import annotations

import argparse
import json
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unicodedata import normalize

from atlascloud_video_mcp import __version__
from atlascloud_video_mcp.settings import web_address

if TYPE_CHECKING:
    from collections.abc import Callable


_LONGEST_NAME = 64
_LONGEST_WAIT = 1800.0  # seconds; clips take 30 seconds to 5 minutes
_STATUSES = (
    "exit status: 0 done, 1 refused or failed, 2 the command line, a setting or the key is invalid, "
    "3 the clip is not finished yet, 130 interrupted (Ctrl-C)"
)
_EMULATOR = "use the built-in emulator: no key, no network, no cost"
_PATH = "an .mp4 file or a directory; nothing is overwritten"


def command_line(speed: float) -> argparse.ArgumentParser:
    """The parser of all commands.

    Args:
        speed: How many times faster than the API the sandbox generates, unless --speed says otherwise.
    """
    parser = argparse.ArgumentParser(
        prog="atlascloud-video-mcp",
        allow_abbrev=False,
        description="Turns a still picture into a video clip on Atlas Cloud. Without a command: "
        "an MCP server on stdin and stdout.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--sandbox", action="store_true", help="serve the built-in emulator: no key, no network, no cost"
    )
    parser.add_argument("--speed", type=_SPEED, default=speed, help="how many times faster the sandbox generates")
    exact = cast("type[argparse.ArgumentParser]", partial(argparse.ArgumentParser, allow_abbrev=False))
    add = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=exact).add_parser
    _add_animate(add("animate", help="make a clip from a picture, and wait for it; costs money", epilog=_STATUSES))
    _add_get(add("get", help="show a prediction, or wait for it; free", epilog=_STATUSES))
    _add_list(add("list", help="list your predictions, newest first; free", epilog=_STATUSES))
    _add_models(add("models", help="find image-to-video models and their parameters; free", epilog=_STATUSES))
    _add_balance(add("balance", help="show the balance and what was spent; free", epilog=_STATUSES))
    _add_demo(add("demo", help="make a clip from a picture in the sandbox, the whole way through MCP"))
    _add_emulator(add("sandbox", help="run the emulator of the Atlas Cloud API alone"))
    _add_serve_http(add("serve-http", help="serve the tools over HTTP, for a team"))
    _add_install(add("install", help="set this server up in a client; without a name: list the clients"))
    _add_uninstall(add("uninstall", help="remove this server from a client"))
    _add_team(add("team", help="set up a team's database, and give out tokens"), exact)
    _add_doctor(add("doctor", help="find out what is wrong and how to fix it; free"))
    return parser


def _add_animate(animate: argparse.ArgumentParser) -> None:
    animate.description = (
        "Makes a clip from a picture and waits for it. On stdout: the path of the saved clip, else its URL, or with "
        "--no-wait the prediction's id, or with --dry-run the request. Everything else goes to stderr. Running the "
        "same command again gives the same clip and costs nothing."
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
        help="another parameter of the model (`models ID` shows them); VALUE is JSON or text; may be repeated",
    )
    animate.add_argument(
        "--fit",
        choices=("pad", "crop"),
        help="how to fit a picture that is too wide or too tall: add bars, or keep the middle",
    )
    animate.add_argument("--save-to", metavar="PATH", help=_PATH)
    animate.add_argument(
        "--take",
        type=_number(int, 1, 10**12),  # as the tool
        default=1,
        metavar="N",
        help="which take of this same request (default: 1); each take is a variation, paid once",
    )
    waiting = animate.add_mutually_exclusive_group()
    waiting.add_argument("--no-wait", action="store_true", help="return as soon as it is submitted")
    _add_timeout(waiting)
    waiting.add_argument(
        "--dry-run", action="store_true", help="check everything and show the request and its price; nothing is sent"
    )
    _add_json(animate)
    _add_sandbox(
        animate, "try it out: no key, no network, no cost; the clip is saved here unless --save-to says otherwise"
    )


def _add_get(get: argparse.ArgumentParser) -> None:
    get.description = (
        "Shows a prediction, or waits for it. On stdout: the path of the saved clip, else its URL. Everything else "
        "goes to stderr. Takes any prediction id of this key, from any process."
    )
    get.add_argument("prediction_id", metavar="ID", help="the id that animate returned")
    get.add_argument("--wait", action="store_true", help="wait until it is finished")
    _add_timeout(get)
    get.add_argument("--save-to", metavar="PATH", help=_PATH)
    _add_json(get)
    _add_sandbox(get)


def _add_list(command: argparse.ArgumentParser) -> None:
    command.description = "Lists your predictions from the journal and the account's history, one per line on stdout."
    limit = _number(int, 1, 50)  # as many as the tool gives
    command.add_argument("--limit", type=limit, default=10, metavar="N", help="1 to 50 (default: %(default)s)")
    command.add_argument("--status", choices=("processing", "completed", "failed"), help="only these")
    _add_json(command)
    _add_sandbox(command)


def _add_balance(balance: argparse.ArgumentParser) -> None:
    balance.description = "Shows the account's balance, and what was spent through this program."
    _add_json(balance)
    _add_sandbox(balance)


def _add_models(models: argparse.ArgumentParser) -> None:
    models.description = "Finds image-to-video models. If only a few match, their parameters are shown too."
    models.add_argument("query", nargs="?", default="", metavar="QUERY", help="words or an id (default: all models)")
    _add_json(models)
    _add_sandbox(models)


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("picture", nargs="?", help="a JPEG or PNG (default: a photo that comes with the program)")
    demo.add_argument("--prompt", default="[Push in] The rocket climbs into the morning sky.", help="the motion to add")
    demo.add_argument("--duration", type=int, choices=(6, 10), default=6, help="seconds of video")


def _add_emulator(sandbox: argparse.ArgumentParser) -> None:
    sandbox.add_argument("--port", type=int, default=8787, help="loopback port (0: any free one)")
    sandbox.add_argument("--speed", type=_SPEED, default=1.0, help="how many times faster it generates")


def _add_serve_http(serve: argparse.ArgumentParser) -> None:
    serve.description = (
        "Serves the tools over Streamable HTTP at /mcp until SIGTERM, for the people who have a token in "
        "ATLASCLOUD_DATABASE_URL; without that for this machine alone. TLS is the business of a proxy before it."
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    serve.add_argument(
        "--port", type=_number(int, 0, 65535), default=8080, help="0: any free one (default: %(default)s)"
    )
    _add_sandbox(serve)


def _add_install(install: argparse.ArgumentParser) -> None:
    _add_clients(install)
    install.add_argument("--print", action="store_true", help="show the entry without writing it")
    _add_sandbox(install, "to try it out: no key, no network, no cost")
    install.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="a setting for the server; may be repeated"
    )
    key = install.add_mutually_exclusive_group()
    key.add_argument("--key-env", metavar="NAME", help="let the client read the key from this variable")
    key.add_argument("--copy-key", action="store_true", help="write the key from ATLASCLOUD_API_KEY into the entry")
    key.add_argument("--no-key", action="store_true", help="leave the key out, and remove an existing one")


def _add_uninstall(uninstall: argparse.ArgumentParser) -> None:
    _add_clients(uninstall)
    uninstall.add_argument("--purge", action="store_true", help="also delete backups that contain the key")


def _add_clients(command: argparse.ArgumentParser) -> None:
    command.add_argument("clients", nargs="*", metavar="CLIENT", help="for instance claude-desktop, cursor or vscode")
    command.add_argument("--file", type=Path, help="the client's settings file, if not in the usual place")
    command.add_argument("--force", action="store_true", help="continue even if the client does not seem installed")


def _add_team(team: argparse.ArgumentParser, kind: type[argparse.ArgumentParser]) -> None:
    team.description = "Works on the database that ATLASCLOUD_DATABASE_URL names."
    add = team.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=kind).add_parser
    add("migrate", help="make the tables, or bring them up to this version; may be repeated")
    token = add("token", help="give out, list or revoke the tokens of persons")
    add = token.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=kind).add_parser
    _add_new_token(add("add", help="give a person a token; on stdout: the token, which is shown this once"))
    _add_json(add("list", help="show who has, or had, a token"))
    revoke = add("revoke", help="let a person's token be refused, by every replica within 10 seconds")
    revoke.add_argument("name", type=_name, metavar="NAME")


def _add_new_token(add: argparse.ArgumentParser) -> None:
    add.add_argument("name", type=_name, metavar="NAME", help="whom it is for; they have no other token in force")
    add.add_argument(
        "--budget",
        type=_number(Decimal, 0, 1_000_000),
        metavar="USD",
        help="what the person may spend in 24 hours (default: whatever the team may)",
    )
    add.add_argument("--read-only", action="store_true", help="let the person look, and neither spend nor upload")


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    where = doctor.add_mutually_exclusive_group()
    where.add_argument("client", nargs="?", metavar="CLIENT", help="check the server that this client would start")
    where.add_argument(
        "--url",
        type=_web_address,
        help="check a team's servers at their public URL, with the token in ATLASCLOUD_TEAM_TOKEN; takes 70 seconds",
    )
    _add_sandbox(doctor, "check a server that serves the sandbox")
    doctor.add_argument("--json", action="store_true", help="print the report as JSON")
    doctor.add_argument("--sandbox-port", type=int, default=8787, metavar="N", help="the port for a sandbox")


def _add_timeout(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--timeout",
        type=_number(float, 0, 10**9),
        default=_LONGEST_WAIT,
        metavar="SECONDS",
        help="how long to wait (default: %(default).0f); the clip is made in any case",
    )


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout instead")


def _add_sandbox(command: argparse.ArgumentParser, what: str = _EMULATOR) -> None:
    """Let a command take --sandbox after its name, too."""
    # Without a default: it would undo a --sandbox before the command.
    command.add_argument("--sandbox", action="store_true", default=argparse.SUPPRESS, help=what)


def _number(kind: Callable[[str], Any], least: float, most: float) -> Callable[[str], Any]:
    """Reads a number between limits."""

    def read(text: str) -> Any:  # noqa: ANN401 - a number of that kind
        with suppress(ValueError, ArithmeticError):
            if least <= (number := kind(text)) <= most:
                return number
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"{text!r} is not {what} from {least:,} to {most:,}")

    return read


def _name(text: str) -> str:
    """A person's name, spelled in one way only."""
    name = normalize("NFC", text.strip())
    if not (name.isprintable() and 0 < len(name) <= _LONGEST_NAME):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a name: it takes 1 to {_LONGEST_NAME} printable characters on one line"
        )
    return name


def _web_address(text: str) -> str:
    with suppress(ValueError):
        return web_address(text).removesuffix("/mcp")
    raise argparse.ArgumentTypeError(
        "it takes an https address (plain http only to this machine), without user name or query"
    )


_SPEED = _number(float, 0.01, 1_000_000)


def _parameter(text: str) -> tuple[str, object]:
    """A name and a value, which is JSON if it can be read as that, else text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value
