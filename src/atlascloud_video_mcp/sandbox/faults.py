"""What shall go wrong, with which requests, and how often."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable

FaultEndpoint = Literal[
    "upload", "generate", "prediction", "history", "models", "schema", "calculate", "balance", "file", "*"
]
Action = Literal[
    "status",
    "reset_before",
    "reset_after",
    "delay",
    "delay_after",
    "truncate",
    "wrong_length",
    "drip",
    "malformed",
    "html",
    "wrong_types",
    "empty",
]


class Fault(BaseModel):
    """One scripted fault: of the requests to `endpoint` it skips `after` and then hits `times`.

    Requests are counted from the moment the fault is scripted, hit by other faults or not; of several faults that
    would hit one request, the first does.

    `status` answers with the given `status`, `headers`, `body` and `content_type`, without a body in the API's own
    error envelope. `reset_before` resets the connection instead of acting, `reset_after` instead of answering.
    `delay` waits `seconds` and then acts, `delay_after` acts and then waits before it answers. `truncate` announces
    the whole body, sends half and closes; `wrong_length` announces half and sends the whole. `drip` sends the body in
    `chunks` pieces with `pause` seconds between them. `malformed`, `html`, `wrong_types` and `empty` answer 200 with
    broken JSON, a web page, JSON with values of other types than documented, and nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: FaultEndpoint
    action: Action
    times: int = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)
    status: int = Field(default=500, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    content_type: str = "application/json"
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    chunks: int = Field(default=8, ge=1)
    pause: float = Field(default=0.02, ge=0, allow_inf_nan=False)


def load_faults(text: str) -> list[Fault]:
    """Read faults from a JSON array of objects.

    Raises ValueError, which names the first wrong entry and field and says what is wrong with it.
    """
    try:
        return TypeAdapter(list[Fault]).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the text as a whole"
        raise ValueError(f"Not a JSON array of faults: {place}: {first['msg']}") from error


class Script:
    """The faults still to come; safe to use from several threads."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._lock = threading.Lock()
        self._counters = [_Counter(fault) for fault in faults]

    def add(self, faults: Iterable[Fault]) -> None:
        """Script more faults, to be counted from now."""
        with self._lock:
            self._counters += [_Counter(fault) for fault in faults]

    def take(self, endpoint: str) -> Fault | None:
        """Count a request and tell which fault hits it."""
        with self._lock:
            ready = [counter for counter in self._counters if counter.sees(endpoint)]
            if not ready:
                return None
            ready[0].hits += 1
            return ready[0].fault


class _Counter:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.hits = 0

    def sees(self, endpoint: str) -> bool:
        if self.fault.endpoint not in ("*", endpoint):
            return False
        self.seen += 1
        return self.seen > self.fault.after and self.hits < self.fault.times
