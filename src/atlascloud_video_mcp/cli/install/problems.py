"""Why a client's file was left as it is, said so that it can be mended."""

from __future__ import annotations

from atlascloud_video_mcp.errors import AtlasError


class CannotInstall(AtlasError):
    """A client's file that cannot be changed without harm: it was not touched, and a person has to look."""


class Unreadable(CannotInstall):
    """A file that is not what its client takes; `line` and `column` count from 1."""

    def __init__(self, fault: str, *, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {fault}")
