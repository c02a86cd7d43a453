"""The sandbox as its users see it."""

from __future__ import annotations

import contextlib
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import Style
from .app import Api
from .catalogue import catalogue
from .clips import Clips
from .faults import Script
from .front import Front
from .running import HOST, listen, serving
from .world import World

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterable, Iterator

    from .faults import Chaos, Fault
    from .front import Received
    from .running import Refusing


class Sandbox:
    """An emulated Atlas Cloud account.

    `speed` divides the time every generation takes: `seconds`, or log-normal with a median of 45 s drawn from `seed`.
    `keys` are the bearer keys it takes, None for any. `short_side` is that of the clips, in pixels.
    `history_lag` is how many seconds after its submission a generation appears in the history, infinite for not before
    `show_history`. `clock_skew`, in seconds, is added to every timestamp in an answer's body.
    `billed` is what a clip costs once it is ready, as a multiple of its quote. `fillers` makes the catalogue longer by
    so many image-to-video models, each of about `filler_bytes` bytes.
    All its methods may be called from any thread. Money, prices and times are invented.
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
        if not speed > 0:
            raise ValueError(f"The speed must be above 0, not {speed}.")
        if not history_lag >= 0:
            raise ValueError(f"The lag of the history must be 0 or more, not {history_lag}.")
        if not math.isfinite(clock_skew):
            raise ValueError(f"The skew of the clock must be finite, not {clock_skew}.")
        if not 0 <= billed < math.inf:
            raise ValueError(f"What is billed must be 0 or more times the quote, not {billed}.")
        self._models = catalogue(fillers, filler_bytes)
        self._world = World(
            speed=speed,
            seconds=seconds,
            seed=seed,
            balance_usd=balance_usd,
            history_lag=history_lag,
            clock_skew=clock_skew,
            billed=billed,
        )
        self._style = Style() if style is None else style
        self._keys = None if keys is None else frozenset(keys)
        self._short_side = short_side
        self._script = Script(faults, chaos)
        self._received: list[Received] = []
        self._doors: list[Refusing] = []

    @contextlib.contextmanager
    def running(self, port: int = 0) -> Iterator[str]:
        """Serve on loopback and give the base URL; raises OSError, naming the port, when it is taken.

        Rendered clips live until the end of the `with` block.
        """
        with tempfile.TemporaryDirectory(prefix="atlascloud-sandbox-") as directory, listen(port) as listener:
            origin = f"http://{HOST}:{listener.getsockname()[1]}"
            clips = Clips(Path(directory), self._short_side)
            with serving(self._front(clips, origin), listener, on_stop=clips.stop) as refusing:
                self._doors.append(refusing)
                try:
                    yield f"{origin}/api/v1"
                finally:
                    self._doors.remove(refusing)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Close every connection and refuse new ones, within the `with` block; the port stays ours.

        What arrived whole before is still acted on, though nobody hears the answer. Blocks may overlap. Raises
        RuntimeError when the sandbox is not running.
        """
        if not self._doors:
            raise RuntimeError("The sandbox is not running, so it has no port at which to refuse connections.")
        with contextlib.ExitStack() as stack:
            for refusing in list(self._doors):
                stack.enter_context(refusing())
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
        return self._world.accepted()

    @property
    def played(self) -> Counter[str]:
        """How many requests each fault hit so far, by "endpoint:action", or "endpoint:status:503" for a status."""
        return self._script.played

    def finish(self, prediction_id: str) -> None:
        """End a running generation now; raises KeyError for an id that was never given out."""
        self._world.finish(prediction_id)

    def script(self, *faults: Fault) -> None:
        """Add faults; their requests are counted from now."""
        self._script.add(faults)

    def show_history(self) -> None:
        """End the lag of the history now, for what was submitted and for what will be."""
        self._world.end_history_lag()

    def forget(self, prediction_id: str) -> None:
        """Let the API no longer know a prediction; raises KeyError for an id that was never given out."""
        self._world.forget(prediction_id)

    def _front(self, clips: Clips, origin: str) -> Front:
        api = Api(self._world, self._models, clips, self._style, self._keys, origin)
        return Front(
            api.app(), endpoint=api.endpoint(), script=self._script, style=self._style, log=self._received.append
        )
