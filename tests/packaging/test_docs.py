"""What the pages under docs/ say is what the program does."""

from __future__ import annotations

import ast
import io
import re
import shlex
import tomllib
from contextlib import redirect_stdout, suppress
from functools import cache
from itertools import pairwise, takewhile
from pathlib import Path

import pytest

from atlascloud_video_mcp.cli.options import command_line
from atlascloud_video_mcp.errors import Exit
from atlascloud_video_mcp.server.host_limits import limits_of
from atlascloud_video_mcp.service.results import DryRun

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def table(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table of a page's section, without its head."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@cache
def help_of(*words: str) -> str:
    """What a command says of itself."""
    with suppress(SystemExit), redirect_stdout(io.StringIO()) as told:
        command_line(1).parse_args([*words, "--help"])
    return told.getvalue()


def commands() -> list[str]:
    """The commands that work on the API, each of which names the exit statuses."""
    return [name for name in re.findall(r"^    (\w+)", help_of(), re.MULTILINE) if "exit status" in help_of(name)]


def options(command: str) -> set[str]:
    return set(re.findall(r"--[a-z-]+", help_of(command).split("options:")[1])) - {"--help"}


def test_every_command_stands_on_its_page_with_its_options() -> None:
    documented = {
        row[0].strip("`").split()[0]: set(re.findall(r"`(--[a-z-]+)`", row[2]))
        for row in table(page("docs/command-line.md"), "Commands")
    }

    assert documented == {name: options(name) for name in commands()}


def test_every_exit_status_stands_on_its_page() -> None:
    documented = [int(row[0]) for row in table(page("docs/command-line.md"), "Exit status")]

    assert documented == list(Exit)


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_names_the_exit_statuses(name: str) -> None:
    told = help_of(name)

    assert [int(status) for status in re.findall(r"\b(\d+) (?=done|refused|the|interrupted)", told)] == list(Exit)


PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "packaging" / "skills").rglob("*.md"))
)


def prose(text: str) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """What the headings of a page can be linked by, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_within_the_repository_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page(name))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), f"{name} links to {link}"
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), f"{name} links to {link}"


@cache
def said() -> list[str]:
    """Every text in the program, those with gaps in pieces."""
    return [
        node.value
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


MESSAGES = re.findall(r"^### `(.+)`$", page("docs/troubleshooting.md"), re.MULTILINE)


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_that_is_explained_is_one_that_the_program_says(message: str) -> None:
    assert any(message in text for text in said())


def test_every_field_of_a_prediction_stands_in_the_contract_and_nothing_else() -> None:
    documented = [
        field for row in table(page("docs/contract.md"), "A prediction") for field in re.findall(r"`(\w+)`", row[0])
    ]

    assert sorted(documented) == sorted(DryRun.model_fields)


def test_what_each_client_waits_stands_in_the_contract() -> None:
    for named, seconds in table(page("docs/contract.md"), "Waiting"):
        client = re.match(r"`(.+?)`", named)
        version = "0.169" if "from 0.169" in named else "0.168"
        row = limits_of(
            client[1] if client else "somebody",
            version,
            shows_progress="without one" not in named,
            over_http="over HTTP" in named,
        )
        assert f"{row.wait_seconds:g}" == seconds


def test_every_layer_stands_in_the_architecture_in_its_order() -> None:
    layers = next(
        contract["layers"]
        for contract in tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    )
    drawing = page("docs/architecture.md").split("```")[1]

    places = []
    for layer in layers:
        names = re.findall(r"\w+", layer)
        found = [re.search(rf"\b{re.escape(name)}\b", drawing) for name in names]
        assert all(found), f"{names} are not all in the drawing"
        places.append(max(match.start() for match in found if match))
    assert all(above < below for above, below in pairwise(places))


def calls(text: str) -> list[list[str]]:
    """The arguments of every call of our command in a page, in code blocks and within lines."""
    code = [*re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL), *re.findall(r"`([^`]+)`", prose(text))]
    lines = (line.split(" #")[0].strip() for block in code for line in block.splitlines())
    words = [shlex.split(line)[1:] for line in lines if re.match(r"(\S*[/\\])?atlascloud-video-mcp -?\w", line)]
    return [list(takewhile(lambda word: word not in {"|", ">", ">>", "&&", "||"}, each)) for each in words]


@pytest.mark.parametrize("name", PAGES)
def test_every_command_on_the_pages_is_one_that_we_understand(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in calls(page(name)):
        with suppress(SystemExit):  # --help and --version end so, too
            command_line(1).parse_args(arguments)

        assert capsys.readouterr().err == "", f"{name} says: {arguments}"


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_path_that_a_page_names_is_there(name: str) -> None:
    named = re.findall(r"`([\w.-]+(?:/[\w.-]+)+/?|\w+\.py)`", page(name))
    roots = (ROOT, ROOT / "src" / "atlascloud_video_mcp", ROOT / "src" / "atlascloud_video_mcp" / "server")

    assert named
    elsewhere = ("ui/node_modules", "tests/clients/node_modules", "catalogue/", "server/discover")  # made, or no file
    assert not [path for path in named if path not in elsewhere and not any((root / path).exists() for root in roots)]


def test_every_module_that_the_architecture_names_is_there() -> None:
    package = ROOT / "src" / "atlascloud_video_mcp"
    rooms = "server|service|cli|cloud|models|journal|media|pictures|clips|stdio"
    named = re.findall(rf"`((?:{rooms})\.[a-z_]+)[.`]", page("docs/architecture.md"))
    places = [package, package / "media", package / "server"]

    assert named
    for each in named:
        where = [place / each.replace(".", "/") for place in places]
        assert any(path.with_suffix(".py").exists() or path.is_dir() for path in where), each
