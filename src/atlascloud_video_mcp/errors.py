"""Every error of this package, named for what the caller would do about it.

AtlasError
├── SettingsError         mend the environment and start again
├── InvalidInput          call again with other arguments: nothing was sent
│   ├── InvalidPicture    ... with another picture
│   └── InvalidRequest    ... with what the model takes
├── KeyRejected           set or renew ATLASCLOUD_API_KEY
├── BalanceTooLow         top up the account
├── OverBudget            wait, or raise ATLASCLOUD_BUDGET_USD: nothing was sent
├── JournalUnusable       update this program, or mend its state directory: nothing was sent
├── NotAllowed            use another model, or another key
├── PredictionNotFound    check the id
├── RequestRefused        the API said no: change what is asked for
├── RateLimited           wait, then call again
├── OutOfTime             call again with the same arguments: what was begun goes on
├── ServiceUnavailable    call again later: nothing was lost
└── SubmissionUnknown     look before paying again: the job may be running

A message is one or two sentences: what is wrong, and what to do.
"""

from __future__ import annotations

from copy import copy
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self


class AtlasError(Exception):
    """Base of all errors a caller of this package can expect."""

    def adding(self, sentence: str) -> Self:
        """The same error with one sentence more."""
        other = copy(self)
        other.args = (f"{self} {sentence}",)
        return other


class SettingsError(AtlasError):
    """A setting in the environment that does not parse or makes no sense."""


class InvalidInput(AtlasError):
    """An argument that could be seen to be wrong before anything was sent."""


class InvalidPicture(InvalidInput):
    """A picture the model would not take, or that must not be read."""


class InvalidRequest(InvalidInput):
    """A request that its model would refuse; the message says itself that nothing was paid."""


class KeyRejected(AtlasError):
    """The API key is missing, wrong or expired."""


class BalanceTooLow(AtlasError):
    """The account cannot pay for the request."""


class OverBudget(AtlasError):
    """The budget leaves no room for the request, or it cannot be known whether it does."""


class JournalUnusable(AtlasError):
    """What is paid for could not be remembered, so that it might be paid twice, or past the budget."""


class NotAllowed(AtlasError):
    """The key is good but may not do this."""


class PredictionNotFound(AtlasError):
    """No prediction with this id belongs to the key."""


class RequestRefused(AtlasError):
    """The API understood the request and refused it, with an HTTP `status` where it gave one."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class RateLimited(AtlasError):
    """Too many requests; `retry_after` is in seconds where the API named a time."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutOfTime(AtlasError):
    """The call may not wait any longer, and there is nothing to hand over yet."""


class ServiceUnavailable(AtlasError):
    """The API could not be reached, or answered with nonsense; `retry_after` is in seconds where it named a time."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SubmissionUnknown(AtlasError):
    """A paid request was sent and its answer was lost."""


class Exit(IntEnum):
    """How a command ends, for scripts."""

    DONE = 0
    """What was asked for is there."""
    FAILED = 1
    """It was refused, or the generation failed, or the clip could not be saved."""
    USAGE = 2
    """The command line or a setting makes no sense, the key among them; nothing was begun."""
    UNFINISHED = 3
    """The clip is not finished yet; `get` goes on from there."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it: 128 and the signal's number."""
