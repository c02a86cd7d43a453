"""What the pages under docs/ say is what the program does."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from atlascloud_video_mcp.commands.options import Exit, add_commands

ROOT = Path(__file__).parent.parent


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def table(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table of a page's section, without its head."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def commands() -> dict[str, argparse.ArgumentParser]:
    parsers = argparse.ArgumentParser().add_subparsers()
    add_commands(parsers.add_parser)
    return dict(parsers.choices)


def options(command: argparse.ArgumentParser) -> set[str]:
    return set(re.findall(r"--[a-z-]+", command.format_help().split("options:")[1])) - {"--help"}


def test_every_command_stands_on_its_page_with_its_options() -> None:
    documented = {
        row[0].strip("`").split()[0]: set(re.findall(r"`(--[a-z-]+)`", row[2]))
        for row in table(page("docs/command-line.md"), "Commands")
    }

    assert documented == {name: options(command) for name, command in commands().items()}


def test_every_exit_status_stands_on_its_page() -> None:
    documented = [int(row[0]) for row in table(page("docs/command-line.md"), "Exit status")]

    assert documented == list(Exit)


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_names_the_exit_statuses(name: str) -> None:
    told = commands()[name].format_help()

    assert [int(status) for status in re.findall(r"\b(\d+) (?=done|refused|the|interrupted)", told)] == list(Exit)
