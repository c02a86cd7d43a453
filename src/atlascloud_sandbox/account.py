"""What the emulated account remembers: uploads, generations and money."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .answers import Refused, amount
from .pictures import MEGABYTE
from .predictions import Failure, Prediction

if TYPE_CHECKING:
    from collections.abc import Callable

    from .models import Model
    from .pictures import File

KEPT = 128 * MEGABYTE
MEDIAN_SECONDS, SIGMA = 45.0, 0.35
SLOW = 10
MODERATION = Failure("Content moderation refused the prompt", 1039)


@dataclass(frozen=True, slots=True)
class Balance:
    """Amounts in US dollars; `cash` is what is left once the frozen part is spent or given back."""

    available: Decimal
    cash: Decimal
    frozen: Decimal


class Account:
    """The state behind the endpoints; safe to use from several threads.

    `speed` divides the time every generation takes: `seconds`, or log-normal with a median of 45 s drawn from `seed`.
    """

    def __init__(
        self, *, speed: float = 1.0, seconds: float | None = None, seed: int | None = None, balance_usd: float = 100.0
    ) -> None:
        if not speed > 0:
            raise ValueError(f"The speed must be above 0, not {speed}.")
        self._lock = threading.Lock()
        self._speed = speed
        self._duration = _durations(seconds, seed)
        self._budget = Decimal(str(balance_usd))
        self._uploads: dict[str, File] = {}
        self._predictions: dict[str, Prediction] = {}

    def keep(self, file: File, suffix: str) -> str:
        """Store an upload under a name of its own; of all of them the newest 128 MB are kept."""
        name = f"{uuid.uuid4()}{suffix}"
        with self._lock:
            self._uploads[name] = file
            held = sum(len(upload.data) for upload in self._uploads.values())
            while held > KEPT:
                held -= len(self._uploads.pop(next(iter(self._uploads))).data)
        return name

    def upload(self, name: str) -> File | None:
        """Look an upload up."""
        return self._uploads.get(name)

    def submit(
        self, model: Model, body: dict[str, Any], picture: File | None, failure: Failure | None, text: str
    ) -> Prediction:
        """Charge for a checked request and start it; raises Refused with 402 when the balance is too low."""
        price = model.quote(body)
        if price > self.balance().available:
            raise Refused(402, f"Insufficient balance: this request costs {amount(price)} USD")
        prompt = body.get("prompt", "")
        now = time.monotonic()
        planned = self._duration() / self._speed * (SLOW if "sandbox:slow" in prompt else 1)
        prediction = Prediction(
            id=f"sandbox-{uuid.uuid4().hex}",
            model=model.id,
            body=body,
            text=text,
            picture=picture,
            failure=MODERATION if "sandbox:fail" in prompt else failure,
            seconds=model.seconds(body),
            price=price,
            billed=price,
            started=now,
            created=time.time(),
            planned=planned,
            due=math.inf if "sandbox:stuck" in prompt else now + planned,
        )
        with self._lock:
            self._predictions[prediction.id] = prediction
        return prediction

    def predictions(self) -> list[Prediction]:
        """List all generations, oldest first."""
        with self._lock:
            return list(self._predictions.values())

    def listed(self) -> list[Prediction]:
        """List what the history shows, newest first."""
        return self.predictions()[::-1]

    def find(self, prediction_id: str) -> Prediction | None:
        """Look a prediction up."""
        return self._predictions.get(prediction_id)

    def with_clip(self, prediction_id: str) -> Prediction | None:
        """Look up a prediction whose clip is there."""
        prediction = self._predictions.get(prediction_id)
        return prediction if prediction and prediction.succeeded(time.monotonic()) else None

    def balance(self) -> Balance:
        """Count the money: running generations hold their price, failed ones give it back."""
        now, predictions = time.monotonic(), self.predictions()
        charged = sum((p.cost(now) for p in predictions), Decimal(0))
        frozen = sum((p.price for p in predictions if not p.ended(now)), Decimal(0))
        return Balance(self._budget - charged, self._budget - charged + frozen, frozen)


def _durations(seconds: float | None, seed: int | None) -> Callable[[], float]:
    if seconds is not None:
        return itertools.repeat(seconds).__next__
    # Not for secrets: the same seed is to give the same times.
    dice = random.Random(seed)  # noqa: S311 - a simulation, nothing secret
    return lambda: dice.lognormvariate(math.log(MEDIAN_SECONDS), SIGMA)
