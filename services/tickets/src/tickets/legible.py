"""Reading the own log where somebody may have changed it: what cannot be read is refused in words, and the service's log has it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError

from events.envelope import StoredEvent, from_wire
from events.handling import describe
from events.store import stored
from tickets.errors import JournalBroken

logger = logging.getLogger(__name__)

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What comes of bytes that are not those that were written, when something is made of them."""
_NO_TEXT = "UTF-8"


@contextmanager
def legible(what: str) -> Iterator[None]:
    """Raise JournalBroken for what `what` ("the history of ticket 42") cannot be made of: no text, no JSON, or not what belongs there.

    A database that is lost, or busy, stays what it is.
    """
    try:
        yield
    except DBAPIError as error:
        if _NO_TEXT not in str(error.orig):
            raise
        raise _broken(what, "a text is not UTF-8") from error
    except UNREADABLE as error:
        raise _broken(what, describe(error)) from error


def as_written(row: Any) -> StoredEvent:
    """Return the event in a row whose columns are `COLUMNS`. Raises one of UNREADABLE when it is not what was written."""
    found = stored(row)
    if from_wire(found.wire()) != found:
        raise ValueError("A column of it differs from its head.")
    return found


def _broken(what: str, why: str) -> JournalBroken:
    logger.error("An event of %s is not what was written: %s. ste audit verify says which.", what, why)
    return JournalBroken()
