"""What the answer of a dry run says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mcp.types import CallToolResult, TextContent

from atlascloud_video_mcp.money import in_dollars

if TYPE_CHECKING:
    from atlascloud_video_mcp.predictions import DryRun

_NEXT = "To make it: ask the user, then call animate_image again with the same arguments but dry_run."
_NEXT_TO_NOTHING = "To have that clip: call animate_image again with the same arguments but dry_run. It costs nothing."


def dry_run_answer(rehearsed: DryRun) -> CallToolResult:
    """The answer of animate_image with dry_run."""
    next_step = _NEXT_TO_NOTHING if rehearsed.reused else _NEXT
    told = rehearsed.model_copy(update={"next_step": next_step})
    cost = "at a price not known" if told.cost_usd is None else f"for {in_dollars(told.cost_usd)}"
    would = f"was made before, {cost}, and would cost nothing" if told.reused else f"would be made, {cost}"
    lines = [
        f"Dry run: nothing was uploaded, submitted or paid. This request {would}:",
        json.dumps(told.request, ensure_ascii=False),
        *(["The price is the built-in sandbox's, not Atlas Cloud's."] if told.sandbox else []),
        *(told.notes or ()),
        next_step,
    ]
    structured = told.model_dump(mode="json", exclude_none=True)
    return CallToolResult(content=[TextContent(type="text", text="\n".join(lines))], structured_content=structured)
