"""What the drivers in Python share; it needs nothing but Python, since each runs among its client's own packages.

A driver carries out one order after the other, a line of JSON each. `{"tool": ..., "arguments": ...}` is answered with
what the client made of the result: `text` and `structured` as its model would see them and `heard`, the number of
progress notifications that its user was shown; or else with the client's own `error`. `{"stop": true}` gives up the
call that is under way, as the client's user would; its answer has `stopped` true.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    ToolCall = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

OPTIONS = sys.argv[1 : sys.argv.index("--")]
COMMAND, *ARGUMENTS = sys.argv[sys.argv.index("--") + 1 :]
ENV = {name: value for name, value in os.environ.items() if name.startswith("ATLASCLOUD_")}
"""With the server's command, what a user would write into the client's configuration."""


def text_of(blocks: Iterable[Any]) -> str:
    """The text of content blocks, which are of the client's own classes or plain dicts."""
    texts = (block.get("text") if isinstance(block, dict) else getattr(block, "text", None) for block in blocks)
    return "\n".join(text for text in texts if text)


async def carry_out(version: str, call: ToolCall) -> None:
    """Carry out orders until there are no more; the client's version is told first."""
    # Whatever the client's packages print is kept away from the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    print(json.dumps({"version": version}), file=answers, flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    coming = asyncio.ensure_future(lines.readline())
    while line := await coming:
        coming = asyncio.ensure_future(lines.readline())
        order = json.loads(line)
        if "stop" in order:  # it came when the call was over
            continue
        working = asyncio.ensure_future(_answer(call, order))
        await asyncio.wait({coming, working}, return_when=asyncio.FIRST_COMPLETED)
        stopped = not working.done()
        if stopped:
            working.cancel()
            coming = asyncio.ensure_future(lines.readline())
        print(json.dumps(await working | {"stopped": stopped}), file=answers, flush=True)


async def _answer(call: ToolCall, order: dict[str, Any]) -> dict[str, Any]:
    try:
        return await call(order["tool"], order["arguments"])
    except asyncio.CancelledError:
        return {}
    except Exception as error:  # noqa: BLE001 - whatever the client raises is what it made of the call
        return {"error": _words(error)}


def _words(error: BaseException) -> str:
    causes = map(_words, error.exceptions) if isinstance(error, BaseExceptionGroup) else ()
    return " / ".join([f"{type(error).__name__}: {error}".removesuffix(": "), *causes])
