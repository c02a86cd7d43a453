"""Pictures of who is on another machine, and has no file for us to read.

They come by one-use addresses, are passed on at once, and are named by their digest from then on.
"""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.errors import InvalidInput, InvalidPicture, JournalUnusable, NotAllowed, UploadRefused
from atlascloud_video_mcp.journal import digest_of
from atlascloud_video_mcp.media.pictures import Fit, Picture, PictureRules
from atlascloud_video_mcp.service.masking import masked
from atlascloud_video_mcp.service.permissions import require_more_than_looks
from atlascloud_video_mcp.service.progress import nowhere
from atlascloud_video_mcp.service.results import ReceivedPicture, UploadTicket
from atlascloud_video_mcp.text import Quoted

if TYPE_CHECKING:
    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.journal import Journal, Person
    from atlascloud_video_mcp.service.uploads import Uploads

KEPT_FOR = timedelta(hours=1)
"""How long an upload is counted on: the API sweeps them from time to time and does not say when."""
RECEIVED = "upload"
"""The scheme by which a picture is named that was uploaded with a ticket."""
NEXT = (
    "Next: create_upload; put the picture to the address that it gives, and call again with the image that the answer "
    "to the upload names."
)
_A_DIGEST = re.compile(r"[0-9a-f]{64}")  # no database takes all that may stand in an address
_TICKETS_LAST = timedelta(minutes=10)


@dataclass(frozen=True)
class _Passed(Picture):
    """A picture that was passed on, and whose bytes are not here."""

    size_bytes: int = 0
    digest: str = ""


class Tickets:
    """Gives out one-use rights to upload, and takes in what comes with them.

    Args:
        cloud: The open API client.
        journal: Where it stands whose each is; one that is shared.
        uploads: What checks pictures and passes them on.
    """

    def __init__(self, cloud: Cloud, journal: Journal, uploads: Uploads) -> None:
        self._cloud = cloud
        self._journal = journal
        self._uploads = uploads

    async def create(self, person: Person | None, fit: Fit | None = None) -> UploadTicket:
        """Let a person upload one picture within some minutes; `fit` is what to do with a shape that is not taken.

        Raises:
            NotAllowed: The person may only look, or there is no database.
            JournalUnusable: The database is away.
        """
        self._cloud.require_key()
        require_more_than_looks(person)
        if not self._journal.is_shared:
            raise NotAllowed("Upload addresses need a database: set ATLASCLOUD_DATABASE_URL and restart the server.")
        ticket, expires_at = secrets.token_urlsafe(32), datetime.now(UTC) + _TICKETS_LAST
        await self._journal.add_ticket(digest_of(ticket), _name(person), fit, expires_at)
        return UploadTicket(ticket=ticket, expires_at=expires_at)

    async def receive(self, ticket: str, file: Path, bearer: Person | None = None) -> ReceivedPicture:
        """Check a file that came with a ticket, and pass it on.

        Args:
            ticket: What was created.
            file: Where the picture lies.
            bearer: Whose token came with it, if any.

        Raises:
            UploadRefused: The ticket is not good, or not the bearer's.
            InvalidPicture: The ticket may be used again.
            AtlasError: As the line before: the picture could not be passed on.
        """
        digest = digest_of(ticket)
        found = await self._journal.ticket_of(digest) if self._journal.is_shared else None
        if found and bearer and bearer.name != found[0]:
            raise UploadRefused("This upload address is another person's: make one with create_upload.", forbidden=True)
        if found is None or not await self._journal.take_ticket(digest):
            raise UploadRefused("This upload address was used or has expired: make a new one with create_upload.")
        whose, fit = found
        try:
            with masked(self._cloud, nowhere, local_files=False):
                return await self._pass_on(file, whose, fit)
        except BaseException:
            with anyio.CancelScope(shield=True), suppress(JournalUnusable):
                await self._journal.give_back_ticket(digest)
            raise

    async def _pass_on(self, file: Path, whose: str, fit: str | None) -> ReceivedPicture:
        picture = await self._uploads.prepare(str(file), PictureRules(), Fit(fit) if fit else None, (file.parent,))
        await self._uploads.upload(picture, anew=True, progress=nowhere)
        facts = {
            "filename": f"picture{Path(picture.filename).suffix}",
            "content_type": picture.content_type,
            "width": picture.width,
            "height": picture.height,
            "notes": picture.notes,
            "source_digest": picture.source_digest,
            "size_bytes": picture.size_bytes,
            "digest": picture.digest,
        }
        await self._journal.add_picture(whose, picture.digest, facts)
        expires_at = datetime.now(UTC) + KEPT_FOR
        return ReceivedPicture(image=f"{RECEIVED}://{picture.digest}", expires_at=expires_at, **facts)


async def received_picture(
    journal: Journal, digest: str, rules: PictureRules, fit: Fit | None, person: Person | None
) -> Picture:
    """A picture that a person uploaded, as a model with these rules takes it.

    Raises:
        InvalidPicture: It does not, or there is none.
    """
    if fit:
        raise InvalidInput("fit belongs to create_upload, which takes it too: leave it out here, or upload anew.")
    known = journal.is_shared and _A_DIGEST.fullmatch(digest)
    facts = await journal.picture(_name(person), digest) if known else None
    if facts is None:
        raise InvalidPicture(f'There is no picture "{Quoted(digest, 70)}" that you uploaded. {NEXT}')
    picture = _Passed(b"", **{**facts, "notes": tuple(facts["notes"])})
    size = (picture.width, picture.height)
    rules.target(size, None)
    if min(size) <= rules.short_side_above or picture.size_bytes > rules.max_bytes:
        raise InvalidPicture(
            f"The picture has {size[0]} x {size[1]} px and {picture.size_bytes:,} bytes; the model needs a short "
            f"side above {rules.short_side_above} px and at most {rules.max_bytes:,} bytes: upload one that has."
        )
    return picture


def _name(person: Person | None) -> str:
    return person.name if person else ""
