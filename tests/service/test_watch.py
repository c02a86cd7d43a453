"""One watch for each prediction, followed by any number of callers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import pytest
from typing_extensions import override

from atlascloud_video_mcp.cloud.documents import clip_hosts
from atlascloud_video_mcp.cloud.reports import Status
from atlascloud_video_mcp.errors import KeyRejected
from atlascloud_video_mcp.journal import Journal
from atlascloud_video_mcp.media.clips import ClipSaver
from atlascloud_video_mcp.service.downloads import Downloads
from atlascloud_video_mcp.service.pacing import Durations
from atlascloud_video_mcp.service.progress import nowhere
from atlascloud_video_mcp.service.watches import WatchRegistry
from kit import QUICK, REMOTE, animate, cloud_at, service_at, until
from scripted_sandbox import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from atlascloud_video_mcp.service.watch import Watch
    from scripted_sandbox import Sandbox


@dataclass(frozen=True)
class Slip(Durations):
    """A mistake of ours, once."""

    left: list[Exception] = field(default_factory=lambda: [ZeroDivisionError()])

    @override
    def pause(self, seconds: float, *, shortest: float) -> float:
        if self.left:
            raise self.left.pop()
        return super().pause(seconds, shortest=shortest)


@asynccontextmanager
async def watching(base_url: str, durations: Durations = QUICK) -> AsyncGenerator[Callable[[], Watch], None]:
    """What finds the watch of a prediction that was just made; it polls when it is asked to."""
    async with service_at(base_url) as service:
        made = await animate(service, REMOTE)
    async with (
        cloud_at(base_url) as cloud,
        Journal(None) as journal,
        ClipSaver(hosts=clip_hosts((), base_url)) as saver,
        anyio.create_task_group() as tasks,
    ):
        downloads = Downloads(cloud, journal, saver, tasks)
        registry = WatchRegistry(cloud, journal, downloads, tasks, durations, None, 3600, 3600)
        yield lambda: registry.watch(made.prediction_id)
        tasks.cancel_scope.cancel()


async def test_a_poll_that_failed_before_its_caller_began_to_wait_is_a_verdict_all_the_same(
    sandbox: Sandbox, base_url: str
) -> None:
    async with watching(base_url) as watch_of_it:
        watch = watch_of_it()
        await watch.look()
        sandbox.script(Fault(endpoint="prediction", action="status", status=401))

        polls = watch.poll_now()
        await until(lambda: watch.polls_finished >= polls)

        with pytest.raises(KeyRejected), anyio.fail_after(20):
            await watch.follow(anyio.current_time() + 3600, nowhere, polls=polls)


async def test_a_watch_that_a_mistake_of_ours_ended_is_taken_up_again_by_the_next_call(base_url: str) -> None:
    async with watching(base_url, Slip()) as watch_of_it:
        with pytest.raises(ZeroDivisionError), anyio.fail_after(20):
            await watch_of_it().follow(anyio.current_time() + 3600, nowhere)

        with anyio.fail_after(20):
            report = await watch_of_it().look()

    assert report.status is Status.PROCESSING
