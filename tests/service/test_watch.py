"""One watch for each prediction, followed by any number of callers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from atlascloud_video_mcp.cloud.documents import clip_hosts
from atlascloud_video_mcp.errors import KeyRejected
from atlascloud_video_mcp.journal import Journal
from atlascloud_video_mcp.media.clips import ClipSaver
from atlascloud_video_mcp.service.downloads import Downloads
from atlascloud_video_mcp.service.progress import nowhere
from atlascloud_video_mcp.service.watch import WatchRegistry
from kit import QUICK, REMOTE, animate, cloud_at, service_at, until
from scripted_sandbox import Fault

if TYPE_CHECKING:
    from scripted_sandbox import Sandbox


async def test_a_poll_that_failed_before_its_caller_began_to_wait_is_a_verdict_all_the_same(
    sandbox: Sandbox, base_url: str
) -> None:
    async with service_at(base_url) as service:
        made = await animate(service, REMOTE)
    async with (
        cloud_at(base_url) as cloud,
        Journal(None) as journal,
        ClipSaver(hosts=clip_hosts((), base_url)) as saver,
        anyio.create_task_group() as tasks,
    ):
        downloads = Downloads(cloud, journal, saver, tasks)
        watch = WatchRegistry(cloud, journal, downloads, tasks, QUICK, None, 3600, 3600).watch(made.prediction_id)
        await watch.look()
        sandbox.script(Fault(endpoint="prediction", action="status", status=401))

        polls = watch.poll_now()
        await until(lambda: watch.polls_finished >= polls)

        with pytest.raises(KeyRejected), anyio.fail_after(20):
            await watch.follow(anyio.current_time() + 3600, nowhere, polls=polls)
        tasks.cancel_scope.cancel()
