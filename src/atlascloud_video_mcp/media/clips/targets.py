"""From what the caller wrote in `save_to` to a directory and a file name, and from a picture to a clip's name."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import normalize
from urllib.parse import unquote

from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.media.clips.containers import Container
from atlascloud_video_mcp.media.directories import confined
from atlascloud_video_mcp.paths import full_path, scheme_of, shown, unescaped, unquoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_WINDOWS = os.name == "nt"
_SEPARATORS = ("/", "\\") if _WINDOWS else ("/",)
_LONGEST_NAME = 80  # characters, without the ending
_ID_LETTERS = 8


@dataclass(frozen=True)
class Target:
    """Where a clip goes."""

    directory: Path
    """Absolute, with all symbolic links resolved; it need not exist."""
    filename: str | None
    """None: named after the clip. Its ending becomes that of what the clip is."""


def clip_name(picture: str | None, prediction_id: str) -> str:
    """Make a file name without ending from the picture's path, name or URL and the end of the prediction's id.

    It has at most 80 ASCII letters, digits, dashes and underscores. The dash in its middle and the lack of dots keep it
    off the names that Windows reserves (`con`, `nul.txt`).
    """
    tail = _plain(prediction_id)[-_ID_LETTERS:].strip("-_") or "clip"
    stem = _picture_stem(picture or "")[: _LONGEST_NAME - 1 - len(tail)].rstrip("-_")
    return f"{stem}-{tail}"


def safe_name(name: str) -> str:
    """Give a name without anything a path could be made of."""
    return _plain(name)[:_LONGEST_NAME].rstrip("-_") or "clip"


def _picture_stem(picture: str) -> str:
    kind = scheme_of(picture)
    if kind == "data":
        return "clip"
    if kind in ("http", "https"):
        # A signed URL's query is a secret, and a host is no name.
        picture = re.split(r"[?#]", picture, maxsplit=1)[0].partition("//")[2].partition("/")[2]
    if kind:
        picture = unquote(picture)
    last = re.split(r"[/\\]", picture.rstrip("\"' /\\"))[-1]
    stem, dot, _ = last.rpartition(".")
    return _plain(stem if dot else last) or "clip"


def _plain(text: str) -> str:
    ascii_only = normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", ascii_only).strip("-_")


def read_target(save_to: str, allowed_dirs: Sequence[Path]) -> Target:
    """Understand `save_to` and look, without writing, whether a clip could go there.

    It means a directory when it is one, ends with a separator or has no ending; else a file, which must end as videos
    do: of a name like `clips.v2` it cannot be told which it is to be. Whether it is allowed is asked before anything
    that is there is looked at.

    Raises:
        InvalidInput: A clip could not go there.
    """
    path = _path(save_to)
    try:
        if not unquoted(save_to).endswith(_SEPARATORS) and _is_film(path.name):
            directory = confined(path.parent, allowed_dirs)
            real = None
            with suppress(InvalidInput):  # a link that leads out is another file of the name
                real = confined(path, allowed_dirs)
            return _checked(Target(real, None) if real and real.is_dir() else Target(directory, path.name))
        directory = confined(path, allowed_dirs)
        if path.suffix and not unquoted(save_to).endswith(_SEPARATORS) and not directory.is_dir():
            raise InvalidInput(
                f"{shown(path)} does not end in .mp4, which clips do: name the file so, or end save_to with / if it "
                "is to be a directory."
            )
        return _checked(Target(directory, None))
    except (OSError, ValueError) as error:  # ValueError: not encodable
        reason = getattr(error, "strerror", None) or "it is no usable path"
        raise InvalidInput(f"No clip can be saved to {shown(path)}: {reason}. Choose another path.") from error


def _is_film(name: str) -> bool:
    stem, _, ending = name.rpartition(".")
    return f".{ending.lower()}" in set(Container) and bool(stem.strip(". "))


def _checked(target: Target) -> Target:
    """Make sure that the directory can be had, and is none that hides where nobody looks."""
    directory = target.directory
    existing = next(filter(os.path.lexists, (directory, *directory.parents)), directory)  # a drive may be missing
    if not existing.is_dir():
        raise InvalidInput(f"{shown(existing)} is no directory, so no clip can be saved in it: choose another path.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InvalidInput(f"This server may not write to {shown(existing)}: allow it, or save elsewhere.")
    missing = directory.relative_to(existing).parts
    if hidden := next((name for name in missing if name.startswith(".")), None):
        raise InvalidInput(
            f"save_to would make a directory {shown(hidden)!r}, and none whose name begins with a dot is made: give "
            "the directory another name, make it yourself, or name an .mp4 file."
        )
    return target


def _path(save_to: str) -> Path:
    text = unescaped(unquoted(save_to))
    if not text:
        raise InvalidInput("save_to names no path: give the full path of a directory or of an .mp4 file.")
    scheme = scheme_of(text)
    if scheme not in (None, "file"):
        raise InvalidInput(
            f"'{scheme}:' is no kind of address a clip can be saved to: give the full path of a directory or of an "
            ".mp4 file."
        )
    return full_path(text)
