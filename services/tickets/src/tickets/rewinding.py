"""What becomes of the journal and of the numbers of tickets when a desk is put back to an earlier point."""

from sqlalchemy import Connection, Text, cast, delete, func, insert, select

from chassis.service import Running
from events.cutting import Cut
from events.loading import COUNTER
from events.store import log_head
from events.tables import counters, events
from tickets.importing import forget
from tickets.tables import imported_rows, journal, verifications
from tickets.units import NUMBERS

PORTABLE = (imported_rows,)
_OPENED = "ticket.created"


def cut(connection: Connection, where: Cut) -> None:
    """Shorten the journal, let the next ticket have the number after the last one left, and let what is gone be imported again."""
    connection.execute(delete(journal).where(journal.c.position > where.position))
    connection.execute(delete(verifications))  # it tells of what is no longer there
    _number_from(connection, where.kept)
    forget(connection, where.kept)


def adopt(connection: Connection) -> None:
    """Let the next ticket have the number after the last one."""
    _number_from(connection, log_head(connection).sequence)


def _number_from(connection: Connection, kept: int) -> None:
    number = func.max(func.json_extract(cast(events.c.data, Text), "$.number"))
    last = connection.scalar(select(number).where(events.c.type == _OPENED, events.c.sequence <= kept))
    kind, name = NUMBERS
    assert kind == COUNTER, "it is counted where this is written"
    connection.execute(delete(counters).where(counters.c.name == name))
    if last is not None:
        connection.execute(insert(counters), {"name": name, "value": last})


def settle(_connection: Connection) -> None:
    """Nothing of the desk's own leaves the house."""


async def resume(_live: Running) -> None:
    """Nothing is left to be said."""
