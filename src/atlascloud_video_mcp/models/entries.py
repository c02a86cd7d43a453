"""The list of models: which of them animate pictures, what they cost, and which ones a query finds.

Source: npm atlascloud-mcp 1.7.0, type Model, for the fields of an entry. They may be missing or have other types: an
entry without a usable id is left out, any other such field counts as absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from atlascloud_video_mcp.models.model import Model
from atlascloud_video_mcp.models.schema import Malformed
from atlascloud_video_mcp.text import sanitize_untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_ID = re.compile(r"[A-Za-z0-9][\w./:@+-]{0,119}", re.ASCII)
_LONGEST, _LONGEST_UNIT = 60, 30  # characters of a name, and of what a price is for
_ANIMATES = re.compile(r"\b(?:image|photo|picture|reference|start end|first frame)s? ?to ?videos?\b")
_DOES_OTHERWISE = re.compile(r"\b(?:text|video|image|audio|speech)s? ?to ?(?:video|image|audio|speech|music|text|3)")
_MOST_ENTRIES = 3000  # six times the real list
_CLOSE = 0.6  # of 1, the least likeness of a misspelled name
_DURATION = {"type": ["integer"], "enum": [6, 10], "default": 6, "description": "Length of the clip in seconds"}


@dataclass(frozen=True)
class CatalogEntry:
    """One model of the list."""

    id: str
    name: str
    price_usd: float | None = None
    """The list's price, which need not be what a request costs."""
    price_unit: str | None = None
    schema: str | None = None
    """Where its schema is."""
    animates: bool | None = None
    """Whether it makes clips from pictures; None where only the schema says."""
    search_text: str = ""
    """Categories, tags and the like, for searching."""


def _hailuo(model_id: str, *, expansion: bool, **further: Mapping[str, Any]) -> Model:
    properties: dict[str, Any] = {
        "image": {"type": ["string"]},
        "prompt": {"type": ["string"], "maxLength": 2000, "description": "The motion to add"},
        **further,
        "enable_prompt_expansion": {
            "type": ["boolean"],
            "default": expansion,
            "description": "Let the model rewrite the prompt",
        },
    }
    return Model.of(model_id, {"properties": properties, "required": ["image"]})


BUILT_IN = {
    model.id: model
    for model in (
        _hailuo("minimax/hailuo-2.3/i2v-standard", expansion=False, duration=_DURATION),
        _hailuo("minimax/hailuo-2.3/i2v-pro", expansion=True),
        _hailuo(
            "minimax/hailuo-2.3/fast",
            expansion=True,
            duration=_DURATION,
            go_fast={"type": ["boolean"], "default": True, "description": "Trade some quality for time"},
        ),
    )
}
"""The Hailuo 2.3 family, known without the catalogue.

Source: Atlas Cloud's public ComfyUI nodes, generated from the models' schemas in March 2026; the limit of the prompt
is MiniMax's for the same models, as six resellers state it.
"""
BUILT_IN_ENTRIES = (
    CatalogEntry("minimax/hailuo-2.3/i2v-standard", "Hailuo 2.3 I2V Standard", animates=True),
    CatalogEntry("minimax/hailuo-2.3/i2v-pro", "Hailuo 2.3 I2V Pro", animates=True),
    CatalogEntry("minimax/hailuo-2.3/fast", "Hailuo 2.3 Fast", animates=True),
)


def read_entries(document: Any, base_url: str) -> tuple[CatalogEntry, ...]:  # noqa: ANN401 - JSON is of any type
    """The models that are shown to customers and make clips, or may do so.

    Raises:
        Malformed: There is no list of models.
    """
    rows = _rows(document)[:_MOST_ENTRIES]
    entries = {entry.id: entry for row in reversed(rows) for entry in _entry(row, base_url)}
    if not entries:
        raise Malformed("it names no models")
    return tuple(reversed(entries.values()))


def _rows(document: Any) -> list[Any]:  # noqa: ANN401 - JSON is of any type
    for _ in range(3):  # the list may lie in one envelope, or in two
        if isinstance(document, list):
            return document
        if not isinstance(document, dict):
            break
        inner = [document.get(name) for name in ("data", "models", "items", "list")]
        document = next((each for each in inner if isinstance(each, list | dict)), None)
    raise Malformed("there is no list in it")


def _entry(row: object, base_url: str) -> Iterator[CatalogEntry]:
    if not isinstance(row, dict) or row.get("display_console") is False or not _makes_videos(row):
        return
    model_id = next((row[name] for name in ("model", "id") if isinstance(row.get(name), str)), "")
    if not _ID.fullmatch(model_id):
        return
    schema, name = row.get("schema"), _line(row.get("displayName"))
    usd, unit = _price(row.get("price"))
    said = [*_lines(row.get("categories")), *_lines(row.get("tags"))]
    yield CatalogEntry(
        id=model_id,
        name=sanitize_untrusted(name, _LONGEST) or model_id,
        price_usd=usd,
        price_unit=unit,
        schema=urljoin(f"{base_url}/", schema) if isinstance(schema, str) and schema else None,
        animates=_animates(_words(" , ".join([*said, model_id]))),
        search_text=_words(" ".join([*said, _line(row.get("organization")), _line(row.get("profile"))])),
    )


def _makes_videos(row: dict[str, Any]) -> bool:
    kind = _line(row.get("type")).lower()
    return not kind or "video" in kind


def _animates(said: str) -> bool | None:
    if _ANIMATES.search(said):
        return True
    return False if _DOES_OTHERWISE.search(said) else None


def _price(price: object) -> tuple[float | None, str | None]:
    if not isinstance(price, dict):
        return _usd(price), None
    for side in (price.get("actual"), price, price.get("origin")):
        if isinstance(side, dict) and (usd := _usd(side.get("base_price"))) is not None:
            return usd, sanitize_untrusted(_line(side.get("unit") or price.get("unit")), _LONGEST)[
                :_LONGEST_UNIT
            ] or None
    return None, None


def _usd(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        usd = float(value)
    except (ValueError, OverflowError):
        return None
    return usd if 0 <= usd < 1e6 else None  # noqa: PLR2004 - a price, and no infinity


def _line(value: object) -> str:
    return " ".join(value[:500].split()) if isinstance(value, str) else ""


def _lines(value: object) -> list[str]:
    return [_line(each) for each in value] if isinstance(value, list) else [_line(value)]


def _words(text: str) -> str:
    """Text for comparing: its words and numbers in small letters; commas stay, since they keep words apart."""
    plain = re.sub(r"\b([itvr])2([vi])\b", _spelt_out, text.lower()).replace("img2vid", "image to video")
    return " ".join(re.findall(r"[^\W\d_]+|\d+(?:\.\d+)*|,", plain))


def _spelt_out(short: re.Match[str]) -> str:
    media = {"i": "image", "t": "text", "v": "video", "r": "reference"}
    return f"{media[short[1]]} to {media[short[2]]}"


def matching(entries: Sequence[CatalogEntry], query: str) -> tuple[list[CatalogEntry], bool]:
    """The entries that a query finds, best first, and whether they have all of its words or only some of them."""
    asked = _words(query).replace(",", " ").split()
    scored = {entry: _score(entry, asked, query) for entry in entries}
    whole = [entry for entry, score in scored.items() if score[0] == len(asked)]
    found = whole or [entry for entry, score in scored.items() if score[0]]
    # Sorting is stable: entries that match equally well keep the catalogue's order.
    return sorted(found, key=lambda entry: scored[entry], reverse=True), bool(whole)


def _score(entry: CatalogEntry, asked: Sequence[str], query: str) -> tuple[int, int]:
    """How many of the words an entry has, and how well they fit."""
    if query.strip().lower() == entry.id.lower():
        return len(asked), 1000
    ident, name, about = _words(entry.id).split(), _words(entry.name).split(), entry.search_text.split()
    scores = [
        10 * (word in ident)
        + 6 * (word in name)
        + 3 * any(each.startswith(word) for each in (*ident, *name))
        + any(each.startswith(word) for each in about)
        for word in asked
    ]
    return sum(score > 0 for score in scores), sum(scores)


def closest(entries: Sequence[CatalogEntry], model_id: str, most: int = 3) -> list[str]:
    """The ids that an unknown one may stand for, likeliest first."""
    asked = model_id.lower()
    likeness = {entry.id: SequenceMatcher(None, asked, entry.id.lower()).ratio() for entry in entries}
    alike = [each for each in sorted(likeness, key=lambda each: -likeness[each]) if likeness[each] >= _CLOSE]
    found, whole = matching(entries, model_id)
    return (alike or [entry.id for entry in found if whole])[:most]
