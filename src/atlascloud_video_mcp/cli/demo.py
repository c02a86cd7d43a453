"""The whole way once: a stdio server as a child process, an MCP client, a progress bar, an MP4."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from atlascloud_video_mcp.errors import AtlasError

if TYPE_CHECKING:
    from mcp.types import CallToolResult

_LONGEST_WAIT = 600  # seconds; the sandbox takes a few


async def demo(picture: Path, prompt: str, duration: int, speed: float) -> None:
    """Animate a picture through a server in sandbox mode and save the clip in the current directory.

    Args:
        picture: The picture's path.
        prompt: The motion to add.
        duration: Seconds of video.
        speed: How many times faster than the real thing the sandbox generates.

    Raises:
        AtlasError: The server's own words for what went wrong, or the clip could not be saved.
    """
    console = Console()
    console.print(f"Animating {picture.name} in the sandbox: no key, no network, no cost.")
    command = ["-m", "atlascloud_video_mcp", "--sandbox", "--speed", str(speed)]
    server = stdio_client(StdioServerParameters(command=sys.executable, args=command))
    wanted = {
        "image": str(picture),
        "prompt": prompt,
        "duration": duration,
        "save_to": str(Path.cwd() / f"{picture.stem}.mp4"),
        "wait_seconds": _LONGEST_WAIT,
    }
    async with Client(server) as client:
        result = await _with_a_bar(client, wanted, console)
    saved = (result.structured_content or {}).get("saved_path")
    if saved is None:
        raise AtlasError("\n".join(block.text for block in result.content if isinstance(block, TextContent)))
    console.print(f"The clip is saved: {saved}", soft_wrap=True)


async def _with_a_bar(client: Client, wanted: dict[str, Any], console: Console) -> CallToolResult:
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as bar:
        line = bar.add_task("Starting", total=100)

        async def show(progress: float, total: float | None, message: str | None) -> None:
            bar.update(line, completed=progress, total=total, description=message)

        return await client.call_tool("animate_image", wanted, progress_callback=show)
