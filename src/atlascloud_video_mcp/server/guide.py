"""The guide to good prompts, as a resource, and a prompt that applies it to one picture."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any

from mcp import MCPError
from mcp.server.mcpserver.prompts import Prompt
from mcp.types import INVALID_PARAMS
from pydantic import Field
from typing_extensions import override

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.mcpserver.prompts.base import Message
    from mcp.types import InputRequiredResult

GUIDE_URI = "guide://animate-photo"
_PICTURE = "Full path or https URL of the picture"
_PICTURE_OVER_HTTP = "https URL of the picture, or upload:// as create_upload's PUT answers it"
_TASK = (
    "Look at the picture first if you can. Write the prompt as the guide below says, call animate_image once, and tell "
    "me the prompt you used, where the clip is and what it cost."
)


def _animate_photo(
    picture: Annotated[str, Field(description=_PICTURE)],
    mood: Annotated[str, Field(description="What should happen, and how it should feel")] = "",
    length: Annotated[str, Field(description="6 or 10 seconds; left out: what suits the movement")] = "",
) -> str:
    """Turn an idea into a good prompt for a clip, and make the clip. Costs money."""
    lines = [
        f"Animate this picture with the animate_image tool: {picture}",
        f"What I have in mind: {mood or 'a small movement that suits what is in the picture'}",
        f"Length: {length or 'what suits the movement (see the guide)'}",
        _TASK,
        "",
        _read_guide(),
    ]
    return "\n".join(lines)


def _read_guide() -> str:
    """The guide, as Markdown."""
    return (resources.files("atlascloud_video_mcp.server") / "guide.md").read_text(encoding="utf-8")


def add_guide(server: MCPServer[Any], *, local_files: bool = True) -> None:
    """Offer the guide as a resource, and applied to a picture as a prompt, which names a path only where that helps."""
    prompt = _PhotoPrompt.from_function(_animate_photo, name="animate_photo", title="Animate a photo")
    if not local_files:
        (prompt.arguments or [])[0].description = _PICTURE_OVER_HTTP
    server.add_prompt(prompt)
    server.resource(
        GUIDE_URI,
        name="animate-photo-guide",
        title="How to animate a photo well",
        description="How to write prompts for image-to-video: motion, camera commands, length",
        mime_type="text/markdown",
    )(_read_guide)


class _PhotoPrompt(Prompt):
    """A prompt that ignores arguments it does not know, as the tools do, and says which one is missing."""

    @override
    async def render(
        self, arguments: dict[str, Any] | None, context: Context[Any, Any]
    ) -> list[Message] | InputRequiredResult:
        described = {argument.name: argument.description for argument in self.arguments or ()}
        given = {name: str(value).strip() for name, value in (arguments or {}).items() if name in described}
        if not given.get("picture"):
            raise MCPError(code=INVALID_PARAMS, message=f"picture is missing ({described['picture']}).")
        return await super().render(given, context)
