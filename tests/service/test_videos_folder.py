"""A clip that is saved without a place goes where the platform keeps videos."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.media.clips import CannotSave
from atlascloud_video_mcp.service.results import Prediction, SavedVideo
from clips_kit import everything
from kit import PHOTOS, ROCKET, animate, service_at
from scripted_sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from atlascloud_video_mcp.service.service import VideoService

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows keeps the folder in its registry")


@pytest.fixture
def sandbox() -> Sandbox:
    """Clips are finished at once."""
    return Sandbox(seconds=0.05, short_side=64)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_VIDEOS_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


async def clip_of(service: VideoService) -> str:
    clip = await animate(service, ROCKET, deadline=1e12)
    assert isinstance(clip, Prediction)
    return clip.prediction_id


async def test_without_a_place_a_clip_goes_to_the_folder_for_videos(base_url: str, home: Path) -> None:
    async with service_at(base_url) as service:
        saved = await service.save_video(await clip_of(service))

    assert isinstance(saved, SavedVideo)
    folder, name = os.path.split(saved.saved_path)
    assert folder in {str(home / "Videos"), str(home / "Movies")}
    assert name.startswith("rocket-")


async def test_the_download_directory_of_the_settings_comes_before_it(
    base_url: str, home: Path, tmp_path: Path
) -> None:
    async with service_at(base_url, download_dir=tmp_path / "clips") as service:
        saved = await service.save_video(await clip_of(service))

    assert isinstance(saved, SavedVideo)
    assert saved.saved_path.startswith(str(tmp_path / "clips"))
    assert everything(home) == []


async def test_the_folder_for_videos_must_be_allowed_like_any_other(base_url: str, home: Path, tmp_path: Path) -> None:
    async with service_at(base_url, allowed_dirs=[tmp_path / "clips", PHOTOS]) as service:
        with pytest.raises(CannotSave, match="lies outside the directories this server may read and write"):
            await service.save_video(await clip_of(service))

    assert everything(home) == []
