"""The whole way once: a stdio server as a child process, an MCP client, a progress bar, an MP4."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from atlascloud_video_mcp.errors import AtlasError

if TYPE_CHECKING:
    from mcp.types import CallToolResult

_LONGEST_WAIT = 600  # seconds; the sandbox takes a few
_LONGEST_RENDERING = 120  # seconds until the first byte, on a slow machine


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
    wanted = {"image": str(picture), "prompt": prompt, "duration": duration, "wait_seconds": _LONGEST_WAIT}
    path = failure = None
    async with Client(server) as client:
        result = await _with_a_bar(client, wanted, console)
        clip = result.structured_content or {}
        if "video_url" in clip:
            console.print("Fetching the clip, which the sandbox renders now.")
            try:
                path = await save(clip["video_url"], Path.cwd(), picture.stem)
            except (httpx.HTTPError, OSError) as error:
                failure = f"The clip cannot be saved: {error!r}"
        else:
            failure = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    if path is None:
        raise AtlasError(failure)
    console.print(f"{path} ({path.stat().st_size / 1000:,.0f} kB)", soft_wrap=True)


async def _with_a_bar(client: Client, wanted: dict[str, Any], console: Console) -> CallToolResult:
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as bar:
        line = bar.add_task("Starting", total=100)

        async def show(progress: float, total: float | None, message: str | None) -> None:
            bar.update(line, completed=progress, total=total, description=message)

        return await client.call_tool("animate_image", wanted, progress_callback=show)


async def save(url: str, directory: Path, stem: str) -> Path:
    """Save a clip under a name that nothing has yet; a broken download leaves nothing behind.

    Raises:
        httpx.HTTPError: The clip could not be fetched.
        OSError: It could not be written.
    """
    number = 1
    while True:
        path = directory / (f"{stem}.mp4" if number == 1 else f"{stem}-{number}.mp4")
        try:
            file = path.open("xb")
        except FileExistsError:
            number += 1
            continue
        try:
            with file:
                async with (
                    httpx.AsyncClient(timeout=_LONGEST_RENDERING, trust_env=False) as http,
                    http.stream("GET", url) as response,
                ):
                    response.raise_for_status()
                    async for chunk in response.aiter_bytes():
                        file.write(chunk)
        except BaseException:
            path.unlink()
            raise
        return path
