from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.__main__ import main
from sandbox_kit import decode, difference

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("duration", [6, 10])
def test_the_demo_makes_a_clip_of_the_asked_length_that_decodes_fully_and_moves(
    duration: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["--speed", "60", "demo", "--duration", str(duration)]) == 0

    frames, seconds, codec, pixels = decode((tmp_path / "rocket.mp4").read_bytes())
    assert (codec, pixels, seconds) == ("h264", "yuv420p", duration)
    assert len(frames) == duration * 24
    assert difference(frames[0], frames[-1]) > 5
    assert "rocket.mp4" in capsys.readouterr().out
