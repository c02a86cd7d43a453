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
from atlascloud_video_mcp.journal.people import IssuedToken, Person, digest_of
from atlascloud_video_mcp.journal.submission import Claim, Stage, Submission, VideoRequest, from_history

__all__ = [
    "SPAN",
    "Claim",
    "HistoryNeeded",
    "IssuedToken",
    "Journal",
    "Person",
    "PriceNeeded",
    "PricesNeeded",
    "Spending",
    "SpendingRequest",
    "Stage",
    "Submission",
    "VideoRequest",
    "digest_of",
    "from_history",
]
