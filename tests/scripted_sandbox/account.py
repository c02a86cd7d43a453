"""An account that a test has a hand in."""

from __future__ import annotations

import math
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from atlascloud_sandbox import Account

if TYPE_CHECKING:
    from atlascloud_sandbox.models import Model
    from atlascloud_sandbox.pictures import File
    from atlascloud_sandbox.predictions import Failure, Prediction


class ScriptedAccount(Account):
    """What `Sandbox` says of its account's knobs holds."""

    def __init__(
        self,
        *,
        speed: float = 1.0,
        seconds: float | None = None,
        seed: int | None = None,
        balance_usd: float = 100.0,
        history_lag: float = 0.0,
        clock_skew: float = 0.0,
        billed: float = 1.0,
    ) -> None:
        if not history_lag >= 0:
            raise ValueError(f"The lag of the history must be 0 or more, not {history_lag}.")
        if not math.isfinite(clock_skew):
            raise ValueError(f"The skew of the clock must be finite, not {clock_skew}.")
        if not 0 <= billed < math.inf:
            raise ValueError(f"What is billed must be 0 or more times the quote, not {billed}.")
        super().__init__(speed=speed, seconds=seconds, seed=seed, balance_usd=balance_usd)
        self._history_lag = history_lag
        self._clock_skew = clock_skew
        self._billed = Decimal(str(billed))
        self._forgotten: set[str] = set()
        self._deleted: set[str] = set()

    def submit(
        self, model: Model, body: dict[str, Any], picture: File | None, failure: Failure | None, text: str
    ) -> Prediction:
        prediction = super().submit(model, body, picture, failure, text)
        prediction.created += self._clock_skew
        prediction.billed *= self._billed
        return prediction

    def listed(self) -> list[Prediction]:
        """List what the history shows by now, newest first."""
        now = time.monotonic()
        return [
            prediction
            for prediction in super().listed()
            if prediction.id not in self._forgotten and now - prediction.started >= self._history_lag
        ]

    def find(self, prediction_id: str) -> Prediction | None:
        return None if prediction_id in self._forgotten else super().find(prediction_id)

    def with_clip(self, prediction_id: str) -> Prediction | None:
        return None if prediction_id in self._deleted else super().with_clip(prediction_id)

    def end_history_lag(self) -> None:
        """List every generation from now on, whenever it was submitted."""
        self._history_lag = 0.0

    def finish(self, prediction_id: str) -> None:
        """End a generation now, unless it is over; raises KeyError for an id that was never given out."""
        prediction = self._predictions[prediction_id]
        prediction.due = min(prediction.due, time.monotonic())

    def forget(self, prediction_id: str) -> None:
        """Let the API no longer know a prediction; its clip and what it cost stay. KeyError as in `finish`."""
        self._forgotten.add(self._predictions[prediction_id].id)

    def delete_clip(self, prediction_id: str) -> None:
        """Let the clip be gone; the record stays. KeyError as in `finish`."""
        self._deleted.add(self._predictions[prediction_id].id)
