"""What this machine asked for and got, remembered across processes, crashes and restarts."""

from atlascloud_video_mcp.journal.budget import (
    SPAN,
    HistoryNeeded,
    PriceNeeded,
    PricesNeeded,
    Spending,
    SpendingRequest,
)
from atlascloud_video_mcp.journal.journal import Journal
from atlascloud_video_mcp.journal.submission import Claim, Entry, Stage

__all__ = [
    "SPAN",
    "Claim",
    "Entry",
    "HistoryNeeded",
    "Journal",
    "PriceNeeded",
    "PricesNeeded",
    "Spending",
    "SpendingRequest",
    "Stage",
]
