"""Work that may outlive the call that began it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from atlascloud_video_mcp.errors import OutOfTime
from atlascloud_video_mcp.server.reporter import Reporter
from atlascloud_video_mcp.service.background import BackgroundTask
from atlascloud_video_mcp.service.progress import Phase, Progress
from kit import until

if TYPE_CHECKING:
    from atlascloud_video_mcp.service.progress import ProgressSink


class Work:
    """Ends when it is let; remembers how it ended."""

    def __init__(self, *, commits: bool = False) -> None:
        self.may_end = anyio.Event()
        self.became = ""
        self._commits = commits

    async def __call__(self, task: BackgroundTask[str]) -> str:
        if self._commits:
            task.commit()
        try:
            await self.may_end.wait()
        except BaseException:
            self.became = "cancelled"
            raise
        self.became = "done"
        return self.became


async def test_work_ends_with_the_last_caller_that_waits_for_it() -> None:
    work = Work()
    async with anyio.create_task_group() as tasks:
        task = BackgroundTask(tasks, work)
        with anyio.move_on_after(0.01):
            async with anyio.create_task_group() as callers:
                callers.start_soon(task.result)
                callers.start_soon(task.result)
        await until(lambda: work.became)

    assert work.became == "cancelled"


async def test_work_goes_on_while_one_caller_is_left_and_all_are_given_its_result() -> None:
    work, seen = Work(), list[str]()
    async with anyio.create_task_group() as tasks:
        task = BackgroundTask(tasks, work)

        async def wait() -> None:
            seen.append(await task.result())

        tasks.start_soon(wait)
        with anyio.move_on_after(0.01):
            await task.result()
        work.may_end.set()
        seen.append(await task.result())

    assert seen == ["done", "done"]


async def test_work_that_is_committed_is_carried_through_without_callers() -> None:
    work = Work(commits=True)
    async with anyio.create_task_group() as tasks:
        task = BackgroundTask(tasks, work)
        with anyio.move_on_after(0.01):
            await task.result()
        work.may_end.set()

    assert work.became == "done"


async def test_what_goes_wrong_is_told_to_whoever_waits_and_to_nobody_else() -> None:
    async def fails(_: BackgroundTask[None]) -> None:
        raise ZeroDivisionError

    async with anyio.create_task_group() as tasks:
        BackgroundTask(tasks, fails, committed=True)
        with pytest.raises(ZeroDivisionError):
            await BackgroundTask(tasks, fails).result()


async def test_silence_is_broken_with_what_was_told_last_and_the_same_is_not_told_twice() -> None:
    said: list[str] = []

    async def show(message: str, _: float) -> None:
        said.append(message)

    async def call(progress: ProgressSink) -> None:
        for _ in range(3):
            progress(Progress(Phase.READING_HISTORY, 0.1))
        await until(lambda: len(said) == 3)

    await Reporter(show, heartbeat=0.02).run(call)

    assert said[:3] == ["Reading the account's history"] * 3


async def test_a_second_call_of_the_same_command_is_told_of_as_the_first_one_was() -> None:
    said: list[str] = []

    async def show(message: str, _: float) -> None:
        said.append(message)

    async def call(progress: ProgressSink) -> None:
        await anyio.lowlevel.checkpoint()
        progress(Progress(Phase.LISTED, len(said) / 100))

    reporter = Reporter(show)
    await reporter.run(call)
    await reporter.run(call)

    assert said == ["Listed", "Listed"]


async def test_who_cannot_be_shown_the_progress_hears_why_and_the_call_ends() -> None:
    async def show(message: str, fraction: float) -> None:
        raise BrokenPipeError(message, fraction)

    async def call(progress: ProgressSink) -> None:
        progress(Progress(Phase.LISTED, 0.1))
        await anyio.sleep_forever()

    with pytest.raises(BrokenPipeError), anyio.fail_after(20):
        await Reporter(show).run(call)


async def test_an_answer_that_is_due_does_not_wait_for_what_is_still_to_be_shown() -> None:
    shown: list[str] = []
    due = anyio.current_time() + 0.2

    async def show(message: str, _: float) -> None:
        shown.append(message)
        await anyio.sleep_until(due + 0.05)

    async def call(progress: ProgressSink) -> None:
        for name in ("a", "b", "c"):
            progress(Progress(Phase.SUBMITTING, 0.1, name))
        await anyio.sleep_forever()

    with pytest.raises(OutOfTime), anyio.fail_after(20):
        await Reporter(show, reply_deadline=due).run(call)

    assert shown == ["Submitting to a"]
