"""How what is logged stands on stderr."""

from __future__ import annotations

import logging

from typing_extensions import override

from atlascloud_video_mcp.quoting import Mask, printable


class PlainLines(logging.Formatter):
    """A line a record but for tracebacks, without the key: some of what is logged comes from outside."""

    def __init__(self, key: str | None) -> None:
        super().__init__("%(name)s: %(message)s")
        self._mask = Mask(key)

    @override
    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).split("\n") if record.exc_info else [super().format(record)]
        return "\n".join(printable(self._mask(line)) for line in lines)
