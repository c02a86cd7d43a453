"""Figure 6, first half: the studio as it is, on a clock that jumps, so that hours of waiting take seconds."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

import anyio
from pydantic import SecretStr
from typing_extensions import override

from atlascloud_video_mcp.cloud.api import Cloud
from atlascloud_video_mcp.cloud.documents import Document, Unreadable
from atlascloud_video_mcp.cloud.reports import Report
from atlascloud_video_mcp.cloud.wire import Quote
from atlascloud_video_mcp.journal import Journal, VideoRequest
from atlascloud_video_mcp.media.clips import ClipSaver
from atlascloud_video_mcp.models import Catalogue
from atlascloud_video_mcp.service.service import VideoService

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_T = TypeVar("_T")
MODEL = "minimax/hailuo-2.3/i2v-standard"
NOWHERE = "http://127.0.0.1:9"
PICTURE = "https://pictures.example/cat.jpg"
PRICE = Decimal("0.30")
CLIP = "https://files.example/clip.mp4"


@dataclass(frozen=True)
class Wait:
    """One generation waited for: how long it took, how late the answer was (seconds), and the polls it cost."""

    took: float
    lag: float
    polls: int


class _Impatient(selectors.SelectSelector):
    """Never waits: where there would be a wait, the clock jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout and timeout > 0:
            self.now += timeout
        return super().select(None if timeout is None else 0)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop on the clock of its selector."""

    def __init__(self) -> None:
        self._clock = _Impatient()
        super().__init__(self._clock)

    @override
    def time(self) -> float:
        return self._clock.now


class _Api(Cloud):
    """The API on the simulated clock: the client as it is, with three requests answered on the spot."""

    def __init__(self) -> None:
        super().__init__(NOWHERE, SecretStr("simulated"))
        self.due: dict[str, float] = {}
        self.polls: Counter[str] = Counter()
        self._facts: dict[str, tuple[datetime, float]] = {}

    @override
    async def generate(self, body: Mapping[str, Any]) -> Report:
        prediction_id, seconds = f"simulated-{len(self.due)}", float(body["prompt"])
        self.due[prediction_id] = anyio.current_time() + seconds
        self._facts[prediction_id] = datetime.now(UTC), seconds
        return self._told(prediction_id)

    @override
    async def prediction(self, prediction_id: str) -> Report:
        self.polls[prediction_id] += 1
        return self._told(prediction_id)

    @override
    async def quote(self, body: Mapping[str, Any]) -> Quote:
        return Quote(PRICE)

    def _told(self, prediction_id: str) -> Report:
        begun, seconds = self._facts[prediction_id]
        told: dict[str, object] = {"id": prediction_id, "status": "processing", "created_at": begun.isoformat()}
        if anyio.current_time() >= self.due[prediction_id]:
            ended = begun + timedelta(seconds=seconds)
            told |= {"status": "completed", "outputs": [CLIP], "completed_at": ended.isoformat()}
        return Report.model_validate(told)


def wait_for(durations: Sequence[float], *, at_once: bool) -> list[Wait]:
    """Wait for generations of these durations, in seconds: all at once, or one after another and learning from each."""
    # A thread would work while the clock jumps.
    with patch("anyio.to_thread.run_sync", _here):
        return anyio.run(_wait_for, durations, at_once, backend_options={"loop_factory": _Loop})


async def _here(work: Callable[..., _T], *arguments: object, **_: object) -> _T:
    return work(*arguments)


async def _nowhere(url: str, *, known: str | None, largest: int) -> Document:
    raise Unreadable(f"is not asked for ({url}, {known}, {largest})")


async def _wait_for(durations: Sequence[float], at_once: bool) -> list[Wait]:  # noqa: FBT001 - anyio.run passes by place
    waits: list[Wait] = []
    async with (
        _Api() as api,
        Journal(None) as journal,
        ClipSaver() as saver,
        VideoService(api, journal, saver, Catalogue(_nowhere, base_url="https://api.example"), model=MODEL) as service,
        anyio.create_task_group() as tasks,
    ):

        async def one(seconds: float) -> None:
            clip = await service.animate_image(VideoRequest(PICTURE, prompt=repr(seconds)), clip_deadline=math.inf)
            answered = anyio.current_time()
            mine = clip.prediction_id
            waits.append(Wait(seconds, answered - api.due[mine], api.polls[mine]))

        for seconds in durations:
            if at_once:
                tasks.start_soon(one, seconds)
            else:
                await one(seconds)
    return waits
