from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import av
import httpx
import pytest
from PIL import Image, ImageChops, ImageStat

from atlascloud_video_mcp.__main__ import main
from atlascloud_video_mcp.demo import save

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("duration", [6, 10])
def test_the_demo_makes_a_clip_of_the_asked_length_that_decodes_fully_and_moves(
    duration: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["--speed", "60", "demo", "--duration", str(duration)]) == 0

    with av.open(tmp_path / "rocket.mp4") as clip:
        frames = [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in clip.decode(video=0)]
        rate = clip.streams.video[0].average_rate
    assert rate is not None
    assert len(frames) / rate == duration
    difference = ImageStat.Stat(ImageChops.difference(frames[0], frames[-1]))
    assert sum(difference.mean) / 3 > 5
    assert "rocket.mp4" in capsys.readouterr().out


async def test_a_broken_download_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(httpx.ConnectError):
        await save("http://127.0.0.1:9/clip.mp4", tmp_path, "rocket")

    assert [path async for path in anyio.Path(tmp_path).iterdir()] == []
