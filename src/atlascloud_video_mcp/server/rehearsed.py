"""What the answer of a dry run says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mcp.types import CallToolResult, TextContent

from atlascloud_video_mcp.text import in_dollars

if TYPE_CHECKING:
    from atlascloud_video_mcp.service.results import DryRun

_NOTHING = "Dry run: nothing was uploaded, submitted or paid."
_AGAIN = "animate_image with the same arguments, without dry_run"
_NEXT = f"To make it: ask the user, for it costs money. Next: {_AGAIN}."
_NEXT_FREE = f"To have that clip, which costs nothing. Next: {_AGAIN}."


def dry_run_answer(rehearsed: DryRun) -> CallToolResult:
    """The answer of animate_image with dry_run."""
    next_step = _NEXT_FREE if rehearsed.reused or rehearsed.sandbox else _NEXT
    told = rehearsed.model_copy(update={"next_step": next_step, "notes": (_NOTHING, *(rehearsed.notes or ()))})
    cost = "at a price not known" if told.cost_usd is None else f"for {in_dollars(told.cost_usd)}"
    would = f"was made before, {cost}, and would cost nothing" if told.reused else f"would be made, {cost}"
    lines = [
        f"{_NOTHING} This request {would}:",
        json.dumps(told.request, ensure_ascii=False),
        *(rehearsed.notes or ()),
        next_step,
    ]
    structured = told.model_dump(mode="json", exclude_none=True)
    return CallToolResult(content=[TextContent(type="text", text="\n".join(lines))], structured_content=structured)
