"""The sandbox as tests use it."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import atlascloud_sandbox

from .account import ScriptedAccount
from .catalogue import catalogue
from .fault_injection import FaultMiddleware
from .faults import Script
from .refusing import RefusingServer
from .styles import Style

if TYPE_CHECKING:
    import socket
    from collections import Counter
    from collections.abc import Callable, Collection, Iterable, Iterator

    from starlette.types import ASGIApp

    from atlascloud_sandbox.running import Server

    from .fault_injection import Received
    from .faults import Chaos, Fault


class Sandbox(atlascloud_sandbox.Sandbox):
    """An emulated Atlas Cloud account that does what a test wants, and tells what came in.

    `speed`, `seconds`, `seed` and `balance_usd` are the account's, `keys` and `short_side` the sandbox's own.
    `history_lag` is how many seconds after its submission a generation appears in the history, infinite for not before
    `show_history`. `clock_skew`, in seconds, is added to every timestamp in an answer's body.
    `billed` is what a clip costs once it is ready, as a multiple of its quote. `fillers` makes the catalogue longer by
    so many image-to-video models, each of about `filler_bytes` bytes.
    All its methods may be called from any thread.
    """

    def __init__(  # noqa: PLR0913 - one knob each, all by name
        self,
        *,
        speed: float = 1.0,
        seconds: float | None = None,
        seed: int | None = None,
        style: Style | None = None,
        keys: Collection[str] | None = None,
        balance_usd: float = 100.0,
        short_side: int = 768,
        faults: Iterable[Fault] = (),
        chaos: Chaos | None = None,
        history_lag: float = 0.0,
        clock_skew: float = 0.0,
        billed: float = 1.0,
        fillers: int = 0,
        filler_bytes: int = 1500,
    ) -> None:
        account = ScriptedAccount(
            speed=speed,
            seconds=seconds,
            seed=seed,
            balance_usd=balance_usd,
            history_lag=history_lag,
            clock_skew=clock_skew,
            billed=billed,
        )
        answers = style or Style()
        self._scripted = account
        self._script = Script(faults, chaos)
        self._received: list[Received] = []
        self._open_ones: list[RefusingServer] = []
        super().__init__(
            account,
            keys=keys,
            short_side=short_side,
            models=catalogue(fillers, filler_bytes),
            answers=answers,
            middleware=partial(FaultMiddleware, script=self._script, answers=answers, log=self._received.append),
        )

    def server(self, app: ASGIApp, listener: socket.socket, on_stop: Callable[[], None]) -> Server:
        return RefusingServer(app, listener, on_stop, self._open_ones)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Close every connection and refuse new ones, within the `with` block; the port stays ours.

        What arrived whole before is still acted on, though nobody hears the answer. Blocks may overlap. Raises
        RuntimeError when the sandbox is not running.
        """
        if not self._open_ones:
            raise RuntimeError("The sandbox is not running, so it has no port at which to refuse connections.")
        with contextlib.ExitStack() as stack:
            for server in list(self._open_ones):
                stack.enter_context(server.refusing())
            yield

    @property
    def received(self) -> list[Received]:
        """Every request so far, in order of arrival."""
        return list(self._received)

    @property
    def submissions(self) -> list[dict[str, Any]]:
        """The bodies of all accepted, and so paid, generate requests, in order."""
        return [body for _, body in self.accepted]

    @property
    def accepted(self) -> list[tuple[str, dict[str, Any]]]:
        """Id and body of every accepted, and so paid, generate request, in order."""
        return [(prediction.id, prediction.body) for prediction in self._scripted.predictions()]

    @property
    def played(self) -> Counter[str]:
        """How many requests each fault hit so far, by "endpoint:action", or "endpoint:status:503" for a status."""
        return self._script.played

    def finish(self, prediction_id: str) -> None:
        """End a running generation now; raises KeyError for an id that was never given out."""
        self._scripted.finish(prediction_id)

    def script(self, *faults: Fault) -> None:
        """Add faults; their requests are counted from now."""
        self._script.add(faults)

    def show_history(self) -> None:
        """End the lag of the history now, for what was submitted and for what will be."""
        self._scripted.end_history_lag()

    def forget(self, prediction_id: str) -> None:
        """Let the API no longer know a prediction; its clip stays. KeyError for an id that was never given out."""
        self._scripted.forget(prediction_id)

    def delete_clip(self, prediction_id: str) -> None:
        """Let a clip be gone while its record stays. KeyError for an id that was never given out."""
        self._scripted.delete_clip(prediction_id)
