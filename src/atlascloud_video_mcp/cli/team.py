"""`team`: the tables in a team's database, and who has a token."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.cli import console
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.journal import IssuedToken, Journal, digest_of
from atlascloud_video_mcp.text import in_dollars

if TYPE_CHECKING:
    import argparse

_PREFIX = "acv_"  # whoever finds a token, a scanner for instance, is to know whose it is
_HEAD = ("name", "budget", "read-only", "since", "revoked")


def run(options: argparse.Namespace, url: str) -> None:
    """Carry out one action on the database at `url`.

    Raises:
        InvalidInput: The name has a token in force already, or has none to revoke.
        JournalUnusable: The database is away, not migrated, or newer than this program.
    """
    match options.action:
        case "migrate":
            _migrate(url)
        case "add":
            anyio.run(_add, options, url)
        case "list":
            anyio.run(_list, options, url)
        case _:
            anyio.run(_revoke, options, url)


def _migrate(url: str) -> None:
    from atlascloud_video_mcp.journal.postgres.tables import migrate  # noqa: PLC0415 - loads the driver

    before, after = migrate(url)
    done = f"migrated from version {before} to {after}" if before != after else f"already of version {after}"
    console.result(f"The tables are {done}.")


async def _add(options: argparse.Namespace, url: str) -> None:
    token = _PREFIX + secrets.token_urlsafe(32)
    async with Journal(url) as journal:
        if not await journal.add_token(options.name, digest_of(token), options.budget, options.read_only):
            raise InvalidInput(
                f"{options.name!r} has a token in force already. Revoke it first: "
                f"atlascloud-video-mcp team token revoke {options.name!r}"
            )
    console.say(
        f"The token of {options.name}, which is shown this once. Clients send it as Authorization: Bearer TOKEN"
    )
    console.result(token)


async def _list(options: argparse.Namespace, url: str) -> None:
    async with Journal(url) as journal:
        tokens = await journal.tokens()
    if options.json:
        console.result_json({"tokens": [_fields(each) for each in tokens]})
        return
    rows = [_HEAD, *map(_row, tokens)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows if tokens else ():
        console.result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not tokens:
        console.say("Nobody has a token yet: atlascloud-video-mcp team token add NAME")


def _fields(token: IssuedToken) -> dict[str, object]:
    """What is not known or does not apply is absent."""
    person = token.person
    fields = {
        "name": person.name,
        "budget_usd": person.budget if person.budget is None else float(person.budget),
        "read_only": person.read_only,
        "created_at": token.created_at.isoformat(),
        "revoked_at": token.revoked_at and token.revoked_at.isoformat(),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _row(token: IssuedToken) -> tuple[str, ...]:
    person = token.person
    times = (f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else "-" for at in (token.created_at, token.revoked_at))
    budget = "-" if person.budget is None else in_dollars(person.budget)
    return (person.name, budget, "yes" if person.read_only else "no", *times)


async def _revoke(options: argparse.Namespace, url: str) -> None:
    async with Journal(url) as journal:
        if not await journal.revoke_token(options.name):
            raise InvalidInput(f"{options.name!r} has no token in force. `team token list` shows who has one.")
    console.result(f"The token of {options.name} is revoked; every replica refuses it within 10 seconds.")
