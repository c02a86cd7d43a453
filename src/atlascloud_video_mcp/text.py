"""Untrusted text, made safe to show to people and models: words, ids and links, never the key.

Each kind is a type with its own grammar. A field of that type cannot hold raw text from outside: words are sanitized,
and what is no id or no link is refused.
"""

from __future__ import annotations

import html
import json
import logging
import re
from base64 import b64encode, urlsafe_b64encode
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import BaseModel
from pydantic_core import core_schema
from typing_extensions import override

from atlascloud_video_mcp.network import is_loopback, opened, read_json

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

_READ = 20  # times as many characters are read, since markup and links are among them
_MARKUP_OR_LINK = re.compile(
    r"<[/!?a-z][^>]*(>|$)|\b\w{1,20}://\S+|(?<![\w:/])//[\w.-]+\.\S+|\bwww\.\S+"
    r"|\b(?:javascript|vbscript|data|mailto|file):\S+|`+|(?<!\*)\*\*(?!\*)",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"(?!.*www\.)[\w,()'+-]+(?:[ ./][\w,()'+-]+)*\.?", re.ASCII | re.IGNORECASE)
# Printable for Unicode but invisible: fillers, and selectors that can spell whole texts.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_MOST = 2000  # characters, where no closer bound is known

_AN_ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9._:-]{1,128}")
_PLAIN = re.compile(r"[\w.:/@+-]+", re.ASCII)
_LONGEST_LINK = 2000  # characters
_PLACE = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?")
_LAST_PORT = 65_535
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_AROUND_LINKS = " \t\r\n\v\f\x85\xa0\u200b\u2028\u2029\u2060\u3000\ufeff"
_OF_A_LINK = "%/?:#@!$&'()*+,;=~"
_SIGNERS = ("x-tos", "x-amz", "x-goog", "x-oss")
_A_COUNT = re.compile(r"\d{1,10}", re.ASCII)
_TIMES = 1_000_000_000  # seconds since 1970; less is a span

_HIDDEN = "***"
_SHORTEST_SECRET = 6  # characters

_T = TypeVar("_T")


def printable(words: str) -> str:
    """The words on one line, without invisible and control characters."""
    if not words.isascii():
        words = _UNSEEN.sub(" ", words)
    if not words.isprintable():
        words = "".join(letter if letter.isprintable() else " " for letter in words)
    return " ".join(words.split())


def sanitize_untrusted(words: str, most: int) -> str:
    """The words on one line of at most `most` characters, without markup, links, double quotes and invisible ones."""
    if not words or (len(words) <= most and _HARMLESS.fullmatch(words)):
        return words  # as most are, and often
    words = printable(html.unescape(words[: _READ * most]))
    words = _MARKUP_OR_LINK.sub(" ", words).replace('"', "'").replace("](", "] (")
    words = " ".join(words.split())
    return words if len(words) <= most else f"{words[: most - 3]}..."


def in_marks(words: str, most: int) -> str:
    """Untrusted words inside a text of ours: sanitized and quoted, unless they are a single plain word."""
    return words if _PLAIN.fullmatch(words) and len(words) <= most else f'"{sanitize_untrusted(words, most)}"'


class _SafeText(str):
    """Text of one kind, which pydantic makes from plain text or refuses."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def made(value: object, check: core_schema.ValidatorFunctionWrapHandler) -> object:
            return value if type(value) is cls else cls(check(value))

        return core_schema.no_info_wrap_validator_function(made, core_schema.str_schema())


class Quoted(_SafeText):
    """Untrusted words, sanitized and at most `most` characters long."""

    __slots__ = ()

    def __new__(cls, words: str, most: int = _MOST) -> Self:
        """Sanitize the words."""
        return super().__new__(cls, sanitize_untrusted(words, most))


def is_of_a_sandbox(prediction_id: str) -> bool:
    """Whether an id is a sandbox's, gone with its process; Atlas Cloud's own begin differently."""
    return prediction_id.startswith("sandbox-")


class PredictionId(_SafeText):
    """An id of the API: at most 128 letters, digits and `._:-`, not dots alone.

    Raises:
        ValueError: The text is no id.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the text."""
        if not _AN_ID.fullmatch(text):
            raise ValueError("no id")
        return super().__new__(cls, text)

    @classmethod
    def of(cls, value: object) -> Self | None:
        """The id in a value, which may be a number; None where there is none."""
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        return super().__new__(cls, text) if isinstance(text, str) and _AN_ID.fullmatch(text) else None


class Link(_SafeText):
    """An absolute ASCII https URL without user info; http only on this machine, for an API that runs here.

    Surrounding white space is dropped, characters that no URL may hold are percent-encoded, `//host` gets its scheme.

    Raises:
        ValueError: The text is no such URL.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Repair the text and check it."""
        text = text.strip(_AROUND_LINKS)
        scheme, _, rest = (f"https:{text}" if text.startswith("//") else text).partition("://")
        place = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
        link = f"{scheme.lower()}://{place}{quote(rest[len(place) :], safe=_OF_A_LINK)}"
        # A link in which the key was hidden leads nowhere.
        if (
            not _is_safe(scheme.lower(), place)
            or len(link) > _LONGEST_LINK
            or _CONTROLS.search(text)
            or _HIDDEN in text
        ):
            raise ValueError("no link")
        return super().__new__(cls, link)

    @classmethod
    def of(cls, value: object, *, local: bool = True) -> Self | None:
        """The link in a value; None if there is none, or if it is http and the API is not `local`."""
        try:
            link = cls(value) if isinstance(value, str) else None
        except ValueError:
            return None
        return link if link and (local or link.startswith("https:")) else None

    def ends_at(self, made: datetime | None) -> datetime | None:
        """When its signature expires, counted from when it was `made` if it does not say; None: unsigned.

        Source: signed URLs of TOS, S3, Google Cloud Storage and OSS, with `Expires` for their older forms.
        """
        asked = {name.lower(): value for name, value in parse_qsl(urlsplit(self).query)}
        for signer in _SIGNERS:
            begun = _compact_time(asked.get(f"{signer}-date", "")) or made
            if begun and _A_COUNT.fullmatch(asked.get(f"{signer}-expires", "")):
                return begun + timedelta(seconds=int(asked[f"{signer}-expires"]))
        count = int(asked["expires"]) if _A_COUNT.fullmatch(asked.get("expires", "")) else 0
        if count >= _TIMES:
            return datetime.fromtimestamp(count, UTC)
        return made + timedelta(seconds=count) if made and count else None


def _is_safe(scheme: str, place: str) -> bool:
    """Whether a URL's scheme, host and port are fit to show and to send to."""
    found = _PLACE.fullmatch(place)
    if not found or int(found[2] or 0) > _LAST_PORT:
        return False
    return scheme == "https" or (scheme == "http" and is_loopback(found[1].strip("[]")))


def _compact_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


class Mask:
    """Hides a secret, also as spelled in URLs, HTML, JSON text and base64; without a secret it hides nothing."""

    def __init__(self, secret: str | None) -> None:
        # A short or alphabetic text is no key, and occurs elsewhere.
        secret = secret if secret and len(secret) >= _SHORTEST_SECRET and not secret.isalpha() else ""
        coded = (encode(secret.encode()).decode().rstrip("=") for encode in (b64encode, urlsafe_b64encode))
        self._spellings = (secret, quote(secret, safe=""), *coded) if secret else ()
        self._shortest = min(map(len, self._spellings), default=0)

    def hides(self, content: bytes) -> bool:
        """Whether a document holds the secret."""
        return any(spelling.encode() in content for spelling in self._spellings)

    def text(self, words: str) -> str:
        """The words without the secret."""
        if len(words) < self._shortest:
            return words
        plain = words
        for _ in range(3):  # what is escaped may hold it, too
            if any(spelling in plain for spelling in self._spellings):
                for spelling in self._spellings:
                    plain = plain.replace(spelling, _HIDDEN)
                words = plain
            if "%" not in plain and "&" not in plain:
                break
            plain = unquote(html.unescape(plain))
        return words

    def json(self, text: str) -> Any:  # noqa: ANN401 - JSON is of any type
        """The value of JSON without the secret, which may also stand in JSON text inside.

        Raises:
            ValueError: It is no JSON.
        """
        found = read_json(text)
        # Without a backslash every string, also in JSON text inside, is spelled in the text as it is.
        return self(found) if "\\" in text or self.text(text) != text else found

    def __call__(self, value: _T) -> _T:
        """The same value without the secret, whatever its type."""
        return self._whole(value) if self._spellings else value

    def _whole(self, value: Any) -> Any:  # noqa: ANN401 - JSON, models and dataclasses
        if isinstance(value, str):
            inner = opened(value)
            if inner is not value and (changed := self._whole(inner)) != inner:
                return json.dumps(changed, ensure_ascii=False)
            masked = self.text(value)
            return value if masked == value else masked
        if isinstance(value, dict):
            return {self._whole(name): self._whole(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._whole(each) for each in value)
        if isinstance(value, BaseModel):
            changed = self._changed(vars(value))
            return value.model_copy(update=changed) if changed else value
        if is_dataclass(value) and not isinstance(value, type):
            changed = self._changed({each.name: getattr(value, each.name) for each in fields(value)})
            return replace(value, **changed) if changed else value
        return value

    def _changed(self, named: dict[str, Any]) -> dict[str, Any]:
        """The values that held the secret, masked."""
        masked = ((name, each, self._whole(each)) for name, each in named.items() if each)
        return {name: new for name, old, new in masked if new is not old and new != old}


def in_dollars(amount: Decimal | float) -> str:
    """An amount as people write it: two decimals, more only if they are not zero."""
    amount = Decimal(str(amount))
    whole, _, part = f"{abs(amount):f}".partition(".")
    return f"{'-' if amount < 0 else ''}${whole}.{part.rstrip('0'):0<2}"


class PlainLines(logging.Formatter):
    """One line per record, tracebacks apart, without what is secret: some of what is logged is untrusted."""

    def __init__(self, *secrets: str) -> None:
        super().__init__("%(name)s: %(message)s")
        self._masks = tuple(map(Mask, secrets))

    @override
    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).split("\n") if record.exc_info else [super().format(record)]
        for mask in self._masks:
            lines = mask(lines)
        return "\n".join(map(printable, lines))
