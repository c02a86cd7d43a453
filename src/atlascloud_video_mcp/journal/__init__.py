"""What this machine asked for and got, remembered across processes, crashes and restarts."""

from atlascloud_video_mcp.journal.books import PriceNeeded, Spending, Terms
from atlascloud_video_mcp.journal.entries import Claim, Entry, Stage
from atlascloud_video_mcp.journal.journal import Journal

__all__ = ["Claim", "Entry", "Journal", "PriceNeeded", "Spending", "Stage", "Terms"]
