"""What a call asks for, and what makes two requests the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from atlascloud_video_mcp.journal import VideoRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlascloud_video_mcp.cloud.api import Cloud

__all__ = ["RequestKey", "VideoRequest"]


@dataclass(frozen=True)
class RequestKey:
    """What makes two requests the same: picture bytes or URL, model, prompt, parameters, and which take of it."""

    key: str
    take: int
    old_keys: tuple[str, ...]
    """What version 1.0.0 may have called it: that took the account's key, which may be renewed, for the account, and
    sent the bytes of most pictures with all that is in them."""

    @classmethod
    def of(cls, cloud: Cloud, body: Mapping[str, Any], picture: str, source: str, take: int) -> Self:
        """The key of a request to the API.

        `picture` is the digest of its bytes as sent, and `source` that of the bytes that were named; or both its URL.
        """
        old_keys = tuple(_digest(cloud.account, each, body) for each in {picture, source})
        return cls(_digest(cloud.address, picture, body), take, old_keys)


def _digest(whose: str, picture: str, body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([whose, picture, body], sort_keys=True).encode()).hexdigest()
