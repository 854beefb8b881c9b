"""What the routes answer when somebody asks for a moment of the past."""

from chassis.answers import Answer
from chassis.listing import Listing
from events.prepared import Reader
from tickets import past, queries, views
from tickets.access import Caller, may_see
from tickets.errors import NotThen, TicketNotFound
from tickets.moments import When
from tickets.queries import Summary, Wanted
from tickets.schemas import Then, ThenTicket


def ticket(reader: Reader, number: int, query: ThenTicket, by: Caller) -> tuple[Summary, str]:
    """Return a ticket as it was, and its body.

    Who may see it now, may see it then; to anybody else it is absent. Raises TicketNotFound, or, to who may see it, NotThen where there was
    none at that moment or of that version.
    """
    requester = queries.requester_of(reader, number)
    if requester is None or not may_see(by, requester):
        raise TicketNotFound(number)
    found = past.one(reader, number, _moment(reader, query, by), version=query.version)
    if found is None or query.version not in (None, found[0].version):
        now = queries.one(reader, number)
        raise NotThen(number, version=query.version, current=now[0].version if now else 0)
    return found


def seen(reader: Reader, number: int, query: Then, by: Caller) -> When:
    """Return the moment at which somebody asks about a ticket. Raises TicketNotFound or NotThen, as `ticket` does."""
    ticket(reader, number, ThenTicket(as_of=query.as_of, at=query.at), by)
    return _moment(reader, query, by)


def page(reader: Reader, wanted: Wanted, query: Then, asked: Listing, by: Caller, *, own: views.Names) -> Answer:
    """Answer with a page of a list. Its cursor holds how far the log was at the first one: what comes later changes no page of it."""
    *seen, known = asked.after or (None,)
    when = _moment(reader, query, by, known)
    rows = past.page(reader, wanted, when, limit=asked.fetch, after=seen or None)
    return asked.answer(rows, lambda row: views.summary(row, own), lambda row: (row.time, row.id, when.sequence))


def counts(reader: Reader, query: Then, by: Caller) -> dict[str, int]:
    """Return the counts of a person's own tickets, or for an admin of all, as they were."""
    return past.counts(reader, _moment(reader, query, by), requester=None if by.is_admin else by.id, me=by.id)


def _moment(reader: Reader, query: Then, by: Caller, known: int | None = None) -> When:
    return past.moment(reader, at=query.at if known is None else known, as_of=query.as_of, counted=by.is_admin)
