"""What the emulated service remembers: uploads, generations and money."""

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
from .predictions import Failure, Prediction

if TYPE_CHECKING:
    from collections.abc import Callable

    from .models import Model
    from .pictures import File

MEDIAN_SECONDS, SIGMA = 45.0, 0.35
SLOW = 10
MODERATION = Failure("Content moderation refused the prompt", 1039)


@dataclass(frozen=True, slots=True)
class Balance:
    """Amounts in US dollars; `cash` is what is left once the frozen part is spent or given back."""

    available: Decimal
    cash: Decimal
    frozen: Decimal


class World:
    """The state behind the endpoints; safe to use from several threads.

    `history_lag` is how many seconds after its submission a generation is listed, `clock_skew` how many seconds the
    account's clock is ahead, `billed` what a clip costs in the end as a multiple of its quote.
    """

    def __init__(
        self,
        *,
        speed: float,
        seconds: float | None,
        seed: int | None,
        balance_usd: float,
        history_lag: float = 0.0,
        clock_skew: float = 0.0,
        billed: float = 1.0,
    ) -> None:
        self._lock = threading.Lock()
        self._speed = speed
        self._duration = _durations(seconds, seed)
        self._budget = Decimal(str(balance_usd))
        self._history_lag = history_lag
        self._clock_skew = clock_skew
        self._billed = Decimal(str(billed))
        self._uploads: dict[str, File] = {}
        self._predictions: dict[str, Prediction] = {}

    def keep(self, file: File, suffix: str) -> str:
        """Store an upload and give it a name of its own."""
        name = f"{uuid.uuid4()}{suffix}"
        self._uploads[name] = file
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
            billed=price * self._billed,
            started=now,
            created=time.time() + self._clock_skew,
            planned=planned,
            due=math.inf if "sandbox:stuck" in prompt else now + planned,
        )
        with self._lock:
            self._predictions[prediction.id] = prediction
        return prediction

    def listed(self) -> list[Prediction]:
        """List what the history shows by now, newest first."""
        known = [prediction for prediction in reversed(self._all()) if not prediction.forgotten]
        now = time.monotonic()
        return [prediction for prediction in known if now - prediction.started >= self._history_lag]

    def end_history_lag(self) -> None:
        """List every generation from now on, whenever it was submitted."""
        self._history_lag = 0.0

    def find(self, prediction_id: str) -> Prediction | None:
        """Look a prediction up, unless it was forgotten."""
        with self._lock:
            prediction = self._predictions.get(prediction_id)
        return None if prediction is None or prediction.forgotten else prediction

    def accepted(self) -> list[tuple[str, dict[str, Any]]]:
        """List the ids and bodies of all accepted requests, oldest first."""
        return [(prediction.id, prediction.body) for prediction in self._all()]

    def finish(self, prediction_id: str) -> None:
        """End a generation now; raises KeyError for an id that was never given out."""
        self._predictions[prediction_id].finish(time.monotonic())

    def forget(self, prediction_id: str) -> None:
        """Let the API no longer know a prediction; what it cost stays spent. KeyError as in `finish`."""
        self._predictions[prediction_id].forgotten = True

    def balance(self) -> Balance:
        """Count the money: running generations hold their price, failed ones give it back."""
        now = time.monotonic()
        charged = sum((p.cost(now) for p in self._all()), Decimal(0))
        frozen = sum((p.price for p in self._all() if not p.ended(now)), Decimal(0))
        return Balance(self._budget - charged, self._budget - charged + frozen, frozen)

    def _all(self) -> list[Prediction]:
        with self._lock:
            return list(self._predictions.values())


def _durations(seconds: float | None, seed: int | None) -> Callable[[], float]:
    if seconds is not None:
        return itertools.repeat(seconds).__next__
    # Not for secrets: the same seed is to give the same times.
    dice = random.Random(seed)  # noqa: S311 - a simulation, nothing secret
    return lambda: dice.lognormvariate(math.log(MEDIAN_SECONDS), SIGMA)
