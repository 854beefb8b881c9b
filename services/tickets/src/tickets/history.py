"""The past of the tickets as a projection of the log: what each of them was, from which of its events until which.

A row for each change, in the order of tickets and then of the log, so that a change touches the place of its own ticket alone, and a
question about any moment is one pass over rows that are small: the log's own index is not needed, nor any other. Notes change no row.

No text stands here. `titled` and `told` name the events that the title and the body come from, so that what is erased there is gone
from the past as well, and a title at any moment is one event away, however many there are.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, String, Table, bindparam, insert, literal_column, select, update

from events.contracts.ticket import TicketCreated, TicketEdited, TicketNoteAdded
from events.prepared import Prepared
from events.projections import Recorded
from events.tables import Moment
from tickets.moments import NEVER, NO_END
from tickets.projections import fold

HISTORY = MetaData()
Row = dict[str, Any]

states = Table(
    "ticket_states",
    HISTORY,
    Column("ticket", BigInteger, primary_key=True, autoincrement=False),
    Column("until_sequence", BigInteger, primary_key=True, autoincrement=False),  # of the event that changed it, or `NO_END`
    Column("sequence", BigInteger, nullable=False),  # of the event that made it so
    Column("time", Moment, nullable=False),  # of that event: when the ticket was updated
    Column("until_time", Moment, nullable=False),
    Column("status", String(16), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("requester", String(64), nullable=False),
    Column("assignee", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("escalated_at", Moment),
    Column("escalation_level", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("titled", BigInteger, nullable=False),  # sequence of the event that has the title
    Column("told", BigInteger, nullable=False),  # and of the one that has the body
    sqlite_with_rowid=False,
)
_COLUMNS = tuple(column.name for column in states.columns)
# found at once, however many rows a ticket has: they are kept by what ends them
_still_is = states.c.until_sequence == literal_column(str(NO_END))
_LAST = select(states).where(states.c.ticket.in_(bindparam("tickets", expanding=True)), _still_is)
_ADD = Prepared(insert(states), _COLUMNS)
_END = Prepared(
    update(states)
    .where(states.c.ticket == bindparam("of"), _still_is)
    .values(until_sequence=bindparam("until"), until_time=bindparam("then")),
    ("until", "then", "of"),
)


class History:
    """Folds ticket events into rows of what was. However many events there are, it sends three statements."""

    name = "history"
    version = 1
    metadata = HISTORY

    def apply(self, connection: Connection, items: Sequence[tuple[int, Recorded]]) -> None:
        """Fold (position, event) pairs, in order; other events than tickets' changes are passed over."""
        changes = [item for _, item in items if _is_change(item)]
        last = _load(connection, changes)
        ended, new = [], list[Row]()
        for item in changes:
            number, stored = int(item.stored.entity[1]), item.stored
            was = last.get(number)
            if was is not None:
                was["until_sequence"], was["until_time"] = stored.sequence, stored.time
                if was["sequence"] < changes[0].stored.sequence:
                    ended.append((stored.sequence, stored.time, number))
            last[number] = now = after(was, item)
            new.append(now)
        _END.run(connection, ended)
        _ADD.run(connection, [tuple(map(row.__getitem__, _COLUMNS)) for row in new])


def after(was: Row | None, item: Recorded) -> Row:
    """Return what a ticket is from one more of its events on, for which nothing ends it yet."""
    sequence, event = item.stored.sequence, item.event
    first = isinstance(event, TicketCreated)
    fields = event.fields if isinstance(event, TicketEdited) else ()
    now = fold(was, item)
    now["ticket"], now["sequence"], now["time"] = int(item.stored.entity[1]), sequence, item.stored.time
    now["until_sequence"], now["until_time"] = NO_END, NEVER
    now["titled"] = sequence if first or "title" in fields else now["titled"]
    now["told"] = sequence if first or "body" in fields else now["told"]
    return now


def _is_change(item: Recorded) -> bool:
    return item.event is not None and item.stored.type.startswith("ticket.") and not isinstance(item.event, TicketNoteAdded)


def _load(connection: Connection, changes: Iterable[Recorded]) -> dict[int, Row]:
    named = {int(item.stored.entity[1]) for item in changes if item.stored.streamversion > 1}
    if not named:
        return {}
    return {row["ticket"]: dict(row) for row in connection.execute(_LAST, {"tickets": sorted(named)}).mappings()}
