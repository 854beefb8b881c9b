"""The journal: every event of every source in one line, with a gapless position, its bytes as they came.

An own event is written here in the transaction that appends it, and its row points at the log; another service's in the one that first
consumes it. Promised is the order within each source, and that a cause stands before its effect; not a global order of time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, insert, select

from events.catalogue import UnknownType, UnknownVersion
from events.contracts import CATALOGUE
from events.decider import Transaction
from events.envelope import COLUMNS, StoredEvent, from_wire
from events.projections import Recorded
from events.tables import events as log
from tickets.tables import journal

# The position is the last row's and one more: the lock on the head makes that gapless, whoever writes.
_ADD = insert(journal).values(position=select(func.coalesce(func.max(journal.c.position), 0) + 1).scalar_subquery())
_LAST = select(func.coalesce(func.max(journal.c.position), 0))
_WITH_LOG = journal.outerjoin(log, and_(journal.c.wire.is_(None), log.c.sequence == journal.c.sequence))
_COLUMNS = (journal.c.position, journal.c.wire, *(log.c[name] for name in COLUMNS))
_AFTER: Select[Any] = (
    select(*_COLUMNS)
    .select_from(_WITH_LOG)
    .where(journal.c.position > bindparam("after"))
    .order_by(journal.c.position)
    .limit(bindparam("limit"))
)
_AT: Select[Any] = select(*_COLUMNS).select_from(_WITH_LOG).where(journal.c.position.in_(bindparam("positions", expanding=True)))
_ERASED = select(journal.c.subject).where(journal.c.type == "user.erased").distinct()


def record_own(connection: Connection, appended: Sequence[Recorded]) -> None:
    """Write the rows of events that this store's log was just given."""
    if appended:
        connection.execute(_ADD, [_row(item.stored, None) for item in appended])


def record(tx: Transaction, consumed: Sequence[StoredEvent]) -> None:
    """Write the rows of events that came from another service, whether their types are known here or not."""
    if consumed:
        tx.connection.execute(_ADD, [_row(stored, stored.wire()) for stored in consumed])


class JournalFeed:
    """The journal as what projections follow: the events of all sources."""

    name = "journal"

    def head(self, connection: Connection) -> int:
        """Return the last position, 0 when there is none."""
        return int(connection.execute(_LAST).scalar_one())

    def read(self, connection: Connection, after: int, limit: int) -> list[tuple[int, Recorded]]:
        """Return up to `limit` events that follow the position `after`, each with its own."""
        rows = connection.execute(_AFTER, {"after": after, "limit": limit}).mappings()
        return [(row["position"], recorded(_stored(row))) for row in rows]


def at(connection: Connection, positions: Sequence[int]) -> dict[int, StoredEvent]:
    """Return the events at these positions."""
    rows = connection.execute(_AT, {"positions": list(positions)}).mappings() if positions else ()
    return {row["position"]: _stored(row) for row in rows}


def erased_people(connection: Connection) -> frozenset[str]:
    """Return the ids of everybody who was erased, by any source: whose personal parts may be missing from every log."""
    return frozenset(subject.partition("/")[2] for subject in connection.execute(_ERASED).scalars())


def recorded(stored: StoredEvent) -> Recorded:
    """Return an event with what it means; nothing when this service knows neither its type nor its version."""
    try:
        return Recorded(stored, stored.decode(CATALOGUE))
    except (UnknownType, UnknownVersion):
        return Recorded(stored, None)


def _row(stored: StoredEvent, wire: bytes | None) -> dict[str, Any]:
    return {
        "source": stored.source,
        "sequence": stored.sequence,
        "type": stored.type,
        "subject": stored.subject,
        "time": stored.time,
        "wire": wire,
    }


def _stored(row: Mapping[Any, Any]) -> StoredEvent:
    if row["wire"] is not None:
        return from_wire(bytes(row["wire"]))
    return StoredEvent(**{name: row[name] for name in COLUMNS})
