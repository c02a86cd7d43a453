"""Every error of this package, named for what the caller can do about it.

AtlasError
├── SettingsError         correct the environment and start again
├── InvalidInput          call again with other arguments: nothing was sent
│   ├── InvalidPicture    ... with another picture
│   └── InvalidRequest    ... with what the model takes
├── KeyRejected           set or renew ATLASCLOUD_API_KEY
├── BalanceTooLow         top up the account
├── OverBudget            wait, or raise ATLASCLOUD_BUDGET_USD: nothing was sent
├── JournalUnusable       update this program, or repair its state directory: nothing was sent
├── NotAllowed            use another model, or another key
├── UploadRefused         ask for a new upload address
├── PredictionNotFound    check the id
├── RequestRefused        the API said no: change what is asked for
├── RateLimited           wait, then call again
├── OutOfTime             call again with the same arguments: the work goes on
├── ServiceUnavailable    call again later: nothing was lost
└── SubmissionUnknown     look before paying again: the job may be running

A message is one or two sentences: what is wrong, and what to do about it.
"""

from __future__ import annotations

from copy import copy
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self


class AtlasError(Exception):
    """Base of all errors that callers of this package can expect."""

    def adding(self, sentence: str) -> Self:
        """The same error with another sentence."""
        other = copy(self)
        other.args = (f"{self} {sentence}",)
        return other


class SettingsError(AtlasError):
    """An invalid setting in the environment."""


class InvalidInput(AtlasError):
    """An argument that was found invalid before anything was sent."""


class InvalidPicture(InvalidInput):
    """A picture that the model would refuse, or that must not be read."""


class InvalidRequest(InvalidInput):
    """A request that the model would refuse; the message itself says that nothing was paid."""


class KeyRejected(AtlasError):
    """The API key is missing, wrong or expired."""


class BalanceTooLow(AtlasError):
    """The account cannot pay for the request."""


class OverBudget(AtlasError):
    """The request exceeds the budget, or nobody can tell whether it does."""


class JournalUnusable(AtlasError):
    """A payment could not be recorded, so that it might be made twice, or beyond the budget."""


class NotAllowed(AtlasError):
    """The key is good but may not do this."""


class UploadRefused(AtlasError):
    """An upload address that is not known, was used, has expired, or is another person's: `forbidden` in this case."""

    def __init__(self, message: str, *, forbidden: bool = False) -> None:
        super().__init__(message)
        self.forbidden = forbidden


class PredictionNotFound(AtlasError):
    """No prediction with this id belongs to the key."""


class RequestRefused(AtlasError):
    """The API refused the request, with an HTTP `status` if it gave one."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class RateLimited(AtlasError):
    """Too many requests; `retry_after` is in seconds, if the API named a time."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutOfTime(AtlasError):
    """The call reached its time limit, and there is no result yet."""


class ServiceUnavailable(AtlasError):
    """The API could not be reached, or gave a malformed answer; `retry_after` is in seconds, if it named a time."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SubmissionUnknown(AtlasError):
    """A paid request was sent and its answer was lost."""


class Exit(IntEnum):
    """The exit status of a command, for scripts."""

    DONE = 0
    """The command succeeded."""
    FAILED = 1
    """The request was refused, the generation failed, or the clip could not be saved."""
    USAGE = 2
    """The command line or a setting, the key included, is invalid; nothing was started."""
    UNFINISHED = 3
    """The clip is not finished yet; `get` continues from here."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it: 128 and the signal's number."""
