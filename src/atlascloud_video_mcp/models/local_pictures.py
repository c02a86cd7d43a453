"""Fields that take pictures: the limits their descriptions state, and the local files that parameters name in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.cloud.body_fields import PROMPT_FIELDS, takes_a_picture
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.media.pictures import PictureRules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlascloud_video_mcp.models.parameter import Parameter

ANY_PICTURE = "https://example.com/picture.jpg"
"""Stands in for a picture without a URL when a request is checked or priced: neither depends on it."""

_A_PICTURE = re.compile(r"\b(?:image|picture|photo|frame)s?\b", re.IGNORECASE)
_SOMEWHERE = re.compile(r"\b(?:urls?|uris?|base64|upload(?:ed)?|links?)\b", re.IGNORECASE)
_MEGABYTES = re.compile(r"(\d+(?:\.\d+)?)\s*MB\b", re.IGNORECASE)
_MORE_THAN = re.compile(r"(?:greater|larger|more|bigger) than (\d{2,4})\s*(?:px|pixels)", re.IGNORECASE)
_MORE_THAN_OF_SIDE = re.compile(r"short side pixels? (?:greater|larger|more) than (\d{2,4})", re.IGNORECASE)
_AT_LEAST = re.compile(
    r"(?:not be less than|no less than|not less than|at least|minimum(?: of)?)\s+(\d{2,4})"
    r"(?:\s*[*x\u00d7]\s*\d{2,4})?\s*(?:px|pixels)",
    re.IGNORECASE,
)
_RATIOS = re.compile(
    r"ratio\D{0,60}?(?:between|greater than|from)\s*(\d+(?:\.\d+)?:\d+(?:\.\d+)?)\D{1,30}(\d+(?:\.\d+)?:\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
_SANE_MEGABYTES = (0.1, 100.0)
_OTHER_MEDIA = re.compile(r"video|audio|voice|sound|music|hook|lora", re.IGNORECASE)


@dataclass(frozen=True)
class LocalPicture:
    """A picture on this machine that a parameter names beside the animated one: a last frame, a reference."""

    parameter: str
    index: int | None
    """Its place in the list; None where the parameter takes one picture."""
    source: str
    rules: PictureRules

    @property
    def label(self) -> str:
        """Its name in messages."""
        return self.parameter if self.index is None else f"{self.parameter}[{self.index}]"

    def put(self, request: Mapping[str, Any], url: str) -> dict[str, Any]:
        """The request with a URL in the picture's place."""
        value: Any = url
        if self.index is not None:
            value = [*request[self.parameter]]
            value[self.index] = url
        return {**request, self.parameter: value}


def local_pictures(
    takes: Mapping[str, Parameter], parameters: Mapping[str, Any], online: Callable[[str], str | None]
) -> tuple[dict[str, Any], tuple[LocalPicture, ...]]:
    """Parameters with a URL in place of each picture, and the pictures that have yet to be uploaded.

    Args:
        takes: What the model takes, by name.
        parameters: What is asked for, by name.
        online: Returns the URL to send for a text, None if it is not a URL; may raise InvalidInput.

    Raises:
        InvalidInput: The API cannot read a URL.
    """
    found: list[LocalPicture] = []
    urls = dict(parameters)
    for name in parameters.keys() & takes.keys():
        if not takes_pictures(takes[name]):
            continue
        value = takes[name].read(parameters[name])
        rules = picture_rules(takes[name].description, PictureRules())
        items = value if isinstance(value, list) else [value]
        for index, item in enumerate(items):
            if not isinstance(item, str):
                continue
            picture = LocalPicture(name, index if isinstance(value, list) else None, item, rules)
            try:
                url = online(item)
            except InvalidInput as error:
                raise InvalidInput(f"{picture.label}: {error}") from error
            if url is None:
                found.append(picture)
            value = picture.put({name: value}, url or ANY_PICTURE)[name]
        urls[name] = value
    return urls, tuple(sorted(found, key=lambda picture: picture.label))


def takes_pictures(parameter: Parameter) -> bool:
    """Whether a parameter takes the address of one or more pictures, by its name or its description."""
    kinds = parameter.kinds
    if parameter.values or parameter.name in PROMPT_FIELDS or not ({"string", "array"} & {*kinds} or not kinds):
        return False
    said = parameter.description
    described = _A_PICTURE.search(said) and _SOMEWHERE.search(said) and not _OTHER_MEDIA.search(parameter.name)
    return takes_a_picture(parameter.name) or bool(described)


def picture_rules(description: str, default: PictureRules) -> PictureRules:
    """The default rules, overridden by those that a description states, in the phrases that model schemas use."""
    rules = default
    sizes = [float(found) for found in _MEGABYTES.findall(description)]
    sane = [size for size in sizes if _SANE_MEGABYTES[0] <= size <= _SANE_MEGABYTES[1]]
    if sane:
        rules = replace(rules, max_bytes=int(min(sane) * 1_000_000))
    if found := _MORE_THAN.search(description) or _MORE_THAN_OF_SIDE.search(description):
        rules = replace(rules, short_side_above=int(found[1]))
    elif found := _AT_LEAST.search(description):
        rules = replace(rules, short_side_above=int(found[1]) - 1)
    if found := _RATIOS.search(description):
        low, high = sorted(map(_ratio, found.groups()))
        if 0 < low < 1 < high:
            rules = replace(rules, ratio_above=low.as_integer_ratio(), ratio_below=high.as_integer_ratio())
    return rules


def _ratio(text: str) -> Fraction:
    width, height = map(Fraction, text.split(":"))
    return width / height if height else Fraction(0)
