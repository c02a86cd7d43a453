"""Several people and several servers on one account: two services on one PostgreSQL stand for two replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.errors import PredictionNotFound
from atlascloud_video_mcp.journal import Person
from kit import REMOTE, animate, service_at

if TYPE_CHECKING:
    from scripted_sandbox import Sandbox

ANN, BOB = Person("ann"), Person("bob")


def polls(sandbox: Sandbox) -> int:
    return sum(request.path.startswith("/api/v1/model/prediction/") for request in sandbox.requests)


async def test_people_join_each_others_requests_and_see_only_what_they_asked_for(
    base_url: str, sandbox: Sandbox, database_url: str
) -> None:
    async with (
        service_at(base_url, directory=database_url) as here,
        service_at(base_url, directory=database_url) as there,
    ):
        first = await animate(here, REMOTE, person=ANN)
        with pytest.raises(PredictionNotFound, match="You asked for no prediction"):
            await there.get_prediction(first.prediction_id, clip_deadline=0, person=BOB)
        joined = await animate(there, REMOTE, person=BOB)
        other = await animate(there, REMOTE, take=2, person=BOB)

        assert (joined.prediction_id, joined.reused) == (first.prediction_id, True)
        assert len(sandbox.account.jobs) == 2
        assert [each.prediction_id for each in (await here.list_predictions(person=ANN)).predictions] == [
            first.prediction_id
        ]
        listed = {each.prediction_id for each in (await here.list_predictions(person=BOB)).predictions}
        assert listed == {first.prediction_id, other.prediction_id}
        assert (await there.get_prediction(first.prediction_id, clip_deadline=0, person=BOB)).status == "processing"
        assert (await there.recall(first.prediction_id, person=BOB)).prediction_id == first.prediction_id
