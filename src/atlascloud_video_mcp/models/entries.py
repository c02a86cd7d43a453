"""The list of models: which of them animate pictures, what they cost, and which a query means.

Source: npm atlascloud-mcp 1.7.0, type Model, for the fields of an entry. They may be missing or of other types: an
entry without a usable id is left out, any other field then counts as absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from atlascloud_video_mcp.models.schema import Malformed
from atlascloud_video_mcp.text import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ID = re.compile(r"[A-Za-z0-9][\w./:@+-]{0,119}", re.ASCII)
_LONGEST, _LONGEST_UNIT = 60, 30  # characters of a name, and of what a price is for
_ANIMATES = re.compile(r"\b(?:image|photo|picture|reference|start end|first frame)s? ?to ?videos?\b")
_DOES_OTHERWISE = re.compile(r"\b(?:text|video|image|audio|speech)s? ?to ?(?:video|image|audio|speech|music|text|3)")
_MOST_ENTRIES = 3000  # six times the real list's
_CLOSE = 0.6  # of 1, how alike a misspelled name is at least


@dataclass(frozen=True)
class CatalogEntry:
    """One model of the list."""

    id: str
    name: str
    price_usd: float | None = None
    """The catalogue's own price, which need not be what a request costs."""
    price_unit: str | None = None
    schema: str | None = None
    """Where its schema is."""
    animates: bool | None = None
    """Whether it makes clips of pictures; None where only the schema tells."""
    about: str = ""
    """Categories, tags and the like, for searching."""


def read_offers(document: Any, base_url: str) -> tuple[CatalogEntry, ...]:  # noqa: ANN401 - JSON is of any type
    """The models that are shown to customers and make clips, or may do so.

    Raises:
        Malformed: There is no list of models.
    """
    entries = _entries(document)[:_MOST_ENTRIES]
    offers = {offer.id: offer for entry in reversed(entries) for offer in _offers(entry, base_url)}
    if not offers:
        raise Malformed("it names no models")
    return tuple(reversed(offers.values()))


def _entries(document: Any) -> list[Any]:  # noqa: ANN401 - JSON is of any type
    for _ in range(3):  # the list may lie in one envelope, or in two
        if isinstance(document, list):
            return document
        if not isinstance(document, dict):
            break
        inner = [document.get(name) for name in ("data", "models", "items", "list")]
        document = next((each for each in inner if isinstance(each, list | dict)), None)
    raise Malformed("there is no list in it")


def _offers(entry: object, base_url: str) -> Iterator[CatalogEntry]:
    if not isinstance(entry, dict) or entry.get("display_console") is False or not _makes_videos(entry):
        return
    model_id = next((entry[name] for name in ("model", "id") if isinstance(entry.get(name), str)), "")
    if not _ID.fullmatch(model_id):
        return
    schema, name = entry.get("schema"), _line(entry.get("displayName"))
    usd, unit = _price(entry.get("price"))
    said = [*_lines(entry.get("categories")), *_lines(entry.get("tags"))]
    yield CatalogEntry(
        id=model_id,
        name=harmless(name, _LONGEST) or model_id,
        price_usd=usd,
        price_unit=unit,
        schema=urljoin(f"{base_url}/", schema) if isinstance(schema, str) and schema else None,
        animates=_animates(words(" , ".join([*said, model_id]))),
        about=words(" ".join([*said, _line(entry.get("organization")), _line(entry.get("profile"))])),
    )


def _makes_videos(entry: dict[str, Any]) -> bool:
    kind = _line(entry.get("type")).lower()
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
            return usd, harmless(_line(side.get("unit") or price.get("unit")), _LONGEST)[:_LONGEST_UNIT] or None
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


def words(text: str) -> str:
    """Text for comparing: its words and numbers in small letters; commas stay, since they keep words apart."""
    plain = re.sub(r"\b([itvr])2([vi])\b", _spelt_out, text.lower()).replace("img2vid", "image to video")
    return " ".join(re.findall(r"[^\W\d_]+|\d+(?:\.\d+)*|,", plain))


def _spelt_out(short: re.Match[str]) -> str:
    media = {"i": "image", "t": "text", "v": "video", "r": "reference"}
    return f"{media[short[1]]} to {media[short[2]]}"


def matching(offers: Sequence[CatalogEntry], query: str) -> tuple[list[CatalogEntry], bool]:
    """The offers that a query means, the best first, and whether they have all of its words or merely most of them."""
    asked = words(query).replace(",", " ").split()
    scored = {offer: _score(offer, asked, query) for offer in offers}
    whole = [offer for offer, score in scored.items() if score[0] == len(asked)]
    found = whole or [offer for offer, score in scored.items() if score[0]]
    # Sorting is stable: of two that match as well, the catalogue's first stays first.
    return sorted(found, key=lambda offer: scored[offer], reverse=True), bool(whole)


def _score(offer: CatalogEntry, asked: Sequence[str], query: str) -> tuple[int, int]:
    """How many of the words are in an offer, and how well they fit."""
    if query.strip().lower() == offer.id.lower():
        return len(asked), 1000
    ident, name, about = words(offer.id).split(), words(offer.name).split(), offer.about.split()
    scores = [
        10 * (word in ident)
        + 6 * (word in name)
        + 3 * any(each.startswith(word) for each in (*ident, *name))
        + any(each.startswith(word) for each in about)
        for word in asked
    ]
    return sum(score > 0 for score in scores), sum(scores)


def closest(offers: Sequence[CatalogEntry], model_id: str, most: int = 3) -> list[str]:
    """The ids that one which is not there may mean, the likeliest first."""
    asked = model_id.lower()
    likeness = {offer.id: SequenceMatcher(None, asked, offer.id.lower()).ratio() for offer in offers}
    alike = [each for each in sorted(likeness, key=lambda each: -likeness[each]) if likeness[each] >= _CLOSE]
    found, whole = matching(offers, model_id)
    return (alike or [offer.id for offer in found if whole])[:most]
