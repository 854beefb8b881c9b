"""What a service does on the events of others, and whose fault it is when that fails."""

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import PurePath
from typing import Any

from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from events.catalogue import Catalogue
from events.decider import Transaction
from events.envelope import StoredEvent
from events.errors import DomainError, OutcomeUnknown, Unavailable
from events.projections import Recorded
from events.savepoints import TransactionLost

Handler = Callable[[Transaction, Sequence[Recorded]], None]
"""Does in the open transaction what follows from some events, in order. It must not call the writer.

What it raises undoes all of that; then it is given the events one by one, and the one that makes it raise is parked.
"""

_DAMAGED = (11, 26)  # SQLite: the file is malformed, or is no database
_SQLITE_ERROR = 1  # the statement itself is wrong; every other code is about the file, the disk or a lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a service does on the events of one source, by the events' types; all others are passed over.

    `derived` writes only `tables`, which a rebuild makes and fills again by the same functions; then `handlers` does all the rest, once.
    Neighbours of the same handler are handed over together, so that it needs a few statements for all of them.
    `version` is that of the tables' form and of what is derived: after it was raised they are made anew before anything else is consumed.
    """

    source: str
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    derived: Mapping[str, Handler] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    version: int = 1

    def handles(self, type_: str) -> bool:
        """Return whether anything is done on events of that type."""
        return type_ in self.handlers or type_ in self.derived

    def handle(self, tx: Transaction, stored: Iterable[StoredEvent], catalogue: Catalogue) -> None:
        """Do what is to be done on these events. Raises what the handlers raise, UnknownVersion, or TypeError when a fact is missing."""
        self._handle(tx, stored, catalogue, self.derived, self.handlers)

    def derive(self, tx: Any, stored: Iterable[StoredEvent], catalogue: Catalogue) -> None:
        """Bring the derived tables alone up to date; `tx` need offer no more than `events.beside.Folding` does."""
        self._handle(tx, stored, catalogue, self.derived)

    @staticmethod
    def _handle(tx: Transaction, stored: Iterable[StoredEvent], catalogue: Catalogue, *kinds: Mapping[str, Handler]) -> None:
        items = [Recorded(each, each.decode(catalogue)) for each in stored]
        for handlers in kinds:
            for handler, some in groupby(items, lambda item: handlers.get(item.stored.type)):  # noqa: B023 -- used up at once
                if handler is not None:
                    handler(tx, list(some))


def one_by_one(handle: Callable[[Transaction, Recorded], None]) -> Handler:
    """Return the handler that does this on each event."""

    def handle_each(tx: Transaction, items: Sequence[Recorded]) -> None:
        for item in items:
            handle(tx, item)

    return handle_each


def attempt(tx: Transaction, subscription: Subscription, stored: Sequence[StoredEvent], catalogue: Catalogue) -> str | None:
    """Handle events in a savepoint, all or none; return what was wrong, None when they are handled.

    What is the store's fault, or passes by itself, is raised: then nothing is known against an event.
    """
    if not stored:
        return None
    try:
        with tx.savepoint():
            subscription.handle(tx, stored, catalogue)
    except Exception as error:
        if is_the_stores(error):
            raise
        return describe(error)
    return None


def passes_by_itself(error: Exception) -> bool:
    """Return whether the same may succeed later: a lost connection, a lock or time-out, a full disk, an I/O error, a full queue."""
    if isinstance(error, Unavailable | NoConnectionFree | TransactionLost):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    about_the_statement = code is not None and code & 0xFF == _SQLITE_ERROR
    # an InterfaceError is a parameter that the driver cannot bind, which is as wrong the next time; a lost connection is told apart
    return error.connection_invalidated or (isinstance(error, OperationalError) and not about_the_statement)


def is_the_stores(error: Exception) -> bool:
    """Return whether an event is not to blame for this: what passes by itself, or a file that is damaged."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return isinstance(error, OutcomeUnknown) or passes_by_itself(error) or (code is not None and code & 0xFF in _DAMAGED)


def describe(error: Exception) -> str:
    """Return what an operator needs to find the cause, without the values at hand: they may be personal."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f" at {'/'.join(PurePath(ours[-1].filename).parts[-2:])}:{ours[-1].lineno}" if ours else ""
    code = f" ({error.code})" if isinstance(error, DomainError) else ""
    return f"{type(error).__name__}{code}{place}"
