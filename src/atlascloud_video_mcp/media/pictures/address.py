"""A picture's address on the web: not fetched by us, so it must be one that Atlas Cloud can read."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.network import is_public_host
from atlascloud_video_mcp.paths import shown

_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f\\]")  # a backslash is a slash to some, and none to others
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_HTTPS = 443


def web_address(text: str) -> str:
    """An https URL as it is to be sent: scheme and host in small letters, blanks and other alphabets percent-encoded.

    Raises:
        InvalidPicture: It is no complete https URL, holds a password, or leads to a private place.
    """
    if "@" in re.split(r"[/?#]", text.partition("//")[2], maxsplit=1)[0]:
        raise InvalidPicture(
            "The picture's URL holds a user name or a password, which Atlas Cloud would be told: use a URL without, or "
            "save the picture to a file and give the file's full path."
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode()
        rest = quote(text.partition("//")[2][len(parts.netloc) :], safe=_PRINTABLE)
    except ValueError as error:  # UnicodeError is one
        raise _incomplete(text) from error
    if not _HOST.fullmatch(host) or port == 0 or _UNSENDABLE.search(text):
        raise _incomplete(text)
    if not is_public_host(host):
        raise InvalidPicture(
            f"The picture's URL leads to {shown(host)}, which Atlas Cloud cannot read: it is no public host. Save the "
            "picture to a file and give the file's full path."
        )
    place = f"[{host}]" if ":" in host else host
    return f"https://{place}{f':{port}' if port not in {None, _HTTPS} else ''}{rest}"


def _incomplete(text: str) -> InvalidPicture:
    return InvalidPicture(f"{shown(text)} is no complete https URL: it needs a host, and no backslash or line break.")
