"""What the operator asks of the desk: a ticket, a list and the counts, as admins see them, now or then. The gateway routes none of it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from chassis.callers import operator_only
from chassis.lean import LeanRoute
from events.errors import Invalid
from tickets import showing
from tickets.access import Operator
from tickets.schemas import Number, Then, ThenTicket, TicketQuery

router = APIRouter(prefix="/internal/tickets", route_class=LeanRoute, include_in_schema=False)

Asked = Annotated[None, Depends(operator_only)]


@router.get("")
async def list_tickets(request: Request, query: Annotated[TicketQuery, Query()], _: Asked) -> Response:
    """List everybody's tickets. Raises Invalid for `me`: the operator has none."""
    for name in ("requester", "assigned_to"):
        if getattr(query, name) == "me":
            raise Invalid("The operator opens and handles no tickets.", [(("query", name), "must be a person's id")])
    return await showing.tickets(request, query, Operator(), {})


@router.get("/counts")
async def count_tickets(request: Request, query: Annotated[Then, Query()], _: Asked) -> Response:
    """Count everybody's tickets."""
    return await showing.counts(request, query, Operator())


@router.get("/{ticket}")
async def get_ticket(request: Request, ticket: Number, query: Annotated[ThenTicket, Query()], _: Asked) -> Response:
    """Return any ticket."""
    return await showing.ticket(request, ticket, query, Operator(), {})
