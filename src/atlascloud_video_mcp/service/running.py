"""The jobs of this process: each in a task of its own, and those about predictions found by the prediction's id."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import PredictionNotFound
from atlascloud_video_mcp.journal import Submission
from atlascloud_video_mcp.service.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.service.pacing import Durations
    from atlascloud_video_mcp.service.watching import Watching

_VALID = "The prediction stays valid: do not submit again."


class Running:
    """Starts jobs and knows who watches what.

    Args:
        tasks: Where the jobs run; whoever owns it ends them.
        watching: What looks at predictions.
        durations: How long generations take, before any were seen.
    """

    def __init__(self, tasks: TaskGroup, watching: Watching, durations: Durations) -> None:
        self._tasks = tasks
        self._watching = watching
        self._durations = durations
        self._jobs: dict[str, Job] = {}

    def start(self, job: Job, work: Callable[[Job], Awaitable[None]]) -> None:
        """Let a job run."""
        self._tasks.start_soon(self._carry_out, job, work)

    def keep(self, prediction_id: str, job: Job) -> None:
        """Know a job as the one that watches a prediction."""
        self._jobs[prediction_id] = job

    def looking_at(self, prediction_id: str, *, now: bool = True) -> tuple[Job, int]:
        """The job that watches a prediction, and how many looks will be over when one is that begins only now.

        Without `now` the last look of a watch that goes on will do.
        """
        old = self._jobs.get(prediction_id)
        if old and not old.gave_up and not old.may_change:
            if not now:
                return old, 0
            old.nudge()
            return old, old.asked + 1
        # Where a job failed to look, what it knew of the submission stays known.
        job = Job(
            submission=old.submission if old else Submission(), committed=True, stands=_VALID, durations=self._durations
        )
        if old:
            job.doubt, job.refused_link = old.doubt, old.refused_link
        self.keep(prediction_id, job)
        self.start(job, partial(self._watching.recall, prediction_id=prediction_id))
        return job, 1

    async def _carry_out(self, job: Job, work: Callable[[Job], Awaitable[None]]) -> None:
        with job.scope:
            try:
                await work(job)
            except Exception as error:  # noqa: BLE001 - whoever follows the job raises it again
                job.end(error)
                if isinstance(error, PredictionNotFound):
                    self._jobs = {known: other for known, other in self._jobs.items() if other is not job}
            else:
                job.end()
