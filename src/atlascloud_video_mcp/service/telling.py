"""What is told of a job to the call that waits for it, and of the account to whoever asks."""

from __future__ import annotations

import math
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlascloud_video_mcp.errors import AtlasError
from atlascloud_video_mcp.service.budgets import look_at_orphans
from atlascloud_video_mcp.service.jobs import News
from atlascloud_video_mcp.service.results import Balance
from atlascloud_video_mcp.service.steps import Step, step

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from decimal import Decimal

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal
    from atlascloud_video_mcp.service.jobs import Job
    from atlascloud_video_mcp.service.running import Running

_NO_MONEY = "This is the account of the built-in sandbox: none of it is real money."


@dataclass(frozen=True)
class Telling:
    """Tells; `heartbeat` is the longest silence between two steps in seconds, `budget` is in US dollars."""

    cloud: Cloud
    journal: Journal
    running: Running
    heartbeat: float
    budget: Decimal | None

    async def follow(
        self,
        job: Job,
        *,
        deadline: float = 0,
        answer_by: float = math.inf,
        looks: int = 0,
        work: Callable[[Job], Awaitable[None]] | None = None,
    ) -> AsyncGenerator[Step, None]:
        """Start the job's work where it is not running yet, and tell of it step by step."""
        if work:
            self.running.start(job, work)
        try:
            following = job.follow(deadline=deadline, heartbeat=self.heartbeat, looks=looks, answer_by=answer_by)
            async with aclosing(following) as log:
                async for news in log:
                    # Others may follow the same job, of whose call these notes are not.
                    own = job.notes if work else ()
                    told = step(job, news, sandbox=self.cloud.sandbox, own=own, warnings=self.journal.warnings)
                    yield self.cloud.mask(told)
        except AtlasError as error:
            error.args = self.cloud.mask(error.args)
            raise
        finally:
            if not job.committed:
                job.scope.cancel()

    async def balance(self, job: Job) -> None:
        """End a job with the money left and spent."""
        job.tell(News("Asking for the balance", 0.1))
        available = await self.cloud.balance()
        await look_at_orphans(self.cloud, self.journal)
        spent = (await self.journal.spending()).total
        balance = Balance(
            available_usd=float(available),
            spent_24h_usd=float(spent),
            budget_usd=None if self.budget is None else float(self.budget),
            notes=(*self.journal.warnings, *((_NO_MONEY,) if self.cloud.sandbox else ())) or None,
        )
        job.tell(News("Balance read", 0.99, result=balance))
