"""What the answer of a dry run says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mcp.types import CallToolResult, TextContent

from atlascloud_video_mcp.money import in_dollars

if TYPE_CHECKING:
    from atlascloud_video_mcp.predictions import DryRun

_NEXT = "To make it: ask the user, then call animate_image again with the same arguments but dry_run."


def dry_run_answer(rehearsed: DryRun) -> CallToolResult:
    """The answer of animate_image with dry_run."""
    told = rehearsed.model_copy(update={"next_step": _NEXT})
    cost = "at a price not known" if told.cost_usd is None else f"for {in_dollars(told.cost_usd)}"
    lines = [
        f"Dry run: nothing was uploaded, submitted or paid. This request would be made, {cost}:",
        json.dumps(told.request, ensure_ascii=False),
        *(["The price is the built-in sandbox's, not Atlas Cloud's."] if told.sandbox else []),
        *(told.notes or ()),
        _NEXT,
    ]
    structured = told.model_dump(mode="json", exclude_none=True)
    return CallToolResult(content=[TextContent(type="text", text="\n".join(lines))], structured_content=structured)
