"""The journal: every event of every source in one line, with a gapless position, its bytes as they came.

An own event is written here in the transaction that appends it, and its row points at the log; another service's in the one that first
consumes it. Promised is the order within each source, and that a cause stands before its effect; not a global order of time.
"""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, insert, literal_column, select

from events.catalogue import UnknownType, UnknownVersion
from events.contracts import CATALOGUE
from events.decider import Transaction
from events.envelope import COLUMNS, StoredEvent, from_wire
from events.following import News
from events.prepared import Prepared, Query, Reader, Row
from events.projections import Recorded
from events.store import stored
from events.tables import events as log
from tickets.errors import JournalBroken
from tickets.legible import UNREADABLE, as_written, legible
from tickets.tables import OF_PEOPLE, journal

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ADD = Prepared(insert(journal), ("position", "source", "sequence", "type", "subject", "time", "wire"))
_LAST = select(func.coalesce(func.max(journal.c.position), 0))
_WITH_LOG = journal.outerjoin(log, and_(journal.c.wire.is_(None), log.c.sequence == journal.c.sequence))
_EVENTS: Select[Any] = select(journal.c.position, journal.c.wire, *(log.c[name] for name in COLUMNS)).select_from(_WITH_LOG)
_AT = _EVENTS.where(journal.c.position.in_(bindparam("positions", expanding=True)))
_BETWEEN = Query(_EVENTS.where(journal.c.position.between(bindparam("first"), bindparam("last"))).order_by(journal.c.position))
_HEAD = Query(_LAST)
_HASH_BYTES = 32
_WIRE = re.compile(rb'\{"head":.*,"hash":"([0-9a-f]{64})","traceparent":[^{}]*\}', re.DOTALL)
"""How a wire is spelled; the greedy part finds the last hash there is: what follows it is a traceparent, which has no braces."""
# written out, not bound, so that the index of these types is known to serve
_TYPES_OF_PEOPLE = journal.c.type.in_([literal_column(f"'{type_}'") for type_ in OF_PEOPLE])


class Journal:
    """Writes the journal. The lock on the head makes its positions gapless, whoever writes."""

    def record_own(self, connection: Connection, appended: Sequence[Recorded]) -> News:
        """Write the rows of events that this store's log was just given."""
        first = _next(connection)
        _ADD.run(connection, [_row(position, item.stored, None) for position, item in enumerate(appended, first)])
        return {JournalFeed.name: list(enumerate(appended, first))}

    def record(self, tx: Transaction, consumed: Sequence[StoredEvent]) -> None:
        """Write the rows of events that came from another service, whether their types are known here or not."""
        first = _next(tx.connection)
        _ADD.run(tx.connection, [_row(position, stored, stored.wire()) for position, stored in enumerate(consumed, first)])
        tx.announce({JournalFeed.name: [(position, recorded(stored)) for position, stored in enumerate(consumed, first)]})
        if any(stored.type in OF_PEOPLE for stored in consumed):
            tx.announce({PeopleFeed.name: None})  # it is stricter about what it can read


def _next(connection: Connection) -> int:
    return int(connection.execute(_LAST).scalar_one()) + 1


def recorded(stored: StoredEvent) -> Recorded:
    """Return an event with what it means; nothing when this service cannot read it: it stands in the list all the same."""
    try:
        return understood(stored)
    except (UnknownType, UnknownVersion, TypeError):
        return Recorded(stored, None)


def understood(stored: StoredEvent) -> Recorded:
    """Return an event with what it means. Raises UnknownType, UnknownVersion, or TypeError when a fact is missing."""
    return Recorded(stored, stored.decode(CATALOGUE))


class JournalFeed:
    """The journal as what projections follow: the events of all sources."""

    name = "journal"
    _only: tuple[ColumnElement[bool], ...] = ()
    _means = staticmethod(recorded)

    def __init__(self) -> None:
        self._last = _LAST.where(*self._only)
        following = _EVENTS.where(journal.c.position > bindparam("after"), *self._only)
        self._after = Query(following.order_by(journal.c.position).limit(bindparam("limit")))

    def head(self, connection: Connection) -> int:
        """Return the last position, 0 when there is none."""
        return int(connection.execute(self._last).scalar_one())

    def read(self, connection: Connection, after: int, limit: int) -> list[tuple[int, Recorded]]:
        """Return up to `limit` events that follow the position `after`, each with its own."""
        rows = self._after.rows(connection, {"after": after, "limit": limit})
        return [(row[0], self._means(_event(row))) for row in rows]


class PeopleFeed(JournalFeed):
    """The few events of the journal that say what becomes of people: in an ordinary batch there are none, and nothing is read."""

    name = "journal of people"
    _only = (_TYPES_OF_PEOPLE,)
    _means = staticmethod(understood)


def at(connection: Connection, positions: Sequence[int]) -> dict[int, StoredEvent]:
    """Return the events at these positions. Raises JournalBroken, as all that follow do, for one that is not what was written."""
    found = dict(_whole(_checked, lambda: connection.execute(_AT, {"positions": list(positions)}) if positions else ()))
    if missing := set(positions) - set(found):
        raise broken(min(missing), "it is not there")
    return found


class Carried(NamedTuple):
    """An event as the bytes that travel, with its position and its hash: for who passes it on and need not know what it says."""

    position: int
    hash: str
    wire: bytes


def between(reader: Reader, first: int, last: int) -> list[Carried]:
    """Return the events at the positions from `first` to `last`, in order."""
    return _whole(_carried, lambda: _BETWEEN.rows(reader, {"first": first, "last": last}))


def picked(connection: Connection, positions: Sequence[int]) -> list[Carried]:
    """Return the events at these positions, in order."""
    return sorted(_whole(_carried, lambda: connection.execute(_AT, {"positions": list(positions)}) if positions else ()))


def head(reader: Reader) -> int:
    """Return the last position, 0 when there is none."""
    [(position,)] = _HEAD.rows(reader, {})
    return int(position)


def stretch(connection: Connection, after: int, until: int) -> list[tuple[int, StoredEvent]]:
    """Return the events behind a position, up to another, in order, each with its position."""
    return _whole(_placed, lambda: _BETWEEN.rows(connection, {"first": after + 1, "last": until}))


def broken(position: int, why: str) -> JournalBroken:
    """Return the error to raise for an event that is not what was written, once the log has it: an operator has to see to it."""
    logger.error("The event at position %s of the journal is not what was written: %s. ste audit verify says more.", position, why)
    return JournalBroken()


def _whole(made: Callable[[Any], T], rows: Callable[[], Iterable[Any]]) -> list[T]:
    """Return what is made of each row. Raises JournalBroken for the first of which nothing can be made, or that cannot be read."""
    found: list[T] = []
    with legible("the journal"):
        for row in rows():
            try:
                found.append(made(row))
            except UNREADABLE as error:
                raise broken(row[0], type(error).__name__) from error
    return found


def _placed(row: Any) -> tuple[int, StoredEvent]:
    return row[0], _event(row)


def _checked(row: Any) -> tuple[int, StoredEvent]:
    """Return an event that is shown to people: an own one, too, must be what was written."""
    position, wire, *columns = row
    return (position, as_written(columns)) if wire is None and columns[0] is not None else _placed(row)


def _row(position: int, stored: StoredEvent, wire: bytes | None) -> Row:
    return position, stored.source, stored.sequence, stored.type, stored.subject, stored.time, wire


def _carried(row: Any) -> Carried:
    """Return the event in a row of `_EVENTS`. What came from elsewhere is not taken apart again: it was when it came."""
    position, wire, *_ = row
    if wire is None:
        own = _event(row)
        if len(bytes.fromhex(own.hash)) != _HASH_BYTES:
            raise ValueError("This is no hash.")
        return Carried(position, own.hash, own.wire())
    came = bytes(wire)
    spelled = _WIRE.fullmatch(came)
    if spelled is None:
        raise ValueError("This is no event.")
    return Carried(position, spelled[1].decode(), came)


def _event(row: Any) -> StoredEvent:
    """Return the event in a row of `_EVENTS`. Raises LookupError when the log lacks it, ValueError or TypeError when it is none."""
    position, wire, *columns = row
    if wire is not None:
        return from_wire(bytes(wire))
    if columns[0] is None:
        raise LookupError(f"The log lacks the event at position {position} of the journal.")
    return stored(columns)
