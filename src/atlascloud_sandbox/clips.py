"""Finished clips on disk, rendered when somebody first asks for one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .pictures import open_picture
from .render import render

if TYPE_CHECKING:
    from pathlib import Path

    from .predictions import Prediction


class Clips:
    """The clips of one run of the server, in a directory that somebody else removes."""

    def __init__(self, directory: Path, short_side: int) -> None:
        self._directory = directory
        self._short_side = short_side
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def stop(self) -> None:
        """Give up renderings under way, and all that may come."""
        self._stopping.set()

    def path(self, prediction: Prediction) -> Path:
        """Give the clip's file, rendering it on the first call; blocks, and raises RenderStopped after `stop`."""
        path = self._directory / f"{prediction.id}.mp4"
        with self._lock:
            lock = self._locks.setdefault(prediction.id, threading.Lock())
        with lock:
            if not path.exists():
                self._render(prediction, path)
        return path

    def _render(self, prediction: Prediction, path: Path) -> None:
        part = path.with_suffix(".part")
        render(
            open_picture(prediction.picture),
            part,
            prompt=prediction.body.get("prompt", ""),
            seconds=prediction.seconds,
            short_side=self._short_side,
            stop=self._stopping.is_set,
        )
        part.replace(path)
