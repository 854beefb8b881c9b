"""Why a command can be refused, without a word of HTTP.

DomainError
├── NotSignedIn     nobody is known to be asking
├── NotPermitted    known, but not allowed
├── NotFound        absent, or not the asker's to see
├── Conflict        another fact stands in the way
├── Stale           the entity has moved on since the caller read it
├── Invalid         what was sent cannot be meant
├── TooMany         the caller must wait
└── Unavailable     something that is needed is down or full; the same call may succeed later
"""

from collections.abc import Sequence
from typing import Any


class DomainError(Exception):
    """A command was refused. `code` is the problem's slug, `facts` go into its answer beside the message."""

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.facts = facts


class NotSignedIn(DomainError):
    code = "not-signed-in"


class NotPermitted(DomainError):
    code = "not-permitted"


class NotFound(DomainError):
    code = "not-found"


class Conflict(DomainError):
    code = "conflict"


class Stale(DomainError):
    """The entity's version is not the one that the caller expected."""

    code = "stale"

    def __init__(self, current_version: int) -> None:
        super().__init__("It was changed since you read it. Read it again and decide anew.", current_version=current_version)


class Invalid(DomainError):
    """`errors` is a sequence of (location, message); a location is a path such as ("body", "title")."""

    code = "invalid"

    def __init__(self, message: str, errors: Sequence[tuple[Sequence[str | int], str]] = ()) -> None:
        super().__init__(message, errors=[{"loc": list(loc), "msg": msg} for loc, msg in errors])


class TooMany(DomainError):
    """`retry_after` is in whole seconds, at least 1."""

    code = "too-many-requests"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = max(1, retry_after)


class OutcomeUnknown(DomainError):
    """What was asked may have been done, or may not have been."""

    code = "outcome-unknown"

    def __init__(
        self, message: str = "It ended before there was an answer: what was asked may have been done. Look before asking again."
    ) -> None:
        super().__init__(message)


class Unavailable(DomainError):
    """`retry_after` is in whole seconds, at least 1."""

    code = "unavailable"

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = max(1, retry_after)
