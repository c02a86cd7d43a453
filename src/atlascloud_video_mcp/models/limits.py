"""What the description of a picture field says about pictures, in the phrases that model schemas use."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlascloud_video_mcp.media.pictures import PictureRules

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


def picture_rules(description: str, default: PictureRules) -> PictureRules:
    """The default rules, with those in their place that a description states."""
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
