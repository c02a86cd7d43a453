"""Cached documents, in memory and on disk, with their age; fetched again when they are due.

Any number of processes may write the files at once, and anybody may delete or damage them: a file that cannot be read
counts as absent.
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

from atlascloud_video_mcp.cloud.documents import Document, Unreadable
from atlascloud_video_mcp.models.schema import Malformed
from atlascloud_video_mcp.paths import make_private

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    class Fetch(Protocol):
        """Fetches documents from the network."""

        def __call__(self, url: str, *, known: str | None, largest: int) -> Awaitable[Document | None]:
            """Return a document of at most `largest` bytes; None if the `known` version is still current."""


FRESH_FOR = 6 * 3600.0
"""Seconds before a document is asked for again."""
_KEPT_FOR = 30 * 24 * 3600.0  # seconds after which a document is no longer used

_T = TypeVar("_T")


@dataclass(frozen=True)
class CachedDocument(Generic[_T]):
    """A parsed document."""

    value: _T
    validator: str | None
    at: float
    """When it was last known to be current, in seconds since 1970."""


class DocumentCache(Generic[_T]):
    """The documents of one kind.

    Args:
        fetch: Fetches one from the network.
        read: Parses one, or raises Malformed.
        directory: Where they are kept; None keeps them in memory only.
        largest: Size limit of one, in bytes.
        clock: The time, in seconds since 1970.
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
        self._download = fetch
        self._read = read
        self._directory = directory
        self._largest = largest
        self._clock = clock
        self._documents: dict[str, CachedDocument[_T]] = {}
        self._locks: dict[str, anyio.Lock] = {}
        self._is_tidy = False

    def is_fresh(self, known: CachedDocument[_T]) -> bool:
        """Whether a document need not be fetched again; one from the future is not trusted."""
        return 0 <= self._clock() - known.at < FRESH_FOR

    async def cached(self, url: str) -> CachedDocument[_T] | None:
        """The document, fresh or not, without asking the network."""
        known = self._documents.get(url)
        if self._directory and not (known and self.is_fresh(known)):
            # Another process may have fetched it meanwhile.
            known = await to_thread.run_sync(self._from_disk, url, known) or known
        if known is None or self._clock() - known.at > _KEPT_FOR:
            return None
        self._documents[url] = known
        return known

    async def fetch(self, url: str) -> CachedDocument[_T]:
        """The current document; the network is asked unless the cached one is fresh.

        Raises:
            Unreadable: It cannot be fetched or parsed.
        """
        async with self._locks.setdefault(url, anyio.Lock()):
            known = await self.cached(url)
            if known and self.is_fresh(known):
                return known
            document = await self._download(url, known=known.validator if known else None, largest=self._largest)
            self._documents[url] = known = await to_thread.run_sync(self._store, url, known, document)
            return known

    def _store(self, url: str, known: CachedDocument[_T] | None, document: Document | None) -> CachedDocument[_T]:
        now = self._clock()
        if document is None and known:
            if self._directory:
                with suppress(OSError):
                    os.utime(self._path(url), (now, now))
            return CachedDocument(known.value, known.validator, now)
        content = document.content if document else b""
        try:
            value = self._read(_parsed(content))
        except Malformed as error:
            raise Unreadable(f"is malformed ({error})") from error
        validator = document.validator if document else None
        with suppress(OSError):
            self._to_disk(url, validator, content)
        return CachedDocument(value, validator, now)

    def _path(self, url: str) -> Path:
        return (self._directory or Path()) / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"

    def _from_disk(self, url: str, known: CachedDocument[_T] | None) -> CachedDocument[_T] | None:
        """What lies there, if it is newer than the known one."""
        try:
            with self._path(url).open("rb") as file:
                at = os.fstat(file.fileno()).st_mtime
                if known and at <= known.at:
                    return None
                head = json.loads(file.readline(10_000))
                content = file.read(self._largest + 1)
            if head["url"] != url or len(content) != head["bytes"] or len(content) > self._largest:
                return None
            return CachedDocument(self._read(_parsed(content)), head["validator"], at)
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None

    def _to_disk(self, url: str, validator: str | None, content: bytes) -> None:
        """Write a document for all processes, atomically; its age is the file's."""
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
        """Delete, once, what is too old to be used, half-written files of killed processes included."""
        if self._is_tidy:
            return
        self._is_tidy = True
        for path in directory.iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < self._clock() - _KEPT_FOR:
                    path.unlink()


def _parsed(content: bytes) -> object:
    """The JSON in a document, with numbers and texts that our answers can carry.

    Raises:
        Malformed: It is none.
    """
    try:
        text = content.decode("utf-8", "replace")
        found: object = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        # Escapes can spell lone surrogates, which our answers cannot carry.
        return json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")) if "\\u" in text else found
    except (ValueError, RecursionError) as error:
        raise Malformed("it is not JSON") from error


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
