"""The sandbox as its users see it."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .account import Account
from .answers import Answers
from .app import Api
from .clips import Clips
from .gate import Gate, Intake
from .offers import HAILUO
from .running import HOST, Server, listen

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Iterable, Iterator

    from starlette.types import ASGIApp

    from .models import Model


class Sandbox:
    """An emulated Atlas Cloud account at a loopback port. Money, prices and times are invented.

    `keys` are the bearer keys it takes, None for any. `short_side` is that of the clips, in pixels. `middleware` is put
    around the API: it sees each request as `gate.Intake` has read it, and may answer in the API's place.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        keys: Collection[str] | None = None,
        short_side: int = 768,
        models: Iterable[Model] = HAILUO,
        answers: Answers | None = None,
        middleware: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        self._account = account or Account()
        self._keys = None if keys is None else frozenset(keys)
        self._short_side = short_side
        self._models = {model.id: model for model in models}
        self._answers = answers or Answers()
        self._middleware = middleware

    @contextlib.contextmanager
    def running(self, port: int = 0) -> Iterator[str]:
        """Serve on loopback and give the base URL; raises OSError, naming the port, when it is taken.

        Rendered clips live until the end of the `with` block.
        """
        with tempfile.TemporaryDirectory(prefix="atlascloud-sandbox-") as directory, listen(port) as listener:
            origin = f"http://{HOST}:{listener.getsockname()[1]}"
            clips = Clips(Path(directory), self._short_side)
            api = Api(self._account, self._models, clips, self._answers, self._keys, origin)
            gate = Gate(api.app(), self._answers, listener.getsockname()[1])
            app = Intake(self._middleware(gate), api.endpoint())
            with self.server(app, listener, clips.stop).running():
                yield f"{origin}/api/v1"

    def server(self, app: ASGIApp, listener: socket.socket, on_stop: Callable[[], None]) -> Server:
        """Make what serves the application."""
        return Server(app, listener, on_stop)
