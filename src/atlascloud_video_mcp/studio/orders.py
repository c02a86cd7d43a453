"""From the arguments of a call to a request that was checked as far as that can be done before the picture is seen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlascloud_video_mcp.catalogue import model_called
from atlascloud_video_mcp.errors import InvalidInput
from atlascloud_video_mcp.paths import unquoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlascloud_video_mcp.catalogue import Model
    from atlascloud_video_mcp.studio.jobs import Job

_WEB_ADDRESS = re.compile(r"https://[^\s/]+(/\S*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Wish:
    """What a call asks for; what it leaves open is left to the model."""

    image: str
    prompt: str | None = None
    duration: int | None = None
    """Seconds of video."""
    model: str | None = None
    """None: the one of the settings."""
    enable_prompt_expansion: bool | None = None


@dataclass(frozen=True)
class Order:
    """What is to be submitted, beside the request itself."""

    image: str
    is_online: bool
    """Whether the image is an address that the API reads by itself."""
    model: Model


class Orders:
    """Checks what calls ask for.

    Args:
        model: The model used when a call names none.
        serves: Whether an address is on the API's own host.
    """

    def __init__(self, *, model: str, serves: Callable[[str], bool]) -> None:
        self._model = model
        self._serves = serves

    async def check(self, job: Job, wish: Wish) -> Order:
        """Give a job its request, all but the picture.

        Raises:
            InvalidInput: Nothing was sent.
        """
        image = unquoted(wish.image)
        online = _WEB_ADDRESS.fullmatch(image) is not None
        if image.lower().startswith("https:") and not online:
            raise InvalidInput("image is no complete https URL: it needs a host and takes no blanks.")
        model = model_called(wish.model or self._model)
        job.facts.request = model.request(
            prompt=wish.prompt, duration=wish.duration, enable_prompt_expansion=wish.enable_prompt_expansion
        )
        job.facts.parameters = model.parameters
        return Order(image=image, is_online=online or self._serves(image), model=model)
