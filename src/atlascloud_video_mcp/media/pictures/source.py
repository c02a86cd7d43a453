"""From what the caller wrote (a path, a file URI, a data URI) to its bytes, which are read once; also https URLs.

Only regular files are read, and only inside the allowed directories. A picture on the web is not fetched here.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes, urlsplit

from atlascloud_video_mcp.errors import InvalidInput, InvalidPicture
from atlascloud_video_mcp.media.directories import Replaced, locate, open_directory, real_directories, safe_name
from atlascloud_video_mcp.media.pictures.rules import readable_size
from atlascloud_video_mcp.network import is_public_host
from atlascloud_video_mcp.paths import full_path, scheme_of, shown, spellings, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# The file is in memory together with its pixels: a larger one would not fit.
MAX_FILE_BYTES = 150_000_000
# A picture inside a tool call has already gone through the host's memory and log several times.
MAX_INLINE_BYTES = 64_000_000

# Where ChatGPT and Claude keep chat attachments, on machines of their own.
_SANDBOXES_OF_CHATS = ("/mnt/data/", "/mnt/user-data/")

_KINDS = {
    stat.S_IFDIR: "a directory; give the path of one picture in it",
    stat.S_IFIFO: "a named pipe; only regular files are read: save the picture to a file first",
    stat.S_IFSOCK: "a socket; only regular files are read: save the picture to a file first",
    stat.S_IFCHR: "a device; only regular files are read: save the picture to a file first",
    stat.S_IFBLK: "a device; only regular files are read: save the picture to a file first",
}

_NO_DIRECTORY = re.compile(r"[^/\\~]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_=\s-]+")
# How PNG, JPEG, GIF, WebP and TIFF begin. A JPEG's beginning looks like a path.
_BASE64_OF_PICTURES = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "SUkqA", "TU0AK")
BY_FILE = "save the picture and give its full path"
"""What else to do; whoever knows that the caller's files are elsewhere puts something better in its place."""
_NO_PATH = 80  # characters; what is that long and base64 throughout is not a path
_URL_SAFE = str.maketrans("-_", "+/")
_LINE_BREAKS = re.compile(r"[\r\n\t\f\v]|\\[rnt]|\\(?=[\r\n/])")  # also as JSON and shells spell them, `\\/` for `/`
_LINE_LENGTHS = range(60, 81, 4)  # of wrapped base64, characters

# Of a picture's address on the web.
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f\\]")  # some programs read a backslash as a slash
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_HTTPS = 443


class _NoSuchPicture(InvalidPicture):
    """No file is there."""


def read_source(image: str, allowed_dirs: Sequence[Path]) -> tuple[bytes, str]:
    """Read what `image` names; returns its bytes and a file name without ending.

    Raises:
        InvalidPicture: It cannot be read.
    """
    text = unquoted(image)
    match scheme_of(text):
        case "data":
            # A blank at its end may have been a plus sign.
            bare = image.lstrip()
            return _decode_data_uri(bare if scheme_of(bare) else text), "picture"
        case "file" | None:
            return _read(text, real_directories(allowed_dirs))
        case "https":
            raise InvalidPicture(
                "A web address is not uploaded: animate_image passes https URLs on as they are. To upload what it "
                f"leads to: {BY_FILE}."
            )
        case "http":
            raise InvalidPicture(
                "http addresses are not accepted, since anyone could change what they lead to: give animate_image an "
                f"https URL, or {BY_FILE}."
            )
        case other:
            raise InvalidPicture(
                f"A picture cannot be read from a '{other[:40]}:' address. A chat attachment is not a file on disk: "
                f"{BY_FILE}, or give a base64 data: URI."
            )


def _read(text: str, allowed: Sequence[Path]) -> tuple[bytes, str]:
    path = _path(text)
    try:
        return read_regular(path, allowed), safe_name(path.stem, "picture")
    except _NoSuchPicture:
        for spelling in spellings(text)[1:]:
            with suppress(InvalidInput):
                path = full_path(spelling)
                return read_regular(path, allowed), safe_name(path.stem, "picture")
        raise


def _path(text: str) -> Path:
    if not text:
        raise InvalidPicture(
            "No picture was given: give an absolute path, a file:// URI or a base64 data: URI in `image`."
        )
    if text.startswith(_BASE64_OF_PICTURES) and len(text) >= _NO_PATH and _BASE64.fullmatch(text):
        raise InvalidPicture(f"This is base64 without its header: put data:image/png;base64, before it, or {BY_FILE}.")
    try:
        return full_path(text)
    except InvalidInput as error:
        attached = (
            " A chat attachment is not a file on disk: save it, and give the path of that file."
            if _NO_DIRECTORY.fullmatch(text)
            else ""
        )
        raise InvalidPicture(f"{error}{attached}") from error


def read_regular(path: Path, allowed: Sequence[Path]) -> bytes:
    """Read a whole file once, through the descriptor that was checked; later changes to the file do not matter.

    Args:
        path: Absolute; a file whose name only looks the same is found, too.
        allowed: Real directories, which the file must be in once links are resolved. None: anywhere.

    Raises:
        InvalidPicture: It cannot or must not be read; a pipe or device never blocks this.
    """
    with _explained(path):
        real = locate(path, allowed)
        if not real.name:
            raise InvalidPicture(f"{shown(path)} is {_KINDS[stat.S_IFDIR]}.")
        with closing(open_directory(real.parent)) as directory:
            # Checked before it is opened, too: merely opening some devices has an effect.
            _check_regular(path, directory.status(real.name))
            with os.fdopen(directory.open(real.name, os.O_RDONLY), "rb") as file:
                return file.read(_check_regular(path, os.fstat(file.fileno())))


def _check_regular(path: Path, status: os.stat_result) -> int:
    """Refuse a file that is not regular, is empty or far too large; returns its size in bytes."""
    if stat.S_ISLNK(status.st_mode):
        raise Replaced
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file; give the path of a picture")
        raise InvalidPicture(f"{shown(path)} is {kind}.")
    if status.st_size == 0:
        raise InvalidPicture(f"{shown(path)} is empty (0 bytes), so it is not a picture: save or download it again.")
    if status.st_size > MAX_FILE_BYTES:
        raise InvalidPicture(
            f"{shown(path)} has {readable_size(status.st_size)}; no file above {readable_size(MAX_FILE_BYTES)} is "
            "read: export it smaller, as JPEG or PNG."
        )
    return status.st_size


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        raise InvalidPicture(str(error)) from error
    except Replaced as error:
        raise InvalidPicture(
            f"{shown(path)} cannot be opened: a link in it leads back to itself, or was just replaced. Check the path."
        ) from error
    except FileNotFoundError as error:
        raise _NoSuchPicture(f"{shown(path)} cannot be opened: {_missing(path)}") from error
    except PermissionError as error:
        raise InvalidPicture(
            f"{shown(path)} may not be read by this server (permission denied): make it readable, or copy it elsewhere."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: not encodable
        reason = getattr(error, "strerror", None) or "it is not a usable path"
        raise InvalidPicture(f"{shown(path)} cannot be opened: {reason}. Check the path.") from error


def _missing(path: Path) -> str:
    if path.is_symlink():
        return "it is a symbolic link to a file that does not exist. Check the path."
    if str(path).startswith(_SANDBOXES_OF_CHATS):
        return "no file there. The path is in the chat's own sandbox, not on this machine: save the picture here."
    return "no file there. Check the path."


def _decode_data_uri(uri: str) -> bytes:
    """The bytes of a base64 `data:` URI (RFC 2397), whatever type it claims.

    Accepts what models and hosts make of base64: line breaks, the URL-safe alphabet, percent signs, no padding, and
    `+` that became blanks where that is certain.
    """
    header, comma, payload = uri.partition(",")
    if not comma or not re.search(r";\s*base64\s*\Z", header, re.IGNORECASE):
        raise InvalidPicture(f"The data: URI is not base64: write data:image/png;base64,... or {BY_FILE}.")
    limit = MAX_INLINE_BYTES * 4 // 3
    if len(payload) > limit:
        raise InvalidPicture(
            f"The data: URI has {readable_size(len(payload))} of base64; at most {readable_size(limit)} are accepted: "
            f"{BY_FILE}."
        )
    if "%" in payload:
        payload = unquote_to_bytes(payload).decode("latin-1")
    compact = _without_blanks(_LINE_BREAKS.sub("", payload)).translate(_URL_SAFE).rstrip("=")
    try:
        data = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidPicture(f"The data: URI's base64 is damaged or cut off: send it whole, or {BY_FILE}.") from error
    if not data:
        raise InvalidPicture(f"The data: URI is empty (0 bytes): send the picture, or {BY_FILE}.")
    return data


def _without_blanks(payload: str) -> str:
    """Base64 without inserted blanks, or with blanks turned back into the plus signs that they were.

    Decoding text as a form turns every plus sign into a blank, so none is left. No picture's base64 begins with one.
    """
    payload = payload.lstrip(" ")
    if len(payload.rstrip(" ")) % 4 == 0:
        payload = payload.rstrip(" ")
    plain, plussed = payload.replace(" ", ""), payload.replace(" ", "+")
    if plain == payload or re.search(r"[+_-]", plain):
        return plain
    *lines, last = payload.split(" ")
    wrapped = len(set(map(len, lines))) == 1 and len(lines[0]) in _LINE_LENGTHS and len(last) <= len(lines[0])
    if wrapped and len(plain) % 4 == 0:
        return plain
    if len(plussed) % 4 == 0:
        return plussed
    raise InvalidPicture(
        "The data: URI's base64 has blanks in it, each of which may have been a plus sign: send it without blanks, "
        f"or {BY_FILE}."
    )


def web_address(text: str) -> str:
    """An https URL ready to send: scheme and host in lower case, blanks and non-ASCII characters percent-encoded.

    Raises:
        InvalidPicture: It is not a complete https URL, holds a password, or leads to a private host.
    """
    if "@" in re.split(r"[/?#]", text.partition("//")[2], maxsplit=1)[0]:
        raise InvalidPicture(
            "The picture's URL holds a user name or a password, which Atlas Cloud would see: use a URL without one, "
            f"or {BY_FILE}."
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
            f"The picture's URL leads to {shown(host)}, which Atlas Cloud cannot reach: it is not a public host: "
            f"{BY_FILE}."
        )
    place = f"[{host}]" if ":" in host else host
    return f"https://{place}{f':{port}' if port not in {None, _HTTPS} else ''}{rest}"


def _incomplete(text: str) -> InvalidPicture:
    return InvalidPicture(
        f"{shown(text)} is not a complete https URL: it needs a host, and must not contain a backslash or line break."
    )
