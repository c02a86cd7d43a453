"""Documents at hand: their age, the disk, other processes, damage."""

from __future__ import annotations

import json
import os
import stat
import time
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from atlascloud_video_mcp.cloud.documents import Document, Unreadable
from atlascloud_video_mcp.models.document_cache import FRESH_FOR, DocumentCache
from atlascloud_video_mcp.models.schema import Malformed

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://static.atlascloud.ai/a.json"
DAY = 86_400.0


class Web:
    """A server of one document, and what it was asked."""

    def __init__(self, content: bytes = b'{"version": 1}', validator: str | None = '"1"') -> None:
        self.content = content
        self.validator = validator
        self.asked: list[str | None] = []

    async def fetch(self, url: str, *, known: str | None, largest: int) -> Document | None:
        assert url.startswith("https://static.atlascloud.ai/")
        assert largest == 1000
        self.asked.append(known)
        await anyio.lowlevel.checkpoint()
        return None if known and known == self.validator else Document(self.content, self.validator)


def read(document: Any) -> int:  # noqa: ANN401 - JSON is of any type
    if not isinstance(document, dict):
        raise Malformed("it has no version")
    return int(document["version"])


def cache(web: Web, directory: Path | None = None) -> DocumentCache[int]:
    return DocumentCache(web.fetch, read, directory, largest=1000)


def files(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def aged(directory: Path, seconds: float) -> None:
    for path in files(directory):
        os.utime(path, (time.time() - seconds, time.time() - seconds))


async def test_a_fresh_document_is_not_asked_for_again() -> None:
    web = Web()
    kept = cache(web)

    assert await kept.cached(URL) is None
    assert (await kept.fetch(URL)).value == 1
    assert (await kept.fetch(URL)).value == 1
    assert web.asked == [None]
    at_hand = await kept.cached(URL)
    assert at_hand
    assert kept.is_fresh(at_hand)


async def test_those_who_ask_at_the_same_moment_share_one_request() -> None:
    web = Web()
    kept = cache(web)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(kept.fetch, URL)

    assert web.asked == [None]


async def test_another_process_finds_the_document_on_disk(tmp_path: Path) -> None:
    web = Web()
    await cache(web, tmp_path / "new").fetch(URL)

    at_hand = await cache(web, tmp_path / "new").cached(URL)

    assert at_hand
    assert (at_hand.value, at_hand.validator) == (1, '"1"')
    assert cache(web).is_fresh(at_hand)
    assert web.asked == [None]
    [file] = files(tmp_path / "new")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


async def test_an_old_document_is_at_hand_and_asked_for_by_its_version(tmp_path: Path) -> None:
    web = Web()
    await cache(web, tmp_path).fetch(URL)
    aged(tmp_path, FRESH_FOR + 1)

    kept = cache(web, tmp_path)
    at_hand = await kept.cached(URL)
    assert at_hand
    assert not kept.is_fresh(at_hand)
    assert kept.is_fresh(await kept.fetch(URL))
    assert web.asked == [None, '"1"']
    again = await cache(web, tmp_path).cached(URL)
    assert again
    assert kept.is_fresh(again)


async def test_a_new_version_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    web = Web()
    await cache(web, tmp_path).fetch(URL)
    aged(tmp_path, FRESH_FOR + 1)
    web.content, web.validator = b'{"version": 2}', None

    assert (await cache(web, tmp_path).fetch(URL)).value == 2
    again = await cache(web, tmp_path).cached(URL)
    assert again
    assert (again.value, again.validator) == (2, None)


async def test_what_another_process_read_meanwhile_is_used(tmp_path: Path) -> None:
    web = Web()
    mine = cache(web, tmp_path)
    await mine.fetch(URL)
    aged(tmp_path, FRESH_FOR + 60)
    old = cache(web, tmp_path)
    before = await old.cached(URL)
    assert before
    assert not old.is_fresh(before)
    assert await old.cached(URL) == before
    await cache(web, tmp_path).fetch(URL)

    assert old.is_fresh(await old.fetch(URL))
    assert web.asked == [None, '"1"']


async def test_an_answer_of_nothing_new_renews_what_is_in_memory_only() -> None:
    web, now = Web(), [1e9]
    kept: DocumentCache[int] = DocumentCache(web.fetch, read, None, largest=1000, clock=lambda: now[0])
    await kept.fetch(URL)
    now[0] += FRESH_FOR

    assert (await kept.fetch(URL)).at == now[0]
    assert web.asked == [None, '"1"']


@pytest.mark.parametrize("seconds", [31 * DAY, -DAY])
async def test_a_document_of_long_ago_or_of_the_future_is_not_trusted(tmp_path: Path, seconds: float) -> None:
    web = Web()
    await cache(web, tmp_path).fetch(URL)
    aged(tmp_path, seconds)

    kept = cache(web, tmp_path)
    at_hand = await kept.cached(URL)

    assert at_hand is None or not kept.is_fresh(at_hand)
    assert (at_hand is None) == (seconds > 0)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{}",
        b"[]\n{}",
        b"null\n{}",
        b"\xff\xfe\n{}",
        b'{"url": "https://static.atlascloud.ai/a.json", "validator": null, "bytes": 9}\n{"versio',
        b'{"url": "https://static.atlascloud.ai/b.json", "validator": null, "bytes": 14}\n{"version": 3}',
        b'{"url": "https://static.atlascloud.ai/a.json", "validator": null, "bytes": 2}\n[]',
        b'{"url": "https://static.atlascloud.ai/a.json", "validator": null, "bytes": 2000}\n' + b" " * 2000,
        b'{"url": "https://static.atlascloud.ai/a.json", "validator": null, "bytes": 9000}\n' + b"[" * 9000,
    ],
)
async def test_a_damaged_file_is_no_file(tmp_path: Path, damage: bytes) -> None:
    web = Web()
    await cache(web, tmp_path).fetch(URL)
    [file] = files(tmp_path)
    file.write_bytes(damage)

    kept = cache(web, tmp_path)
    assert await kept.cached(URL) is None
    assert (await kept.fetch(URL)).value == 1
    assert await cache(web, tmp_path).cached(URL)


async def test_a_directory_that_cannot_be_used_is_done_without(tmp_path: Path) -> None:
    web = Web()
    (tmp_path / "file").write_bytes(b"in the way")
    kept = cache(web, tmp_path / "file")

    assert (await kept.fetch(URL)).value == 1
    assert (await kept.fetch(URL)).value == 1
    assert web.asked == [None]


async def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    web = Web()
    await cache(web, tmp_path).fetch(URL)
    [file] = files(tmp_path)
    file.unlink()
    file.mkdir()

    assert (await cache(web, tmp_path).fetch(URL)).value == 1
    assert files(tmp_path) == [file]


async def test_what_has_lain_there_for_long_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "new-left-by-a-killed-process").write_bytes(b"half")
    (tmp_path / "directory").mkdir()
    aged(tmp_path, 31 * DAY)

    kept = cache(Web(), tmp_path)
    await kept.fetch(URL)
    await kept.fetch(f"{URL}?2")

    names = {path.name for path in files(tmp_path)}
    assert "new-left-by-a-killed-process" not in names
    assert len(names) == 3


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": NaN}', b'{"version": 1e999}', b"[" * 900 + b"]" * 900, b"<html>"]
)
async def test_nonsense_is_not_kept(tmp_path: Path, content: bytes) -> None:
    kept = cache(Web(content), tmp_path)

    with pytest.raises(Unreadable, match="is malformed"):
        await kept.fetch(URL)
    assert await kept.cached(URL) is None
    assert files(tmp_path) == []


async def test_an_answer_of_nothing_new_to_somebody_who_has_nothing_is_nonsense() -> None:
    async def fetch(url: str, *, known: str | None, largest: int) -> None: ...

    with pytest.raises(Unreadable):
        await DocumentCache(fetch, read, None, largest=1000).fetch(URL)


async def test_halves_of_characters_do_not_get_through() -> None:
    seen: list[Any] = []
    web = Web(b'{"version": 1.5, "name": "\\ud800 \xff"}')

    await DocumentCache(web.fetch, seen.append, None, largest=1000).fetch(URL)

    assert json.dumps(seen[0], ensure_ascii=False).encode()
    assert seen[0]["version"] == 1.5
