"""The desk over HTTP: tickets, their notes and their history."""

import hmac
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from chassis.answers import Answer, json_answer
from chassis.callers import client_address, neighbourhood
from chassis.conditional import IfMatch, etag
from chassis.context import context
from chassis.idempotency import Idempotency, answer_once
from chassis.lean import LeanRoute
from chassis.listing import listing
from chassis.principal import CurrentPrincipal, Principal
from chassis.problems import responses
from chassis.service import Running, running
from tickets import queries, showing, then, trail, views
from tickets.access import may_handle, may_see
from tickets.answers import OPENED, SHOWN, CountsOut, EntriesOut, NoteOut, NotesOut, TicketOut, TicketsOut
from tickets.commands import AddNote, AssignTicket, ChangePriority, ChangeStatus, EditTicket
from tickets.decider import Ticket
from tickets.errors import AdminsOnly, TicketNotFound
from tickets.proof import BROKEN
from tickets.schemas import Edit, NewAssignee, NewNote, NewPriority, NewStatus, NewTicket, Number, Then, ThenPage, ThenTicket, TicketQuery
from tickets.trail import Sought
from tickets.units import Change, Note, Open, Written, limits_of_opening

router = APIRouter(prefix="/api/tickets", route_class=LeanRoute, tags=["tickets"])


@router.post("", status_code=201, response_model=TicketOut, responses={**OPENED, **responses("too-many-requests")})
async def open_ticket(request: Request, body: NewTicket, by: CurrentPrincipal, _key: Idempotency) -> Response:
    """Open a ticket. At most 10 an hour per person and 30 per address."""
    desk = running(request)
    limits = limits_of_opening(by.id, _stand_in(desk, client_address(request))) if desk.settings.rate_limits == "on" else ()
    unit = Open(title=body.title, body=body.body, priority=body.priority, by=by, context=context(request, by), limits=limits)
    return await answer_once(desk, request, by, unit, lambda ticket: _opened(ticket, by))


@router.get("", response_model=TicketsOut, responses=responses("not-permitted", BROKEN, "unavailable"))
async def list_tickets(request: Request, query: Annotated[TicketQuery, Query()], by: CurrentPrincipal) -> Response:
    """List tickets: one's own, an admin everybody's; those of now, or as they were then.

    A search finds the best 1,000 of now and lists them in the order asked for. Pages of the past are all of what was known at the first.
    """
    return await showing.tickets(request, query, by, _own(by))


@router.get("/counts", response_model=CountsOut, response_model_exclude_none=True, responses=responses("unavailable"))
async def count_tickets(request: Request, query: Annotated[Then, Query()], by: CurrentPrincipal) -> Response:
    """Count tickets by status: one's own, an admin everybody's; those of now, or as they were then."""
    return await showing.counts(request, query, by)


@router.get("/{ticket}", response_model=TicketOut, responses={**SHOWN, **responses(BROKEN)})
async def get_ticket(request: Request, ticket: Number, query: Annotated[ThenTicket, Query()], by: CurrentPrincipal) -> Response:
    """Return a ticket to its requester or an admin; to anybody else it is absent.

    As it is, or as it was: then its title and text are those of then, empty where they were erased since, and people's names those of now.
    """
    return await showing.ticket(request, ticket, query, by, _own(by))


@router.patch("/{ticket}", response_model=TicketOut, responses={**SHOWN, **responses("not-permitted")})
async def edit_ticket(request: Request, ticket: Number, body: Edit, by: CurrentPrincipal, expected: IfMatch) -> Response:
    """Change the title, the text or both. The requester's alone."""
    return await _change(request, by, EditTicket(ticket=ticket, title=body.title, body=body.body, by=by, expected=expected))


@router.put("/{ticket}/status", response_model=TicketOut, responses={**SHOWN, **responses("not-permitted")})
async def put_status(request: Request, ticket: Number, body: NewStatus, by: CurrentPrincipal, expected: IfMatch) -> Response:
    """Move a ticket to another status. Admins only; the same status again is no event."""
    return await _change(request, by, ChangeStatus(ticket=ticket, to=body.status, by=by, expected=expected))


@router.put("/{ticket}/priority", response_model=TicketOut, responses={**SHOWN, **responses("not-permitted")})
async def put_priority(request: Request, ticket: Number, body: NewPriority, by: CurrentPrincipal, expected: IfMatch) -> Response:
    """Give a ticket another priority. Admins only."""
    return await _change(request, by, ChangePriority(ticket=ticket, to=body.priority, by=by, expected=expected))


@router.put("/{ticket}/assignee", response_model=TicketOut, responses={**SHOWN, **responses("not-permitted")})
async def put_assignee(request: Request, ticket: Number, body: NewAssignee, by: CurrentPrincipal, expected: IfMatch) -> Response:
    """Give a ticket to an active admin, or, with null, to nobody. Admins only."""
    return await _change(request, by, AssignTicket(ticket=ticket, to=body.assignee_id, by=by, expected=expected))


@router.post("/{ticket}/notes", status_code=201, response_model=NoteOut, responses=responses("not-permitted", "erased"))
async def add_note(request: Request, ticket: Number, body: NewNote, by: CurrentPrincipal, _key: Idempotency) -> Response:
    """Write a note that only admins read."""
    desk = running(request)
    command = AddNote(ticket=ticket, note=desk.environment.new_id(), body=body.body, by=by)
    return await answer_once(desk, request, by, Note(command=command, context=context(request, by)), lambda note: _noted(note, by))


@router.get("/{ticket}/notes", response_model=NotesOut, responses=responses("not-permitted", BROKEN))
async def list_notes(request: Request, ticket: Number, query: Annotated[ThenPage, Query()], by: CurrentPrincipal) -> Response:
    """List a ticket's notes, those of now or of then, oldest first. Admins only."""
    desk = running(request)
    _check_visible(desk, ticket, by)
    if not may_handle(by):
        raise AdminsOnly("read notes")
    asked = listing(request, query, list="notes", ticket=ticket)
    with desk.store.read() as connection:
        when = then.seen(connection, ticket, query, by) if query.is_past else None
        rows = queries.notes_of(connection, ticket, limit=asked.fetch, after=asked.after, when=when)
    own = _own(by)
    return asked.answer(rows, lambda row: views.note(row, own), lambda row: (row.created_at, row.id))


@router.get("/{ticket}/history", response_model=EntriesOut, responses=responses(BROKEN))
async def list_history(request: Request, ticket: Number, query: Annotated[ThenPage, Query()], by: CurrentPrincipal) -> Response:
    """List what happened to a ticket, until now or until then, oldest first; notes for admins alone."""
    desk = running(request)
    _check_visible(desk, ticket, by)
    sought = Sought(entity="ticket", entity_id=str(ticket), without=() if may_handle(by) else ("ticket_note_added",))
    asked = listing(request, query, list="history", ticket=ticket, without=sought.without)
    with desk.store.read() as connection:
        if query.is_past:
            when = then.seen(connection, ticket, query, by)
            sought = replace(sought, by_sequence=when.sequence, by_time=when.time)
        entries = trail.entries(connection, sought, limit=asked.fetch, after=asked.after, oldest_first=True)
    own = _own(by)
    return asked.answer(entries, lambda entry: views.entry(entry, own), trail.key_of)


def _check_visible(desk: Running, ticket: int, by: Principal) -> None:
    with desk.store.glance() as reader:
        requester = queries.requester_of(reader, ticket)
    if requester is None or not may_see(by, requester):
        raise TicketNotFound(ticket)


async def _change(request: Request, by: Principal, command: EditTicket | ChangeStatus | ChangePriority | AssignTicket) -> Answer:
    """Run a command and answer with the ticket as this very command left it."""
    desk = running(request)
    ticket = await desk.writer.execute(Change(command=command, context=context(request, by)))
    with desk.store.glance() as reader:
        names = queries.names(reader, ticket.requester, ticket.assignee)
    return _shown(ticket, {**_own(by), **names})


def _shown(ticket: Ticket, names: views.Names, status: int = 200, **headers: str) -> Answer:
    return json_answer(views.after_command(ticket, names), status, {"ETag": etag(ticket.version), **headers})


def _opened(ticket: Ticket, by: Principal) -> Answer:
    return _shown(ticket, _own(by), 201, Location=f"/api/tickets/{ticket.number}")


def _noted(note: Written, by: Principal) -> Answer:
    return json_answer(views.written(note, by.id, by.name), 201)


def _stand_in(desk: Running, address: str) -> str:
    """Return what stands for an address where it is counted on disk: nobody could ask for the erasure of the address itself."""
    return hmac.digest(bytes.fromhex(desk.secrets["cursor"]), b"address\0" + neighbourhood(address).encode(), "sha256").hex()


def _own(by: Principal) -> views.Names:
    return {by.id: (by.name, by.email)}
