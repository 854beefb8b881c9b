"""The escalator's own tables, beside the log: deadlines and copies of tickets with their past (derived), and housekeeping."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text, text

from events.tables import Moment, Sequence

DERIVED = MetaData()
HOUSEKEEPING = MetaData()


def _phase() -> list[Column[Any]]:
    """Return the columns of `engine.Phase`, in its order."""
    return [
        Column("since", Moment, nullable=False),
        Column("status", String(16), nullable=False),
        Column("priority", String(16), nullable=False),
        Column("assignee", String(64)),
    ]


ticket_copies = Table(
    "ticket_copies",
    DERIVED,
    Column("number", Sequence, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),  # of the last event of the ticket that matters here
    Column("event", String(36), nullable=False),
    Column("imported", Boolean, nullable=False),  # whether what last opened it was
    Column("created_at", Moment, nullable=False),
    *_phase(),
)

ticket_phases = Table(
    "ticket_phases",
    DERIVED,
    Column("ticket", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, primary_key=True, autoincrement=False),  # of the event that it begins with
    *_phase(),
    sqlite_with_rowid=False,  # a ticket's past is read as a whole: it lies together
)

deadlines = Table(
    "deadlines",
    DERIVED,
    Column("ticket", BigInteger, primary_key=True, autoincrement=False),
    Column("policy", String(40), primary_key=True),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("due_at", Moment, nullable=False),
    Column("state", String(16), nullable=False),
    Column("shown", String(16), nullable=False),
    Column("ready", Boolean, nullable=False),
    Column("asked_at", Moment),
    Column("asked_when", Text),  # the condition that was asked under, as JSON
    Column("asked_version", BigInteger),
    Column("fired_at", Moment),
)
_place = (deadlines.c.due_at, deadlines.c.ticket, deadlines.c.policy, deadlines.c.level)
Index("deadlines_next", *_place)
Index("deadlines_next_by_state", deadlines.c.shown, *_place)
Index("deadlines_ready", *_place, sqlite_where=text("ready"), postgresql_where=text("ready"))

settling = Table(
    "settling",
    HOUSEKEEPING,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1; the row is there while a change is under way
    Column("after", BigInteger, nullable=False),  # tickets up to this number are settled
)
