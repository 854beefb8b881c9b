"""What the operator asks of the desk: a ticket, a list and the counts, as admins see them, now or then. The gateway routes none of it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from chassis.callers import operator_only
from chassis.lean import LeanRoute
from chassis.principal import Principal
from events.errors import Invalid
from tickets import routes
from tickets.schemas import Number, Then, ThenTicket, TicketQuery

router = APIRouter(prefix="/internal/tickets", route_class=LeanRoute, include_in_schema=False)

Operator = Annotated[None, Depends(operator_only)]
OPERATOR = Principal(kind="system", id="operator", name="operator", email="", role="admin", scopes=frozenset({"read", "admin"}))


@router.get("")
async def list_tickets(request: Request, query: Annotated[TicketQuery, Query()], _: Operator) -> Response:
    """List everybody's tickets. Raises Invalid for `me`: the operator has none."""
    for name in ("requester", "assigned_to"):
        if getattr(query, name) == "me":
            raise Invalid("The operator opens and handles no tickets.", [(("query", name), "must be a person's id")])
    return await routes.list_tickets(request, query, OPERATOR)


@router.get("/counts")
async def count_tickets(request: Request, query: Annotated[Then, Query()], _: Operator) -> Response:
    """Count everybody's tickets."""
    return await routes.count_tickets(request, query, OPERATOR)


@router.get("/{ticket}")
async def get_ticket(request: Request, ticket: Number, query: Annotated[ThenTicket, Query()], _: Operator) -> Response:
    """Return any ticket."""
    return await routes.get_ticket(request, ticket, query, OPERATOR)
