"""What this machine asked for and got, remembered across processes, crashes and restarts."""

from atlascloud_video_mcp.journal.books import SPAN, HistoryNeeded, PriceNeeded, PricesNeeded, Spending, Terms
from atlascloud_video_mcp.journal.entries import Claim, Entry, Stage
from atlascloud_video_mcp.journal.journal import Journal

__all__ = [
    "SPAN",
    "Claim",
    "Entry",
    "HistoryNeeded",
    "Journal",
    "PriceNeeded",
    "PricesNeeded",
    "Spending",
    "Stage",
    "Terms",
]
