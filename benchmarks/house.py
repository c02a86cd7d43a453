"""`make figures`: how large the house is, and how much of it one call walks through. --goals: fail when one is missed.

The static figures are read from src/, the sandbox apart. The trace is of a second animate_image over stdio in the
sandbox: what is only done once in a process is not in it.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import signal
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "atlascloud_video_mcp"
PICTURE = next((ROOT / "tests").rglob("rocket.jpg"))
GOALS = {
    "product files": 90,
    "product lines": 10_500,
    "rooms at the top": 14,
    "public names": 220,
    "basenames used twice": 6,
    "class names used twice": 0,
    "layers of the import contract": 7,
    "lines of the import contract": 50,
    "import cycles": 0,
    "casts of results": 0,
    "longest module": 300,
    "sandbox lines": 1_500,
    "modules one call enters": 38,
    "functions one call runs": 250,
}
"""What docs/decisions.md holds the house to; below is better."""
_RESULT = re.compile(r"\bcast\(\"?(?:ResultT|Prediction|DryRun|Upload|SavedVideo|Balance|Listing|PredictionList)")
_MOMENT = 1.0  # seconds, several times what the trace takes to be written


def main() -> int:
    """Print the figures beside their goals; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goals", action="store_true", help="fail when a goal is missed")
    parser.add_argument("--command", default=f"{Path(sys.executable).parent}/atlascloud-video-mcp", help="the server")
    options = parser.parse_args()
    missed = []
    for name, value in (_static() | _contract() | anyio.run(_trace, options.command)).items():
        goal = GOALS.get(name)
        verdict = "" if goal is None else "met" if value <= goal else "missed"
        print(f"{name:30} {value:>7,}  {'' if goal is None else f'{goal:,}':>7}  {verdict}".rstrip())
        missed += [name] if verdict == "missed" else []
    print(
        f"{len(GOALS) - len(missed)} of {len(GOALS)} goals met" + (f"; missed: {', '.join(missed)}" if missed else "")
    )
    return 1 if missed and options.goals else 0


def _static() -> dict[str, int]:
    everything = sorted((ROOT / "src").rglob("*.py"))
    sandbox = [path for path in everything if any("sandbox" in part for part in path.relative_to(ROOT).parts[:-1])]
    sources = {path: path.read_text(encoding="utf-8") for path in everything if path not in sandbox}
    trees = {path: ast.parse(text) for path, text in sources.items()}
    lines = sorted(text.count("\n") for text in sources.values())
    sizes = sorted(_length(node) for tree in trees.values() for node in ast.walk(tree) if _is_function(node))
    names = [
        node.name
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_")
    ]
    classes = [node.name for tree in trees.values() for node in tree.body if isinstance(node, ast.ClassDef)]
    rooms = [
        path
        for path in PACKAGE.iterdir()
        if (path.is_dir() and path.name != "__pycache__" and "sandbox" not in path.name)
        or (path.suffix == ".py" and path.stem != "__init__")
    ]
    return {
        "product files": len(sources),
        "product lines": sum(lines),
        "rooms at the top": len(rooms),
        "public names": len(names),
        "basenames used twice": _twice(path.stem for path in sources if path.stem != "__init__"),
        "class names used twice": _twice(name for name in classes if not name.startswith("_")),
        "import cycles": _cycles(trees),
        "casts of results": sum(len(_RESULT.findall(text)) for text in sources.values()),
        "longest module": lines[-1],
        "median module": lines[len(lines) // 2],
        "median function": sizes[len(sizes) // 2],
        "p90 function": sizes[len(sizes) * 9 // 10],
        "longest function": sizes[-1],
        "sandbox lines": sum(path.read_text(encoding="utf-8").count("\n") for path in sandbox),
    }


def _contract() -> dict[str, int]:
    """How long what pyproject.toml says of imports is."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    part = text[text.index("[tool.importlinter]") :]
    return {
        "layers of the import contract": max(len(each.get("layers", ())) for each in contracts),
        "lines of the import contract": sum(bool(line.strip()) for line in part.splitlines()),
    }


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def _length(node: ast.AST) -> int:
    """Lines of a function without its docstring."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return 0
    doc = ast.get_docstring(node, clean=False)
    return (node.end_lineno or node.lineno) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)


def _twice(names: object) -> int:
    return sum(times > 1 for times in Counter(names).values())  # type: ignore[call-overload] # any iterable of names


def _cycles(trees: dict[Path, ast.Module]) -> int:
    """How many modules stand in a circle of imports at module level."""
    module = {path: ".".join(path.relative_to(ROOT / "src").with_suffix("").parts) for path in trees}
    module = {path: name.removesuffix(".__init__") for path, name in module.items()}
    left = {module[path]: _imports(tree) & set(module.values()) - {module[path]} for path, tree in trees.items()}
    while leaves := [name for name, to in left.items() if not to & left.keys()]:
        for name in leaves:
            del left[name]
    return len(left)


def _imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


async def _trace(command: str) -> dict[str, int]:
    with tempfile.TemporaryDirectory(prefix="house-") as work:
        out = Path(work) / "trace"
        ours = {
            "PYTHONPATH": str(Path(__file__).parent / "tracing"),
            "HOUSE_TRACE": str(out),
            "ATLASCLOUD_STATE_DIR": f"{work}/state",
            "ATLASCLOUD_MAX_WAIT": "60",  # a client that shows no progress is not waited with
            "HOME": work,
        }
        server = StdioServerParameters(command=command, args=["--sandbox", "--speed", "30"], env={**os.environ, **ours})
        async with Client(stdio_client(server)) as client:
            arguments = {"image": str(PICTURE), "duration": 6, "wait_seconds": 60}
            await client.call_tool("animate_image", {**arguments, "prompt": "first"})
            _forget(str(out))
            await anyio.sleep(_MOMENT)
            await client.call_tool(
                "animate_image", {**arguments, "prompt": "second, push in", "save_to": f"{work}/clips/"}
            )
            await anyio.sleep(_MOMENT)
        rows = [row.split("\t") for row in out.read_text(encoding="utf-8").splitlines()]
    return {"modules one call enters": len({row[0] for row in rows}), "functions one call runs": len(rows)}


def _forget(out: str) -> None:
    """Have the server forget what it counted: it is the child of ours that writes to this file."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            traced = f"HOUSE_TRACE={out}".encode() in (process / "environ").read_bytes()
            parent = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]
        except OSError:
            continue
        if traced and parent == str(os.getpid()):
            os.kill(int(process.name), signal.SIGUSR1)


if __name__ == "__main__":
    sys.exit(main())
