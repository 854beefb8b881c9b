"""The past of the tickets as a projection of the log: what each of them was, from which of its events until which.

A row for each change, in the order of tickets and then of the log, so that a change touches the place of its own ticket alone, and a
question about any moment is one pass over rows that are small: the log's own index is not needed, nor any other. Notes change no row.

No text stands here. `titled` and `told` name the events that the title and the body come from, so that what is erased there is gone
from the past as well, and a title at any moment is one event away, however many there are.

Who knows what was before each change can count what became of tickets: that is written along (`flow`).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, String, Table, bindparam, insert, literal_column, select, update

from events.contracts.ticket import (
    TicketAssigned,
    TicketCreated,
    TicketEdited,
    TicketEscalated,
    TicketNoteAdded,
    TicketPriorityChanged,
    TicketStatusChanged,
    TicketUnassigned,
)
from events.prepared import Prepared, Row
from events.projections import Recorded
from events.tables import Moment
from tickets.flow import Flow, Turn
from tickets.moments import NEVER, NO_END

HISTORY = MetaData()
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
flow = Flow(HISTORY)


class State(NamedTuple):
    """A row of `states`."""

    ticket: int
    until_sequence: int
    sequence: int
    time: str
    until_time: str
    status: str
    priority: str
    requester: str
    assignee: str | None
    created_at: str
    escalated_at: str | None
    escalation_level: int
    version: int
    titled: int
    told: int


# found at once, however many rows a ticket has: they are kept by what ends them
_still_is = states.c.until_sequence == literal_column(str(NO_END))
_LAST = select(states).where(states.c.ticket.in_(bindparam("tickets", expanding=True)), _still_is)
_ADD = Prepared(insert(states), State._fields)
_END = Prepared(
    update(states)
    .where(states.c.ticket == bindparam("of"), _still_is)
    .values(until_sequence=bindparam("until"), until_time=bindparam("then")),
    ("until", "then", "of"),
)


class History:
    """Folds ticket events into rows of what was. However many events there are, it sends five statements."""

    name = "history"
    version = 2
    metadata = HISTORY

    def apply(self, connection: Connection, items: Sequence[tuple[int, Recorded]]) -> None:
        """Fold (position, event) pairs, in order; other events than tickets' changes are passed over."""
        changes = [item for _, item in items if _is_change(item)]
        known = _load(connection, changes)
        last, ended, new, turns = dict(known), list[Row](), list[Row](), list[Turn]()
        for item in changes:
            stored, number = item.stored, int(item.stored.entity[1])
            was = last.get(number)
            if was is not None:
                if was is known.get(number):
                    ended.append((stored.sequence, stored.time, number))
                else:
                    new.append(was._replace(until_sequence=stored.sequence, until_time=stored.time))
            last[number] = now = after(was, item)
            turns.append(_turn(was, now, item))
        _END.run(connection, ended)
        _ADD.run(connection, new + [state for number, state in last.items() if state is not known.get(number)])
        flow.write(connection, turns)


def after(was: State | None, item: Recorded) -> State:
    """Return what a ticket is from one more of its events on, for which nothing ends it yet."""
    sequence, time = item.stored.sequence, item.stored.time
    match item.event:
        case TicketCreated() as event:
            return State(
                ticket=event.number,
                until_sequence=NO_END,
                sequence=sequence,
                time=time,
                until_time=NEVER,
                status=event.status,
                priority=event.priority,
                requester=event.requester,
                assignee=event.assignee,
                created_at=time,
                escalated_at=None,
                escalation_level=0,
                version=1,
                titled=sequence,
                told=sequence,
            )
        case TicketEdited() as event if was:
            titled = sequence if "title" in event.fields else was.titled
            told = sequence if "body" in event.fields else was.told
            return was._replace(sequence=sequence, time=time, version=was.version + 1, titled=titled, told=told)
        case TicketEscalated() as event if was:
            return was._replace(sequence=sequence, time=time, escalated_at=time, escalation_level=event.after["escalation_level"])
        case TicketStatusChanged() | TicketPriorityChanged() | TicketAssigned() | TicketUnassigned() as event if was:
            return was._replace(sequence=sequence, time=time, version=was.version + 1, **event.after)
    raise ValueError(f"{item.stored.type} cannot be {item.stored.subject}'s event {item.stored.streamversion}.")


def _turn(was: State | None, now: State, item: Recorded) -> Turn:
    escalated = isinstance(item.event, TicketEscalated)
    return Turn(now.sequence, now.time, now.created_at, was.status if was is not None else None, now.status, escalated)


def _is_change(item: Recorded) -> bool:
    return item.event is not None and item.stored.type.startswith("ticket.") and not isinstance(item.event, TicketNoteAdded)


def _load(connection: Connection, changes: Iterable[Recorded]) -> dict[int, State]:
    named = {int(item.stored.entity[1]) for item in changes if item.stored.streamversion > 1}
    if not named:
        return {}
    return {row[0]: State._make(row) for row in connection.execute(_LAST, {"tickets": sorted(named)})}
