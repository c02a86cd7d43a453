"""What several tests share."""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
from mcp.types import CallToolResult, TextContent
from pydantic import SecretStr

from atlascloud_sandbox.offers import HAILUO
from atlascloud_video_mcp.cloud.api import Cloud
from atlascloud_video_mcp.cloud.documents import Document, clip_hosts
from atlascloud_video_mcp.cloud.request import ApiPatience
from atlascloud_video_mcp.journal import Journal, Submission, VideoRequest
from atlascloud_video_mcp.journal.submission import read_backwards
from atlascloud_video_mcp.media.clips import ClipSaver
from atlascloud_video_mcp.models import Catalogue
from atlascloud_video_mcp.server.reporter import Reporter, line
from atlascloud_video_mcp.service.pacing import Durations
from atlascloud_video_mcp.service.service import VideoService

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from atlascloud_video_mcp.service.progress import Progress, ProgressSink
    from atlascloud_video_mcp.service.results import DryRun, Prediction
    from scripted_sandbox import Fault, Sandbox

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PHOTOS = TESTS / "photos"
ROCKET = str(PHOTOS / "rocket.jpg")
# 64 x 64 pixels: too small to be enlarged.
TINY = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAG0lEQVR4nO3BgQAAAADD"
    "oPlT3+AEVQEAAAB8AxBAAAFGOA0dAAAAAElFTkSuQmCC"
)
CANARY = "canary-key-0xC0FFEE"
STANDARD = "minimax/hailuo-2.3/i2v-standard"
PRO = "minimax/hailuo-2.3/i2v-pro"
FAST = "minimax/hailuo-2.3/fast"
REMOTE = "https://pictures.example/cat.jpg"
QUICK = Durations(median=0.05)
HASTY = ApiPatience(altogether=20, first_pause=0.001, longest_pause=0.001, connect=10, silence=10, answer=20, upload=20)
# For what the API delays on purpose; patient enough for a machine that is busy with other things.
IMPATIENT = replace(HASTY, silence=1, answer=1.5, upload=1.5)


def cloud_at(base_url: str, key: str | None = CANARY, patience: ApiPatience = HASTY, *, sandbox: bool = True) -> Cloud:
    return Cloud(base_url, SecretStr(key) if key else None, patience=patience, sandbox=sandbox)


async def published(url: str, *, known: str | None, largest: int) -> Document:  # noqa: ARG001 - as Fetch
    """What the sandbox publishes of the models that need no catalogue, without a request that a test would count."""
    origin = "https://static.atlascloud.ai"
    schemas = {f"{origin}/schema/{model.id}.json": model.document(origin) for model in HAILUO}
    return Document(json.dumps(schemas.get(url) or [model.entry(origin) for model in HAILUO]).encode(), None)


def catalogue_of(
    cloud: Cloud,
    directory: Path | None = None,
    patience: float = 20,
    clock: Callable[[], float] = time.time,
) -> Catalogue:
    where = directory / "catalogue" if directory else None
    return Catalogue(cloud.documents.get, base_url=cloud.base_url, directory=where, patience=patience, clock=clock)


async def catalogue_at_hand() -> Catalogue:
    """One in which the default model's rules have been read."""
    catalogue = Catalogue(published, base_url="https://api.atlascloud.ai/api/v1")
    await catalogue.model(STANDARD)
    return catalogue


@asynccontextmanager
async def service_at(  # noqa: PLR0913 - one knob each, all by name
    base_url: str,
    *,
    key: str | None = CANARY,
    poll_interval: float = 0.01,
    retry_pause: float = 0.05,
    allowed_dirs: Sequence[Path] = (),
    durations: Durations = QUICK,
    directory: Path | str | None = None,
    download_dir: Path | None = None,
    budget: str | None = None,
    patience: ApiPatience = HASTY,
    history_patience: float = 0.5,
    model: str = STANDARD,
    catalogue: Catalogue | None = None,
    online: bool = False,
    sandbox: bool = True,
    local_files: bool = True,
) -> AsyncGenerator[VideoService, None]:
    async with (
        cloud_at(base_url, key, patience, sandbox=sandbox) as cloud,
        Journal(directory) as journal,
        ClipSaver(allowed_dirs=allowed_dirs, hosts=clip_hosts((), base_url)) as saver,
        VideoService(
            cloud,
            journal,
            saver,
            catalogue or (catalogue_of(cloud, _on_disk(directory)) if online else await catalogue_at_hand()),
            model=model,
            poll_interval=poll_interval,
            retry_pause=retry_pause,
            allowed_dirs=allowed_dirs,
            durations=durations,
            download_dir=download_dir,
            budget=Decimal(budget) if budget else None,
            history_patience=history_patience,
            local_files=local_files,
        ) as service,
    ):
        yield service


def _on_disk(place: Path | str | None) -> Path | None:
    return place if isinstance(place, Path) else None


def patience_for(fault: Fault) -> ApiPatience:
    return IMPATIENT if fault.action in {"delay", "delay_after", "drip"} else HASTY


async def until(true: Callable[[], object]) -> None:
    """Wait, within bounds, for something that another task or thread is about to do."""
    with anyio.fail_after(60):  # a busy machine takes its time, to start a process for instance
        while not true():  # noqa: ASYNC110 - what is waited for happens in another thread, which sets no event
            await anyio.sleep(0.005)


async def animate(
    service: VideoService,
    image: str,
    *,
    deadline: float = 0,
    answer_by: float = math.inf,
    **asked: Any,  # noqa: ANN401 - of a dataclass
) -> Prediction:
    """A call of animate_image, bounded, with the edge's reply deadline; `asked` are fields of VideoRequest."""
    request = VideoRequest(image, **asked)
    with anyio.fail_after(30):
        return await Reporter(reply_deadline=answer_by).wait(
            lambda progress: service.animate_image(
                request, clip_deadline=deadline, reply_deadline=answer_by, progress=progress
            )
        )


async def look(
    service: VideoService, prediction_id: str, *, deadline: float = 0, answer_by: float = math.inf
) -> Prediction:
    """A call of get_prediction, bounded, with the edge's reply deadline."""
    with anyio.fail_after(30):
        return await Reporter(reply_deadline=answer_by).wait(
            lambda progress: service.get_prediction(prediction_id, clip_deadline=deadline, progress=progress)
        )


async def rehearse(service: VideoService, image: str, **asked: Any) -> DryRun:  # noqa: ANN401 - as above
    """A dry run; `asked` are fields of VideoRequest."""
    return await service.dry_run(VideoRequest(image, **asked))


@dataclass(frozen=True)
class Step:
    """What a call told of itself, and the prediction as it stood then."""

    message: str
    fraction: float
    prediction: Prediction | None


async def steps_of(service: VideoService, image: str, *, deadline: float, **asked: Any) -> list[Step]:  # noqa: ANN401 - as above
    """All that a call of animate_image tells."""
    steps: list[Step] = []
    told: list[Progress] = []

    def take(progress: Progress) -> None:
        if progress not in told[-1:]:  # the edge does not repeat itself either
            told.append(progress)
            steps.append(Step(*line(progress), progress.prediction and progress.prediction()))

    with anyio.fail_after(30):
        await service.animate_image(VideoRequest(image, **asked), clip_deadline=deadline, progress=take)
    return steps


def animating(
    service: VideoService, image: str, *, deadline: float = math.inf
) -> Callable[[ProgressSink], Awaitable[Prediction]]:
    """A call of animate_image as the edge runs it."""
    return lambda progress: service.animate_image(VideoRequest(image), clip_deadline=deadline, progress=progress)


async def leave_at(word: str, call: Callable[[ProgressSink], Awaitable[object]], *, times: int = 1) -> list[str]:
    """Leave a call as soon as it has said so, as often as that; returns all that it said."""
    said: list[str] = []
    async with anyio.create_task_group() as tasks:

        async def show(message: str, _: float) -> None:
            said.append(message)
            if sum(each.startswith(word) for each in said) == times:
                tasks.cancel_scope.cancel()

        await Reporter(show, heartbeat=0.02).run(call)
    return said


def as_sent(
    intent_id: str, body: Mapping[str, object], notes: Sequence[str] = (), picture: str | None = None
) -> Submission:
    """What a claimed submission is when its body is about to be sent."""
    return Submission(read_backwards(body), body, intent_id, notes=tuple(notes), picture=picture)


async def submission_of(journal: Journal, intent_id: str) -> Submission | None:
    return await journal.run(lambda it: it.submission(intent_id))


async def only_id(base_url: str) -> str:
    """The id of the one prediction of the account, by its history, once it is there."""
    headers = {"Authorization": f"Bearer {CANARY}", "User-Agent": "test"}
    async with httpx.AsyncClient(headers=headers, trust_env=False) as http:
        while True:
            answer = await http.get(f"{base_url}/model/history")
            if rows := answer.json()["data"]["items"]:
                return str(rows[0]["ID"])


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def polls(sandbox: Sandbox) -> int:
    return requests_to(sandbox, "prediction")


def requests_to(sandbox: Sandbox, endpoint: str) -> int:
    return sum(request.endpoint == endpoint for request in sandbox.received)


def handed_on(*beginnings: str) -> dict[str, str]:
    """What of our environment a server gets: a host hands on little of its own."""
    return {name: value for name, value in os.environ.items() if name.startswith(beginnings)}
