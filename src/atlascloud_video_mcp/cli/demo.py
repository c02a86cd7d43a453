"""The whole way once: a stdio server as a child process, an MCP client, a progress bar, an MP4."""

from __future__ import annotations

import sys
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent
from rich.console import Console

from atlascloud_video_mcp.cli.progress_bar import progress_bar
from atlascloud_video_mcp.errors import AtlasError

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
    arguments = {
        "image": str(picture),
        "prompt": prompt,
        "duration": duration,
        "save_to": str(Path.cwd() / f"{picture.stem}.mp4"),
        "wait_seconds": _LONGEST_WAIT,
    }
    async with Client(server) as client:
        with progress_bar(console) as show:

            async def report(progress: float, total: float | None, message: str | None) -> None:
                await show(message or "", progress / (total or 1))

            result = await client.call_tool("animate_image", arguments, progress_callback=report)
    saved = (result.structured_content or {}).get("saved_path")
    if saved is None:
        raise AtlasError("\n".join(block.text for block in result.content if isinstance(block, TextContent)))
    console.print(f"Clip saved to {saved}", soft_wrap=True)
