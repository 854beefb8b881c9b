"""The journal as a whole, for a store that nobody uses: how far it reaches, in which order it has what, and how it is written again."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, func, insert, select

from events.envelope import StoredEvent
from events.log_pages import Connect
from events.prepared import Prepared
from tickets.errors import NoPlace
from tickets.journal import between
from tickets.journal_verification import what_is_wrong
from tickets.places import Places
from tickets.tables import journal

OWN = "/tickets"
_LAST = select(func.coalesce(func.max(journal.c.position), 0))
_ORDER = (
    select(journal.c.position, journal.c.source, journal.c.sequence)
    .where(journal.c.position > bindparam("after"))
    .order_by(journal.c.position)
    .limit(bindparam("limit"))
)
_ADD = Prepared(insert(journal), ("position", "source", "sequence", "type", "subject", "time", "wire"))


def last(connection: Connection) -> int:
    """Return the last position, 0 when there is none."""
    return int(connection.execute(_LAST).scalar_one())


def reached(connection: Connection, position: int) -> Mapping[str, int]:
    """Return the last sequence of every source that stands in the journal up to a position. Raises LookupError when it ends before."""
    if position > (end := last(connection)):
        raise LookupError(f"The journal ends at position {end}.")
    upto = select(journal.c.source, func.max(journal.c.sequence)).where(journal.c.position <= position).group_by(journal.c.source)
    return {row[0]: row[1] for row in connection.execute(upto)}


def standing(connection: Connection, text: str, secret: str) -> int:
    """Return the position that a text of the feed stands for; `secret` is what it was sealed with, in hex. Raises LookupError.

    It must be one of this very journal: the event that stood there when it was given out still does.
    """
    try:
        place = Places(secret).open(text)
    except NoPlace:
        place = None
    if place is None or not place.holds(next((carried.hash for carried in between(connection, place.position, place.position)), None)):
        raise LookupError("This is no position of this journal.")
    return place.position


def order(connection: Connection, after: int, limit: int) -> list[tuple[int, str, int]]:
    """Return up to `limit` times (position, source, sequence) that follow the position `after`."""
    return [(row[0], row[1], row[2]) for row in connection.execute(_ORDER, {"after": after, "limit": limit})]


def write(connection: Connection, entries: Sequence[tuple[int, StoredEvent]]) -> None:
    """Write rows with their positions; of an own event the bytes stand in the log."""
    rows = [
        (position, event.source, event.sequence, event.type, event.subject, event.time, None if event.source == OWN else event.wire())
        for position, event in entries
    ]
    _ADD.run(connection, rows)


def wrong(connect: Connect, erased: Callable[[str], bool], still_wanted: Callable[[], None]) -> tuple[int | None, str] | None:
    """Hold the journal against the logs, as the service does when it verifies itself; return what is wrong first, None: nothing."""
    return what_is_wrong(connect, OWN, erased, still_wanted)
