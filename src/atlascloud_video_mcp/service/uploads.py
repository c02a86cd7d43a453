"""Pictures on their way up: checked before anything is sent, and not sent twice within an hour.

Who is on another machine has no file for us to read: such pictures come by one-use addresses, are passed on at once,
and are named by their digest from then on.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from atlascloud_video_mcp.errors import InvalidInput, InvalidPicture, NotAllowed, UploadRefused
from atlascloud_video_mcp.media.pictures import Fit, Picture, PictureRules
from atlascloud_video_mcp.media.pictures.process import prepare_picture
from atlascloud_video_mcp.media.pictures.source import BY_FILE
from atlascloud_video_mcp.paths import scheme_of, unquoted
from atlascloud_video_mcp.service.background import BackgroundTask
from atlascloud_video_mcp.service.progress import Phase, Progress, nowhere
from atlascloud_video_mcp.service.results import ReceivedPicture, Upload, UploadTicket
from atlascloud_video_mcp.text import Link, Quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import TaskGroup

    from atlascloud_video_mcp.cloud.api import Cloud
    from atlascloud_video_mcp.errors import AtlasError
    from atlascloud_video_mcp.journal import Journal, Person
    from atlascloud_video_mcp.service.progress import ProgressSink

_KEPT_FOR = timedelta(hours=1)  # the API sweeps uploads from time to time and does not say when
_TELL_EVERY = 2.0  # seconds
_TICKETS_LAST = timedelta(minutes=10)
_RECEIVED = "upload"
"""The scheme by which a picture is named that was uploaded with a ticket."""
_HOW = (
    "Next: create_upload; put the picture to the address that it gives, and call again with the image that the answer "
    "to the upload names."
)
_BY_ADDRESS = "upload the picture by create_upload"


@dataclass(frozen=True)
class _Passed(Picture):
    """A picture that was passed on, and whose bytes are not here."""

    size_bytes: int = 0
    digest: str = ""


@dataclass
class _Transfer:
    """Bytes on their way up, whoever waits for them."""

    picture: Picture
    file: io.BytesIO
    task: BackgroundTask[Link] = field(init=False)


class Uploads:
    """Checks and uploads pictures.

    Args:
        cloud: The open API client.
        journal: What was uploaded lately, by the digest of its bytes.
        tasks: Where uploads go on without the calls that began them: they cost nothing, and a call that had to be
            answered before its upload was through is followed by another with the same picture.
        allowed_dirs: Where local pictures may be read; empty means everywhere.
        local_files: Whether callers may name files of this machine at all.
    """

    def __init__(
        self, cloud: Cloud, journal: Journal, tasks: TaskGroup, *, allowed_dirs: Sequence[Path], local_files: bool
    ) -> None:
        self._cloud = cloud
        self._journal = journal
        self._tasks = tasks
        self._allowed_dirs = allowed_dirs
        self._local_files = local_files
        self._under_way: dict[str, _Transfer] = {}
        self._preparing = anyio.Lock()

    async def check(
        self,
        image: str,
        rules: PictureRules,
        fit: Fit | None = None,
        *,
        person: Person | None,
        progress: ProgressSink,
    ) -> Picture:
        """Make of a picture what would go up.

        Raises:
            InvalidPicture: The model would not take it, or it must not be read.
        """
        progress(Progress(Phase.CHECKING_PICTURE, 0.01))
        if not self._local_files:
            image = unquoted(image)
            if scheme_of(image) == _RECEIVED:
                return await self._received(image.partition("://")[2], rules, fit, person)
            if scheme_of(image) in {"file", None}:
                raise InvalidPicture(f"This server is on another machine and reads no files of yours. {_HOW}")
        return await self._prepare(image, rules, fit, self._allowed_dirs)

    async def _prepare(self, image: str, rules: PictureRules, fit: Fit | None, allowed: Sequence[Path]) -> Picture:
        # One at a time: each may take much of the machine.
        async with self._preparing:
            return await prepare_picture(image, rules=rules, allowed_dirs=allowed, fit=fit)

    async def _received(self, digest: str, rules: PictureRules, fit: Fit | None, person: Person | None) -> Picture:
        if fit:
            raise InvalidInput("fit belongs to create_upload, which takes it too: leave it out here, or upload anew.")
        facts = await self._journal.picture(_name(person), digest) if self._journal.is_shared else None
        if facts is None:
            raise InvalidPicture(f'There is no picture "{Quoted(digest, 70)}" that you uploaded. {_HOW}')
        picture = _Passed(b"", **{**facts, "notes": tuple(facts["notes"])})
        size = (picture.width, picture.height)
        rules.target(size, None)
        if min(size) <= rules.short_side_above or picture.size_bytes > rules.max_bytes:
            raise InvalidPicture(
                f"The picture has {size[0]} x {size[1]} px and {picture.size_bytes:,} bytes; the model needs a short "
                f"side above {rules.short_side_above} px and at most {rules.max_bytes:,} bytes: upload one that has."
            )
        return picture

    async def create(self, person: Person | None, fit: Fit | None) -> UploadTicket:
        """What lets a person upload one picture within some minutes."""
        if not self._journal.is_shared:
            raise NotAllowed("Upload addresses need a database: set ATLASCLOUD_DATABASE_URL and restart the server.")
        ticket, expires_at = secrets.token_urlsafe(32), datetime.now(UTC) + _TICKETS_LAST
        await self._journal.add_ticket(_digest(ticket), _name(person), fit, expires_at)
        return UploadTicket(ticket=ticket, expires_at=expires_at)

    async def receive(self, ticket: str, file: Path, bearer: Person | None) -> ReceivedPicture:
        """Check a file that came with a ticket, and pass it on.

        Raises:
            UploadRefused: The ticket is not good, or not the bearer's.
            InvalidPicture: The ticket may be used again.
        """
        digest = _digest(ticket)
        found = await self._journal.ticket_of(digest) if self._journal.is_shared else None
        if found and bearer and bearer.name != found[0]:
            raise UploadRefused("This upload address is another person's: make one with create_upload.", forbidden=True)
        if found is None or not await self._journal.take_ticket(digest):
            raise UploadRefused("This upload address was used or has expired: make a new one with create_upload.")
        whose, fit = found
        try:
            picture = await self._prepare(str(file), PictureRules(), Fit(fit) if fit else None, (file.parent,))
            await self.upload(picture, progress=nowhere)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._journal.give_back_ticket(digest)
            raise
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
        return ReceivedPicture(
            image=f"{_RECEIVED}://{picture.digest}",
            content_type=picture.content_type,
            size_bytes=picture.size_bytes,
            width=picture.width,
            height=picture.height,
            notes=picture.notes,
            expires_at=datetime.now(UTC) + _KEPT_FOR,
        )

    async def upload_image(self, image: str, *, person: Person | None, progress: ProgressSink) -> Upload:
        """Check and upload a picture for no model in particular.

        Raises:
            InvalidPicture: Nothing was sent.
        """
        picture = await self.check(image, PictureRules(), person=person, progress=progress)
        url = await self.upload(picture, progress=progress)
        progress(Progress(Phase.UPLOADED, 0.99, picture.filename))
        return Upload(
            url=url,
            filename=Quoted(picture.filename),
            content_type=picture.content_type,
            size_bytes=picture.size_bytes,
            width=picture.width,
            height=picture.height,
            notes=picture.notes,
        )

    async def url_of(self, picture: Picture) -> Link | None:
        """Where the same bytes lie already."""
        return Link.of(await self._journal.upload(picture.digest, within=_KEPT_FOR, host=self._cloud.account))

    async def upload(self, picture: Picture, *, progress: ProgressSink) -> Link:
        """Put a picture where the models can read it, unless the same bytes are there already or on their way."""
        if url := await self.url_of(picture):
            return url
        if not picture.data:
            raise InvalidPicture(f"The picture was uploaded too long ago, and may be gone. {_HOW}")
        transfer = self._under_way.get(picture.digest)
        if transfer is None:
            self._under_way[picture.digest] = transfer = _Transfer(picture, io.BytesIO(picture.data))
            transfer.task = BackgroundTask(self._tasks, lambda _: self._carry_out(transfer), committed=True)
        name, size = transfer.picture.filename, transfer.picture.size_bytes
        while True:
            sent = transfer.file.tell()  # what was read to be sent
            progress(Progress(Phase.UPLOADING, 0.02 + 0.01 * sent / size, name, sent, size))
            with anyio.move_on_after(_TELL_EVERY):
                return await transfer.task.result()

    async def _carry_out(self, transfer: _Transfer) -> Link:
        picture = transfer.picture
        try:
            url = await self._cloud.upload(transfer.file, picture.content_type)
            await self._journal.add_upload(picture.digest, url, host=self._cloud.account)
        finally:
            del self._under_way[picture.digest]
        return url


def from_elsewhere(error: AtlasError) -> None:
    """Say to a caller on another machine what to do there."""
    error.args = tuple(str(each).replace(BY_FILE, _BY_ADDRESS) for each in error.args)


def _name(person: Person | None) -> str:
    return person.name if person else ""


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
