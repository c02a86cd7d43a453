"""Pictures of this machine that parameters name beside the one that is animated: a last frame, references."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.cloud.body_fields import PROMPT_FIELDS, takes_a_picture
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.media.pictures import PictureRules
from atlascloud_video_mcp.models.limits import picture_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlascloud_video_mcp.models.parameter import Parameter

ANY_PICTURE = "https://example.com/picture.jpg"
"""Stands for a picture without a URL where a request is checked, or a price asked for: neither depends on it."""

_A_PICTURE = re.compile(r"\b(?:image|picture|photo|frame)s?\b", re.IGNORECASE)
_SOMEWHERE = re.compile(r"\b(?:urls?|uris?|base64|upload(?:ed)?|links?)\b", re.IGNORECASE)
_OTHER_MEDIA = re.compile(r"video|audio|voice|sound|music|hook|lora", re.IGNORECASE)


@dataclass(frozen=True)
class LocalPicture:
    """One of them: which parameter names it, and what it names."""

    parameter: str
    index: int | None
    """Its place in a list; None where the parameter takes one picture."""
    source: str
    rules: PictureRules

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return self.parameter if self.index is None else f"{self.parameter}[{self.index}]"

    def put(self, request: Mapping[str, Any], url: str) -> dict[str, Any]:
        """A request with something else in the picture's place."""
        value: Any = url
        if self.index is not None:
            value = [*request[self.parameter]]
            value[self.index] = url
        return {**request, self.parameter: value}


def local_pictures(
    takes: Mapping[str, Parameter], parameters: Mapping[str, Any], online: Callable[[str], str | None]
) -> tuple[dict[str, Any], tuple[LocalPicture, ...]]:
    """Parameters with a URL in the place of each picture, and the pictures that are still to be uploaded.

    Args:
        takes: What the model takes, by name.
        parameters: What is asked for, by name.
        online: The URL that a text is, as it is to be sent; None for what is no URL. It may raise InvalidInput.

    Raises:
        InvalidInput: A URL cannot be read by the API.
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
    """Whether a parameter takes where a picture is, or several, by its name or by what its description says."""
    kinds = parameter.kinds
    if parameter.values or parameter.name in PROMPT_FIELDS or not ({"string", "array"} & {*kinds} or not kinds):
        return False
    said = parameter.description
    described = _A_PICTURE.search(said) and _SOMEWHERE.search(said) and not _OTHER_MEDIA.search(parameter.name)
    return takes_a_picture(parameter.name) or bool(described)
