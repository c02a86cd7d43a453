"""What shall go wrong, with which requests, and how often."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from answer_files import Answer

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

    `status` answers with the given `status`, `headers`, `body` (in `encoding`) and `content_type`, without a body in
    the API's own error envelope. `reset_before` resets the connection instead of acting, `reset_after` instead of
    answering.
    `delay` waits `seconds` and then acts, `delay_after` acts and then waits before it answers. `truncate` announces
    the whole body, sends half and closes; `wrong_length` announces half and sends the whole. `drip` sends the body in
    `chunks` pieces with `pause` seconds between them. `malformed`, `html`, `wrong_types` and `empty` answer 200 with
    broken JSON, a web page, JSON with values of other types than documented, and nothing.

    `status`, `malformed`, `html`, `wrong_types` and `empty` answer instead of acting, unless `act` is set: then the API
    acts first, as on any request, and only its answer is replaced. A generation is so accepted, and its id lost. All
    others but `reset_before`, which may not have it, act anyway.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: FaultEndpoint
    action: Action
    times: int = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)
    status: int = Field(default=500, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    encoding: str = "utf-8"
    content_type: str = "application/json"
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    chunks: int = Field(default=8, ge=1)
    pause: float = Field(default=0.02, ge=0, allow_inf_nan=False)
    act: bool = False

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.act and self.action == "reset_before":
            raise ValueError("reset_before never acts; reset_after does")
        return self

    @classmethod
    def answering(cls, answer: Answer, endpoint: FaultEndpoint, *, times: int = 1, act: bool = False) -> Self:
        """One of the API's answers that are kept as files, instead of the sandbox's own."""
        kind = answer.headers["content-type"]
        return cls(
            endpoint=endpoint,
            action="status",
            status=answer.status,
            headers={name: value for name, value in answer.headers.items() if name != "content-type"},
            content_type=kind,
            body=answer.body,
            encoding=answer.encoding,
            times=times,
            act=act,
        )

    def hits(self, endpoint: str) -> bool:
        """Tell if the fault is for the endpoint."""
        return self.endpoint in ("*", endpoint)


class Chaos(BaseModel):
    """Faults by chance: a `share` of the requests to `endpoints` is hit, each by any one of the `actions` at random.

    Of `actions` those count that are for the request's own endpoint or for "*"; their `times` and `after` do not. The
    dice are seeded: the same requests in the same order meet the same faults. A scripted fault goes first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    share: float = Field(ge=0, le=1)
    actions: tuple[Fault, ...] = Field(min_length=1)
    endpoints: tuple[FaultEndpoint, ...] = Field(default=("*",), min_length=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for endpoint in self.endpoints:
            if endpoint != "*" and not self._fitting(endpoint):
                raise ValueError(f"none of the actions is for {endpoint}")
        return self

    def draw(self, endpoint: str, dice: random.Random) -> Fault | None:
        """Roll the dice for a request."""
        if "*" not in self.endpoints and endpoint not in self.endpoints:
            return None
        fitting = self._fitting(endpoint)
        return dice.choice(fitting) if fitting and dice.random() < self.share else None

    def _fitting(self, endpoint: str) -> list[Fault]:
        return [fault for fault in self.actions if fault.hits(endpoint)]


class Script:
    """The faults still to come, and a count of those that came; safe to use from several threads."""

    def __init__(self, faults: Iterable[Fault], chaos: Chaos | None) -> None:
        self._lock = threading.Lock()
        self._counters = [_Counter(fault) for fault in faults]
        self._chaos = chaos
        # Not for secrets: the same seed is to give the same faults.
        self._dice = random.Random(None if chaos is None else chaos.seed)
        self._played: Counter[str] = Counter()

    @property
    def played(self) -> Counter[str]:
        """How often each fault befell each endpoint."""
        with self._lock:
            return Counter(self._played)

    def add(self, faults: Iterable[Fault]) -> None:
        """Script more faults, to be counted from now."""
        with self._lock:
            self._counters += [_Counter(fault) for fault in faults]

    def take(self, endpoint: str) -> Fault | None:
        """Count a request and tell which fault hits it."""
        with self._lock:
            fault = self._scripted(endpoint) or self._by_chance(endpoint)
            if fault is not None:
                self._played[_name(fault, endpoint)] += 1
            return fault

    def _scripted(self, endpoint: str) -> Fault | None:
        ready = [counter for counter in self._counters if counter.sees(endpoint)]
        if not ready:
            return None
        ready[0].hits += 1
        return ready[0].fault

    def _by_chance(self, endpoint: str) -> Fault | None:
        return None if self._chaos is None else self._chaos.draw(endpoint, self._dice)


class _Counter:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.hits = 0

    def sees(self, endpoint: str) -> bool:
        if not self.fault.hits(endpoint):
            return False
        self.seen += 1
        return self.seen > self.fault.after and self.hits < self.fault.times


def _name(fault: Fault, endpoint: str) -> str:
    name = f"{endpoint}:{fault.action}"
    return f"{name}:{fault.status}" if fault.action == "status" else name
