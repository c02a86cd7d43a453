"""Documents at hand: in memory and on disk, with their age; asked for anew where that is due.

The files may be written by any number of processes at once, and deleted or damaged by anybody: what cannot be read is
not there.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
from anyio import to_thread

from atlascloud_video_mcp.models.schema import Malformed
from atlascloud_video_mcp.network import Document, Unreadable
from atlascloud_video_mcp.paths import make_private

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    class Fetch(Protocol):
        """Reads documents from the network."""

        def __call__(self, url: str, *, known: str | None, largest: int) -> Awaitable[Document | None]:
            """Give a document of at most `largest` bytes; None when it is still the version that is `known`."""


FRESH_FOR = 6 * 3600.0
"""Seconds in which a document is not asked for again."""
_KEPT_FOR = 30 * 24 * 3600.0  # seconds after which it is as good as none

_T = TypeVar("_T")


@dataclass(frozen=True)
class CachedDocument(Generic[_T]):
    """A document as it was read."""

    value: _T
    validator: str | None
    at: float
    """When it was last seen to be current, in seconds since 1970."""


class DocumentCache(Generic[_T]):
    """The documents of one kind.

    Args:
        fetch: Reads one from the network.
        read: Makes sense of one, or raises Malformed.
        directory: Where they are kept; None keeps them in memory only.
        largest: The most one may have, in bytes.
        clock: Tells the time, in seconds since 1970.
    """

    def __init__(
        self,
        fetch: Fetch,
        read: Callable[[Any], _T],
        directory: Path | None,
        *,
        largest: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fetch = fetch
        self._read = read
        self._directory = directory
        self._largest = largest
        self._clock = clock
        self._kept: dict[str, CachedDocument[_T]] = {}
        self._asking: dict[str, anyio.Lock] = {}
        self._is_tidy = False

    def is_fresh(self, kept: CachedDocument[_T]) -> bool:
        """Whether a document need not be asked for again; one from the future is not trusted."""
        return 0 <= self._clock() - kept.at < FRESH_FOR

    async def at_hand(self, url: str) -> CachedDocument[_T] | None:
        """The document, fresh or not, without asking the network."""
        kept = self._kept.get(url)
        if self._directory and not (kept and self.is_fresh(kept)):
            # Another process may have asked meanwhile.
            kept = await to_thread.run_sync(self._from_disk, url, kept) or kept
        if kept is None or self._clock() - kept.at > _KEPT_FOR:
            return None
        self._kept[url] = kept
        return kept

    async def current(self, url: str) -> CachedDocument[_T]:
        """The document as it is now; the network is asked unless that was done of late.

        Raises:
            Unreadable: It cannot be had, or makes no sense.
        """
        async with self._asking.setdefault(url, anyio.Lock()):
            kept = await self.at_hand(url)
            if kept and self.is_fresh(kept):
                return kept
            document = await self._fetch(url, known=kept.validator if kept else None, largest=self._largest)
            self._kept[url] = kept = await to_thread.run_sync(self._renewed, url, kept, document)
            return kept

    def _renewed(self, url: str, kept: CachedDocument[_T] | None, document: Document | None) -> CachedDocument[_T]:
        now = self._clock()
        if document is None and kept:
            if self._directory:
                with suppress(OSError):
                    os.utime(self._path(url), (now, now))
            return CachedDocument(kept.value, kept.validator, now)
        content = document.content if document else b""
        try:
            value = self._read(_parsed(content))
        except Malformed as error:
            raise Unreadable(f"makes no sense ({error})") from error
        validator = document.validator if document else None
        with suppress(OSError):
            self._to_disk(url, validator, content)
        return CachedDocument(value, validator, now)

    def _path(self, url: str) -> Path:
        return (self._directory or Path()) / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"

    def _from_disk(self, url: str, kept: CachedDocument[_T] | None) -> CachedDocument[_T] | None:
        """What lies there, if it is newer than what is kept."""
        try:
            with self._path(url).open("rb") as file:
                at = os.fstat(file.fileno()).st_mtime
                if kept and at <= kept.at:
                    return None
                head = json.loads(file.readline(10_000))
                content = file.read(self._largest + 1)
            if head["url"] != url or len(content) != head["bytes"] or len(content) > self._largest:
                return None
            return CachedDocument(self._read(_parsed(content)), head["validator"], at)
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None

    def _to_disk(self, url: str, validator: str | None, content: bytes) -> None:
        """Put a document where others find it, all at once; the age is the file's."""
        if not self._directory:
            return
        make_private(self._directory)
        self._tidy(self._directory)
        head = json.dumps({"url": url, "validator": validator, "bytes": len(content)}).encode()
        with NamedTemporaryFile(dir=self._directory, prefix="new-", delete=False) as file:
            new = Path(file.name)
            file.write(head + b"\n" + content)
        try:
            new.replace(self._path(url))
        except OSError:  # Windows replaces no file that another process reads
            new.unlink()

    def _tidy(self, directory: Path) -> None:
        """Delete, once, what is as good as none, half-written files of killed processes among it."""
        if self._is_tidy:
            return
        self._is_tidy = True
        for path in directory.iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < self._clock() - _KEPT_FOR:
                    path.unlink()


def _parsed(content: bytes) -> object:
    """The JSON in a document, of numbers and texts that an answer of ours can carry.

    Raises:
        Malformed: It is none.
    """
    try:
        text = content.decode("utf-8", "replace")
        found: object = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        # Escapes can spell halves of characters, which no answer of ours could carry.
        return json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")) if "\\u" in text else found
    except (ValueError, RecursionError) as error:
        raise Malformed("it is no JSON") from error


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
