"""Tickets for whoever asks, a person or the operator: a list, the counts and one of them; those of now, or as they were then.

`own` has the asker's own name, which the desk may not have heard of yet; it is empty for the operator.
"""

from fastapi import Request
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.conditional import etag
from chassis.listing import listing
from chassis.service import running
from tickets import queries, then, views
from tickets.access import Caller, may_list, may_see
from tickets.errors import AdminsOnly, TicketNotFound
from tickets.queries import NOBODY, Wanted
from tickets.schemas import Then, ThenTicket, TicketQuery


async def tickets(request: Request, query: TicketQuery, by: Caller, own: views.Names) -> Response:
    """Answer with a page of a list. Raises AdminsOnly, or Invalid for a cursor of another list."""
    wanted = _wanted(query, by)
    asked = listing(request, query, list="tickets", requester=wanted.requester, assignee=wanted.assignee)
    store = running(request).store
    if query.is_past:
        return await store.read_in_lane(store.lengthy, lambda connection: then.page(connection, wanted, query, asked, by, own=own))
    if wanted.text is None:
        with store.glance() as reader:
            rows = queries.page(reader, wanted, limit=asked.fetch, after=asked.after)
    else:
        rows = await store.read_in_thread(lambda connection: queries.page(connection, wanted, limit=asked.fetch, after=asked.after))
    return asked.answer(rows, lambda row: views.summary(row, own), lambda row: (row.time, row.id))


async def counts(request: Request, query: Then, by: Caller) -> Response:
    """Answer with how many tickets there are of each status: one's own, for an admin everybody's."""
    store, requester = running(request).store, None if by.is_admin else by.id
    if query.is_past:
        return json_answer(await store.read_in_lane(store.lengthy, lambda connection: then.counts(connection, query, by)))
    with store.glance() as reader:
        return json_answer(queries.counts(reader, requester=requester, me=by.id))


async def ticket(request: Request, number: int, query: ThenTicket, by: Caller, own: views.Names) -> Response:
    """Answer with a ticket. Raises TicketNotFound, also where it is not theirs to see, and NotThen."""
    with running(request).store.glance() as reader:
        found = then.ticket(reader, number, query, by) if query.is_past else queries.one(reader, number)
    if found is None or not may_see(by, found[0].requester):
        raise TicketNotFound(number)
    row, body = found
    return json_answer(views.whole(row, body, own), headers={"ETag": etag(row.version)})


def _wanted(query: TicketQuery, by: Caller) -> Wanted:
    requester = by.id if query.requester == "me" else query.requester
    if not may_list(by, requester=requester, assigned=query.assigned_to is not None):
        raise AdminsOnly("list other people's tickets")
    assignee = {"me": by.id, "none": NOBODY}.get(query.assigned_to or "", query.assigned_to)
    return Wanted(
        status=query.status,
        priority=query.priority,
        requester=requester if by.is_admin else by.id,
        assignee=assignee,
        escalated=query.escalated,
        text=query.q or None,
        sort=query.sort,
    )
