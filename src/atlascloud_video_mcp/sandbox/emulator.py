"""The sandbox as its users see it."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import Style
from .app import Api
from .clips import Clips
from .faults import Script
from .front import Front
from .running import HOST, listen, serving
from .world import World

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from .faults import Fault
    from .front import Received


class Sandbox:
    """An emulated Atlas Cloud account.

    `speed` divides the time every generation takes: `seconds`, or log-normal with a median of 45 s drawn from `seed`.
    `keys` are the bearer keys it takes, None for any. `short_side` is that of the clips, in pixels.
    All its methods may be called from any thread. Money, prices and times are invented.
    """

    def __init__(
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
    ) -> None:
        if not speed > 0:
            raise ValueError(f"The speed must be above 0, not {speed}.")
        self._world = World(speed=speed, seconds=seconds, seed=seed, balance_usd=balance_usd)
        self._style = Style() if style is None else style
        self._keys = None if keys is None else frozenset(keys)
        self._short_side = short_side
        self._script = Script(faults)
        self._received: list[Received] = []

    @contextlib.contextmanager
    def running(self, port: int = 0) -> Iterator[str]:
        """Serve on loopback and give the base URL; raises OSError, naming the port, when it is taken.

        Rendered clips live until the end of the `with` block.
        """
        with tempfile.TemporaryDirectory(prefix="atlascloud-sandbox-") as directory, listen(port) as listener:
            origin = f"http://{HOST}:{listener.getsockname()[1]}"
            clips = Clips(Path(directory), self._short_side)
            with serving(self._front(clips, origin), listener, on_stop=clips.stop):
                yield f"{origin}/api/v1"

    @property
    def received(self) -> list[Received]:
        """Every request so far, in order of arrival."""
        return list(self._received)

    @property
    def submissions(self) -> list[dict[str, Any]]:
        """The bodies of all accepted, and so paid, generate requests, in order."""
        return self._world.submissions()

    def finish(self, prediction_id: str) -> None:
        """End a running generation now; raises KeyError for an id that was never given out."""
        self._world.finish(prediction_id)

    def script(self, *faults: Fault) -> None:
        """Add faults; their requests are counted from now."""
        self._script.add(faults)

    def forget(self, prediction_id: str) -> None:
        """Let the API no longer know a prediction; raises KeyError for an id that was never given out."""
        self._world.forget(prediction_id)

    def _front(self, clips: Clips, origin: str) -> Front:
        api = Api(self._world, clips, self._style, self._keys, origin)
        return Front(
            api.app(), endpoint=api.endpoint, script=self._script, style=self._style, log=self._received.append
        )
