"""Words from outside, made safe to stand in quotation marks before a model: they may be meant to mislead it."""

from __future__ import annotations

import html
import re

_READ = 20  # times as many characters are looked at, for markup and links among them
_MARKUP_OR_LINK = re.compile(r"<[/!?a-z][^>]*(>|$)|\b\w{1,20}://\S+", re.IGNORECASE)


def harmless(words: str, most: int) -> str:
    """The words on one line, at most so many characters, without markup, links, double quotes and what is invisible."""
    words = _MARKUP_OR_LINK.sub(" ", html.unescape(words[: _READ * most])).replace('"', "'")
    words = " ".join("".join(character if character.isprintable() else " " for character in words).split())
    return words if len(words) <= most else f"{words[: most - 3]}..."
