"""From what the caller wrote - a path, a file URI, a data URI - to an open file."""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING
from unicodedata import normalize
from urllib.parse import unquote_to_bytes

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.pictures.files import open_regular, shown
from atlascloud_video_mcp.pictures.rules import readable_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

# A picture inside a tool call has gone through the host's memory, and its log, several times by now.
MAX_INLINE_BYTES = 64_000_000

_WINDOWS = os.name == "nt"
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_ATTACHMENT = re.compile(r"[^/\\]+\.(jpe?g|png|webp|gif|bmp|tiff?|avif|hei[cf])", re.IGNORECASE)
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True)
class Source:
    """An open file, and a name without extension to call it by."""

    file: BinaryIO
    stem: str


def open_source(image: str, allowed_dirs: Sequence[Path]) -> Source:
    """Open what `image` names; raises `InvalidPicture` with the reason and the next step."""
    text = _unquoted(image)
    scheme = _SCHEME.match(text)
    match scheme and scheme[1].lower():
        case "data":
            return Source(io.BytesIO(decode_data_uri(text)), "picture")
        case "file":
            path = _absolute(path_of_file_uri(text))
        case "http" | "https":
            raise InvalidPicture(
                "A web address is not uploaded: animate_image passes https URLs on as they are. To upload the "
                "picture, save it to a file and give the file's full path."
            )
        case None:
            path = _absolute(text)
        case other:
            raise InvalidPicture(
                f"'{shown(other)}:' is no kind of address a picture can be read from: give an absolute path, a "
                "file:// URI or a base64 data: URI."
            )
    return Source(open_regular(path, allowed_dirs), safe_stem(path))


def _unquoted(image: str) -> str:
    text = image.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    if not text:
        raise InvalidPicture(
            "No picture was named: give an absolute path, a file:// URI or a base64 data: URI in `image`."
        )
    if "\0" in text:
        raise InvalidPicture("The path holds a NUL character, which no file name can: give the picture's full path.")
    return text


def _absolute(text: str) -> Path:
    if not _WINDOWS and _WINDOWS_PATH.match(text):
        raise InvalidPicture(
            f"{shown(text)} is a Windows path, but this server does not run on Windows: give the path as it is seen "
            "where the server runs (under WSL, C:\\ is /mnt/c/)."
        )
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidPicture(f"The home directory in {shown(text)} is not known: give the full path.") from error
    if path.is_absolute():
        return path
    attachment = " If it is a picture attached to the chat, it is no file here: save it and give the path of that file."
    raise InvalidPicture(
        f"{shown(text)} is a relative path, and hosts start this server in any directory: give the full path."
        + (attachment if _ATTACHMENT.fullmatch(text) else "")
    )


def path_of_file_uri(uri: str, *, windows: bool = _WINDOWS) -> str:
    """Give the path in a `file:` URI (RFC 8089).

    `?` and `#` stand for themselves, since people paste names into URIs and a file has neither query nor fragment.
    """
    rest = uri.partition(":")[2]
    if rest.startswith("//"):
        host, _, path = rest[2:].partition("/")
        if host.lower() not in {"", "localhost"}:
            raise InvalidPicture(
                f"{shown(uri)} names a file on the host '{shown(host)}'; only files of this machine are read: copy it "
                "here and give its full path."
            )
        rest = f"/{path}"
    try:
        decoded = os.fsdecode(unquote_to_bytes(rest))
    except UnicodeError as error:
        raise InvalidPicture(f"{shown(uri)} does not decode to a path: give the full path instead.") from error
    if windows and re.match(r"/[A-Za-z]:", decoded):
        decoded = decoded[1:]
    return _unquoted(decoded)


def decode_data_uri(uri: str) -> bytes:
    """Give the bytes of a base64 `data:` URI (RFC 2397), whatever type it claims to hold.

    Tolerates what models and hosts make of base64: line breaks, the URL-safe alphabet, percent signs, no padding.
    """
    header, comma, payload = uri.partition(",")
    if not comma or not re.search(r";\s*base64\s*\Z", header, re.IGNORECASE):
        raise InvalidPicture(
            "The data: URI is not base64: write data:image/png;base64,... or save the picture and give its full path."
        )
    limit = MAX_INLINE_BYTES * 4 // 3
    if len(payload) > limit:
        raise InvalidPicture(
            f"The data: URI has {readable_size(len(payload))} of base64; at most {readable_size(limit)} are taken: "
            "save the picture and give its full path."
        )
    if "%" in payload:
        payload = unquote_to_bytes(payload).decode("latin-1")
    compact = "".join(payload.split()).translate(_URL_SAFE).rstrip("=")
    try:
        data = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidPicture(
            "The data: URI's base64 is damaged or cut off: send it whole, or save the picture and give its full path."
        ) from error
    if not data:
        raise InvalidPicture("The data: URI is empty (0 bytes): send the picture, or save it and give its full path.")
    return data


def safe_stem(path: PurePath) -> str:
    """Make an ASCII name of letters, digits, dots, dashes and underscores out of any file name."""
    plain = normalize("NFKD", path.stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:80] or "picture"
