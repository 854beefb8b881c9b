"""Why a ticket escalated, or why not."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from web.front import PageRoute
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/tickets/{ticket}/why")
async def why(request: Request, ticket: Annotated[int, Path(ge=1)]) -> Response:
    """The chain from the click to an escalation of the history, or to what stands in the way of a policy's level, as the API is asked."""
    visit, query = Visit(request), request.query_params
    asked = {name: query[name] for name in ("escalated", "escalation") if query.get(name)} or {"escalation": "default"}
    (found,) = await visit.enter(visit.get("tickets", f"/api/tickets/{ticket}/why", asked))
    return visit.page("ticket_why.html", why=found)
